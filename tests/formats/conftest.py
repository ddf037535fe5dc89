"""Disks in memory, and streams that come in pieces."""

from __future__ import annotations

import random
from collections.abc import Coroutine
from typing import Any

import attrs
import pytest

from xapid.xva.streams import ByteStream

MIB = 1 << 20


@attrs.define
class Disk:
    """A disk that notes where it was written to."""

    data: bytearray
    used: list[tuple[int, int]] = attrs.field(factory=list)

    @property
    def size(self):
        return len(self.data)

    async def extents(self):
        for extent in self.used:
            yield extent

    async def read(self, offset, length):
        return bytes(self.data[offset : offset + length])

    async def write(self, offset, data):
        assert offset + len(data) <= self.size
        self.data[offset : offset + len(data)] = data
        self.used.append((offset, len(data)))


def empty(size=8 * MIB):
    return Disk(bytearray(size))


def filled(*ranges, size=8 * MIB, seed=1):
    """A disk with random bytes in some ranges."""
    made = random.Random(seed)
    disk = empty(size)
    for offset, length in ranges:
        disk.data[offset : offset + length] = made.randbytes(length)
        disk.used.append((offset, length))
    return disk


async def _noted(async_iterator):
    return [piece async for piece in async_iterator]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine that waits for nothing returns."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def written(pieces) -> bytes:
    """What a writer gives: pieces that are not empty, since those may mean the end to who sends them."""
    noted = run(_noted(pieces))
    assert all(noted)
    return b"".join(noted)


def stream(data: bytes, piece: int = 70_001) -> ByteStream:
    """Bytes that come in odd pieces."""
    left = [data[at : at + piece] for at in range(0, len(data), piece)]

    async def read():
        return left.pop(0) if left else b""

    return ByteStream(read)


async def turn() -> None:
    """Nobody else wants a turn."""


@pytest.fixture(
    params=[
        [],
        [(0, 512)],
        [(4096, 1024), (3 * MIB - 512, 1024)],
        [(0, 8 * MIB)],
        [(2 * MIB - 512, 2 * MIB + 1024), (8 * MIB - 512, 512)],
    ]
)
def disk(request):
    """Disks with something in different places."""
    return filled(*request.param)
