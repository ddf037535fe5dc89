"""A screen of text as pixels, in the format that a VNC client asks for, or as a PNG picture."""

from __future__ import annotations

import struct
import zlib
from typing import Final

import attrs

from xapid.agent.simulator.console import glyphs
from xapid.agent.simulator.console.terminal import COLUMNS, ROWS, TITLE, Terminal

WIDTH: Final = COLUMNS * glyphs.WIDTH
HEIGHT: Final = ROWS * glyphs.HEIGHT

Colour = tuple[int, int, int]
BLACK: Final[Colour] = (0, 0, 0)
GREY: Final[Colour] = (190, 190, 190)
WHITE: Final[Colour] = (255, 255, 255)
BLUE: Final[Colour] = (20, 60, 140)
PALETTE: Final[tuple[Colour, ...]] = (BLACK, GREY, WHITE, BLUE)
_FORMAT: Final = struct.Struct(">BBBBHHHBBB3x")


class BadFormat(Exception):
    """Pixels cannot be written in this way."""


@attrs.frozen
class PixelFormat:
    """How a client wants pixels: RFB's PIXEL_FORMAT."""

    bits: int = 32
    depth: int = 24
    big_endian: bool = False
    true_colour: bool = True
    most: Colour = (255, 255, 255)
    shift: Colour = (16, 8, 0)

    @classmethod
    def read(cls, data: bytes) -> PixelFormat:
        """From sixteen bytes. Raises BadFormat."""
        bits, depth, big, true, red, green, blue, red_at, green_at, blue_at = _FORMAT.unpack(data)
        if bits not in (8, 16, 32) or (true and max(red_at, green_at, blue_at) >= bits):
            raise BadFormat(f"{bits} bits a pixel")
        return cls(bits, depth, bool(big), bool(true), (red, green, blue), (red_at, green_at, blue_at))

    def written(self) -> bytes:
        """In sixteen bytes."""
        return _FORMAT.pack(self.bits, self.depth, self.big_endian, self.true_colour, *self.most, *self.shift)

    def pixel(self, colour: Colour) -> bytes:
        """One pixel. Without true colour it is the colour's number in the palette."""
        if self.true_colour:
            parts = zip(colour, self.most, self.shift, strict=True)
            value = sum((part * most // 255) << shift for part, most, shift in parts) & (1 << self.bits) - 1
        else:
            value = PALETTE.index(colour)
        return value.to_bytes(self.bits // 8, "big" if self.big_endian else "little")


class Painter:
    """Paints cells in one format, and remembers how letters look in it."""

    def __init__(self, format_: PixelFormat) -> None:
        self.format = format_
        self._cells: dict[tuple[str, Colour, Colour], list[bytes]] = {}

    def cells(self, screen: Terminal, row: int, first: int, last: int) -> list[bytes]:
        """The lines of the cells from column ``first`` to ``last`` of a row."""
        ink, paper = (WHITE, BLUE) if row == TITLE else (GREY, BLACK)
        found = [self._cell(character, ink, paper) for character in screen.rows[row][first : last + 1]]
        if screen.cursor_shown and row == screen.row and first <= screen.column <= last:
            found[screen.column - first] = self._cell(screen.rows[row][screen.column], paper, ink)
        return [b"".join(cell[line] for cell in found) for line in range(glyphs.HEIGHT)]

    def _cell(self, character: str, ink: Colour, paper: Colour) -> list[bytes]:
        key = character, ink, paper
        cell = self._cells.get(key)
        if cell is None:
            dark, light = self.format.pixel(paper), self.format.pixel(ink)
            cell = [
                b"".join(light if line << x & 0x80 else dark for x in range(glyphs.WIDTH)) for line in glyphs.lines(character)
            ]
            self._cells[key] = cell
        return cell


def png(screen: Terminal) -> bytes:
    """The screen as a PNG picture, with a byte for each of red, green and blue."""
    painter = Painter(PixelFormat(32, 24, big_endian=True))
    lines = []
    for row in range(ROWS):
        for line in painter.cells(screen, row, 0, COLUMNS - 1):
            pixels = bytearray(3 * WIDTH)
            for part in range(3):
                pixels[part::3] = line[part + 1 :: 4]
            lines.append(b"\0" + pixels)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(lines))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
