"""Programs that this host runs for somebody: each in a process of its own, which cannot harm or outlive the daemon.

Whatever a program does (print, crash, hang, fork, close its files, ignore signals), :meth:`Children.run` tells how it ended,
and when it has, nothing of it is left. Power-on scripts, host plugins and extensions use this.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

GUARD: Final = Path(__file__).with_name("guard.py")
LINE, OUTPUT, ERRORS, RESULT, INPUT = range(5)
MOST_OUTPUT: Final = 64 * 1024
"""Bytes that are kept of an output stream, unless all of it is wanted: the last ones."""
MOST_RESULT: Final = 1024 * 1024
KILL_AFTER: Final = 10.0
"""Seconds for the guard to end everything, before it is killed itself."""
DRAIN_FOR: Final = 2.0
"""Seconds for output to arrive that was written before the end."""
NOT_INHERITED: Final = ("XAPID_", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")
"""What the environment of the daemon holds for the daemon alone."""

_UNREADABLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@attrs.frozen
class Ended:
    """How a program ended, and what it said."""

    status: int | None
    """Its exit status; None when a signal ended it."""
    signal: int | None
    in_time: bool
    """False: the limit was reached, and it was killed."""
    too_long: bool
    """Whether it was killed because its output was longer than allowed."""
    output: str
    errors: str
    result: bytes
    """What it wrote to file 3; cut off after a mebibyte."""


class Children:
    """Runs programs. ``clock`` measures their time limits."""

    def __init__(self, reactor: IReactorProcess, clock: IReactorTime) -> None:
        self._reactor = reactor
        self._clock = clock

    async def run(
        self,
        command: Sequence[str],
        *,
        limit: float,
        given: bytes = b"",
        environment: Mapping[str, str] | None = None,
        longest_output: int | None = None,
    ) -> Ended:
        """Run ``command`` with ``given`` as its standard input, for at most ``limit`` seconds. Raises OSError.

        It gets the daemon's environment without the daemon's own settings, and ``environment``. With ``longest_output``, its
        standard output is kept as a whole, and it is killed when it prints more. When this is cancelled, it is killed. Raises
        ValueError for a NUL in ``command``.
        """
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(NOT_INHERITED)}
        child = _Child(self._clock, given, longest_output)
        self._reactor.spawnProcess(
            child,
            sys.executable,
            [sys.executable, "-I", "-S", str(GUARD), *command],
            inherited | dict(environment or {}),
            childFDs={LINE: "w", OUTPUT: "r", ERRORS: "r", RESULT: "r", INPUT: "w"},
        )
        child.end_after(limit)
        return await child.ended


class _Child(ProcessProtocol):
    """The daemon's side of a guard."""

    transport: IProcessTransport | None

    def __init__(self, clock: IReactorTime, given: bytes, longest_output: int | None) -> None:
        self.ended: defer.Deferred[Ended] = defer.Deferred(lambda _: self.end())
        self._clock = clock
        self._given = given
        self._longest_output = longest_output
        self._too_long = False
        self._received = {OUTPUT: bytearray(), ERRORS: bytearray(), RESULT: bytearray()}
        self._in_time = True
        self._over = False
        self._timers: list[IDelayedCall] = []

    def end_after(self, limit: float) -> None:
        self._later(limit, self._too_late)

    def end(self) -> None:
        """Have the guard kill everything; it ends when it has."""
        if self.transport is not None and not self._over:
            self.transport.closeChildFD(LINE)
            self._later(KILL_AFTER, lambda: self._signal("KILL"))

    def _too_late(self) -> None:
        self._in_time = False
        self.end()

    def _signal(self, name: str) -> None:
        if self.transport is not None and not self._over:
            self.transport.signalProcess(name)

    def _later(self, delay: float, action: Any) -> None:
        if not self._over:
            self._timers.append(self._clock.callLater(delay, action))

    # What the reactor tells -------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """The guard runs."""
        assert self.transport is not None
        self.transport.writeToChild(INPUT, self._given)
        self.transport.closeChildFD(INPUT)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Keep the end of what is printed, and the beginning of a result."""
        received = self._received[childFD]
        received += data
        if childFD == RESULT:
            del received[MOST_RESULT:]
        elif childFD == ERRORS or self._longest_output is None:
            del received[:-MOST_OUTPUT]
        elif len(received) > self._longest_output and not self._too_long:
            self._too_long = True
            self.end()
        if self._too_long and childFD == OUTPUT:
            del received[:-MOST_OUTPUT]

    def childConnectionLost(self, childFD: int) -> None:
        """It does not end by closing its files."""

    def processExited(self, reason: Failure) -> None:
        """The guard is gone; what was written is still on its way."""
        self._later(DRAIN_FOR, lambda: self._finish(reason.value))

    def processEnded(self, reason: Failure) -> None:
        """Everything has arrived."""
        self._finish(reason.value)

    def _finish(self, how: Any) -> None:
        if self._over:
            return
        self._over = True
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        if self.transport is not None:
            for number in range(INPUT + 1):
                self.transport.closeChildFD(number)
        if not self.ended.called:
            self.ended.callback(
                Ended(
                    status=how.exitCode,
                    signal=how.signal,
                    in_time=self._in_time,
                    too_long=self._too_long,
                    output=_text(self._received[OUTPUT]),
                    errors=_text(self._received[ERRORS]),
                    result=bytes(self._received[RESULT]),
                )
            )


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _text(raw: bytes | bytearray) -> str:
    return readable(raw.decode("utf-8", "replace"))


def readable(text: str) -> str:
    """``text`` without characters that no answer could carry."""
    return _UNREADABLE.sub("\ufffd", text)
