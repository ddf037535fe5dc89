"""Consoles over HTTP, of a pool in this process: who gets which, in exactly which bytes, and what is said otherwise."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import XenAPI
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong

from http_in_memory import Answered, Client
from xapid.datamodel.errors import XenAPIError
from xapid.dispatch.http_credentials import HttpAuthenticator
from xapid.http.console_actions import ConsoleActions
from xapid.http.server import HttpServer
from xapid.testing.in_process import Server, config

CONNECTED = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n\r\n"
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: binary\r\n"
)
Ask = Callable[..., Client]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(config(preset="pool3"))
    yield server
    server.close()


@pytest.fixture
def session(server: Server) -> XenAPI.Session:
    return server.session()


@pytest.fixture
def ask(server: Server, session: XenAPI.Session) -> Iterator[Ask]:
    """Sends a request to a host, by default the one that the VM in it is on."""
    pool, sites, clients = server.pool, {}, []

    def send(target: str, method: str = "CONNECT", *, host: str, headers: str = "", login: bool = True) -> Client:
        if host not in sites:
            authenticator = HttpAuthenticator(pool.services)
            actions = ConsoleActions(pool.db, pool.services).actions
            sites[host] = HttpServer(pool.dispatcher, host, authenticator, clock=server.clock, actions=actions)
        client = Client(sites[host], server.clock)
        clients.append(client)
        credentials = f"&session_id={quote(session._session)}" if login else ""
        client.send(f"{method} {target}{credentials} HTTP/1.1\r\n{headers}\r\n")
        return client

    yield send
    for client in clients:
        if not client.is_lost:
            client.lose()


@pytest.fixture
def vm(session: XenAPI.Session) -> str:
    return start(session, "Other install media")


def start(session: XenAPI.Session, template: str) -> str:
    (found,) = session.xenapi.VM.get_by_name_label(template)
    vm = session.xenapi.VM.clone(found, "shown")
    session.xenapi.VM.provision(vm)
    session.xenapi.VM.start(vm, False, False)
    return str(vm)


def host_of(session: XenAPI.Session, vm: str) -> str:
    return str(session.xenapi.VM.get_resident_on(vm))


def control_domain(session: XenAPI.Session) -> tuple[str, str]:
    host = session.xenapi.host.get_all()[0]
    return session.xenapi.host.get_control_domain(host), host


def test_a_connection_answers_in_the_bytes_that_clients_count(session: XenAPI.Session, ask: Ask, vm: str) -> None:
    assert [len(line) + 2 for line in CONNECTED.split(b"\r\n")[:4]] == [17, 24, 35, 2]
    host = host_of(session, vm)
    (console,) = session.xenapi.VM.get_consoles(vm)
    for name in (
        f"ref={quote(console)}", f"ref={quote(vm)}", f"uuid={session.xenapi.VM.get_uuid(vm)}",
        f"uuid={session.xenapi.console.get_uuid(console)}",
    ):  # fmt: skip
        assert ask(f"/console?{name}", host=host).take() == CONNECTED + b"RFB 003.008\n"


def test_a_connection_goes_on_with_rfb(session: XenAPI.Session, ask: Ask, vm: str) -> None:
    client = ask(f"/console?ref={quote(vm)}", host=host_of(session, vm))
    client.take()
    client.send(b"RFB 003.008\n\x01\x01")
    said = client.take()
    assert said[:6] == b"\x01\x01\0\0\0\0"
    assert struct.unpack(">HH", said[6:10]) == (640, 400)
    assert said[-5:] == b"shown"


def test_what_is_not_there_to_be_shown(session: XenAPI.Session, ask: Ask, vm: str) -> None:
    """Unknown names, VMs that do not run and VMs of other hosts are failures; consoles that a VM lacks are not found."""
    host = host_of(session, vm)
    other = next(ref for ref in session.xenapi.host.get_all() if ref != host)
    for target, at, status in (
        ("/console?uuid=unknown", host, 500),
        ("/console?ref=OpaqueRef:unknown", host, 500),
        (f"/console?ref={quote(host)}", host, 500),
        ("/console?x=y", host, 500),
        (f"/console?ref={quote(vm)}", other, 500),
    ):
        assert ask(target, host=at).answer().status == status, target
    session.xenapi.VM.pause(vm)
    assert ask(f"/console?ref={quote(vm)}", host=host).answer().status == 500
    session.xenapi.VM.hard_shutdown(vm)
    assert ask(f"/console?ref={quote(vm)}", host=host).answer().status == 500


def test_a_vm_without_a_screen_has_none(session: XenAPI.Session, ask: Ask) -> None:
    """A paravirtual guest has a text console, and no graphical one."""
    (found,) = session.xenapi.VM.get_by_name_label("Other install media")
    vm = session.xenapi.VM.clone(found, "texts")
    session.xenapi.VM.provision(vm)
    session.xenapi.VM.set_domain_type(vm, "pv")
    session.xenapi.VM.set_PV_kernel(vm, "vmlinuz")
    session.xenapi.VM.start(vm, False, False)
    (console,) = session.xenapi.VM.get_consoles(vm)
    assert session.xenapi.console.get_protocol(console) == "vt100"
    missing = ask(f"/console?ref={quote(vm)}", host=host_of(session, vm)).answer()
    assert (missing.status, missing.body) == (404, b"")
    client = ask(f"/console?ref={quote(console)}", host=host_of(session, vm))
    said = client.take()
    assert said.startswith(CONNECTED + b"\x1b[2J\x1b[H texts")
    client.clock.pass_time(3)  # type: ignore[attr-defined]
    assert b"texts login: " in client.take()
    client.send(b"ls\x1b[A\r")
    assert client.take() == b"ls\r\ntexts login: "


def test_strangers_see_nothing_and_the_weak_only_vms(
    session: XenAPI.Session, server: Server, ask: Ask, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Consoles of control domains need a right of their own."""
    host = host_of(session, vm)
    refused = ask(f"/console?ref={quote(vm)}", host=host, login=False).answer()
    assert refused.status == 401
    domain, own = control_domain(session)
    assert ask(f"/console?ref={quote(domain)}", host=own).take() == CONNECTED + b"RFB 003.008\n"
    asked: list[tuple[str, str | None]] = []

    def check(session: object, action: str, sub_action: str | None = None) -> None:
        asked.append((action, sub_action))
        if sub_action is not None:
            raise XenAPIError("RBAC_PERMISSION_DENIED", f"http/{action}/{sub_action}", "no")

    monkeypatch.setattr(server.pool.services.rbac, "check_http", check)
    task = session.xenapi.task.create("look", "")
    assert ask(f"/console?ref={quote(domain)}&task_id={quote(task)}", host=own).answer().status == 403
    assert session.xenapi.task.get_error_info(task)[0] == "RBAC_PERMISSION_DENIED"
    assert ask(f"/console?ref={quote(domain)}", "GET", host=own, headers=UPGRADE).answer().status == 403
    assert ask(f"/vncsnapshot?ref={quote(domain)}", "GET", host=own).answer().status == 403
    assert asked[1::2] == [
        ("connect_console", "host_console"), ("connect_console_ws", "host_console_ws"), ("get_vncsnapshot", "host_console"),
    ]  # fmt: skip
    assert ask(f"/console?ref={quote(vm)}", host=host).take().startswith(CONNECTED)


def test_a_console_may_admit_one_at_a_time(session: XenAPI.Session, ask: Ask, vm: str) -> None:
    (pool,) = session.xenapi.pool.get_all()
    session.xenapi.pool.set_limit_console_sessions(pool, True)
    target, host = f"/console?ref={quote(vm)}", host_of(session, vm)
    first = ask(target, host=host)
    full = ask(target, host=host).answer()
    assert (full.status, full.reason) == (503, "Connection Limit Exceeded")
    assert b"<html>" in full.body
    first.lose()
    assert ask(target, host=host).take().startswith(CONNECTED)


def test_a_websocket_is_agreed_on_as_the_standard_says(session: XenAPI.Session, ask: Ask, vm: str) -> None:
    """The accepting key is the one in RFC 6455's example. Data, pings and the end are understood."""
    client = ask(f"/console?ref={quote(vm)}", "GET", host=host_of(session, vm), headers=UPGRADE)
    head, _, frames = client.take().partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"Sec-WebSocket-Protocol: binary",
    ]  # fmt: skip
    peer = Connection(ConnectionType.CLIENT)
    peer.receive_data(frames)
    assert [event.data for event in peer.events() if isinstance(event, BytesMessage)] == [b"RFB 003.008\n"]
    client.send(peer.send(Ping(b"there?")) + peer.send(BytesMessage(b"RFB 003.0")) + peer.send(BytesMessage(b"08\n\x01")))
    peer.receive_data(client.take())
    events = list(peer.events())
    assert isinstance(events[0], Pong)
    assert b"".join(event.data for event in events if isinstance(event, BytesMessage)) == b"\x01\x01\0\0\0\0"
    client.send(peer.send(CloseConnection(1000)))
    peer.receive_data(client.take())
    (end,) = peer.events()
    assert isinstance(end, CloseConnection)
    assert client.socket.disconnecting


def test_a_client_that_pings_but_does_not_read_is_owed_one_answer(session: XenAPI.Session, ask: Ask, vm: str) -> None:
    client = ask(f"/console?ref={quote(vm)}", "GET", host=host_of(session, vm), headers=UPGRADE)
    peer = Connection(ConnectionType.CLIENT)
    peer.receive_data(client.take().partition(b"\r\n\r\n")[2])
    list(peer.events())
    client.protocol.pauseProducing()
    for number in range(1000):
        client.send(peer.send(Ping(b"%d" % number)))
    assert client.take() == b""
    client.protocol.resumeProducing()
    peer.receive_data(client.take())
    assert [event.payload for event in peer.events() if isinstance(event, Pong)] == [b"999"]


@pytest.mark.parametrize(
    "headers",
    ["", UPGRADE.replace("13", "8"), UPGRADE.replace("websocket", "h2c"), UPGRADE.replace("dGhlIHNhbXBsZSBub25jZQ==", "short")],
)
def test_what_is_no_websocket_is_not_served(session: XenAPI.Session, ask: Ask, vm: str, headers: str) -> None:
    assert ask(f"/console?ref={quote(vm)}", "GET", host=host_of(session, vm), headers=headers).answer().status == 501


def test_nonsense_in_a_websocket_ends_it(session: XenAPI.Session, ask: Ask, vm: str) -> None:
    client = ask(f"/console?ref={quote(vm)}", "GET", host=host_of(session, vm), headers=UPGRADE)
    client.take()
    client.send(b"\xff\xff\xff\xff\xff\xff\xff\xff")
    assert client.socket.disconnecting


def test_a_picture_of_the_screen(session: XenAPI.Session, server: Server, ask: Ask, vm: str) -> None:
    server.clock.pass_time(5)
    answer: Answered = ask(f"/vncsnapshot?uuid={session.xenapi.VM.get_uuid(vm)}", "GET", host=host_of(session, vm)).answer()
    assert answer.headers["content-type"] == "image/png"
    assert answer.body.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", answer.body[16:24]) == (640, 400)
    size = struct.unpack(">I", answer.body[33:37])[0]
    pixels = zlib.decompress(answer.body[41 : 41 + size])
    assert len(pixels) == 400 * (1 + 640 * 3)
    assert pixels[1:4] == bytes((20, 60, 140))


def test_a_task_that_is_named_is_ended(session: XenAPI.Session, ask: Ask, vm: str) -> None:
    good, bad = (session.xenapi.task.create("look", "") for _ in range(2))
    ask(f"/console?ref={quote(vm)}&task_id={quote(good)}", host=host_of(session, vm))
    ask(f"/console?uuid=unknown&task_id={quote(bad)}", host=host_of(session, vm))
    assert session.xenapi.task.get_status(good) == "success"
    assert session.xenapi.task.get_error_info(bad) == ["UUID_INVALID", "console", "unknown"]
