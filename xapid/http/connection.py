"""A client's connection, whatever is said on it: how long one waits for the client, whether it is read from, how it ends.

Every wait has a limit but that for an answer of ours, which takes as long as it takes. An answer that refuses a request ends
the connection, politely: what the client still sends is read and dropped for a while, so that it gets to see the answer. A
client that goes on reading what was sent to it gets the time for all of it.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet import interfaces
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.http import link, pages
from xapid.http.head import Head
from xapid.wire.call import Hangup, Origin

if TYPE_CHECKING:
    from xapid.http.server import HttpServer

HEAD, BODY, SKIP, BUSY, EXCHANGE, CLOSING, TAKEN = range(7)
"""What a connection is doing: waiting for a head, or for the body of a call; dropping a body that nobody read; waiting for the
answer to a call, or serving anything else; ending; speaking another protocol."""

_GONE: Final = Failure(ConnectionLost())  # type: ignore[no-untyped-call]  # Twisted's has no types


@implementer(interfaces.IPushProducer, interfaces.IHandshakeListener)
class ClientConnection(Protocol):
    """One connection, over any transport of Twisted's."""

    _link: link.Link

    def __init__(self, server: HttpServer) -> None:
        self.deadline = math.inf
        self._server = server
        self._state = HEAD
        self._buffer = b""
        self._fresh = True
        """Nothing of the next request has come."""
        self._secure = True
        self._plain = False
        """TCP without TLS."""
        self._writable = True
        self._reading = True
        self._ended = False
        """The client will send no more."""
        self._is_gone = False
        self._left = 0
        """What the client had still to take when we last looked, after we closed."""
        self._stalled_at = math.inf
        """When it will have taken nothing for too long."""
        self._hangup = Hangup()
        self._origin = Origin()
        self._taken: Protocol | None = None

    # Beginning and end ------------------------------------------------------------------------------------------------

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
        self._is_gone = self._ended = True
        self._state, self.deadline = CLOSING, math.inf
        taken, self._taken = self._taken, None
        if taken is not None:
            taken.connectionLost(reason)
        self._abandon(reason)
        self._hangup.happen()

    def _abandon(self, reason: Failure) -> None:
        """Let go of what was under way."""
        raise NotImplementedError

    def writeConnectionLost(self) -> None:
        if self._state != CLOSING:
            self._abort()

    def hand_over(self, taker: Protocol, received: bytes) -> None:
        """From now on the connection is the business of ``taker``, which is told at once if it is gone."""
        if self._is_gone:
            taker.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted's has no types
            taker.connectionLost(_GONE)
            return
        self._state, self._taken, self.deadline = TAKEN, taker, math.inf
        self._read_on()
        if not interfaces.IPushProducer.providedBy(taker):
            self._link.unregisterProducer()
        taker.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted's has no types
        received, self._buffer = received + self._buffer, b""
        if received:
            taker.dataReceived(received)

    def shutdown(self) -> None:
        """The server stops: an idle connection is closed, any other after its answer."""
        if self._state == HEAD and self._fresh:
            self._close_now()

    def drop(self) -> None:
        """Ends the connection at once."""
        self._abort()

    # Patience ---------------------------------------------------------------------------------------------------------

    def expire(self) -> None:
        """The deadline has passed: the client is told, if it was about to say something, and dropped."""
        if self._state == CLOSING and self._is_still_read():
            return
        self.deadline = math.inf
        if not self._secure or self._state in (CLOSING, BUSY, EXCHANGE) or (self._state == HEAD and self._fresh):
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

    def _await_head(self, wait: float) -> None:
        self._state, self._fresh = HEAD, True
        self.deadline = self._server.clock.seconds() + wait

    # Reading or not ---------------------------------------------------------------------------------------------------

    def _read_no_more(self) -> None:
        if self._reading:
            self._reading = False
            self._link.pauseProducing()

    def _read_on(self) -> None:
        if not self._reading:
            self._reading = True
            self._link.resumeProducing()

    # Writing or not ---------------------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The transport holds enough for the client to read."""
        raise NotImplementedError

    def resumeProducing(self) -> None:
        """The client has read it."""
        raise NotImplementedError

    def stopProducing(self) -> None:
        """The transport takes no more; :meth:`connectionLost` follows."""
        self._writable = False

    # Ending it --------------------------------------------------------------------------------------------------------

    def _refuse(self, head: Head | None, status: int, more: str = "") -> None:
        """Answers with a page and ends the connection."""
        if head is None:
            link.write(self._link, pages.page("HTTP/1.1", status, more))
        else:
            link.write(self._link, pages.page(head.version, status, more, with_body=head.method != "HEAD"))
        self._close_politely()

    def _close_now(self) -> None:
        self._state = CLOSING
        self.deadline = self._server.clock.seconds() + self._server.limits.linger_time
        self._link.unregisterProducer()
        self._link.loseConnection()

    def _close_politely(self) -> None:
        """Ends our half, and lets the client finish its own for a while."""
        self._state, self._buffer = CLOSING, b""
        self.deadline = self._server.clock.seconds() + self._server.limits.linger_time
        self._read_on()
        self._link.unregisterProducer()
        link.end_writing(self.transport)

    def _abort(self) -> None:
        self._state = CLOSING
        self.deadline = math.inf
        self._link.unregisterProducer()
        self._link.abortConnection()


def _certificates(connection: ClientConnection) -> Callable[[], list[Any]]:
    """What the client of a connection has shown, without holding the connection: the collector comes rarely."""
    weak = weakref.ref(connection)

    def ask() -> list[Any]:
        there = weak()
        return [] if there is None else link.peer_certificates(there.transport)

    return ask
