"""HTTP without sockets, and stand-ins for what is behind it: a dispatcher and an authenticator of few words."""

from __future__ import annotations

import os
import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from xapid.actions import actions
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.http_actions import HttpAction
from xapid.datamodel.types import Int, Map, Ref, Set, String, Void
from xapid.dispatch.http_credentials import HttpAuthenticator
from xapid.http.credentials import Credentials
from xapid.http.exchange import Exchange
from xapid.http.protocol import HttpProtocol
from xapid.http.server import HttpServer
from xapid.testing.processes import NO_FAST_PATH
from xapid.wire.call import Answer, Call, Codec, Malformed, Origin

SESSION = "OpaqueRef:5e551014-0000-4000-8000-000000000001"
WEAK = "OpaqueRef:5e551014-0000-4000-8000-000000000002"


class StubDispatcher:
    """Answers ``session.logout`` as a server without sessions does, and some calls that tests steer."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.origins: list[Origin] = []
        self.waiting: list[Deferred[None]] = []
        self.shared = [b"for ", b"everybody"]

    def dispatch(self, call: Call, codec: Codec, origin: Origin) -> Any:
        self.calls.append(call)
        self.origins.append(origin)
        match call.name, call.params:
            case "session.logout", [str(session)]:
                return codec.failure(("SESSION_INVALID", session))
            case "session.logout", [_]:
                return codec.failure(("INTERNAL_ERROR", "not a session"))
            case "session.logout", params:
                return codec.failure(("MESSAGE_PARAMETER_COUNT_MISMATCH", "session.logout", "0", str(len(params) - 1)))
            case "system.listMethods", []:
                return codec.bare(Set(String), ("session.logout",))
            case "test.echo", [text]:
                return codec.success(String, text)
            case "test.void", []:
                return codec.success(Void, None)
            case "test.big", [pieces]:
                return [b"x" * 1000] * int(pieces)
            case "test.shared", _:
                return self.shared
            case "test.wait", _:
                return Deferred.fromCoroutine(self._wait(codec))
            case "test.refused", _:
                raise Malformed("refused")
            case "test.broken", _:
                raise ZeroDivisionError("a secret of ours")
            case "test.broken_later", _:
                return Deferred.fromCoroutine(self._break())
            case "test.map", _:
                return codec.success(Map(String, Int), {"a<b": 5})
            case "test.refs", _:
                return codec.success(Set(Ref("VM")), ())
        return codec.failure(("MESSAGE_METHOD_UNKNOWN", call.name))

    async def _wait(self, codec: Codec) -> Answer:
        waiter: Deferred[None] = Deferred()
        self.waiting.append(waiter)
        await waiter
        return codec.success(String, "waited")

    async def _break(self) -> Answer:
        raise ZeroDivisionError("a secret of ours")


class StubAuthenticator:
    """Knows root's password, one good session and one that may do nothing."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.failed: list[tuple[str, tuple[str, ...]]] = []
        self.noted: list[tuple[str | None, str, str]] = []

    async def open(self, offered: Credentials, origin: Origin) -> str:
        if offered.is_unix or offered.basic == ("root", "secret"):
            session = "temporary"
        elif offered.session in (SESSION, WEAK):
            session = offered.session
        else:
            raise XenAPIError("SESSION_INVALID", str(offered.session))
        self.opened.append(session)
        return session

    def check(self, session: str, action: HttpAction) -> None:
        if session == WEAK:
            raise XenAPIError("RBAC_PERMISSION_DENIED", action.permission, "no")

    def note(self, session: str | None, action: HttpAction, origin: Origin, outcome: str, user: str = "") -> None:
        self.noted.append((session, action.name, outcome))

    async def close(self, session: str) -> None:
        self.closed.append(session)

    def fail_task(self, task: str, error: XenAPIError) -> None:
        self.failed.append((task, error.description))


class Socket(StringTransport):
    """A TCP transport in memory that remembers how it was closed."""

    aborted = False
    half_closed = False

    def unregisterProducer(self) -> None:
        self.producer = None

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True

    @property
    def is_open(self) -> bool:
        return not (self.aborted or self.half_closed or self.disconnecting)


class Answered:
    """One answer, taken apart."""

    def __init__(self, data: bytes) -> None:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.version, status, self.reason = first.split(" ", 2)
        self.status = int(status)
        self.header_list = [tuple(line.split(": ", 1)) for line in lines]
        self.headers = {name.lower(): value for name, value in self.header_list}
        length = self.headers.get("content-length")
        self.body, self.rest = (rest, b"") if length is None else (rest[: int(length)], rest[int(length) :])

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.header_list]


class Client:
    """A client on a connection of its own."""

    def __init__(self, server: HttpServer, clock: Clock) -> None:
        self.clock = clock
        self.socket = Socket()
        self.protocol: HttpProtocol = server.buildProtocol(None)
        self.protocol.makeConnection(self.socket)
        self.is_lost = False

    def send(self, data: bytes | str) -> None:
        self.protocol.dataReceived(data.encode() if isinstance(data, str) else data)

    def take(self) -> bytes:
        """What has come since the last time."""
        data = self.socket.value()
        self.socket.clear()
        return data

    def answers(self) -> list[Answered]:
        data, found = self.take(), []
        while data:
            found.append(Answered(data))
            data = found[-1].rest
        return found

    def answer(self) -> Answered:
        (found,) = self.answers()
        return found

    def ask(self, data: bytes | str) -> Answered:
        self.send(data)
        return self.answer()

    def lose(self, *, cleanly: bool = False) -> None:
        self.is_lost = True
        self.protocol.connectionLost(Failure(ConnectionDone() if cleanly else ConnectionLost()))


def call(name: str, *params: str, path: str = "/", version: str = "1.1", headers: str = "") -> bytes:
    """A call as clients send it."""
    inner = "".join(f"<param><value>{param}</value></param>" for param in params)
    body = f"<methodCall><methodName>{name}</methodName><params>{inner}</params></methodCall>"
    return f"POST {path} HTTP/{version}\r\nHost: h\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def value(answer: Answered) -> str:
    """The text of a result."""
    found = re.search(rb"<name>Value</name><value>(.*?)</value>", answer.body)
    assert found is not None, answer.body
    return found[1].decode()


class Site:
    """Makes servers of one test, and clients to them."""

    def __init__(self, dispatcher: StubDispatcher, authenticator: StubAuthenticator, clock: Clock) -> None:
        self._parts = dispatcher, authenticator
        self.clock = clock
        self.server = self.serve()
        self.clients: list[Client] = []

    def serve(self, **options: Any) -> HttpServer:
        dispatcher, authenticator = self._parts
        options = {"fast": NO_FAST_PATH not in os.environ} | options
        self.server = HttpServer(dispatcher, "OpaqueRef:host", authenticator, clock=self.clock, **options)
        return self.server

    def client(self) -> Client:
        self.clients.append(Client(self.server, self.clock))
        return self.clients[-1]


async def _nothing(exchange: Exchange) -> None:
    exchange.refuse(404)


class Web:
    """The HTTP side of a pool in this process, with everything that it serves, but without sockets."""

    def __init__(self, server: Any) -> None:
        self.pool, self.clock = server.pool, server.clock
        self.authenticator = HttpAuthenticator(self.pool.services)
        self.served = actions(self.pool, self.authenticator, self.clock, lambda: 443, _nothing)
        self._servers: dict[str, HttpServer] = {}

    def ask(self, method: str, target: str, body: bytes | None = None, headers: str = "", host: str = "") -> Answered:
        """The answer of a host (the coordinator) to a request, when it is complete; time passes meanwhile."""
        host = host or self.pool.services.role.coordinator
        if host not in self._servers:
            parts = (self.pool.dispatcher, host, self.authenticator)
            self._servers[host] = HttpServer(*parts, clock=self.clock, actions=self.served)
        client = Client(self._servers[host], self.clock)
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        client.send(
            f"{method} {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}{length}\r\n".encode() + (body or b"")
        )
        self.clock.until(lambda: not client.socket.is_open, 60.0)
        answer = client.answer()
        client.lose(cleanly=True)
        return answer
