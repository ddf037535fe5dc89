"""The sockets that speak TLS, watched together: the reactor sees one descriptor in place of thousands.

The reactor takes several microseconds of a small call to tell a descriptor that it may read, and as many to have something
done at the end of its turn. So the sockets have an epoll of their own, and it is that one which the reactor watches: a
turn asks it who is ready, lets each read and carry out its calls, and then sends all answers. The first of them wakes its
client, and those that follow find it awake.
"""

from __future__ import annotations

import select
from typing import Any, Final, Protocol

from twisted.internet import interfaces
from twisted.logger import Logger
from zope.interface import implementer

READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT
MOST: Final = 256
ROUNDS: Final = 16
"""So many sockets have their turn, so many times, before the reactor looks at everything else."""


class Watched(Protocol):
    """What may be watched."""

    def ready(self, events: int) -> None:
        """Something can be read or sent, or the connection is lost."""

    def flush(self) -> None:
        """It is time to send a part of what waits."""

    def abortConnection(self) -> None:
        """It failed."""


@implementer(interfaces.IReadDescriptor)
class Poll:
    """An epoll. It is with the reactor as long as there is anything to watch."""

    log = Logger()

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self._epoll = select.epoll()
        self._watched: dict[int, Watched] = {}
        self._due: list[Watched] = []
        self._in_turn = False
        self._will_go_on = False

    # For sockets ------------------------------------------------------------------------------------------------------

    def watch(self, descriptor: int, events: int, watched: Watched) -> None:
        """From now on, tell ``watched`` of ``events`` at ``descriptor``, which is not watched yet."""
        if not self._watched:
            self.reactor.addReader(self)
        self._epoll.register(descriptor, events)
        self._watched[descriptor] = watched

    def change(self, descriptor: int, events: int) -> None:
        """Watch for other events."""
        self._epoll.modify(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Watch no more. To be called before the descriptor is closed."""
        if self._watched.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)
            if not self._watched:
                self.reactor.removeReader(self)

    def flush_later(self, watched: Watched) -> None:
        """Have ``watched`` send at the end of the turn."""
        if not self._in_turn:
            self._go_on_later()
        self._due.append(watched)

    # For the reactor --------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        return "TLS"

    def doRead(self) -> None:
        """Let those who are ready do what they can, then send; and again while there is more to send, for a while."""
        self._in_turn = True
        for _ in range(ROUNDS):
            for descriptor, events in self._epoll.poll(0, MOST):
                found = self._watched.get(descriptor)
                if found is not None:  # another may have ended it in this very turn
                    try:
                        found.ready(events)
                    except Exception:
                        self._failed(found)
            if self._due:
                self._flush()
            if not self._due:
                break
        self._in_turn = False
        if self._due:
            self._go_on_later()

    def connectionLost(self, reason: Any) -> None:
        """Nothing: an epoll has no other end."""

    def _flush(self) -> None:
        due, self._due = self._due, []
        for each in due:
            try:
                each.flush()
            except Exception:
                self._failed(each)

    def _go_on_later(self) -> None:
        if not self._will_go_on:
            self._will_go_on = True
            self.reactor.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._will_go_on = False
        self.doRead()

    def _failed(self, watched: Watched) -> None:
        self.log.failure("a connection failed in the server")
        watched.abortConnection()
