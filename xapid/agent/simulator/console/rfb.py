"""The protocol of VNC (RFB 3.3 to 3.8, RFC 6143) for one client: no security of its own, raw pixels, in the format asked for.

A client gets a picture when it asks, and only as fast as it reads: one answer is under way at any time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.agent.simulator.console import glyphs
from xapid.agent.simulator.console.guest import GuestConsole
from xapid.agent.simulator.console.pixels import HEIGHT, PALETTE, WIDTH, BadFormat, Painter, PixelFormat
from xapid.agent.simulator.console.terminal import COLUMNS

VERSION: Final = b"RFB 003.008\n"
_NO_SECURITY: Final = 1
_CONTROL: Final = (0xFFE3, 0xFFE4)
_KEYS: Final = {
    0xFF0D: "\n", 0xFF8D: "\n", 0xFF08: "\b", 0xFF09: " ", 0xFF1B: "\x1b", 0xFFAA: "*", 0xFFAB: "+", 0xFFAD: "-", 0xFFAE: ".",
    0xFFAF: "/", **{0xFFB0 + digit: str(digit) for digit in range(10)},
}  # fmt: skip
_LONGEST_NAME: Final = 64

Read = Callable[[bytes], None]


@implementer(IPushProducer)
class RfbProtocol(Protocol):
    """One VNC client that looks at a console."""

    def __init__(self, console: GuestConsole) -> None:
        self._console = console
        self._painter = Painter(PixelFormat())
        self._buffer = bytearray()
        self._needed = 12
        self._read: Read = self._version
        self._skip = 0
        self._minor = 8
        self._control = False
        self._dirty: dict[int, tuple[int, int]] = {}
        self._asked: tuple[int, int, int, int] | None = None
        """What the client waits to see: left, top, right and bottom."""
        self._owes_colours = False
        self._writable = True
        self._over = False

    def connectionMade(self) -> None:
        self._send(VERSION)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self._console.leave(self)

    def dataReceived(self, data: bytes) -> None:
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._buffer += data
        while len(self._buffer) >= self._needed and not self._over:
            part = bytes(self._buffer[: self._needed])
            del self._buffer[: self._needed]
            self._read(part)
            if self._skip:
                skipped = min(self._skip, len(self._buffer))
                del self._buffer[:skipped]
                self._skip -= skipped

    def _expect(self, needed: int, read: Read) -> None:
        self._needed, self._read = needed, read

    def _send(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def _hang_up(self) -> None:
        self._over = True
        transport: Any = self.transport
        transport.loseConnection()

    # The beginning ------------------------------------------------------------------------------------------------------

    def _version(self, data: bytes) -> None:
        if not data.startswith(b"RFB 003.") or not data[8:11].isdigit():
            self._hang_up()
            return
        minor = int(data[8:11])
        self._minor = 8 if minor >= 8 else 7 if minor == 7 else 3
        if self._minor == 3:
            self._send(struct.pack(">I", _NO_SECURITY))
            self._expect(1, self._begin)
        else:
            self._send(bytes([1, _NO_SECURITY]))
            self._expect(1, self._security)

    def _security(self, data: bytes) -> None:
        if data[0] != _NO_SECURITY:
            self._hang_up()
            return
        if self._minor == 8:
            self._send(struct.pack(">I", 0))
        self._expect(1, self._begin)

    def _begin(self, shared: bytes) -> None:
        name = self._console.name.encode()[:_LONGEST_NAME]
        self._send(struct.pack(">HH", WIDTH, HEIGHT) + self._painter.format.written() + struct.pack(">I", len(name)) + name)
        self._expect(1, self._message)
        self._console.join(self)

    # What the client says -----------------------------------------------------------------------------------------------

    def _message(self, kind: bytes) -> None:
        reads: dict[int, tuple[int, Read]] = {
            0: (19, self._pixel_format), 2: (3, self._encodings), 3: (9, self._update), 4: (7, self._key), 5: (5, self._done),
            6: (7, self._cut_text),
        }  # fmt: skip
        if kind[0] in reads:
            self._expect(*reads[kind[0]])
        else:
            self._hang_up()

    def _done(self, data: bytes) -> None:
        self._expect(1, self._message)

    def _pixel_format(self, data: bytes) -> None:
        try:
            self._painter = Painter(PixelFormat.read(data[3:]))
        except BadFormat:
            self._hang_up()
            return
        self._owes_colours = not self._painter.format.true_colour
        self._answer_colours()
        self._done(data)

    def _answer_colours(self) -> None:
        """Tell the client what the numbers of its format stand for, once it reads."""
        if self._owes_colours and self._writable:
            self._owes_colours = False
            colours = b"".join(struct.pack(">HHH", *(part * 257 for part in colour)) for colour in PALETTE)
            self._send(struct.pack(">BxHH", 1, 0, len(PALETTE)) + colours)

    def _encodings(self, data: bytes) -> None:
        (number,) = struct.unpack(">xH", data)
        self._skip = 4 * number  # raw is what every client knows
        self._done(data)

    def _cut_text(self, data: bytes) -> None:
        (self._skip,) = struct.unpack(">3xI", data)
        self._done(data)

    def _update(self, data: bytes) -> None:
        incremental, left, top, width, height = struct.unpack(">BHHHH", data)
        right, bottom = min(left + width, WIDTH), min(top + height, HEIGHT)
        self._done(data)
        if left >= right or top >= bottom:
            return
        if not incremental:
            for row in range(top // glyphs.HEIGHT, (bottom - 1) // glyphs.HEIGHT + 1):
                self._dirty[row] = (0, COLUMNS - 1)
        old = self._asked or (left, top, right, bottom)
        self._asked = min(old[0], left), min(old[1], top), max(old[2], right), max(old[3], bottom)
        self._answer()

    def _key(self, data: bytes) -> None:
        down, symbol = struct.unpack(">BxxI", data)
        self._done(data)
        if symbol in _CONTROL:
            self._control = bool(down)
        elif down:
            character = _KEYS.get(symbol) or _character(symbol)
            if character:
                self._console.press(f"^{character.upper()}" if self._control and character.isalpha() else character)

    # What the client sees -----------------------------------------------------------------------------------------------

    def touched(self, row: int, first: int, last: int) -> None:
        """See :class:`~xapid.agent.simulator.console.terminal.Viewer`."""
        old = self._dirty.get(row, (first, last))
        self._dirty[row] = min(old[0], first), max(old[1], last)

    def wrote(self, text: str) -> None:
        """See :class:`~xapid.agent.simulator.console.terminal.Viewer`."""

    def ended(self) -> None:
        """See :class:`~xapid.agent.simulator.console.terminal.Viewer`."""
        self._hang_up()

    def refresh(self) -> None:
        """Something may have changed: show it, if the client waits for it."""
        self._answer()

    def _answer(self) -> None:
        if self._asked is None or not self._writable or self._over:
            return
        rectangles = [found for row in sorted(self._dirty) if (found := self._rectangle(row, self._asked)) is not None]
        if rectangles:
            self._asked = None
            self._send(struct.pack(">BxH", 0, len(rectangles)) + b"".join(rectangles))

    def _rectangle(self, row: int, asked: tuple[int, int, int, int]) -> bytes | None:
        """The changed cells of a row, as much of them as the client asked for; they count as seen then."""
        first, last = self._dirty[row]
        left, top = max(asked[0], first * glyphs.WIDTH), max(asked[1], row * glyphs.HEIGHT)
        right, bottom = min(asked[2], (last + 1) * glyphs.WIDTH), min(asked[3], (row + 1) * glyphs.HEIGHT)
        if left >= right or top >= bottom:
            return None
        del self._dirty[row]
        size = self._painter.format.bits // 8
        start, end = (left - first * glyphs.WIDTH) * size, (right - first * glyphs.WIDTH) * size
        lines = self._painter.cells(self._console.screen, row, first, last)
        shown = lines[top - row * glyphs.HEIGHT : bottom - row * glyphs.HEIGHT]
        return struct.pack(">HHHHi", left, top, right - left, bottom - top, 0) + b"".join(line[start:end] for line in shown)

    # How fast it reads --------------------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The client has enough to read."""
        self._writable = False

    def resumeProducing(self) -> None:
        """The client has read it."""
        self._writable = True
        self._answer_colours()
        self._answer()

    def stopProducing(self) -> None:
        """The client is gone."""
        self._over = True


def _character(symbol: int) -> str:
    """What a key writes; nothing for those that write nothing."""
    if symbol & 0xFF000000 == 0x01000000:
        symbol &= 0xFFFFFF
    return chr(symbol) if 0x20 <= symbol <= 0x7E or 0xA0 <= symbol <= 0xFF else ""
