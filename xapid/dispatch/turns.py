"""Calls in the background take turns: a thousand that arrive at once leave room between them for everybody else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

from twisted.internet.interfaces import IReactorTime

SLICE: Final = 0.001
"""Seconds after which the others have their turn; what has begun by then goes on until it waits for something."""


class Turns:
    """Begins what it is given in order, some in each turn of the reactor."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: deque[Callable[[], object]] = deque()
        self._is_due = False

    def later(self, work: Callable[[], object]) -> None:
        """Begin ``work``, which does not raise, in a later turn."""
        self._waiting.append(work)
        self._have_a_turn()

    def _have_a_turn(self) -> None:
        if self._waiting and not self._is_due:
            self._is_due = True
            self._clock.callLater(0, self._go_on)

    def _go_on(self) -> None:
        end = perf_counter() + SLICE
        for _ in range(len(self._waiting)):
            self._waiting.popleft()()
            if perf_counter() > end:
                break
        self._is_due = False
        self._have_a_turn()
