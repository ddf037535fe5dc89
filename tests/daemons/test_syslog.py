"""Logs of hosts at a collector, in the form of RFC 5424, over UDP and TCP."""

from __future__ import annotations

import re
import socket
import time
import xmlrpc.client

import pytest
import XenAPI

from xapid.testing.processes import unverified

LINE = re.compile(rb"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\S+) xapid (\d+) (\S+) - \xef\xbb\xbf(.*)", re.DOTALL)


def frames(data):
    """The messages in a stream of counted frames."""
    found = []
    while data:
        length, _, rest = data.partition(b" ")
        found.append(rest[: int(length)])
        data = rest[int(length) :]
    return found


@pytest.fixture
def host(xapid_daemon):
    api = xapid_daemon.session().xenapi
    ref = api.host.get_all()[0]
    yield api, ref
    api.host.set_logging(ref, {})
    api.host.syslog_reconfigure(ref)


def use(api, ref, destination):
    api.host.set_logging(ref, {"syslog_destination": destination})
    api.host.syslog_reconfigure(ref)


def test_lines_come_as_datagrams(host):
    api, ref = host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(20)
        use(api, ref, f"127.0.0.1:{collector.getsockname()[1]}")
        api.secret.create({"value": "hidden", "other_config": {}})
        while True:
            found = LINE.fullmatch(collector.recv(65536))
            assert found is not None
            if b"secret.create" in found[6]:
                break
        assert found[1] == b"86"
        assert found[3].decode() == api.host.get_hostname(ref)
        assert found[5] == b"audit"
        assert b"hidden" not in found[6]
        api.host.set_logging(ref, {})
        api.host.syslog_reconfigure(ref)
        collector.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                collector.recv(65536)
        api.secret.create({"value": "x", "other_config": {}})
        api.host.get_all()
        with pytest.raises(BlockingIOError):
            collector.recv(65536)


def test_lines_come_over_tcp_and_wait_for_a_collector_that_is_not_there(host, free_port):
    api, ref = host
    use(api, ref, f"tcp://127.0.0.1:{free_port}")
    api.secret.create({"value": "first", "other_config": {}})
    with socket.create_server(("127.0.0.1", free_port)) as collector:
        collector.settimeout(20)
        connection, _ = collector.accept()
        with connection:
            connection.settimeout(20)
            data, deadline = b"", time.monotonic() + 20
            while b"secret.create" not in data and time.monotonic() < deadline:
                data += connection.recv(65536)
    assert all(LINE.fullmatch(frame) for frame in frames(data))
    assert any(b"secret.create" in frame for frame in frames(data))


@pytest.mark.parametrize("destination", ["http://x", "tcp://", "tcp://x/path", "x:0", "x:99999", "a b"])
def test_a_collector_that_cannot_be_is_refused(host, destination):
    api, ref = host
    api.host.set_logging(ref, {"syslog_destination": destination})
    with pytest.raises(XenAPI.Failure) as failed:
        api.host.syslog_reconfigure(ref)
    assert failed.value.details == ["INVALID_VALUE", "syslog_destination", destination]


def test_a_member_sends_its_own_log_under_its_own_name(xapid_daemons):
    """Also when its name changes."""
    leader, member = xapid_daemons.pool(2)
    api = leader.session().xenapi
    ref = next(host for host, each in api.host.get_all_records().items() if each["address"] == member.address)
    with socket.create_server(("127.0.0.1", 0)) as collector:
        collector.settimeout(30)
        use(api, ref, f"tcp://127.0.0.1:{collector.getsockname()[1]}")
        connection, _ = collector.accept()
        with connection:
            connection.settimeout(30)
            api.host.set_hostname_live(ref, "renamed")
            with xmlrpc.client.ServerProxy(member.url, context=unverified()) as proxy:
                assert proxy.session.slave_local_login_with_password("root", member.password)["Status"] == "Success"
            data, deadline = b"", time.monotonic() + 30
            while b" renamed xapid " not in data and time.monotonic() < deadline:
                data += connection.recv(65536)
    (found,) = {LINE.fullmatch(frame)[4] for frame in frames(data) if b" renamed " in frame}
    assert int(found) == member.process.pid
