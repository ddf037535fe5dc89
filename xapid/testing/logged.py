"""Failures that were logged during a test: nobody raised them, so nobody would see them."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(ILogObserver)
class LoggedFailures:
    """Collects what is logged as critical, or with a failure, during a ``with``."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        """The log observer."""
        if event.get("log_failure") is not None or event.get("log_level") is LogLevel.critical:
            self.events.append(event)

    def flush(self, *kinds: type[BaseException]) -> list[Failure | None]:
        """Takes away what was expected: failures of these kinds, or everything. Returns the failures."""
        taken = [event for event in self.events if not kinds or _is_of(event, kinds)]
        self.events = [event for event in self.events if event not in taken]
        return [event.get("log_failure") for event in taken]

    def text(self) -> str:
        """What is left, for a person to read."""
        lines = []
        for event in self.events:
            failure = event.get("log_failure")
            lines.append(formatEvent(event) + (f"\n{failure.getTraceback()}" if failure is not None else ""))
        return "\n".join(lines)

    def __enter__(self) -> Self:
        globalLogPublisher.addObserver(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        globalLogPublisher.removeObserver(self)


def _is_of(event: LogEvent, kinds: tuple[type[BaseException], ...]) -> bool:
    failure = event.get("log_failure")
    return failure is not None and isinstance(failure.value, kinds)
