"""Raw contents: all bytes of a disk one after the other, or records that say where their bytes belong.

A record is the offset (64 bits, little endian), the length (32 bits) and the bytes; one of length 0 ends the stream.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterator
from typing import Final

from xapid.formats.ends import PIECE, Sink, Source, TooSmall
from xapid.xva.streams import ByteStream

_RECORD: Final = struct.Struct("<QI")
_ZEROES: Final = bytes(PIECE)
_WORTH: Final = PIECE // 2


async def write_raw(source: Source) -> AsyncIterator[bytes]:
    """Exactly as many bytes as the disk has."""
    at = 0
    async for offset, length in source.extents():
        for zeroes in _gap(offset - at):
            yield zeroes
        for start in range(offset, offset + length, PIECE):
            yield await source.read(start, min(PIECE, offset + length - start))
        at = offset + length
    for zeroes in _gap(source.size - at):
        yield zeroes


def _gap(length: int) -> Iterator[bytes]:
    while length > 0:
        piece = min(PIECE, length)
        yield _ZEROES if piece == PIECE else _ZEROES[:piece]
        length -= piece


async def read_raw(stream: ByteStream, sink: Sink) -> int:
    """All that comes goes to the disk, from its beginning. Returns how much that was. Raises TooSmall."""
    at = 0
    while data := await _much(stream):
        if at + len(data) > sink.size:
            raise TooSmall(at + len(data))
        await sink.write(at, data)
        at += len(data)
    return at


async def _much(stream: ByteStream) -> bytes:
    """What comes, until it is worth writing: networks bring it in small pieces."""
    parts, size = [], 0
    while size < _WORTH and (data := await stream.some()):
        parts.append(data)
        size += len(data)
    return b"".join(parts)


async def write_records(source: Source) -> AsyncIterator[bytes]:
    """The records of what a disk has, and the one that ends them."""
    async for offset, length in source.extents():
        for start in range(offset, offset + length, PIECE):
            data = await source.read(start, min(PIECE, offset + length - start))
            yield _RECORD.pack(start, len(data)) + data
    yield _RECORD.pack(0, 0)


async def read_records(stream: ByteStream, sink: Sink) -> None:
    """What records say goes where they say. Raises Truncated, TooSmall."""
    while True:
        offset, length = _RECORD.unpack(await stream.exactly(_RECORD.size))
        if not length:
            return
        end = offset + length
        if end > sink.size:
            raise TooSmall(end)
        while offset < end:
            data = await stream.exactly(min(PIECE, end - offset))
            await sink.write(offset, data)
            offset += len(data)
