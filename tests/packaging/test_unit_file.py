"""The unit file for systemd: it says what it must, and its command line is one of ours."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from xapid.config import flag, settings

UNIT = Path(__file__).parents[2] / "packaging" / "xapid.service"


def directives() -> dict[str, str]:
    found = re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE)
    return dict(found)


def test_the_daemon_runs_without_root_in_a_sandbox() -> None:
    unit = directives()
    assert (unit["Type"], unit["DynamicUser"], unit["UMask"], unit["StateDirectoryMode"]) == ("notify", "yes", "0077", "0700")
    assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"] == "CAP_NET_BIND_SERVICE"
    assert {
        "NoNewPrivileges",
        "ProtectSystem",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "SystemCallFilter",
    } <= unit.keys()


def test_its_command_line_is_one_of_ours() -> None:
    program, command, *flags = shlex.split(directives()["ExecStart"])
    assert (Path(program).name, command) == ("xapid", "serve")
    known = {flag(name) for name, setting in settings().items() if not setting.secret}
    assert {word for word in flags if word.startswith("--")} <= known


def test_systemd_finds_little_exposed(tool: Callable[[str], str]) -> None:
    command = [tool("systemd-analyze"), "security", "--offline=true", "--threshold=25", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-300:]
