"""VHD: the disks of Microsoft's Virtual PC, in which the reference server keeps and passes its own.

Images that are written are dynamic, or differencing when they hold the changes to a base; those, and fixed ones, are read.
Blocks may lie in the file in any order, but the tables must come before them, as every writer of streams has it.
"""

from __future__ import annotations

import struct
import uuid
from array import array
from collections.abc import AsyncIterator
from typing import Final

import attrs

from xapid.formats.ends import PIECE, BadImage, Sink, Source, TooSmall, padded
from xapid.xva.streams import ByteStream

LARGEST: Final = 2040 << 30
SECTOR: Final = 512
BLOCK: Final = 2 << 20
_BITMAP: Final = BLOCK // SECTOR // 8
_FOOTER: Final = struct.Struct(">8sIIQI4sI4sQQHBBII16sB427x")
_HEADER: Final = struct.Struct(">8sQQIIII16sI4x512s192s256x")
_LOCATOR: Final = struct.Struct(">4sIIIQ")
_COOKIE, _SPARSE = b"conectix", b"cxsparse"
_NONE: Final = 0xFFFFFFFFFFFFFFFF
_UNUSED: Final = 0xFFFFFFFF
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4
_VERSION: Final = 0x00010000
_CREATOR: Final = b"tap\0"
"""Programs take the size from the field of that name only from creators that they know, and from the geometry otherwise."""
_MILLENNIUM: Final = 946_684_800
_LARGEST_TABLE: Final = 64 << 20


@attrs.frozen
class Parent:
    """The image that a differencing one builds on."""

    uuid: str
    name: str


# Writing ----------------------------------------------------------------------------------------------------------------


async def write_vhd(source: Source, uuid_: str, now: float, parent: Parent | None = None) -> AsyncIterator[bytes]:
    """A dynamic image, or with ``parent`` a differencing one. ``uuid_`` becomes its own."""
    blocks = array("I")
    async for block, _ in _by_block(source):
        blocks.append(block)
    entries = -(-source.size // BLOCK)
    kind = _DYNAMIC if parent is None else _DIFFERENCING
    footer = _footer(source.size, kind, uuid_, now)
    name = b"" if parent is None else parent.name.encode("utf-16-le")
    locators = 0 if parent is None else -(-len(name) // SECTOR)
    table_at = (3 + locators) * SECTOR
    yield footer + _header(entries, table_at, parent, now) + name.ljust(locators * SECTOR, b"\0")
    data_at = table_at // SECTOR + -(-entries * 4 // SECTOR)
    yield _table(blocks, entries, data_at)
    async for block, ranges in _by_block(source):
        bitmap = sum(((1 << length // SECTOR) - 1) << (BLOCK - start - length) // SECTOR for start, length in ranges)
        yield bitmap.to_bytes(_BITMAP)
        for at in range(0, BLOCK, PIECE):
            offset = block * BLOCK + at
            yield await padded(source, offset, PIECE) if offset < source.size else bytes(PIECE)
    yield footer


async def _by_block(source: Source) -> AsyncIterator[tuple[int, list[tuple[int, int]]]]:
    """The blocks that a disk has anything in, and where."""
    block = -1
    ranges: list[tuple[int, int]] = []
    async for offset, length in source.extents():
        end = offset + length
        while offset < end:
            number, start = divmod(offset, BLOCK)
            size = min(BLOCK - start, end - offset)
            if number != block:
                if ranges:
                    yield block, ranges
                block, ranges = number, []
            ranges.append((start, size))
            offset += size
    if ranges:
        yield block, ranges


def _table(blocks: array[int], entries: int, data_at: int) -> bytes:
    table = array("I", [_UNUSED]) * entries
    for number, block in enumerate(blocks):
        table[block] = data_at + number * (BLOCK + _BITMAP) // SECTOR
    table.byteswap()
    data = table.tobytes()
    return data + b"\xff" * (-len(data) % SECTOR)


def _footer(size: int, kind: int, uuid_: str, now: float) -> bytes:
    where = _NONE if kind == _FIXED else SECTOR
    made = max(0, int(now) - _MILLENNIUM)
    values = (
        _COOKIE, 2, _VERSION, where, made, _CREATOR, _VERSION, b"\0\0\0\0", size, size, *_geometry(size), kind, 0,
        uuid.UUID(uuid_).bytes, 0,
    )  # fmt: skip
    return _summed(_FOOTER.pack(*values), 64)


def _header(entries: int, table_at: int, parent: Parent | None, now: float) -> bytes:
    name, locators, parent_uuid, made = b"", b"", bytes(16), 0
    if parent is not None:
        name, parent_uuid = parent.name.encode("utf-16-be")[:510], uuid.UUID(parent.uuid).bytes
        encoded = parent.name.encode("utf-16-le")
        space = -(-len(encoded) // SECTOR) * SECTOR
        locators = _LOCATOR.pack(b"W2ru", space, len(encoded), 0, 3 * SECTOR)
        made = max(0, int(now) - _MILLENNIUM)
    packed = _HEADER.pack(_SPARSE, _NONE, table_at, _VERSION, entries, BLOCK, 0, parent_uuid, made, name, locators)
    return _summed(packed, 36)


def _summed(data: bytes, at: int) -> bytes:
    """With the checksum in its place: the inverse of the sum of all other bytes."""
    return data[:at] + _checksum(data, at).to_bytes(4) + data[at + 4 :]


def _checksum(data: bytes, at: int) -> int:
    return ~(sum(data) - sum(data[at : at + 4])) & 0xFFFFFFFF


def _geometry(size: int) -> tuple[int, int, int]:
    """Cylinders, heads and sectors per track, by the rule in the format's description."""
    total = min(size // SECTOR, 65535 * 16 * 255)
    if total >= 65535 * 16 * 63:
        return total // 255 // 16, 16, 255
    sectors, tracks = 17, total // 17
    heads = max(4, (tracks + 1023) // 1024)
    if tracks >= heads * 1024 or heads > 16:
        sectors, heads, tracks = 31, 16, total // 31
    if tracks >= heads * 1024:
        sectors, heads, tracks = 63, 16, total // 63
    return tracks // heads, heads, sectors


# Reading ----------------------------------------------------------------------------------------------------------------


async def read_vhd(stream: ByteStream, sink: Sink) -> None:
    """What an image of any kind holds goes to the disk. Raises BadImage, TooSmall, Truncated."""
    if (await stream.peek(8)) != _COOKIE:
        await _read_fixed(stream, sink)
        return
    size, kind, at = _read_footer(await stream.exactly(SECTOR))
    if kind not in (_DYNAMIC, _DIFFERENCING):
        raise BadImage("an image that begins with its footer is neither dynamic nor differencing")
    if size > sink.size:
        raise TooSmall(size)
    place = _Place(stream, SECTOR)
    await place.go_to(at)
    header = await place.take(1024)
    cookie, _, table_at, _, entries, block, checksum, *_ = _HEADER.unpack(header)
    if cookie != _SPARSE or checksum != _checksum(header, 36):
        raise BadImage("the header of the image is damaged")
    if block < SECTOR * 8 or block & (block - 1) or entries * block < size or entries * 4 > _LARGEST_TABLE:
        raise BadImage("the image's blocks are of an impossible size or number")
    await place.go_to(table_at)
    table = array("I", await place.take(entries * 4))
    table.byteswap()
    for sector, number in sorted((sector, number) for number, sector in enumerate(table) if sector != _UNUSED):
        await place.go_to(sector * SECTOR)
        await _read_block(place, number * block, block, size, sink)
    # The footer at the end must be there: an image without it was cut off.
    rest = b""
    while data := await stream.some():
        rest = (rest + data)[-SECTOR:]
    if _read_footer(rest)[:2] != (size, kind):
        raise BadImage("the footers of the image contradict each other")


async def _read_block(place: _Place, offset: int, size: int, end: int, sink: Sink) -> None:
    bitmap = await place.take(-(-(size // SECTOR // 8) // SECTOR) * SECTOR)
    for at in range(0, size, PIECE):
        data = await place.take(min(PIECE, size - at))
        for start, length in _present(bitmap, at // SECTOR, len(data) // SECTOR):
            begin = offset + at + start * SECTOR
            if begin < end:
                wanted = min(length * SECTOR, end - begin)
                await sink.write(begin, data[start * SECTOR : start * SECTOR + wanted])


def _present(bitmap: bytes, first: int, count: int) -> list[tuple[int, int]]:
    """The runs of sectors that a bitmap names, from ``first`` on and counted from there."""
    part = bitmap[first // 8 : -(-(first + count) // 8)]
    if part == b"\xff" * len(part):
        return [(0, count)]
    runs: list[tuple[int, int]] = []
    for number in range(count):
        if part[number // 8] << number % 8 & 0x80:
            if runs and sum(runs[-1]) == number:
                runs[-1] = (runs[-1][0], runs[-1][1] + 1)
            else:
                runs.append((number, 1))
    return runs


async def _read_fixed(stream: ByteStream, sink: Sink) -> None:
    """A fixed image is the disk itself with a footer behind it."""
    at, held = 0, b""
    while data := await stream.some():
        held += data
        ready = len(held) - SECTOR
        if ready > 0:
            if at + ready > sink.size:
                raise TooSmall(at + ready)
            await sink.write(at, held[:ready])
            at, held = at + ready, held[ready:]
    size, kind, _ = _read_footer(held)
    if kind != _FIXED or size != at:
        raise BadImage("the image is no VHD, or was cut off")


def _read_footer(data: bytes) -> tuple[int, int, int]:
    """The size of the disk, the kind of image, and where its header is."""
    if len(data) != SECTOR or data[:8] != _COOKIE:
        raise BadImage("the image has no footer: it is no VHD, or was cut off")
    fields = _FOOTER.unpack(data)
    if fields[14] != _checksum(data, 64):
        raise BadImage("the footer of the image is damaged")
    return fields[9], fields[13], fields[3]


@attrs.define
class _Place:
    """How far into a stream we are."""

    stream: ByteStream
    at: int

    async def go_to(self, offset: int) -> None:
        if offset < self.at:
            raise BadImage("the image's parts overlap, or are in an order that cannot be read from a stream")
        await self.stream.skip(offset - self.at)
        self.at = offset

    async def take(self, count: int) -> bytes:
        data = await self.stream.exactly(count)
        self.at += count
        return data
