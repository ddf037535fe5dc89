"""The connection to a client after its request: bytes in exact amounts, as they are awaited, and back-pressure both ways."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.wire.call import Hangup

_HELD: Final = 256 * 1024
"""How many bytes may wait to be read before the client is no longer read from."""


class Disconnected(Exception):
    """The client is gone, or says nothing where it should."""


@implementer(IPushProducer)
class Line(Protocol):
    """One client. ``hangup`` is told when it goes."""

    def __init__(self, clock: IReactorTime, hangup: Hangup) -> None:
        self._clock = clock
        self._hangup = hangup
        self._received = bytearray()
        self._reader: Deferred[None] | None = None
        self._writers: list[Deferred[None]] = []
        self._paused = False
        self._full = False
        self._lost = False

    # For the conversation -------------------------------------------------------------------------------------------------

    async def read(self, count: int, patience: float) -> bytes:
        """Exactly so many bytes, for which ``patience`` seconds are waited after the last that came.

        Raises :class:`Disconnected`.
        """
        while len(self._received) < count:
            if self._lost:
                raise Disconnected
            self._flow(True)
            self._reader = Deferred()
            timer = self._clock.callLater(patience, self._tired)
            try:
                await self._reader
            finally:
                _cancel(timer)
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    def write(self, data: bytes) -> None:
        """Sends."""
        if not self._lost:
            self._transport.write(data)

    async def drained(self) -> None:
        """Waits until the client has read what was sent, but for a little. Raises :class:`Disconnected`."""
        if self._lost:
            raise Disconnected
        if self._full:
            waiter: Deferred[None] = Deferred()
            self._writers.append(waiter)
            await waiter

    def close(self) -> None:
        """Ends the connection when all has been sent."""
        if not self._lost:
            self._flow(True)
            self._transport.unregisterProducer()
            self._transport.loseConnection()

    # For the transport ----------------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if self._reader is not None:
            self._wake(None)  # a reader that lacks some goes on waiting, with new patience
        elif len(self._received) > _HELD:
            self._flow(False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._wake(Disconnected())
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.errback(Disconnected())
        self._hangup.happen()

    def pauseProducing(self) -> None:
        """The transport holds enough for the client to read."""
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.callback(None)

    def stopProducing(self) -> None:
        """:meth:`connectionLost` follows."""
        self._full = False

    @property
    def _transport(self) -> Any:
        return self.transport

    def _flow(self, on: bool) -> None:
        if on == self._paused and not self._lost:
            self._paused = not on
            if on:
                self._transport.resumeProducing()
            else:
                self._transport.pauseProducing()

    def _tired(self) -> None:
        self._wake(Disconnected())
        if not self._lost:
            self._transport.abortConnection()

    def _wake(self, problem: Exception | None) -> None:
        reader, self._reader = self._reader, None
        if reader is None:
            return
        if problem is None:
            reader.callback(None)
        else:
            reader.errback(problem)


def _cancel(timer: IDelayedCall) -> None:
    if timer.active():
        timer.cancel()
