"""``xapid serve`` as the programs see it that start it and stop it."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import subprocess
import sys

import pytest
import XenAPI

from xapid.testing.processes import Daemon, DaemonFailed, Daemons, loopback_network, session_of


def test_the_ready_line_says_where_it_is_and_who(xapid_daemons):
    daemon = xapid_daemons.start("--preset", "standalone")
    assert set(daemon.ready) == {"url", "user", "fingerprint", "pid", "state"}
    assert daemon.ready["user"] == "root"
    assert daemon.ready["pid"] == daemon.process.pid
    assert daemon.ready["state"] is None
    certificate = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((daemon.address, daemon.port)))
    assert daemon.ready["fingerprint"].replace(":", "").lower() == hashlib.sha256(certificate).hexdigest()
    with session_of(daemon) as session:
        assert [host["address"] for host in session.xenapi.host.get_all_records().values()] == [daemon.address]


def test_sigterm_ends_it_cleanly(xapid_daemons):
    daemon = xapid_daemons.start("--preset", "standalone")
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


def test_the_first_password_is_in_the_state_directory_until_it_is_changed(xapid_daemons, tmp_path):
    state = tmp_path / "state"
    flags = ("--state", str(state), "--preset", "standalone")
    daemon = xapid_daemons.start(*flags, password=None)
    file = state / "initial-password"
    assert file.stat().st_mode & 0o777 == 0o600
    first = file.read_text().strip()
    session = daemon.session(password=first)
    session.xenapi.session.change_password(first, "another one")
    assert not file.exists()
    with pytest.raises(XenAPI.Failure):
        daemon.session(password=first)
    pool = session.xenapi.pool.get_all_records()
    daemon.stop()

    again = xapid_daemons.start(*flags, password=None)
    assert again.ready["state"] == str(state)
    assert again.ready["fingerprint"] == daemon.ready["fingerprint"]
    assert again.session(password="another one").xenapi.pool.get_all_records().keys() == pool.keys()
    assert not file.exists()


def test_an_ephemeral_daemon_prints_the_password_once_on_standard_error(xapid_daemons):
    daemon = xapid_daemons.start("--preset", "standalone", password=None)
    (password,) = re.findall(r"password: (\S+)", daemon.log)
    assert daemon.session(password=password).xenapi.pool.get_all()


def test_a_change_survives_sigkill_once_it_is_acknowledged(xapid_daemons, tmp_path):
    flags = ("--state", str(tmp_path / "state"), "--preset", "standalone")
    daemon = xapid_daemons.start(*flags)
    session = daemon.session()
    secrets = [session.xenapi.secret.create({"value": f"v{n}", "other_config": {}}) for n in range(20)]
    daemon.kill()
    again = xapid_daemons.start(*flags)
    assert again.session().xenapi.secret.get_all_records().keys() >= set(secrets)


def test_a_second_daemon_on_one_state_directory_is_refused(xapid_daemons, tmp_path):
    flags = ("--state", str(tmp_path / "state"), "--preset", "standalone")
    xapid_daemons.start(*flags)
    with pytest.raises(DaemonFailed, match="Error: "):
        xapid_daemons.start(*flags)


def test_a_port_in_use_is_said_in_one_sentence(xapid_daemons):
    daemon = xapid_daemons.start("--preset", "standalone")
    with pytest.raises(DaemonFailed, match=f"Error: .*{daemon.port}") as caught:
        Daemon("--bind", daemon.address, "--port", str(daemon.port), "--ephemeral", "--preset", "standalone")
    assert "Traceback" not in str(caught.value)


def test_it_answers_at_every_address_that_it_listens_on(xapid_daemons):
    network = loopback_network()
    with socket.socket() as free:
        free.bind((f"{network}.77", 0))
        port = free.getsockname()[1]
    daemon = xapid_daemons.start("--preset", "standalone", "--listen", f"{network}.77:{port}")
    session = XenAPI.Session(f"https://{network}.77:{port}", ignore_ssl=True)
    session.xenapi.login_with_password("root", daemon.password, "2.23", "test")
    assert session.xenapi.pool.get_all()


def test_simulated_hosts_answer_at_the_next_addresses_as_members_do(xapid_daemons):
    daemon = xapid_daemons.start("--hosts", "3")
    with session_of(daemon) as session:
        addresses = sorted(host["address"] for host in session.xenapi.host.get_all_records().values())
    first = daemon.address.rpartition(".")[0]
    assert addresses == [f"{first}.{n}" for n in (1, 2, 3)]
    with pytest.raises(XenAPI.Failure) as caught:
        member = XenAPI.Session(f"https://{first}.2:{daemon.port}", ignore_ssl=True)
        member.xenapi.login_with_password("root", daemon.password, "2.23", "test")
    assert caught.value.details == ["HOST_IS_SLAVE", daemon.address]


def test_the_service_supervisor_is_told(xapid_daemons, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.settimeout(30)
        daemon = xapid_daemons.start("--preset", "standalone", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert supervisor.recv(1000).startswith(b"READY=1\n")
        daemon.stop()
        assert supervisor.recv(1000).startswith(b"STOPPING=1")


def test_root_needs_no_password_on_the_unix_socket(xapid_daemons, tmp_path_factory):
    path = tmp_path_factory.mktemp("unix") / "xapi"  # without underscores, which mean / to XenAPI
    xapid_daemons.start("--preset", "standalone", "--unix-socket", str(path))
    session = XenAPI.Session(f"http://{str(path).replace('/', '_')}", transport=XenAPI.UDSTransport())
    session.xenapi.login_with_password("root", "", "2.23", "test")
    assert session.xenapi.pool.get_all()


def test_python_dash_m_is_the_command():
    done = subprocess.run([sys.executable, "-m", "xapid", "--version"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("xapid, version ")


def test_daemons_are_gone_after_their_with():
    with Daemons() as daemons:
        process = daemons.start("--preset", "standalone").process
    assert process.poll() == 0
