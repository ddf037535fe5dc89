"""Uploads: all that is written to one disk, which shows at once when it is committed, or never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from xapid.agent.simulator.disks.blocks import (
    BLOCK,
    FULL,
    PIECE,
    SECTOR,
    Blocks,
    Held,
    compressed,
    mask_of,
    pieces,
    runs,
    split,
)
from xapid.agent.simulator.disks.segments import Segment

_ZEROES: Final = bytes(PIECE)


class Full(Exception):
    """There is no room for another block."""


@attrs.define
class _Touched:
    """What happened to one block: sectors that got bytes, and sectors that became zeroes."""

    written: int = 0
    cleared: int = 0


class Upload:
    """Changes of one disk. ``before`` is its map, ``room`` how many bytes may be added."""

    def __init__(self, disk: str, before: Blocks, segment: Segment, room: Callable[[], float]) -> None:
        self.disk = disk
        self.segment = segment
        self._before = before
        self._room = room
        self._touched: dict[int, _Touched] = {}
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many bytes of storage it takes so far."""
        return self._taken * BLOCK

    def write(self, offset: int, data: bytes, *, sparse: bool = True) -> None:
        """Put bytes on the disk; with ``sparse``, zeroes take no room. Raises :exc:`Full`."""
        offset, data = self._whole_sectors(offset, data)
        view, at = memoryview(data), 0
        for block, start, end in split(offset, len(data)):
            part = view[at : at + end - start]
            at += end - start
            if sparse:
                self._write_sparsely(block, start, part)
            else:
                self._put(block, start, part)

    def clear(self, offset: int, length: int) -> None:
        """Make a range zeroes. Both on the borders of sectors."""
        for block, start, end in split(offset, length):
            self._clear(block, start, end)

    def read(self, offset: int, length: int) -> bytes:
        """A range as it will be. On the borders of sectors, within one block."""
        block, start = divmod(offset, BLOCK)
        touched, held = self._touched.get(block, _Touched()), self._before.get(block)
        data = bytearray(length)
        wanted = mask_of(start, start + length)
        sources = [(self.segment, touched.written)]
        if held is not None and held.segment is not None:
            sources.append((held.segment, held.mask & ~touched.written & ~touched.cleared))
        for segment, mask in sources:
            for at, size in runs(mask & wanted):
                data[at - start : at - start + size] = segment.read(block, at, size)
        return bytes(data)

    def result(self) -> Blocks:
        """The disk's map with the changes in it; what the upload left alone in blocks that it wrote to is brought along."""
        blocks = dict(self._before)
        whole = Held(self.segment, FULL, self.segment.number)
        for block, touched in self._touched.items():
            before = blocks.pop(block, None)
            kept = 0 if before is None else before.mask & ~touched.written & ~touched.cleared
            if touched.written == FULL:
                blocks[block] = whole
            elif touched.written:
                if before is not None and before.segment is not None:
                    for at, size in runs(kept):
                        self.segment.write(block, at, before.segment.read(block, at, size))
                blocks[block] = Held(self.segment, touched.written | kept, self._origins(before, touched))
            elif kept and before is not None:
                blocks[block] = Held(before.segment, kept, self._origins(before, touched))
        return blocks

    def _origins(self, before: Held | None, touched: _Touched) -> int | tuple[int, ...]:
        new = set(pieces(touched.written | touched.cleared))
        return compressed([
            self.segment.number if piece in new else 0 if before is None else before.origin(piece)
            for piece in range(BLOCK // PIECE)
        ])  # fmt: skip

    def _whole_sectors(self, offset: int, data: bytes) -> tuple[int, bytes]:
        head, tail = offset % SECTOR, -(offset + len(data)) % SECTOR
        if not head and not tail:
            return offset, data
        first, end = offset - head, offset + len(data) + tail
        before = self.read(first, SECTOR)[:head]
        after = self.read(end - SECTOR, SECTOR)[SECTOR - tail :] if tail else b""
        return first, before + data + after

    def _write_sparsely(self, block: int, start: int, data: memoryview) -> None:
        """Piece by piece, with neighbours that have bytes written together."""
        pending, at = 0, 0
        while at < len(data):
            end = min(len(data), at + PIECE - (start + at) % PIECE)
            # Bytes are compared at a hundred times the speed of views.
            if bytes(data[at:end]) == _ZEROES[: end - at]:
                if pending < at:
                    self._put(block, start + pending, data[pending:at])
                self._clear(block, start + at, start + end)
                pending = end
            at = end
        if pending < at:
            self._put(block, start + pending, data[pending:at])

    def _put(self, block: int, start: int, data: memoryview) -> None:
        touched = self._touched.setdefault(block, _Touched())
        if not touched.written:
            if self.taken + BLOCK > self._room():
                raise Full
            self._taken += 1
        self.segment.write(block, start, data)
        mask = mask_of(start, start + len(data))
        touched.written = FULL if mask == FULL else _interned(touched.written | mask)
        touched.cleared &= ~mask

    def _clear(self, block: int, start: int, end: int) -> None:
        mask = mask_of(start, end)
        touched = self._touched.get(block)
        if touched is None:
            held = self._before.get(block)
            if held is None or (held.segment is not None and not held.mask & mask):
                return  # Zeroes already.
            touched = self._touched[block] = _Touched()
        touched.cleared |= mask
        touched.written &= ~mask


def _interned(mask: int) -> int:
    return FULL if mask == FULL else mask
