"""The HTTP parser alone, without TLS and with a dispatcher of few words behind it.

An input is what a client sends. :func:`check` sends it at once and in pieces, and compares: where the pieces end must
make no difference. In between, the client may stop reading, half-close, or let time pass.
"""

from __future__ import annotations

import hashlib
from random import Random

from twisted.internet.task import Clock

from fuzz.answers import check_answers
from http_in_memory import Socket, StubAuthenticator, StubDispatcher
from xapid.http.protocol import HttpProtocol
from xapid.http.requests import BACKLOG
from xapid.http.server import HttpServer, Limits
from xapid.testing.logged import LoggedFailures

LIMITS = Limits(head_size=2048, body_size=4096)
FOREVER = 4000.0
"""Longer than every limit on time."""


class Trouble(AssertionError):
    """What must not be."""


class HttpParser:
    """Feeds connections."""

    def __init__(self) -> None:
        self._logged = LoggedFailures().__enter__()

    def close(self) -> None:
        """Ends the watch over the log."""
        self._logged.__exit__(None, None, None)

    def check(self, data: bytes) -> bytes:
        """What came back. Raises Trouble, or whatever escaped."""
        whole, whole_calls = self._talk(data, [len(data)])
        random = Random(hashlib.sha256(data).digest())
        for pieces in (_some(random, len(data)), [1] * len(data) if len(data) < 600 else _some(random, len(data))):
            parts, calls = self._talk(data, pieces)
            if (parts, calls) != (whole, whole_calls) and b" 431 " not in whole + parts:  # which is said as soon as it is known
                raise Trouble(f"in pieces of {pieces[:20]}: {parts!r} {calls}, at once: {whole!r} {whole_calls}")
        self._disturb(data, random)
        return whole

    def _connect(self) -> tuple[Clock, HttpServer, StubDispatcher, HttpProtocol, Socket]:
        clock, dispatcher = Clock(), StubDispatcher()
        server = HttpServer(dispatcher, "OpaqueRef:host", StubAuthenticator(), clock=clock, limits=LIMITS)
        protocol, socket = server.buildProtocol(None), Socket()
        protocol.makeConnection(socket)  # type: ignore[no-untyped-call]
        return clock, server, dispatcher, protocol, socket

    def _talk(self, data: bytes, pieces: list[int]) -> tuple[bytes, list[str]]:
        clock, server, dispatcher, protocol, socket = self._connect()
        at = 0
        for size in pieces:
            protocol.dataReceived(data[at : at + size])
            at += size
            if len(protocol._buffer) > BACKLOG + LIMITS.head_size:
                raise Trouble("what waits has no bounds")
        answers = socket.value()
        check_answers(answers, ended=not socket.is_open, request=data)
        self._end(clock, server, dispatcher, protocol, socket)
        return answers.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b""), [repr(call) for call in dispatcher.calls]

    def _disturb(self, data: bytes, random: Random) -> None:
        clock, server, dispatcher, protocol, socket = self._connect()
        at = 0
        while at < len(data):
            size = random.choice((1, 10, 100, 1000))
            protocol.dataReceived(data[at : at + size])
            at += size
            match random.randrange(8):
                case 0:
                    protocol.pauseProducing()
                case 1:
                    protocol.resumeProducing()
                case 2:
                    clock.advance(random.choice((0.5, 5.0, 15.0, 100.0)))
                case 3 if random.random() < 0.2:
                    protocol.readConnectionLost()
                    break
                case 4:
                    for waiting in dispatcher.waiting:
                        if not waiting.called:
                            waiting.callback(None)
        self._end(clock, server, dispatcher, protocol, socket)

    def _end(
        self, clock: Clock, server: HttpServer, dispatcher: StubDispatcher, protocol: HttpProtocol, socket: Socket
    ) -> None:
        """A client that says no more is let go in the end, and leaves nothing behind."""
        protocol.resumeProducing()
        clock.pump([FOREVER] * 5)
        if protocol._state != 6 and socket.is_open and all(waiting.called for waiting in dispatcher.waiting):
            raise Trouble(f"the connection is still open in state {protocol._state}")
        protocol.connectionLost()
        if server._connections or clock.getDelayedCalls():
            raise Trouble("something is left of a connection that was lost")
        failures = [event for event in self._logged.events if not _is_meant(event)]
        text = self._logged.text() if failures else ""
        self._logged.events.clear()
        if failures:
            raise Trouble(f"failures were logged: {text}")


def _is_meant(event: object) -> bool:
    """Some of the stub's messages fail on purpose."""
    return "a secret of ours" in str(event) or "invalid literal for int" in str(event)


def _some(random: Random, size: int) -> list[int]:
    pieces = []
    while size > 0:
        pieces.append(min(size, random.choice((1, 2, 3, 7, 30, 150, 700))))
        size -= pieces[-1]
    return pieces


def seeds() -> list[bytes]:
    """Requests of every kind, alone and in a row."""
    body = b"<methodCall><methodName>%s</methodName><params>%s</params></methodCall>"
    param = b"<param><value>%s</value></param>"

    def call(name: bytes, *params: bytes, path: bytes = b"/", more: bytes = b"") -> bytes:
        text = body % (name, b"".join(param % value for value in params))
        return b"POST %s HTTP/1.1\r\nHost: h\r\n%sContent-Length: %d\r\n\r\n%s" % (path, more, len(text), text)

    logout, echo = call(b"session.logout", b"s"), call(b"test.echo", b"x")
    json = b'{"jsonrpc":"2.0","method":"test.echo","params":["x"],"id":1}'
    return [
        logout,
        echo * 5,
        call(b"test.wait") + echo,
        call(b"test.big", b"3") + echo,
        call(b"test.echo", b"y", path=b"/RPC2?a=b", more=b"Connection: close\r\n") + echo,
        call(b"test.echo", b"y", more=b"Expect: 100-continue\r\nTask-id: t\r\n"),
        b"POST /jsonrpc HTTP/1.0\nContent-Length: %d\n\n%s" % (len(json), json),
        b"POST /jsonrpc HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s" % (len(json), json) + echo,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"OPTIONS / HTTP/1.1\r\nAccess-Control-Request-Headers: X\r\nContent-Length: 4\r\n\r\nabcd" + echo,
        b"GET /blob?ref=OpaqueRef:a&session_id=b HTTP/1.1\r\nCookie: session_id=c; task_id=d\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization: Basic cm9vdDpzZWNyZXQ=\r\n\r\n" + echo,
        b"PUT /blob?ref=a HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789" + echo,
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"CONNECT /console?ref=a HTTP/1.0\r\n\r\nRFB",
        b"GET /%ff%00/../a?b=%c3#d HTTP/2.0\r\n: a\r\nno colon\r\n\r\n",
        b"\r\n\r\n" + echo,
        b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: %s\r\n" % (n, b"x" * 90) for n in range(30)) + b"\r\n",
        b"OPTIONS / HTTP/1.1\n\nOPTIONS / HTTP/1.1\r\n\r\n",
    ]
