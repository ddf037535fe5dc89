"""The installed client with a daemon: certificates, files both ways, consoles, sockets; and how quickly it is there."""

from __future__ import annotations

import hashlib
import os
import signal
import ssl
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from xapid.testing.processes import PASSWORD, Daemon, Daemons
from xapid.testing.waiting import until

XE = Path(sys.executable).parent / "xe"


@pytest.fixture
def xe(xapid_daemon: Daemon, tmp_path: Path):
    """Runs xe in a directory of its own; output, errors and exit status."""

    def run(*words, typed=b"", **environment):
        said = {"XE_SERVER": xapid_daemon.address, "XE_PORT": str(xapid_daemon.port), "XE_PASSWORD": PASSWORD}
        done = subprocess.run(
            [XE, *words], env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], **said, **environment}, cwd=tmp_path,
            input=typed, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        return done.stdout.decode(), done.stderr.decode(), done.returncode

    return run


@pytest.fixture
def good(xe):
    def run(*words, **more):
        out, err, status = xe(*words, **more)
        assert (err, status) == ("", 0), (words, err)
        return out.rstrip("\n")

    return run


def test_certificates_are_checked_when_the_user_asks_for_it(xe, good, xapid_daemon, tmp_path):
    certificate = ssl.get_server_certificate((xapid_daemon.address, xapid_daemon.port))
    (tmp_path / "ours.pem").write_text(certificate)
    good("pool-list", "--cacert", "ours.pem")
    out, err, status = xe("pool-list", "--verify")
    assert (out, status) == ("", 1)
    assert err == "Unable to contact server. Please check server and port settings.\n(self-signed certificate)\n"
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
    good("pool-list", "--fingerprint", fingerprint.upper())
    good("pool-list", XE_FINGERPRINT=":".join(fingerprint[i : i + 2] for i in range(0, 64, 2)))
    _, err, status = xe("pool-list", "--fingerprint", "00:11")
    assert "another fingerprint" in err and status == 1


def test_a_certificate_for_another_name_is_refused(xapid_daemons, tmp_path):
    daemon = xapid_daemons.start("--bind", "127.0.0.1", "--port", "0")
    (tmp_path / "ours.pem").write_text(ssl.get_server_certificate((daemon.address, daemon.port)))
    words = [XE, "pool-list", "-s", "127.1", "-p", str(daemon.port), "-pw", PASSWORD, "--cacert", str(tmp_path / "ours.pem")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "mismatch" in done.stderr


def test_where_nobody_listens_the_user_is_told(xe):
    out, err, status = xe("vm-list", XE_PORT="1")
    assert (out, status) == ("", 1)
    assert err == "Unable to contact server. Please check server and port settings.\n(Connection refused)\n"


def test_a_vm_a_disk_and_a_database_go_through_files(good, xe, tmp_path):
    vm = good("vm-install", "template=Debian Bookworm 12", "new-name-label=there and back")
    assert good("vm-export", f"vm={vm}", "filename=vm.xva") == "Export succeeded"
    made = good("vm-import", "filename=vm.xva")
    assert made != vm and good("vm-param-get", f"uuid={made}", "param-name=name-label") == "there and back"
    _, err, status = xe("vm-export", f"vm={vm}", "filename=vm.xva")
    assert "exists already" in err and "Export failed" in err and status == 1
    sr = good("sr-list", "name-label=Shared storage", "--minimal")
    disk = good("vdi-create", f"sr-uuid={sr}", "name-label=d", "virtual-size=4MiB")
    contents = os.urandom(4 << 20)
    (tmp_path / "in").write_bytes(contents)
    good("vdi-import", f"uuid={disk}", "filename=in")
    assert good("vdi-export", f"uuid={disk}", "filename=out") == "Export succeeded"
    assert (tmp_path / "out").read_bytes() == contents
    good("pool-dump-database", "file-name=db.xml")
    assert b"<database>" in (tmp_path / "db.xml").read_bytes()
    assert good("task-list", "--minimal") == ""


def test_what_another_host_has_is_fetched_there(good, tmp_path):
    """Hosts of a pool use one port, which the server does not name."""
    coordinator = good("pool-list", "params=master", "--minimal")
    member = next(uuid for uuid in good("host-list", "--minimal").split(",") if uuid != coordinator)
    good("host-logs-download", f"host={member}", "file-name=logs.tar.gz")
    assert (tmp_path / "logs.tar.gz").read_bytes().startswith(b"\x1f\x8b")
    good("host-get-system-status", f"host={member}", "filename=status.tar", "output=tar", "entries=xenserver-databases")
    assert b"database.xml" in (tmp_path / "status.tar").read_bytes()


def test_a_file_of_any_length_comes_from_a_pipe_and_goes_to_standard_output(good, xapid_daemon, tmp_path):
    vm = good("vm-install", "template=Debian Bookworm 12", "new-name-label=piped")
    line = f"{XE} vm-export uuid={vm} filename= | {XE} vm-import filename=/dev/stdin"
    said = {"XE_SERVER": xapid_daemon.address, "XE_PORT": str(xapid_daemon.port), "XE_PASSWORD": PASSWORD}
    done = subprocess.run(
        ["bash", "-c", line], env={**os.environ, **said}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert good("vm-param-get", f"uuid={done.stdout.strip()}", "param-name=name-label") == "piped"


def test_an_import_of_something_else_fails_and_leaves_no_task(xe, good, tmp_path):
    (tmp_path / "nonsense").write_bytes(b"nonsense" * 10_000)
    out, err, status = xe("vm-import", "filename=nonsense")
    assert (out, status) == ("", 1) and err
    assert good("task-list", "--minimal") == ""
    _, err, status = xe("vm-import", "filename=missing")
    assert err.startswith("missing: No such file or directory\n") and status == 1


def test_a_text_console_is_relayed(good):
    vm = good("vm-install", "template=Debian Bookworm 12", "new-name-label=talkative")
    good("vm-start", f"uuid={vm}")
    out = good("console", f"uuid={vm}", typed=b"\r")
    assert out.strip()


def test_an_interrupt_ends_the_client_and_the_server_forgets_it(xapid_daemon, good):
    said = {"XE_SERVER": xapid_daemon.address, "XE_PORT": str(xapid_daemon.port), "XE_PASSWORD": PASSWORD}
    waiting = subprocess.Popen(
        [XE, "event-wait", "class=vm", "name-label=nobody"], env={**os.environ, **said}, stdout=-1, stderr=-1,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # what runs in a shell's background ignores it
    )  # fmt: skip
    until(psutil.Process(waiting.pid).net_connections)
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(30) == 130
    assert waiting.communicate() == (b"", b"")


def test_root_of_this_machine_needs_no_password_on_the_unix_socket(xapid_daemons: Daemons, tmp_path):
    path = tmp_path / "xapi"
    xapid_daemons.start("--unix-socket", str(path))
    done = subprocess.run(
        [XE, "pool-list", "--minimal"], env={"PATH": os.environ["PATH"], "XE_SOCKET": str(path)}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stderr, done.returncode, len(done.stdout)) == ("", 0, 37)


def test_plain_http_on_this_machine_is_tried_where_there_is_no_tls(xapid_daemons: Daemons, free_port):
    xapid_daemons.start("--bind", "127.0.0.1", "--http-port", str(free_port))
    for words in (("-s", "127.0.0.1", "-p", str(free_port)), ("-s", "localhost", "-p", str(free_port), "--nossl")):
        done = subprocess.run(
            [XE, "pool-list", "--minimal", "-pw", PASSWORD, *words], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.stderr, done.returncode, len(done.stdout)) == ("", 0, 37)


def test_bash_completes_commands_parameters_and_names(xapid_daemon, good):
    good("vm-install", "template=Debian Bookworm 12", "new-name-label=complete me")
    said = {"XE_SERVER": xapid_daemon.address, "XE_PORT": str(xapid_daemon.port), "XE_PASSWORD": PASSWORD}
    script = (
        f'PATH="{XE.parent}:$PATH"; source <(xe --bash-completion); complete -p xe >/dev/null || exit 1\n'
        'offer() { COMP_LINE="$1"; COMP_POINT=${#1}; COMP_WORDS=(xe); compopt() { echo nospace; }; _xe;'
        ' printf "%s\\n" "${COMPREPLY[@]}"; }\n'
        'offer "xe vm-sta"; offer "xe vm-start vm=comp"; offer "xe pool-param-set uuid=x default-"'
    )
    done = subprocess.run(["bash", "-c", script], env={**os.environ, **said}, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("vm-start\ncomplete\\ me\nnospace\ndefault-SR=\n", "")


HEAVY = (
    "twisted",
    "lxml",
    "OpenSSL",
    "attr",
    "attrs",
    "click",
    "orjson",
    "asyncio",
    "http",
    "email",
    "json",
    "subprocess",
    "typing",
)


def test_a_command_imports_nothing_heavy(xapid_daemon):
    program = (
        "import sys; from xapid.xe.main import main; status = main(); import os;"
        f"os.write(2, ' '.join(sorted(name for name in {HEAVY} if name in sys.modules)).encode()); sys.exit(status)"
    )
    said = {"XE_SERVER": xapid_daemon.address, "XE_PORT": str(xapid_daemon.port), "XE_PASSWORD": PASSWORD}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, "pool-list"], cwd=Path(__file__).parents[2],
        env={**os.environ, **said}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stderr, done.returncode) == ("", 0)
