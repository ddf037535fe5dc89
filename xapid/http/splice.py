"""Two connections made one: what comes in at either end goes out at the other, as fast as it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer


class Taken(Protocol):
    """A request whose connection can be taken over."""

    def take_over(self, taker: TwistedProtocol) -> None: ...


def join(exchange: Taken, far: End) -> End:
    """Make the connection of a request, which is over with that, one with ``far``; returns the end on its side."""
    near = End()
    near.other, far.other = far, near
    exchange.take_over(near)
    return near


@implementer(IPushProducer)
class End(TwistedProtocol):
    """One of two connections: what comes in here goes out there, as fast as it is taken."""

    _wire: Any = None

    def __init__(self) -> None:
        self.other: End | None = None
        self._lost = False
        self._over: Callable[[], Any] = lambda: None

    def when_over(self, tell: Callable[[], Any]) -> None:
        """Have ``tell`` called when the connection at this end is gone, at once if it is."""
        self._over = tell
        if self._lost:
            tell()

    def connectionMade(self) -> None:
        self._wire = self.transport
        if self.other is None:  # the far end, which is made before it has an other one
            self._wire.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def write(self, data: bytes) -> None:
        """Send to who is at this end."""
        if self._wire is not None and not self._lost:
            self._wire.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._over()
        other, self.other = self.other, None
        if other is not None:
            other.hang_up()

    def hang_up(self) -> None:
        """Send what is left, and close."""
        if self._wire is not None and not self._lost:
            self._wire.unregisterProducer()  # a transport waits for its producer before it closes
            self._wire.loseConnection()

    def flow(self, on: bool) -> None:
        """Whether to read from who is at this end."""
        if self._wire is not None and not self._lost:
            if on:
                self._wire.resumeProducing()
            else:
                self._wire.pauseProducing()

    def pauseProducing(self) -> None:
        """Whoever is at this end has enough to read: the other one is not read from."""
        if self.other is not None:
            self.other.flow(False)

    def resumeProducing(self) -> None:
        """Whoever is at this end has read it."""
        if self.other is not None:
            self.other.flow(True)

    def stopProducing(self) -> None:
        """``connectionLost`` follows."""
