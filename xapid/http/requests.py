"""Requests out of what a client sends: heads, bodies of calls, and what is left of bodies that nobody read.

What a client can do wrong here has a limit: the size of a head (431) and of a call's body (500), the time that they may take
(408). Pipelined requests wait in the buffer, and the client is not read from while many do. Heads that come again are not read
again: of most calls nothing is looked at but whether their head is known and their body has its length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xapid.http import link
from xapid.http.connection import BODY, BUSY, CLOSING, EXCHANGE, HEAD, SKIP, TAKEN, ClientConnection
from xapid.http.exchange import Exchange
from xapid.http.head import END, BadHead, Decode, Head, parse
from xapid.wire.call import Origin

if TYPE_CHECKING:
    from xapid.http.server import HttpServer

BACKLOG: Final = 512 * 1024
"""How many bytes of requests may wait before the client is no longer read from."""
_REMEMBERED_HEAD: Final = 2048


class Requests(ClientConnection):
    """Reads one request after the other, each when the one before it has been answered."""

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        self._head_since = 0.0
        self._searched = 0
        """How far the buffer holds no end of a head."""
        self._advancing = False
        self._head: Head | None = None
        self._decode: Decode | None = None
        self._parts: list[bytes] = []
        self._missing = 0
        self._origin_head: Head | None = None
        self._exchange: Exchange | None = None

    def _call(self, head: Head, decode: Decode, body: bytes) -> None:
        """Carry out a call."""
        raise NotImplementedError

    def _begin_exchange(self, head: Head) -> None:
        """Serve anything else, whose body is yet to be read."""
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        state = self._state
        if state == TAKEN:
            assert self._taken is not None
            self._taken.dataReceived(data)
        elif state == EXCHANGE:
            assert self._exchange is not None
            self._buffer += self._exchange.fed(data)
            if len(self._buffer) > BACKLOG:
                self._read_no_more()
        elif state == BODY:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing <= 0:
                self._body_complete()
            else:
                self.deadline = self._server.clock.seconds() + self._server.limits.body_time
        elif state == HEAD and not self._buffer and self._whole_call(data):
            pass
        elif state != CLOSING:
            self._buffer = self._buffer + data if self._buffer else data
            if state == BUSY or not self._writable:
                if len(self._buffer) > BACKLOG:
                    self._read_no_more()
            else:
                self._advance()

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

    def _advance(self) -> None:
        """Carries out requests until one of them is incomplete or its answer has to be waited for."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._writable and ((self._state == HEAD and self._read_head()) or (self._state == SKIP and self._skip())):
                pass
        finally:
            self._advancing = False
        if self._state in (HEAD, SKIP) and self._writable:
            if self._ended:
                self._close_now()
            elif len(self._buffer) <= BACKLOG:
                self._read_on()

    # Heads ------------------------------------------------------------------------------------------------------------

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

    def _originate(self, head: Head) -> None:
        """Says where the request comes from, which differs between heads alone."""
        if head is not self._origin_head:
            base = self._origin
            self._origin = Origin(base.peer, base.is_unix, base.host, head.headers, base.hangup, base.certificates)
            self._origin_head = head

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
                self._state, self._parts, self._missing, self._buffer = BODY, [buffer], length - len(buffer), b""
                self.deadline = server.clock.seconds() + server.limits.body_time

    # Bodies -----------------------------------------------------------------------------------------------------------

    def _body_complete(self) -> None:
        body, self._parts = b"".join(self._parts), []
        head, decode = self._head, self._decode
        assert head is not None and decode is not None and head.length is not None
        self._state = HEAD
        self._buffer = body[head.length :]
        self._call(head, decode, body[: head.length])
        self._advance()

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
