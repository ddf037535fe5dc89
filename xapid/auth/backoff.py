"""Holding back who guesses passwords, and nobody else.

Whoever gave a wrong password for a user a few times from one address waits before the next one is looked at, twice as long each
time, up to a limit. The right password gets in after that wait: nobody is ever locked out. Other addresses, other users and
sessions that are open notice nothing. Looking at passwords goes round the addresses, so that one with a thousand guesses leaves
the others their turns.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

FREE: Final = 5
"""Mistakes that cost nothing: people mistype."""
FIRST: Final = 0.5
LONGEST: Final = 8.0
"""Seconds."""
FORGOTTEN_AFTER: Final = 900.0
KNOWN: Final = 10_000
AT_ONCE: Final = 8
"""How many passwords are looked at at the same time."""


@attrs.define
class Mistakes:
    """How often someone was wrong, and when the last time."""

    number: int = 0
    last: float = 0.0


class BackOff:
    """Knows the latest who were wrong, by address and user."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], Mistakes] = OrderedDict()
        self._turns = Turns(AT_ONCE)

    @asynccontextmanager
    async def attempt(self, address: str, user: str) -> AsyncIterator[None]:
        """Around looking at a password, when it is time for that. An exception within is a mistake.

        An empty address is this machine's own, and never waits.
        """
        if not address:
            yield
            return
        wait = self.delay(address, user)
        if wait:
            await deferLater(self._clock, wait)
        async with self._turns.turn(address):
            try:
                yield
            except BaseException:
                self._wrong((address, user))
                raise
        self._known.pop((address, user), None)

    def delay(self, address: str, user: str) -> float:
        """Seconds to wait before this user's password is looked at again, if it comes from there."""
        found = self._known.get((address, user))
        if found is None or self._clock.seconds() - found.last > FORGOTTEN_AFTER or found.number < FREE:
            return 0.0
        return float(min(LONGEST, FIRST * 2 ** min(found.number - FREE, 16)))

    def _wrong(self, who: tuple[str, str]) -> None:
        now = self._clock.seconds()
        found = self._known.get(who)
        if found is None or now - found.last > FORGOTTEN_AFTER:
            found = self._known[who] = Mistakes()
        found.number += 1
        found.last = now
        self._known.move_to_end(who)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)


class Turns:
    """``most`` have their turn at the same time; of those who wait, the addresses take turns."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: OrderedDict[str, deque[defer.Deferred[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Around a turn."""
        if self._free:
            self._free -= 1
        else:
            mine: defer.Deferred[None] = defer.Deferred()
            self._waiting.setdefault(address, deque()).append(mine)
            await mine
        try:
            yield
        finally:
            self._next()

    def _next(self) -> None:
        if not self._waiting:
            self._free += 1
            return
        address, queue = self._waiting.popitem(last=False)
        first = queue.popleft()
        if queue:
            self._waiting[address] = queue
        first.callback(None)
