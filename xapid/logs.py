"""The daemon's log: one line per event on standard error, from the chosen level up."""

from __future__ import annotations

import sys
from typing import TextIO

from twisted.logger import FileLogObserver as Written
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    formatEventAsClassicLogText,
    globalLogBeginner,
)


def begin(level: str, stream: TextIO = sys.stderr) -> None:
    """Send what is logged from now on to ``stream``."""
    wanted = LogLevelFilterPredicate(LogLevel.levelWithName(level))
    observer = FilteringLogObserver(Written(stream, lambda event: formatEventAsClassicLogText(event)), [wanted])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
