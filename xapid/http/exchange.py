"""One request to anything but calls, and its answer, as an action's ``async`` function sees them.

The function gets the exchange when the head has come. It may answer before it has read the body, as uploads must, and
sends as fast as the client reads with :meth:`Exchange.send`, or by awaiting :meth:`Exchange.drained`. When it returns, what
it did not read is dropped and the connection ends, unless :attr:`Exchange.keep_alive` says otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol as TwistedProtocol

from xapid.datamodel.http_actions import HttpAction
from xapid.http import pages
from xapid.http.head import Head
from xapid.wire.call import Origin

_HELD: Final = 256 * 1024
"""How much of a body is held for a function that is slow to read it."""


class Disconnected(Exception):
    """The client is gone."""


class Connection(Protocol):
    """What an exchange needs of its connection."""

    @property
    def writable(self) -> bool: ...

    def send(self, data: bytes) -> None: ...

    def flow(self, on: bool) -> None: ...

    def expect(self, waiting: bool) -> None: ...

    def hand_over(self, taker: TwistedProtocol, received: bytes) -> None: ...


class Exchange:
    """A request and the answer to it."""

    def __init__(self, head: Head, origin: Origin, connection: Connection, *, plain: bool = False) -> None:
        self.head = head
        self.origin = origin
        self.plain = plain
        """Whether it came over TCP without TLS."""
        self.session: Any = None
        """The session that the request's credentials gave, where the action asks for one."""
        self.action: HttpAction | None = None
        """What that session was admitted to."""
        self.started = False
        """Whether an answer has begun."""
        self.keep_alive = False
        """Whether the connection goes on after the answer, which must then say its length."""
        self.truncated = False
        """Whether the client ended before its body was complete, as far as it had said how long that is."""
        self.cut_off = False
        """Whether the connection broke, rather than ended, while the body was still coming."""
        self._connection = connection
        self._asked = head.version == "HTTP/1.1" and head.headers.get("expect", "").lower() == "100-continue"
        """Whether the client waits to be told that it may send the body."""
        self._chunks: list[bytes] = []
        self._held = 0
        self._coming: int | None = head.length
        if head.is_chunked:
            self._coming = None
        elif head.length is None and not head.length_is_bad and head.method not in ("PUT", "POST"):
            self._coming = 0
        self._lost = False
        self._paused = False
        self._reader: Deferred[None] | None = None
        self._writers: list[Deferred[None]] = []

    # The request ----------------------------------------------------------------------------------------------------

    @property
    def unread(self) -> int | None:
        """How much of the body the function has not read; None if it goes on until the client ends."""
        return None if self._coming is None else self._coming + self._held

    async def read(self) -> bytes:
        """Some of the body; empty at its end, also if the client ended early (see :attr:`truncated`)."""
        if not self._chunks and self._coming != 0:
            self._go_ahead()
            self._reader = Deferred()
            self._connection.expect(True)
            await self._reader
        data, self._chunks, self._held = b"".join(self._chunks), [], 0
        if self._paused:
            self._paused = False
            self._connection.flow(True)
        return data

    async def body(self) -> AsyncIterator[bytes]:
        """The body, piece by piece."""
        while data := await self.read():
            yield data

    def left_over(self) -> bytes:
        """For the connection: what came of the body and was not read."""
        data, self._chunks, self._held = b"".join(self._chunks), [], 0
        return data

    # The answer -----------------------------------------------------------------------------------------------------

    def start(self, status: int, headers: Iterable[tuple[str, str]], version: str | None = None) -> None:
        """Sends the status line and headers, exactly these."""
        if status < 300:  # uploads are answered before their body is read
            self._go_ahead()
        self.started = True
        self.write(pages.head(version or self.head.version, status, headers))

    def _go_ahead(self) -> None:
        if self._asked and not self.started and self._coming:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._asked = False

    def write(self, data: bytes) -> None:
        """Sends some of the body."""
        if not self._lost:
            self._connection.send(data)

    async def drained(self) -> None:
        """Waits until the client has read what was sent, but for a little. :class:`Disconnected` if it is gone."""
        if self._lost:
            raise Disconnected
        if not self._connection.writable:
            waiter: Deferred[None] = Deferred()
            self._writers.append(waiter)
            await waiter

    async def send(self, pieces: Iterable[bytes]) -> None:
        """Sends some of the body, as fast as the client reads it. :class:`Disconnected` if it is gone."""
        for piece in pieces:
            self.write(piece)
            await self.drained()

    def refuse(self, status: int, more: str = "", headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answers with a page that says why not. Ends the connection."""
        self.started, self.keep_alive = True, False
        self.write(pages.page(self.head.version, status, more, headers, with_body=self.head.method != "HEAD"))

    def take_over(self, taker: TwistedProtocol) -> None:
        """Leaves the connection to ``taker``, which gets all that comes from now on. The exchange is over."""
        received = self.left_over()
        self._coming = 0
        self._connection.hand_over(taker, received)

    # The connection's side ------------------------------------------------------------------------------------------

    def fed(self, data: bytes) -> bytes:
        """Takes what belongs to the body; returns what comes after it."""
        rest = b""
        if self._coming is not None:
            data, rest = data[: self._coming], data[self._coming :]
            self._coming -= len(data)
        if data:
            self._chunks.append(data)
            self._held += len(data)
            if self._held > _HELD and self._reader is None:
                self._paused = True
                self._connection.flow(False)
            self._wake_reader()
        return rest

    def ended(self) -> None:
        """The client will send no more."""
        if self._coming:
            self.truncated = True
        self._coming = 0
        self._wake_reader()

    def lost(self, *, orderly: bool) -> None:
        """The connection is gone; ``orderly`` if the client closed it, and nothing and nobody else did."""
        self._lost = True
        if not orderly and self._coming != 0:
            self.cut_off = True
        self.ended()
        writers, self._writers = self._writers, []
        for waiter in writers:
            waiter.errback(Disconnected())

    def drained_now(self) -> None:
        """The client has read what was sent."""
        writers, self._writers = self._writers, []
        for waiter in writers:
            waiter.callback(None)

    def _wake_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            self._connection.expect(False)
            reader.callback(None)


Serve = Callable[[Exchange], Awaitable[None]]
"""Serves one request."""
