"""The daemon's log: one line per event on standard error, from the chosen level up, for people or as JSON.

What is logged while a request is served says which: its number, what it asked for and the task that it runs under. The
number is the client's own if it sent one in ``X-Request-Id``.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections import deque
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TextIO

import attrs
from twisted.logger import FileLogObserver as Written
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    formatEvent,
    formatEventAsClassicLogText,
    globalLogBeginner,
)
from zope.interface import implementer

REQUEST_ID: Final = "x-request-id"
_NUMBER = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_UNFIT = re.compile(r"[^!-~ ]")
_START: Final = os.urandom(3).hex()
_numbers = itertools.count(1)


def _one_line(text: str) -> str:
    return _UNFIT.sub("?", text)


@attrs.define
class Doing:
    """A request that is being served: its number, the name of its call or its method and path, and its task."""

    request: str
    what: str
    task: str = ""


doing: ContextVar[Doing | None] = ContextVar("doing", default=None)
"""The request on whose behalf what runs now runs."""


@implementer(ILogObserver)
class Recent:
    """The latest lines, for reports."""

    def __init__(self, most: int = 5_000) -> None:
        self._lines: deque[str] = deque(maxlen=most)

    def __call__(self, event: LogEvent) -> None:
        line = as_text(event)
        if line is not None:
            self._lines.append(line)

    def lines(self) -> list[str]:
        """The oldest first, each with its end."""
        return list(self._lines)


recent: Final = Recent()
"""What was logged last, from the chosen level up."""


ABOVE_INFO: Final = (LogLevel.warn, LogLevel.error, LogLevel.critical)
TWISTED: Final = ("twisted", "log_legacy")
"""Under which names Twisted logs."""


def number(wanted: str | None) -> str:
    """The number of a new request: the one that its client wants, if it is one, or a new one."""
    if wanted is not None and _NUMBER.fullmatch(wanted):
        return wanted
    return f"{_START}-{next(_numbers)}"


def begin(level: str, stream: TextIO = sys.stderr, *, form: str = "human") -> None:
    """Send what is logged from now on to ``stream``, as ``human`` or ``json``.

    What Twisted does by itself ("starting on 8443", "Stopping factory …") is told at the level ``debug`` alone.
    """
    lowest = LogLevel.levelWithName(level)
    wanted = LogLevelFilterPredicate(lowest)
    if lowest not in (LogLevel.debug, *ABOVE_INFO):
        for namespace in TWISTED:
            wanted.setLogLevelForNamespace(namespace, LogLevel.warn)
    write = as_json if form == "json" else as_text
    written = Written(stream, write)
    observers = [FilteringLogObserver(written, [wanted]), FilteringLogObserver(recent, [wanted])]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)


def as_text(event: LogEvent) -> str | None:
    """A line for people."""
    text = formatEventAsClassicLogText(event)
    now = doing.get()
    if text is None or now is None:
        return text
    first, newline, rest = text.partition("\n")
    task = f" {_one_line(now.task)}" if now.task else ""
    return f"{first} [request {now.request}: {_one_line(now.what)}{task}]{newline}{rest}"


def as_json(event: LogEvent) -> str | None:
    """An object on a line: ``time``, ``level``, ``logger``, ``message``; where there are any, ``request``, ``call``, ``task``
    and ``traceback``.
    """
    level, failure = event.get("log_level"), event.get("log_failure")
    line = {
        "time": datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "level": level.name if level is not None else "info",
        "logger": event.get("log_namespace", ""),
        "message": formatEvent(event) or (str(failure.value) if failure is not None else ""),
    }
    now = doing.get()
    if now is not None:
        line |= {"request": now.request, "call": now.what} | ({"task": now.task} if now.task else {})
    if failure is not None:
        line["traceback"] = eventAsText(event, includeTimestamp=False, includeSystem=False)
    return json.dumps(line, ensure_ascii=False) + "\n"
