"""Plain and Unix sockets of the system: who is at the other end, and ends that are half closed."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import defer
from twisted.internet.threads import deferToThread

from http_in_memory import StubAuthenticator, StubDispatcher, call
from slow_reader import size_of_all
from xapid.http.server import HttpServer

Connect = Callable[[], socket.socket]


class Listening:
    """One server on a TCP port and on a Unix socket."""

    def __init__(self, reactor: Any, path: Path) -> None:
        self.dispatcher, self.authenticator = StubDispatcher(), StubAuthenticator()
        self.server = HttpServer(self.dispatcher, "OpaqueRef:host", self.authenticator, clock=reactor)
        self.path = str(path)
        self.ports = [reactor.listenTCP(0, self.server, interface="127.0.0.1"), reactor.listenUNIX(self.path, self.server)]

    def tcp(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[0].getHost().port), timeout=10)

    def unix(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(10)
        made.connect(self.path)
        return made

    async def stop(self) -> None:
        for port in self.ports:
            await port.stopListening()
        self.server.abort()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    from twisted.internet import reactor

    made = Listening(reactor, tmp_path / "socket")
    yield made
    pytest_twisted.blockon(defer.Deferred.fromCoroutine(made.stop()))


def ask(connect: Connect, request: bytes, *, half_close: bool = False) -> bytes:
    """Everything that the server says until it closes."""
    with connect() as client:
        client.sendall(request)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        data = b""
        while chunk := client.recv(1 << 16):
            data += chunk
        return data


CLOSE = "Connection: close\r\n"


@pytest_twisted.ensureDeferred
async def test_our_own_user_on_the_unix_socket_is_the_local_superuser(listening: Listening) -> None:
    found = await deferToThread(ask, listening.unix, call("test.void", headers=CLOSE))
    assert found.startswith(b"HTTP/1.1 200 OK")
    (origin,) = listening.dispatcher.origins
    assert (origin.is_unix, origin.peer) == (True, "")
    await deferToThread(ask, listening.unix, b"GET /export HTTP/1.0\r\n\r\n")
    assert listening.authenticator.opened == ["temporary"]


@pytest_twisted.ensureDeferred
async def test_anybody_else_on_the_unix_socket_is_an_ordinary_client(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xapid.http.link._user", lambda transport: 12345)
    await deferToThread(ask, listening.unix, call("test.void", headers=CLOSE))
    assert [origin.is_unix for origin in listening.dispatcher.origins] == [False]


@pytest_twisted.ensureDeferred
async def test_a_tcp_client_is_known_by_its_address(listening: Listening) -> None:
    await deferToThread(ask, listening.tcp, call("test.void", headers=CLOSE))
    assert [(origin.is_unix, origin.peer) for origin in listening.dispatcher.origins] == [(False, "127.0.0.1")]


@pytest_twisted.ensureDeferred
async def test_a_half_closed_client_gets_its_answers_and_the_end(listening: Listening) -> None:
    for connect in (listening.tcp, listening.unix):
        found = await deferToThread(ask, connect, call("test.echo", "a") * 2, half_close=True)
        assert found.count(b"200 OK") == 2
        assert await deferToThread(ask, connect, call("test.echo", "a")[:-9], half_close=True) == b""


@pytest_twisted.ensureDeferred
async def test_a_refused_upload_still_gets_its_answer(listening: Listening) -> None:
    request = b"POST / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000)
    found = await deferToThread(ask, listening.tcp, request)
    assert found.startswith(b"HTTP/1.1 500 Internal Error")


@pytest_twisted.ensureDeferred
async def test_a_big_answer_arrives_whole(listening: Listening) -> None:
    found = await deferToThread(ask, listening.tcp, call("test.big", "5000", headers=CLOSE))
    assert len(found.partition(b"\r\n\r\n")[2]) == 5_000_000


@pytest_twisted.ensureDeferred
async def test_a_client_that_reads_slowly_gets_all_of_an_answer_after_which_the_connection_ends(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xapid.http.server._SWEEP_S", 0.01)
    listening.server.limits = attrs.evolve(listening.server.limits, linger_time=0.03)

    def read() -> int:
        with listening.tcp() as client:
            client.sendall(call("test.big", "8000", headers=CLOSE))
            return size_of_all(client)

    assert await deferToThread(read) > 8_000_000
