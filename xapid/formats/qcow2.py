"""qcow2: QEMU's own images.

What is written has its tables in front of its data, in order, so that it can be read as a stream; with a backing file it holds
the clusters that differ from that. What is read may have its parts anywhere, as QEMU leaves them, so it has to be in a file.
Compressed clusters, zero clusters and both versions are read; encryption and the rarer features are refused.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import AsyncIterator, Iterator
from typing import IO, Final

import attrs

from xapid.formats.ends import BadImage, Sink, Source, TooSmall, Turn, padded, runs_of
from xapid.xva.streams import Truncated

_MAGIC: Final = 0x514649FB
_HEADER: Final = struct.Struct(">IIQIIQIIQQIIQQQQII")
_V2: Final = struct.Struct(">IIQIIQIIQQIIQ")
_BITS: Final = 16
_CLUSTER: Final = 1 << _BITS
_PER_TABLE: Final = _CLUSTER // 8
_COUNTS: Final = _CLUSTER // 2
"""How many clusters one block of reference counts covers."""
_COPIED: Final = 1 << 63
_COMPRESSED: Final = 1 << 62
_ADDRESS: Final = 0x00FFFFFFFFFFFE00
_HARMLESS: Final = 1
"""The only incompatible feature that does not matter here: the reference counts may be wrong."""
_LARGEST_TABLE: Final = 32 << 20


# Writing ----------------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Layout:
    """How many clusters each part takes. The header is the first; then come the parts in this order, then the data."""

    table: int
    counts: int
    l1: int
    l2: int
    data: int
    entries: int
    """Of the L1 table."""

    @property
    def l1_at(self) -> int:
        return (1 + self.table + self.counts) * _CLUSTER

    @property
    def l2_at(self) -> int:
        return self.l1_at + self.l1 * _CLUSTER

    @property
    def data_at(self) -> int:
        return self.l2_at + self.l2 * _CLUSTER

    @property
    def total(self) -> int:
        return self.data_at // _CLUSTER + self.data


def _layout(size: int, runs: list[tuple[int, int]]) -> _Layout:
    entries = -(-size // (_CLUSTER * _PER_TABLE))
    l1 = max(1, -(-entries // _PER_TABLE))
    l2, data = len(list(_tables(runs))), sum(count for _, count in runs)
    table, counts = 1, 1
    while True:
        found = _Layout(table, counts, l1, l2, data, entries)
        needed = -(-found.total // _COUNTS)
        if needed <= counts and -(-needed // _PER_TABLE) <= table:
            return found
        counts, table = needed, max(table, -(-needed // _PER_TABLE))


def _tables(runs: list[tuple[int, int]]) -> Iterator[int]:
    """The L2 tables that are not empty."""
    last = -1
    for first, count in runs:
        for number in range(max(last + 1, first // _PER_TABLE), (first + count - 1) // _PER_TABLE + 1):
            yield number
            last = number


async def write_qcow2(source: Source, backing: str = "") -> AsyncIterator[bytes]:
    """An image of a disk; ``backing`` names the file that has what this one does not."""
    runs = [run async for run in runs_of(source.extents(), _CLUSTER)]
    layout = _layout(source.size, runs)
    yield _header(source.size, layout, backing.encode())
    yield _big([(1 + layout.table + number) * _CLUSTER for number in range(layout.counts)], layout.table)
    for number in range(layout.counts):
        used = max(0, min(_COUNTS, layout.total - number * _COUNTS))
        yield (b"\0\1" * used).ljust(_CLUSTER, b"\0")
    l1 = [0] * layout.entries
    for position, number in enumerate(_tables(runs)):
        l1[number] = layout.l2_at + position * _CLUSTER | _COPIED
    yield _big(l1, layout.l1)
    for piece in _l2(runs, layout.data_at):
        yield piece
    for first, count in runs:
        for cluster in range(first, first + count, 16):
            yield await padded(source, cluster * _CLUSTER, min(16, first + count - cluster) * _CLUSTER)


def _header(size: int, layout: _Layout, backing: bytes) -> bytes:
    end = _HEADER.size + 8
    packed = _HEADER.pack(
        _MAGIC, 3, end if backing else 0, len(backing), _BITS, size, 0, layout.entries, layout.l1_at, _CLUSTER, layout.table,
        0, 0, 0, 0, 0, 4, _HEADER.size,
    )  # fmt: skip
    return (packed + bytes(8) + backing).ljust(_CLUSTER, b"\0")


def _big(numbers: list[int], clusters: int) -> bytes:
    values = array("Q", numbers)
    values.byteswap()
    return values.tobytes().ljust(clusters * _CLUSTER, b"\0")


def _l2(runs: list[tuple[int, int]], at: int) -> Iterator[bytes]:
    """The L2 tables; the data clusters follow each other from ``at``."""
    table: list[int] = []
    current = -1
    for first, count in runs:
        for cluster in range(first, first + count):
            number, index = divmod(cluster, _PER_TABLE)
            if number != current:
                if table:
                    yield _big(table, 1)
                table, current = [0] * _PER_TABLE, number
            table[index] = at | _COPIED
            at += _CLUSTER
    if table:
        yield _big(table, 1)


# Reading ----------------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Image:
    file: IO[bytes]
    length: int
    bits: int
    size: int
    l1: tuple[int, ...]
    zero_flags: bool

    def part(self, offset: int, count: int) -> bytes:
        if offset + count > self.length:
            raise Truncated
        self.file.seek(offset)
        return self.file.read(count)

    def table(self, offset: int, entries: int) -> array[int]:
        table = array("Q", self.part(offset, entries * 8))
        table.byteswap()
        return table


async def read_qcow2(file: IO[bytes], length: int, sink: Sink, turn: Turn) -> None:
    """What an image of ``length`` bytes holds goes to the disk. Raises BadImage, TooSmall, Truncated."""
    image = _open(file, length)
    if image.size > sink.size:
        raise TooSmall(image.size)
    cluster = 1 << image.bits
    per_table = cluster // 8
    for number, entry in enumerate(image.l1):
        address = entry & _ADDRESS
        if not address:
            continue
        for index, found in enumerate(image.table(address, per_table)):
            offset = (number * per_table + index) * cluster
            if offset >= image.size:
                break
            data = _cluster(image, found)
            if data is not None:
                await sink.write(offset, data[: image.size - offset])
                await turn()


def _cluster(image: _Image, entry: int) -> bytes | None:
    """The contents of a cluster; None if the image does not say."""
    cluster = 1 << image.bits
    if entry & _COMPRESSED:
        split = 62 - (image.bits - 8)
        address = entry & ((1 << split) - 1)
        sectors = (entry >> split) & ((1 << 62 - split) - 1)
        end = min(image.length, (address // 512 + sectors + 1) * 512)
        try:
            data = zlib.decompressobj(-15).decompress(image.part(address, max(0, end - address)), cluster)
        except zlib.error as problem:
            raise BadImage("a compressed cluster is damaged") from problem
        if len(data) != cluster:
            raise BadImage("a compressed cluster is too short")
        return data
    if image.zero_flags and entry & 1:
        return bytes(cluster)
    address = entry & _ADDRESS
    return image.part(address, cluster) if address else None


def _open(file: IO[bytes], length: int) -> _Image:
    file.seek(0)
    start = file.read(_HEADER.size)
    if len(start) < _V2.size:
        raise Truncated
    magic, version, _, _, bits, size, encryption, entries, l1_at, *_ = _V2.unpack(start[: _V2.size])
    if magic != _MAGIC or version not in (2, 3):
        raise BadImage("that is no qcow2 image")
    features = 0
    if version == 3:
        if len(start) < _HEADER.size:
            raise Truncated
        features = _HEADER.unpack(start)[13]
    if encryption or features & ~_HARMLESS:
        raise BadImage("the image is encrypted, or uses features that are not supported")
    if not 9 <= bits <= 21 or entries * 8 > _LARGEST_TABLE or entries << 2 * bits - 3 < size:
        raise BadImage("the image's clusters are of an impossible size or number")
    image = _Image(file, length, bits, size, (), version == 3)
    return attrs.evolve(image, l1=tuple(image.table(l1_at, entries)))
