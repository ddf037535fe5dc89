"""HTTP/1.0 and 1.1 with one client: requests are answered one after the other, each before the next is looked at.

This is the request path of every call, so it is our own: one write per answer, no object per request but what the head says
(kept for heads that come again), no timer per request. Big answers go out in chunks, as fast as the client takes them. How
requests are read is in :mod:`xapid.http.requests`, how connections end in :mod:`xapid.http.connection`.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING

from twisted.internet import interfaces
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.http import link
from xapid.http.chunks import CHUNK, Chunks
from xapid.http.connection import BODY, BUSY, CLOSING, EXCHANGE, HEAD, SKIP
from xapid.http.exchange import Disconnected, Exchange
from xapid.http.head import Decode, Head
from xapid.http.requests import Requests
from xapid.http.running import run
from xapid.http.thumbprints import Watched, told
from xapid.wire.call import Answer, Call, Codec, Malformed

if TYPE_CHECKING:
    from xapid.http.server import HttpServer


@implementer(interfaces.IHalfCloseableProtocol)
class HttpProtocol(Requests):
    """Answers one client."""

    log = Logger()

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        self._stream: Chunks | None = None

    def _abandon(self, reason: Failure) -> None:
        self._stream = None
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lost(orderly=isinstance(reason.value, ConnectionDone))

    def readConnectionLost(self) -> None:
        """The client has sent all it has; what it asked for is still answered."""
        self._ended = True
        if self._taken is not None:
            self._link.loseConnection()
        elif self._state == EXCHANGE and self._exchange is not None:
            self._exchange.ended()
        elif self._state in (HEAD, BODY, SKIP, CLOSING):
            self._close_now()

    # Calls ------------------------------------------------------------------------------------------------------------

    def _call(self, head: Head, decode: Decode, body: bytes) -> None:
        try:
            call, codec = decode(body)
        except Malformed as error:
            self._refuse(head, 500, str(error))
            return
        if head.thumbprint_asked is not None:
            codec = Watched(codec)
        self._state, self.deadline = BUSY, math.inf
        try:
            answer = self._server.dispatcher.dispatch(call, codec, self._origin)
        except Exception as error:
            self._failed(head, call, error)
        else:
            if isinstance(answer, list):
                self._answer(head, codec, answer)
            else:
                answer.addBoth(self._answer_later, head, codec, call)

    def _answer_later(self, answer: Answer | Failure, head: Head, codec: Codec, call: Call) -> None:
        if isinstance(answer, Failure):
            self._failed(head, call, answer.value)  # type: ignore[arg-type]  # Deferreds carry exceptions only
        elif self._state == BUSY:
            try:
                self._answer(head, codec, answer)
            except Exception as error:
                self._failed(head, call, error)

    def _failed(self, head: Head, call: Call, error: Exception) -> None:
        if isinstance(error, Malformed):
            more = str(error)
        else:
            more = "the server failed; its log says more"
            self.log.failure("{name} failed in the server", Failure(error), name=call.name)  # type: ignore[no-untyped-call]
        if self._state == BUSY:
            self._refuse(head, 500, more)

    def _answer(self, head: Head, codec: Codec, answer: Answer) -> None:
        latest = self._server.latest
        if answer is latest.answer and head is latest.head:
            link.write(self._link, latest.whole)
            self._answered(head.keep_alive)
            return
        size = sum(map(len, answer))
        before, after = head.opening(codec.content_type)
        if isinstance(codec, Watched) and codec.is_sent_elsewhere and head.thumbprint_asked is not None:
            after = told(after, head.thumbprint_asked, self._server.thumbprints())
        start = b"%s%d%s" % (before, size, after)
        if size <= CHUNK:
            whole = b"".join((start, *answer))
            if len(answer) > 1:
                latest.keep(head, answer, whole)
            link.write(self._link, whole)
            self._answered(head.keep_alive)
        else:
            self._stream = Chunks(chain((start,), answer), lambda: self._answered(head.keep_alive))
            self._send_on()

    def _answered(self, keep_alive: bool) -> None:
        """The answer is with the transport; on to the next request, or to the end."""
        self._head = None
        if keep_alive and not self._server.stopping:
            self._await_head(self._server.limits.idle_time)
            if self._buffer or self._ended or not self._reading:
                self._advance()
        else:
            self._close_now()

    # Writing ----------------------------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        self._writable = False
        if self._stream is not None or self._state == EXCHANGE:
            self.deadline = self._server.clock.seconds() + self._server.limits.stall_time
        if self._taken is not None and interfaces.IPushProducer.providedBy(self._taken):
            self._taken.pauseProducing()

    def resumeProducing(self) -> None:
        self._writable = True
        if self._state in (BUSY, EXCHANGE):
            self.deadline = math.inf
        if self._taken is not None and interfaces.IPushProducer.providedBy(self._taken):
            self._taken.resumeProducing()
        elif self._stream is not None:
            self._send_on()
        elif self._exchange is not None:
            self._exchange.drained_now()
        else:
            self._advance()

    def _send_on(self) -> None:
        stream = self._stream
        while stream is not None and self._writable:
            chunk = stream.next()
            if chunk:
                link.write(self._link, chunk)
            else:
                self._stream = None
                stream.done()
                return

    # Everything but calls ---------------------------------------------------------------------------------------------

    def _begin_exchange(self, head: Head) -> None:
        self._head, self._state, self.deadline = head, EXCHANGE, math.inf
        exchange = self._exchange = Exchange(head, self._origin, self, plain=self._plain)
        self._buffer = exchange.fed(self._buffer)
        if self._ended:
            exchange.ended()
        run(self._serve(exchange))

    async def _serve(self, exchange: Exchange) -> None:
        try:
            await self._server.serve(exchange)
        except Disconnected:
            pass
        except Exception:
            self.log.failure("{method} {path} failed in the server", method=exchange.head.method, path=exchange.head.path)
            if exchange is self._exchange and not exchange.started:
                exchange.refuse(500, "the server failed; its log says more")
            elif exchange is self._exchange:
                self._exchange = None
                self._abort()
                return
        if exchange is self._exchange:
            self._exchange = None
            self._exchanged(exchange)

    def _exchanged(self, exchange: Exchange) -> None:
        missing = exchange.unread
        if exchange.keep_alive and missing is not None and missing <= self._server.limits.body_size and not self._ended:
            self._state, self._missing = SKIP, missing
            self._buffer = exchange.left_over() + self._buffer
            self._read_on()
            self._advance()
        elif missing == 0:
            self._close_now()
        else:
            self._close_politely()

    @property
    def writable(self) -> bool:
        """For an exchange: whether the transport takes more at once."""
        return self._writable

    def send(self, data: bytes) -> None:
        """For an exchange: writes."""
        if self._state == EXCHANGE:
            link.write(self._link, data)

    def expect(self, waiting: bool) -> None:
        """For an exchange: whether it is waiting for more of the body."""
        if self._state == EXCHANGE:
            self.deadline = self._server.clock.seconds() + self._server.limits.stall_time if waiting else math.inf

    def flow(self, on: bool) -> None:
        """For an exchange: whether to read more of the body."""
        if on:
            self._read_on()
        else:
            self._read_no_more()

    def hand_over(self, taker: Protocol, received: bytes) -> None:
        """For an exchange, too: it is over."""
        self._exchange = None
        super().hand_over(taker, received)
