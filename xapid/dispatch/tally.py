"""How often each message was called, how it ended, and how long it took: counted where calls end, read by who wants to know.

A fast call takes some ten microseconds, so counting one must cost next to nothing: two readings of a clock, a bisection and
two additions. No name that a client makes up is ever kept: calls of unknown messages are one tally, errors that plugins and
peers made up are one outcome.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from time import perf_counter
from typing import Final

from xapid.datamodel.error_codes import BY_CODE

BOUNDS: Final = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
"""Seconds: the upper bounds of the groups that durations are counted in. One more group has what took longer."""
OTHER: Final = "other"
"""The outcome of calls that failed with an error that the API does not declare."""

now: Final = perf_counter
"""The clock that durations are measured with."""


class Tally:
    """The calls of one message."""

    __slots__ = ("_groups", "failures", "seconds")

    def __init__(self) -> None:
        self._groups = [0] * (len(BOUNDS) + 1)
        self.failures: dict[str, int] = {}
        """How many calls ended with each error code."""
        self.seconds = 0.0
        """That all calls took together."""

    def ended(self, started: float) -> None:
        """A call that began at ``started`` has ended, well or not."""
        took = perf_counter() - started
        self.seconds += took
        self._groups[bisect_left(BOUNDS, took)] += 1

    def failed(self, started: float, code: str) -> None:
        """A call that began at ``started`` has ended with an error."""
        self.ended(started)
        code = code if code in BY_CODE else OTHER
        self.failures[code] = self.failures.get(code, 0) + 1

    @property
    def calls(self) -> int:
        """All calls that have ended."""
        return sum(self._groups)

    @property
    def successes(self) -> int:
        """Calls that ended well."""
        return self.calls - sum(self.failures.values())

    def groups(self) -> Iterator[tuple[float, int]]:
        """How many calls took no longer than each bound, the last of which is infinite."""
        return zip((*BOUNDS, float("inf")), accumulate(self._groups), strict=True)
