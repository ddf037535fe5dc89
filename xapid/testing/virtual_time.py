"""Time that passes only when somebody waits: a call that takes an hour is done at once, and the clock says an hour later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from twisted.internet import defer
from twisted.internet.task import Clock

T = TypeVar("T")

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE: Final = 23 * 3600.0
"""Virtual seconds after which a call that has not answered never will: less than what ends an idle session."""


class Stuck(Exception):
    """Something was waited for that does not come by the passing of time."""


class VirtualClock(Clock):
    """The clock of an in-process server."""

    def __init__(self, start: datetime = EPOCH) -> None:
        super().__init__()
        self.rightNow = start.timestamp()

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def pass_time(self, seconds: float) -> None:
        """Lets ``seconds`` go by, with everything that is due in them, each at its own moment."""
        self._run(lambda: False, self.seconds() + seconds)

    def until(self, condition: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Lets time go by until ``condition`` holds. Raises Stuck when it does not within ``patience`` seconds."""
        if not self._run(condition, self.seconds() + patience):
            raise Stuck(f"what was waited for did not happen in {patience:g} virtual seconds")

    def wait_for(self, working: Awaitable[T], patience: float = PATIENCE) -> T:
        """The result of something that is under way, however long it takes. Raises Stuck, and leaves it, after ``patience``."""
        results: list[T] = []
        failures: list[BaseException] = []

        async def work() -> None:
            try:
                results.append(await working)
            except BaseException as failure:
                failures.append(failure)

        defer.ensureDeferred(work())
        self.until(lambda: bool(results or failures), patience)
        if failures:
            raise failures[0]
        return results[0]

    def _run(self, condition: Callable[[], bool], end: float) -> bool:
        while not condition():
            due = min((call.getTime() for call in self.getDelayedCalls()), default=None)
            if due is None or due > end:
                self.advance(max(0.0, end - self.seconds()))
                return condition()
            self.advance(max(0.0, due - self.seconds()))
        return True
