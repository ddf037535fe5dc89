"""Blocks, the sectors of blocks as bits of whole numbers, and where the bytes of a block are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from xapid.agent.simulator.disks.segments import Segment

BLOCK: Final = 2 << 20
SECTOR: Final = 512
PIECE: Final = 64 << 10
"""The grain in which it is known what was written when."""
SECTORS: Final = BLOCK // SECTOR
PIECES: Final = BLOCK // PIECE
FULL: Final = (1 << SECTORS) - 1
_PIECE_MASK: Final = (1 << PIECE // SECTOR) - 1

Run = tuple[int, int]
"""Where something begins, and how long it is, in bytes."""


@attrs.frozen(eq=False)
class Held:
    """One block of one disk."""

    segment: Segment | None
    """Where its bytes are; None if only the memory of its writes was kept."""
    mask: int
    """The sectors that were written; the others are zeroes."""
    origins: int | tuple[int, ...]
    """The upload that last wrote each piece, or all of them; 0 for none."""

    def origin(self, piece: int) -> int:
        """That of one piece."""
        return self.origins if isinstance(self.origins, int) else self.origins[piece]


Blocks = dict[int, Held]


def mask_of(start: int, end: int) -> int:
    """The sectors from byte ``start`` to byte ``end`` of a block, both on the borders of sectors."""
    return FULL if end - start == BLOCK else ((1 << (end - start) // SECTOR) - 1) << start // SECTOR


def runs(mask: int) -> Iterator[Run]:
    """The sectors in a mask, joined where they touch, as bytes within the block."""
    at = 0
    while mask:
        skip = (mask & -mask).bit_length() - 1
        at, mask = at + skip, mask >> skip
        length = (~mask & (mask + 1)).bit_length() - 1
        yield at * SECTOR, length * SECTOR
        at, mask = at + length, mask >> length


def pieces(mask: int) -> Iterator[int]:
    """The pieces in which a mask has any sector."""
    for piece in range(PIECES):
        if mask >> piece * (PIECE // SECTOR) & _PIECE_MASK:
            yield piece


def of_pieces(numbers: Iterable[int]) -> int:
    """All sectors of some pieces."""
    return sum(_PIECE_MASK << number * (PIECE // SECTOR) for number in numbers)


def changed(one: Held | None, other: Held | None) -> list[int]:
    """The pieces of a block that were not last written by the same upload."""
    if one is other:
        return []
    first, second = (0 if held is None else held.origins for held in (one, other))
    if first == second:
        return []
    return [
        piece
        for piece in range(PIECES)
        if (0 if one is None else one.origin(piece)) != (0 if other is None else other.origin(piece))
    ]


def compressed(origins: list[int]) -> int | tuple[int, ...]:
    """Origins as :class:`Held` has them."""
    return origins[0] if all(origin == origins[0] for origin in origins) else tuple(origins)


def split(offset: int, length: int) -> Iterator[tuple[int, int, int]]:
    """A range of a disk by blocks: the block, and where the range begins and ends in it."""
    end = offset + length
    while offset < end:
        block, start = divmod(offset, BLOCK)
        stop = min(BLOCK, start + end - offset)
        yield block, start, stop
        offset += stop - start


def joined(parts: Iterable[Run]) -> Iterator[Run]:
    """Ascending ranges with those joined that touch."""
    begin = end = -1
    for offset, length in parts:
        if offset == end:
            end += length
            continue
        if end > begin:
            yield begin, end - begin
        begin, end = offset, offset + length
    if end > begin:
        yield begin, end - begin
