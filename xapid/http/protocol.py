"""One connection to a client: requests read one after the other, each answered before the next is looked at.

This is the request path of every call, so it is our own: one write per answer, no object per request but what the head
says (kept for heads that come again), no timer per request. What a client can do wrong here has a limit: the size of a
head (431) and of a call's body (500), the time that they may take (408), the bytes that wait for it to read. Pipelined
requests wait in the buffer, and the client is not read from while many do. Big answers go out in chunks, as fast as the
client takes them. An answer that refuses a request ends the connection, politely: what the client still sends is read
and dropped for a while, so that it gets to see the answer.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet import interfaces
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.http import link, pages
from xapid.http.chunks import CHUNK, Chunks
from xapid.http.exchange import Disconnected, Exchange
from xapid.http.head import END, BadHead, Decode, Head, parse
from xapid.http.running import run
from xapid.wire.call import Answer, Call, Hangup, Malformed, Origin

if TYPE_CHECKING:
    from xapid.http.server import HttpServer

BACKLOG: Final = 512 * 1024
"""How many bytes of requests may wait before the client is no longer read from."""
_REMEMBERED_HEAD: Final = 2048
_GONE: Final = Failure(ConnectionLost())  # type: ignore[no-untyped-call]  # Twisted's has no types

# What a connection is doing.
_HEAD, _BODY, _SKIP, _BUSY, _EXCHANGE, _CLOSING, _TAKEN = range(7)


@implementer(interfaces.IPushProducer, interfaces.IHalfCloseableProtocol, interfaces.IHandshakeListener)
class HttpProtocol(Protocol):
    """Speaks HTTP/1.0 and 1.1 with one client, over any transport of Twisted's."""

    log = Logger()
    _link: link.Link

    def __init__(self, server: HttpServer) -> None:
        self.deadline = math.inf
        self._server = server
        self._buffer = b""
        self._state = _HEAD
        self._head_since = 0.0
        self._fresh = True
        """Nothing of the next request has come."""
        self._searched = 0
        """How far the buffer holds no end of a head."""
        self._secure = True
        self._plain = False
        """TCP without TLS."""
        self._writable = True
        self._ended = False
        """The client will send no more."""
        self._is_gone = False
        self._left = 0
        """What the client had still to take when we last looked, after we closed."""
        self._stalled_at = math.inf
        """When it will have taken nothing for too long."""
        self._advancing = False
        self._reading = True
        self._head: Head | None = None
        self._decode: Decode | None = None
        self._parts: list[bytes] = []
        self._missing = 0
        self._origin = Origin()
        self._origin_head: Head | None = None
        self._hangup = Hangup()
        self._stream: Chunks | None = None
        self._exchange: Exchange | None = None
        self._taken: Protocol | None = None

    # The connection -------------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._link = cast(link.Link, self.transport)
        self._secure = not link.is_tls(self.transport)
        self._plain = self._secure and not link.is_unix(self.transport)
        peer, is_unix = link.peer(self.transport)
        self._origin = Origin(peer, is_unix, self._server.host, {}, self._hangup, _certificates(self))
        self._link.registerProducer(self, True)
        self._await_head(self._server.limits.head_time)
        self._server.joined(self)

    def handshakeCompleted(self) -> None:
        """TLS is set up. A client that spoke for another protocol than HTTP, and proved who it is, gets that."""
        self._secure = True
        if self._server.is_for_others(self.transport):
            taker = self._server.other_protocol(self.transport)
            if taker is None:
                self._abort()
            else:
                self.hand_over(taker, b"")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._server.left(self)
        self._is_gone = True
        self.deadline = math.inf
        taken, self._taken = self._taken, None
        exchange, self._exchange = self._exchange, None
        self._state, self._ended, self._stream = _CLOSING, True, None
        if taken is not None:
            taken.connectionLost(reason)
        if exchange is not None:
            exchange.lost(orderly=isinstance(reason.value, ConnectionDone))
        self._hangup.happen()

    def readConnectionLost(self) -> None:
        """The client has sent all it has; what it asked for is still answered."""
        self._ended = True
        if self._taken is not None:
            self._link.loseConnection()
        elif self._state == _EXCHANGE and self._exchange is not None:
            self._exchange.ended()
        elif self._state in (_HEAD, _BODY, _SKIP, _CLOSING):
            self._close_now()

    def writeConnectionLost(self) -> None:
        if self._state != _CLOSING:
            self._abort()

    def expire(self) -> None:
        """The deadline has passed: the client is told, if it was about to say something, and dropped."""
        if self._state == _CLOSING and self._is_still_read():
            return
        self.deadline = math.inf
        if not self._secure or self._state in (_CLOSING, _BUSY, _EXCHANGE) or (self._state == _HEAD and self._fresh):
            self._abort()
        else:
            self._refuse(None, 408)

    def _is_still_read(self) -> bool:
        """Whether a client to which we have closed still reads what was sent before, or has just read the last of it."""
        before, self._left = self._left, link.unsent(self.transport)
        if not before and not self._left:
            return False
        now, limits = self._server.clock.seconds(), self._server.limits
        if self._left != before:
            self._stalled_at = now + limits.stall_time
        self.deadline = now + limits.linger_time
        return now < self._stalled_at

    def shutdown(self) -> None:
        """The server stops: an idle connection is closed, any other after its answer."""
        if self._state == _HEAD and self._fresh:
            self._close_now()

    def drop(self) -> None:
        """Ends the connection at once."""
        self._abort()

    def _await_head(self, wait: float) -> None:
        self._state, self._fresh = _HEAD, True
        self.deadline = self._server.clock.seconds() + wait

    def _close_now(self) -> None:
        self._state = _CLOSING
        self.deadline = self._server.clock.seconds() + self._server.limits.linger_time
        self._link.unregisterProducer()
        self._link.loseConnection()

    def _close_politely(self) -> None:
        """Ends our half, and lets the client finish its own for a while."""
        self._state, self._buffer = _CLOSING, b""
        self.deadline = self._server.clock.seconds() + self._server.limits.linger_time
        self._read_on()
        self._link.unregisterProducer()
        link.end_writing(self.transport)

    def _abort(self) -> None:
        self._state = _CLOSING
        self.deadline = math.inf
        self._link.unregisterProducer()
        self._link.abortConnection()

    # Reading --------------------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        state = self._state
        if state == _TAKEN:
            assert self._taken is not None
            self._taken.dataReceived(data)
        elif state == _EXCHANGE:
            assert self._exchange is not None
            self._buffer += self._exchange.fed(data)
            if len(self._buffer) > BACKLOG:
                self._read_no_more()
        elif state == _BODY:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing <= 0:
                self._body_complete()
            else:
                self.deadline = self._server.clock.seconds() + self._server.limits.body_time
        elif state == _HEAD and not self._buffer and self._whole_call(data):
            pass
        elif state != _CLOSING:
            self._buffer = self._buffer + data if self._buffer else data
            if state == _BUSY or not self._writable:
                if len(self._buffer) > BACKLOG:
                    self._read_no_more()
            else:
                self._advance()

    def _read_no_more(self) -> None:
        if self._reading:
            self._reading = False
            self._link.pauseProducing()

    def _read_on(self) -> None:
        if not self._reading:
            self._reading = True
            self._link.resumeProducing()

    def _advance(self) -> None:
        """Carries out requests until one of them is incomplete or its answer has to be waited for."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._writable and ((self._state == _HEAD and self._read_head()) or (self._state == _SKIP and self._skip())):
                pass
        finally:
            self._advancing = False
        if self._state in (_HEAD, _SKIP) and self._writable:
            if self._ended:
                self._close_now()
            elif len(self._buffer) <= BACKLOG:
                self._read_on()

    def _whole_call(self, data: bytes) -> bool:
        """Carries out a call that came in one piece under a head that came before, as most do; False if this is none."""
        end = data.find(b"\r\n\r\n")
        head = self._server.heads.get(data[:end])
        if head is None or end < 0 or len(data) - end - 4 != head.length or self._plain or not self._writable:
            return False
        decode = head.decode
        if decode is None:
            return False
        self._originate(head)
        self._call(head, decode, data[end + 4 :])
        return True

    def _originate(self, head: Head) -> None:
        """Says where the request comes from, which differs between heads alone."""
        if head is not self._origin_head:
            base = self._origin
            self._origin = Origin(base.peer, base.is_unix, base.host, head.headers, base.hangup, base.certificates)
            self._origin_head = head

    def _read_head(self) -> bool:
        """Reads a head from the buffer and starts on its request; False if there is none yet."""
        buffer = self._buffer
        if self._fresh:
            buffer = buffer.lstrip(b"\r\n")
            if not buffer:
                self._buffer = b""
                return False
            self._searched = 0
        server = self._server
        end = buffer.find(b"\r\n\r\n", self._searched)
        after = end + 4
        head = server.heads.get(buffer[:end]) if 0 <= end < _REMEMBERED_HEAD else None
        if head is None:
            match = END.search(buffer, self._searched)  # an empty line of bare line feeds ends a head too, and may come first
            if match is None:
                self._buffer = buffer
                self._searched = max(len(buffer) - 3, 0)  # where an end may begin of which some has come
                return self._head_incomplete()
            end, after = match.span()
            if end > server.limits.head_size:
                self._refuse(None, 431)
                return False
            block = buffer[:end]
            try:
                head = parse(block)
            except BadHead as error:
                self._refuse(None, 500, str(error))
                return False
            if head.method == "POST" and end < _REMEMBERED_HEAD and not {"authorization", "cookie"} & head.headers.keys():
                server.remember(block, head)
        self._buffer = buffer[after:]
        self._fresh = True
        self._begin(head)
        return True

    def _head_incomplete(self) -> bool:
        now, limits = self._server.clock.seconds(), self._server.limits
        if self._fresh:
            self._fresh, self._head_since = False, now
            if not self._buffer[:1].isalpha():
                self._refuse(None, 500, "the request line is none")
                return False
        if len(self._buffer) > limits.head_size:
            self._refuse(None, 431)
        else:
            self.deadline = min(now + limits.read_time, self._head_since + limits.head_time)
        return False

    def _skip(self) -> bool:
        """Drops the body of a request that was answered without it."""
        dropped = min(self._missing, len(self._buffer))
        self._missing -= dropped
        self._buffer = self._buffer[dropped:]
        if self._missing:
            self.deadline = self._server.clock.seconds() + self._server.limits.body_time
            return False
        self._await_head(self._server.limits.idle_time)
        return True

    def _begin(self, head: Head) -> None:
        """Starts on the request that has ``head``; its body, if any, is in the buffer or yet to come."""
        server = self._server
        self._originate(head)
        decode = server.decoder(head)
        if decode is None or (self._plain and server.https_only()):
            self._begin_exchange(head)
            return
        length = head.length
        if head.is_chunked or head.length_is_bad or not length:
            self._refuse(head, 500, "a call needs a body and its Content-Length")
        elif length > server.limits.body_size:
            self._refuse(head, 500, "the body is larger than this server reads")
        else:
            self._head, self._decode = head, decode
            buffer = self._buffer
            if len(buffer) >= length:
                self._buffer = buffer[length:]
                self._call(head, decode, buffer[:length])
            else:
                if head.version == "HTTP/1.1" and head.headers.get("expect", "").lower() == "100-continue":
                    link.write(self._link, b"HTTP/1.1 100 Continue\r\n\r\n")
                self._state, self._parts, self._missing, self._buffer = _BODY, [buffer], length - len(buffer), b""
                self.deadline = server.clock.seconds() + server.limits.body_time

    def _body_complete(self) -> None:
        body, self._parts = b"".join(self._parts), []
        head, decode = self._head, self._decode
        assert head is not None and decode is not None and head.length is not None
        self._state = _HEAD
        self._buffer = body[head.length :]
        self._call(head, decode, body[: head.length])
        self._advance()

    # Calls ----------------------------------------------------------------------------------------------------------

    def _call(self, head: Head, decode: Decode, body: bytes) -> None:
        try:
            call, codec = decode(body)
        except Malformed as error:
            self._refuse(head, 500, str(error))
            return
        self._state, self.deadline = _BUSY, math.inf
        try:
            answer = self._server.dispatcher.dispatch(call, codec, self._origin)
        except Exception as error:
            self._failed(head, call, error)
        else:
            if isinstance(answer, list):
                self._answer(head, codec.content_type, answer)
            else:
                answered = answer.addCallback(self._answer_later, head, codec.content_type)
                answered.addErrback(self._failed_later, head, call)

    def _answer_later(self, answer: Answer, head: Head, content_type: bytes) -> None:
        if self._state == _BUSY:
            self._answer(head, content_type, answer)

    def _failed_later(self, failure: Failure, head: Head, call: Call) -> None:
        self._failed(head, call, failure.value)  # type: ignore[arg-type]  # Deferreds carry exceptions only

    def _failed(self, head: Head, call: Call, error: Exception) -> None:
        if isinstance(error, Malformed):
            more = str(error)
        else:
            more = "the server failed; its log says more"
            self.log.failure("{name} failed in the server", Failure(error), name=call.name)  # type: ignore[no-untyped-call]
        if self._state == _BUSY:
            self._refuse(head, 500, more)

    def _answer(self, head: Head, content_type: bytes, answer: Answer) -> None:
        latest = self._server.latest
        if answer is latest.answer and head is latest.head:
            link.write(self._link, latest.whole)
            self._answered(head.keep_alive)
            return
        size = sum(map(len, answer))
        before, after = head.opening(content_type)
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

    def _refuse(self, head: Head | None, status: int, more: str = "") -> None:
        """Answers with a page and ends the connection."""
        if head is None:
            link.write(self._link, pages.page("HTTP/1.1", status, more))
        else:
            link.write(self._link, pages.page(head.version, status, more, with_body=head.method != "HEAD"))
        self._close_politely()

    # Writing --------------------------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The transport holds enough for the client to read."""
        self._writable = False
        if self._stream is not None or self._state == _EXCHANGE:
            self.deadline = self._server.clock.seconds() + self._server.limits.stall_time
        if self._taken is not None and interfaces.IPushProducer.providedBy(self._taken):
            self._taken.pauseProducing()

    def resumeProducing(self) -> None:
        self._writable = True
        if self._state in (_BUSY, _EXCHANGE):
            self.deadline = math.inf
        if self._taken is not None and interfaces.IPushProducer.providedBy(self._taken):
            self._taken.resumeProducing()
        elif self._stream is not None:
            self._send_on()
        elif self._exchange is not None:
            self._exchange.drained_now()
        else:
            self._advance()

    def stopProducing(self) -> None:
        """The transport takes no more; :meth:`connectionLost` follows."""
        self._writable = False

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

    # Everything but calls -------------------------------------------------------------------------------------------

    def _begin_exchange(self, head: Head) -> None:
        self._head, self._state, self.deadline = head, _EXCHANGE, math.inf
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
            self._state, self._missing = _SKIP, missing
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
        if self._state == _EXCHANGE:
            link.write(self._link, data)

    def expect(self, waiting: bool) -> None:
        """For an exchange: whether it is waiting for more of the body."""
        if self._state == _EXCHANGE:
            self.deadline = self._server.clock.seconds() + self._server.limits.stall_time if waiting else math.inf

    def flow(self, on: bool) -> None:
        """For an exchange: whether to read more of the body."""
        if on:
            self._read_on()
        else:
            self._read_no_more()

    def hand_over(self, taker: Protocol, received: bytes) -> None:
        """For an exchange: from now on the connection is the business of ``taker``, which is told at once if it is gone."""
        if self._is_gone:
            taker.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted's has no types
            taker.connectionLost(_GONE)
            return
        self._state, self._taken, self._exchange, self.deadline = _TAKEN, taker, None, math.inf
        self._read_on()
        if not interfaces.IPushProducer.providedBy(taker):
            self._link.unregisterProducer()
        taker.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted's has no types
        received, self._buffer = received + self._buffer, b""
        if received:
            taker.dataReceived(received)


def _certificates(connection: HttpProtocol) -> Callable[[], list[Any]]:
    """What the client of a connection has shown, without holding the connection: the collector comes rarely."""
    weak = weakref.ref(connection)

    def ask() -> list[Any]:
        there = weak()
        return [] if there is None else link.peer_certificates(there.transport)

    return ask
