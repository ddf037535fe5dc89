"""A text console for one client: what a VT100 shows, and what its keys send."""

from __future__ import annotations

import re
from typing import Any, Final

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.agent.simulator.console.guest import GuestConsole

CLEAR: Final = "\x1b[2J\x1b[H"
_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
_KEYS: Final = str.maketrans({"\r": "\n", "\x7f": "\b", "\t": " "})


@implementer(IPushProducer)
class TextProtocol(Protocol):
    """One terminal. It is not written to while it does not read, and sees the whole screen anew when it does."""

    def __init__(self, console: GuestConsole) -> None:
        self._console = console
        self._writable = True
        self._behind = False

    def connectionMade(self) -> None:
        self._console.join(self)
        self._show()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._console.leave(self)

    def dataReceived(self, data: bytes) -> None:
        text = data.decode("latin-1").replace("\r\n", "\r")
        self._console.press(_SEQUENCE.sub("", text).translate(_KEYS))

    def touched(self, row: int, first: int, last: int) -> None:
        """See :class:`~xapid.agent.simulator.console.terminal.Viewer`."""

    def wrote(self, text: str) -> None:
        """See :class:`~xapid.agent.simulator.console.terminal.Viewer`."""
        if self._writable:
            self._send(text)
        else:
            self._behind = True

    def ended(self) -> None:
        """See :class:`~xapid.agent.simulator.console.terminal.Viewer`."""
        transport: Any = self.transport
        transport.loseConnection()

    def refresh(self) -> None:
        """Everything was sent when it was written."""

    def _show(self) -> None:
        self._behind = False
        self._send(CLEAR + self._console.screen.text())

    def _send(self, text: str) -> None:
        transport: Any = self.transport
        transport.write(text.replace("\n", "\r\n").encode("latin-1", "replace"))

    def pauseProducing(self) -> None:
        """The client has enough to read."""
        self._writable = False

    def resumeProducing(self) -> None:
        """The client has read it."""
        self._writable = True
        if self._behind:
            self._show()

    def stopProducing(self) -> None:
        """The client is gone."""
        self._writable = False
