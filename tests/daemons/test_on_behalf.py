"""The coordinator answers for hosts of other daemons: consoles and statistics through one address."""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import quote

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, RejectConnection, Request

from xapid.testing.processes import Daemon, unverified
from xapid.testing.waiting import until

LIMIT = 30


def get(daemon: Daemon, path: str, session: str | None) -> tuple[int, bytes]:
    target = path if session is None else f"{path}&session_id={quote(session)}"
    connection = http.client.HTTPSConnection(daemon.address, daemon.port, context=unverified(), timeout=LIMIT)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def greeting(daemon: Daemon, target: str) -> tuple[str | None, bytes]:
    """The sub-protocol that was agreed on, and the first bytes that come through the WebSocket; None if it is refused."""
    with (
        socket.create_connection((daemon.address, daemon.port), timeout=LIMIT) as plain,
        unverified().wrap_socket(plain, server_hostname=daemon.address) as stream,
    ):
        client = WSConnection(ConnectionType.CLIENT)
        stream.sendall(client.send(Request(host=f"{daemon.address}:{daemon.port}", target=target, subprotocols=["binary"])))
        accepted, received = None, b""
        while len(received) < 12:
            data = stream.recv(65536)
            if not data:
                return None, received
            client.receive_data(data)
            for event in client.events():
                if isinstance(event, RejectConnection):
                    return None, b""
                if isinstance(event, AcceptConnection):
                    accepted = event.subprotocol
                if isinstance(event, BytesMessage):
                    received += event.data
        return accepted, received


@pytest.fixture
def member_host(xapid_pool: list[Daemon]) -> tuple[str, str]:
    """Reference and uuid of the host of the second daemon."""
    api = xapid_pool[0].session().xenapi
    (ref,) = [ref for ref, row in api.host.get_all_records().items() if row["address"] == xapid_pool[1].address]
    return ref, api.host.get_uuid(ref)


def test_a_member_is_seen_through_the_coordinator(xapid_pool: list[Daemon], member_host: tuple[str, str]) -> None:
    coordinator, member, _ = xapid_pool
    host, uuid = member_host
    session = coordinator.session()
    api, secret = session.xenapi, session._session
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "seen from afar")
    api.VM.provision(vm)
    api.VM.start_on(vm, host, False, False)
    (console,) = [ref for ref in api.VM.get_consoles(vm) if api.console.get_protocol(ref) == "rfb"]

    accepted, first = greeting(coordinator, f"/console?ref={console}&on_host={uuid}&session_id={quote(secret)}")
    assert (accepted, first) == ("binary", b"RFB 003.008\n")
    assert greeting(coordinator, f"/console?ref={console}&session_id={quote(secret)}") == (None, b"")
    assert greeting(coordinator, f"/console?ref={console}&on_host={uuid}") == (None, b"")
    assert greeting(coordinator, f"/console?ref={console}&on_host={uuid}&session_id=OpaqueRef:other") == (None, b"")

    asked = f"/rrd_updates?start=-60&interval=5&host=true&json=true&on_host={uuid}"

    def measured() -> list[str]:
        status, body = get(coordinator, asked, secret)
        assert status == 200
        legend: list[str] = json.loads(body)["meta"]["legend"]
        return legend

    legend = until(measured)
    assert {entry.split(":")[2] for entry in legend if ":host:" in entry} == {uuid}
    status, picture = get(coordinator, f"/vncsnapshot?ref={vm}&on_host={uuid}", secret)
    assert (status, picture[:8]) == (200, b"\x89PNG\r\n\x1a\n")

    assert get(coordinator, asked, None)[0] == 401
    assert get(coordinator, asked.replace(uuid, "no-such-host"), secret)[0] == 404
    member.stop()
    assert get(coordinator, asked, secret)[0] == 503
