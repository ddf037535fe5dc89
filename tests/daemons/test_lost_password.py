"""The way back in for who has lost root's password."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import XenAPI

from xapid.testing.processes import Daemon, Daemons

STANDALONE = ("--preset", "standalone")


def command(*arguments: str, say: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xapid", "password", *arguments],
        input=say,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def gets_in(daemon: Daemon, password: str) -> bool:
    session = XenAPI.Session(daemon.url, ignore_ssl=True)
    try:
        session.xenapi.login_with_password("root", password, "2.23", "test")
    except XenAPI.Failure as failure:
        assert failure.details[0] == "SESSION_AUTHENTICATION_FAILED"
        return False
    session.xenapi.session.logout()
    return True


def test_a_password_is_reset_while_the_daemon_runs_and_while_it_does_not(xapid_daemons: Daemons, tmp_path: Path) -> None:
    state = tmp_path / "state"
    daemon = xapid_daemons.start("--state", str(state), *STANDALONE, password=None)
    initial = state / "initial-password"
    assert stat.S_IMODE(initial.stat().st_mode) == 0o600
    first = initial.read_text().strip()
    assert gets_in(daemon, first)
    done = command("--reset", str(state))
    assert (done.returncode, done.stderr) == (0, "It holds now.\n")
    made_up = done.stdout.strip()
    assert gets_in(daemon, made_up)
    assert not gets_in(daemon, first)
    assert not initial.exists()
    assert command("--reset", "--stdin", str(state), say="naïve\n").returncode == 2
    assert command("--reset", "--stdin", str(state), say="second one\n").stdout == ""
    assert gets_in(daemon, "second one")
    daemon.stop()
    done = command("--reset", "--stdin", str(state), say="third one\n")
    assert (done.returncode, done.stderr) == (0, "It holds from the daemon's next start.\n")
    assert stat.S_IMODE((state / "new-password").stat().st_mode) == 0o600
    assert "third one" not in (state / "new-password").read_text()
    again = xapid_daemons.start("--state", str(state), *STANDALONE, password=None)
    assert gets_in(again, "third one")
    assert not gets_in(again, "second one")
    assert not (state / "new-password").exists()


@pytest.mark.parametrize("arguments", [(), ("--reset",), ("--hash", "."), ("--reset", "--hash", ".")])
def test_the_command_says_what_it_needs(arguments: tuple[str, ...]) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert "say --reset and STATE, or --hash" in done.stderr


def test_a_hash_is_made_for_a_file_of_users() -> None:
    done = command("--hash", say="wonder\n")
    assert done.stdout.startswith("$argon2id$")
