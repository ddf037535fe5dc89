"""What is at the two ends of a format: the disk that is written out, and the disk that is read in."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Final, Protocol

PIECE: Final = 1 << 20
"""How much is held at once."""

Turn = Callable[[], Awaitable[object]]
"""Lets others have their turn; awaited where much is done without waiting for anything."""


class BadImage(Exception):
    """What came is not what it should be, or a kind of it that is not supported. The text says why."""


class TooSmall(Exception):
    """The disk is smaller than what is to be put on it, which has so many bytes."""

    def __init__(self, needed: int) -> None:
        super().__init__(f"{needed} bytes are needed")
        self.needed = needed


class Source(Protocol):
    """A disk to be written out. What it has outside its extents is zeroes, or as in its base."""

    @property
    def size(self) -> int:
        """In bytes."""

    def extents(self) -> AsyncIterator[tuple[int, int]]:
        """Offsets and lengths of what it has, ascending, in whole sectors of 512 bytes. The same every time."""

    async def read(self, offset: int, length: int) -> bytes:
        """Some of it."""


class Sink(Protocol):
    """A disk to be read in."""

    @property
    def size(self) -> int:
        """In bytes."""

    async def write(self, offset: int, data: bytes) -> None:
        """Put bytes there."""


async def runs_of(extents: AsyncIterable[tuple[int, int]], grain: int) -> AsyncIterator[tuple[int, int]]:
    """The units of ``grain`` bytes that extents touch: the first of each run of them, and how many."""
    begin = end = 0
    async for offset, length in extents:
        first, last = offset // grain, -(-(offset + length) // grain)
        if first > end or end == begin:
            if end > begin:
                yield begin, end - begin
            begin, end = first, last
        else:
            end = max(end, last)
    if end > begin:
        yield begin, end - begin


async def padded(source: Source, offset: int, length: int) -> bytes:
    """Some of a disk, with zeroes for what is beyond its end."""
    data = await source.read(offset, min(length, source.size - offset))
    return data if len(data) == length else data.ljust(length, b"\0")
