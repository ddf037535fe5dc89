"""A stock VNC client, ``asyncvnc``, and WebSockets of ``wsproto``, at the consoles of a daemon."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from urllib.parse import quote, urlsplit

import asyncvnc
import numpy
import pytest
import XenAPI
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, RejectConnection, Request

from xapid.agent.simulator.console import glyphs
from xapid.agent.simulator.console.terminal import COLUMNS, ROWS
from xapid.testing.processes import Daemon

LIMIT = 30
CONNECTED = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n\r\n"


@pytest.fixture
def session(xapid_daemon: Daemon) -> XenAPI.Session:
    return xapid_daemon.session()


@pytest.fixture
def vm(session: XenAPI.Session):
    """A VM that runs, on whatever host."""
    (template,) = session.xenapi.VM.get_by_name_label("Other install media")
    vm = session.xenapi.VM.clone(template, "shown")
    session.xenapi.VM.provision(vm)
    session.xenapi.VM.start(vm, False, False)
    yield vm
    if session.xenapi.VM.get_power_state(vm) != "Halted":
        session.xenapi.VM.hard_shutdown(vm)
    session.xenapi.VM.destroy(vm)


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def location(session: XenAPI.Session, vm: str) -> str:
    """Where the graphical console of a VM is."""
    (console,) = [ref for ref in session.xenapi.VM.get_consoles(vm) if session.xenapi.console.get_protocol(ref) == "rfb"]
    return str(session.xenapi.console.get_location(console))


async def connected(url: str, session: XenAPI.Session) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that speaks RFB, as VNC clients behind a tunnel get it."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=unverified())
    target = f"{parts.path}?{parts.query}&session_id={quote(session._session)}"
    writer.write(f"CONNECT {target} HTTP/1.0\r\n\r\n".encode())
    assert await reader.readexactly(len(CONNECTED)) == CONNECTED
    return reader, writer


def cell(picture: numpy.ndarray, row: int, column: int) -> list[int]:
    """The ink of a cell, line by line, as :func:`glyphs.lines` has it."""
    part = picture[row * 16 : row * 16 + 16, column * 8 : column * 8 + 8, :3].max(axis=2) > 100
    return [sum(0x80 >> x for x in range(8) if line[x]) for line in part]


def written(picture: numpy.ndarray) -> str:
    """What is to be read on a picture of a screen. A cell in other colours, such as the cursor's, reads as a question mark."""
    known = {tuple(glyphs.lines(chr(code))): chr(code) for code in range(32, 127)}
    rows = ["".join(known.get(tuple(cell(picture, row, column)), "?") for column in range(COLUMNS)) for row in range(ROWS)]
    return "\n".join(row.rstrip() for row in rows)


async def until(client: asyncvnc.Client, text: str) -> str:
    """Looks on until ``text`` is on the screen."""
    deadline = time.monotonic() + LIMIT
    while True:
        picture = await asyncio.wait_for(client.screenshot(), LIMIT)
        seen = written(picture)
        if text in seen:
            return seen
        assert time.monotonic() < deadline, seen


def test_a_vnc_client_sees_a_vm_boot_and_what_is_typed(session: XenAPI.Session, vm: str) -> None:
    async def look() -> None:
        reader, writer = await connected(location(session, vm), session)
        client = await asyncvnc.Client.create(reader, writer)
        assert (client.video.width, client.video.height) == (640, 400)
        assert client.video.name == "shown"
        seen = await until(client, "shown login:")
        assert "Simulated BIOS" in seen
        client.keyboard.write("hello, Xen")
        await until(client, "shown login: hello, Xen")
        client.keyboard.press("BackSpace")
        client.keyboard.press("Return")
        await until(client, "shown login: hello, Xe\nshown login:")
        writer.close()

    asyncio.run(asyncio.wait_for(look(), LIMIT))


def test_a_client_is_let_go_when_its_vm_stops(session: XenAPI.Session, vm: str) -> None:
    async def look() -> None:
        reader, writer = await connected(location(session, vm), session)
        await asyncvnc.Client.create(reader, writer)
        await asyncio.to_thread(session.xenapi.VM.hard_shutdown, vm)
        while await asyncio.wait_for(reader.read(65536), LIMIT):
            pass
        writer.close()

    asyncio.run(asyncio.wait_for(look(), LIMIT))


def test_the_control_domain_has_a_screen_too(session: XenAPI.Session) -> None:
    async def look(domain: str) -> None:
        reader, writer = await connected(location(session, domain), session)
        client = await asyncvnc.Client.create(reader, writer)
        assert "login:" in await until(client, "login:")
        writer.close()

    (pool,) = session.xenapi.pool.get_all()
    domain = session.xenapi.host.get_control_domain(session.xenapi.pool.get_master(pool))
    asyncio.run(asyncio.wait_for(look(domain), LIMIT))


def test_a_browser_reaches_it_through_a_websocket(session: XenAPI.Session, vm: str) -> None:
    """The handshake agrees on ``binary``, and RFB comes in binary messages."""
    parts = urlsplit(location(session, vm))
    with (
        socket.create_connection((parts.hostname, parts.port), timeout=LIMIT) as plain,
        unverified().wrap_socket(plain, server_hostname=parts.hostname) as stream,
    ):
        client = WSConnection(ConnectionType.CLIENT)
        target = f"{parts.path}?{parts.query}&session_id={quote(session._session)}"
        stream.sendall(client.send(Request(host=parts.hostname or "", target=target, subprotocols=["binary"])))
        received, accepted, sent = b"", None, False
        while len(received) < 12 + 2 + 4 + 24:
            client.receive_data(stream.recv(65536))
            for event in client.events():
                if isinstance(event, AcceptConnection):
                    accepted = event.subprotocol
                assert not isinstance(event, RejectConnection), event
                if isinstance(event, BytesMessage):
                    received += event.data
            if len(received) == 12 and not sent:
                stream.sendall(client.send(BytesMessage(b"RFB 003.008\n")) + client.send(BytesMessage(b"\x01\x01")))
                sent = True
        assert accepted == "binary"
        assert received.startswith(b"RFB 003.008\n\x01\x01\0\0\0\0")
        assert received[18:22] == (640).to_bytes(2, "big") + (400).to_bytes(2, "big")
        stream.sendall(client.send(CloseConnection(1000)))
        while data := stream.recv(65536):
            client.receive_data(data)
            list(client.events())
