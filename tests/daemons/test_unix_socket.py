"""The Unix socket of a member: programs of root's on its machine use it as if the member led the pool."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from xapid.testing.processes import PASSWORD, Daemon, Daemons, join, loopback_network
from xapid.testing.waiting import until

XE = str(Path(sys.executable).parent / "xe")


class Connection(http.client.HTTPConnection):
    """HTTP over the Unix socket at a path."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


class Transport(xmlrpc.client.Transport):
    """What ``XenAPI.xapi_local()`` does, at any path."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> Connection:
        return Connection(self._path)


@pytest.fixture(scope="module")
def daemons() -> Iterator[Daemons]:
    with Daemons() as started:
        yield started


@pytest.fixture(scope="module")
def pair(daemons: Daemons, tmp_path_factory: pytest.TempPathFactory) -> tuple[Daemon, Daemon, str]:
    """A coordinator, a member of its pool, and the member's socket."""
    network, path = loopback_network(), str(tmp_path_factory.mktemp("socket") / "xapi")
    leader = daemons.start("--bind", f"{network}.1", "--preset", "standalone")
    member = daemons.start(
        "--bind", f"{network}.2", "--port", str(leader.port), "--preset", "standalone", "--unix-socket", path
    )
    join(member, leader)
    return leader, member, path


@pytest.fixture
def call(pair: tuple[Daemon, Daemon, str]) -> Callable[..., Any]:
    """Calls over the socket, as root; the answer as it is."""
    proxy = xmlrpc.client.ServerProxy("http://localhost/", transport=Transport(pair[2]), allow_none=True)
    return lambda name, *params: getattr(proxy, name)(*params)


@pytest.fixture
def session(call: Callable[..., Any]) -> Iterator[str]:
    ref = call("session.login_with_password", "root", "", "", "XSConsole")["Value"]
    yield ref
    assert call("session.logout", ref)["Status"] == "Success"
    assert call("pool.get_all", ref)["ErrorDescription"][0] == "SESSION_INVALID"


@pytest.fixture
def xe(pair: tuple[Daemon, Daemon, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XE_SOCKET": pair[2]}
        command = [XE, "-s", "127.0.0.1", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.mark.daemon
def test_calls_are_answered_by_the_coordinator_for_the_host_of_the_socket(pair, call, session) -> None:
    leader, member, path = pair
    with leader.session() as there:
        api = there.xenapi
        hosts = {host["address"]: ref for ref, host in api.host.get_all_records().items()}
        assert call("session.get_this_host", session, session)["Value"] == hosts[member.address]
        assert call("host_get_all", session)["Value"] == api.host.get_all()
        assert call("session.get_originator", session, session)["Value"] == "XSConsole"
        assert call("VM.get_record", session, "OpaqueRef:x")["ErrorDescription"] == ["HANDLE_INVALID", "VM", "OpaqueRef:x"]
        call("pool.set_name_label", session, api.pool.get_all()[0], "from a member")
        assert api.pool.get_name_label(api.pool.get_all()[0]) == "from a member"
    connection = Connection(path)
    for id_ in (7, "a"):
        body = json.dumps({"jsonrpc": "2.0", "id": id_, "method": "host.get_all", "params": [session]})
        connection.request("POST", "/jsonrpc", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert json.loads(answer.read()) == {"jsonrpc": "2.0", "id": id_, "result": list(hosts.values())}
    connection.close()


@pytest.mark.daemon
def test_who_waits_for_events_there_gets_them_and_who_hangs_up_is_forgotten(pair, call, session) -> None:
    leader, _, path = pair
    token = call("event.from", session, ["pool"], "", 0.0)["Value"]["token"]
    waiting = Connection(path)
    params = [session, ["pool"], token, 30.0]
    body = xmlrpc.client.dumps((*params,), "event.from").encode()
    waiting.request("POST", "/", body, {"content-type": "text/xml"})
    with leader.session() as there:
        there.xenapi.pool.set_name_description(there.xenapi.pool.get_all()[0], "changed")
    (answer,), _ = xmlrpc.client.loads(waiting.getresponse().read())
    assert answer["Value"]["events"][0]["snapshot"]["name_description"] == "changed"
    waiting.request("POST", "/", body.replace(token.encode(), answer["Value"]["token"].encode()), {"content-type": "text/xml"})
    time.sleep(0.2)
    waiting.close()
    assert call("host.get_all", session)["Status"] == "Success"


@pytest.mark.daemon
def test_command_lines_are_carried_out_by_the_coordinator_but_what_is_the_hosts_own_here(pair, xe, tmp_path) -> None:
    leader, member, _ = pair
    hosts = xe("host-list", "params=address", "--minimal")
    assert (hosts.stderr, hosts.returncode) == ("", 0)
    assert set(hosts.stdout.strip().split(",")) == {leader.address, member.address}
    failed = xe("vm-start", "uuid=nosuch")
    assert failed.returncode == 1 and failed.stderr
    assert xe("host-is-in-emergency-mode").stdout == "false\n"
    (vm,) = xe("vm-install", "template=Debian Bookworm 12", "new-name-label=exported").stdout.split()
    assert xe("vm-export", f"uuid={vm}", f"filename={tmp_path / 'vm.xva'}").stdout == "Export succeeded\n"
    made = xe("vm-import", f"filename={tmp_path / 'vm.xva'}")
    assert (made.stderr, made.returncode) == ("", 0) and made.stdout.strip() != vm
    assert xe("nosuch-command").stderr.startswith("Unknown command: nosuch-command")
    assert xe("user-password-change", "new=another").returncode == 0
    with leader.session(password="another") as there:
        assert there.xenapi.pool.get_all()
    assert xe("user-password-change", f"new={PASSWORD}").returncode == 0


@pytest.mark.daemon
def test_a_member_without_its_coordinator_says_so_there(pair, call, xe) -> None:
    """The last of these tests, for it ends the coordinator."""
    leader, _, _ = pair
    leader.kill()
    until(lambda: call("session.login_with_password", "root", "", "", "x")["ErrorDescription"] == ["HOST_STILL_BOOTING"])
    assert xe("host-is-in-emergency-mode").stdout == "true\n"
    local = call("session.slave_local_login_with_password", "root", PASSWORD)["Value"]
    assert call("host.is_in_emergency_mode", local)["Value"] is True
    assert call("session.local_logout", local)["Status"] == "Success"
    assert xe("vm-list").returncode == 1
