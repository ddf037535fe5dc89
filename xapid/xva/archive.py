"""The members of an archive, in order: ``ova.xml``, then the chunks of each disk.

A disk's chunks are ``Ref:N/00000000`` and so on, a mebibyte each, each followed by its checksum in ``….xxhash`` (or
``….checksum`` in old archives). Chunks of zeros are left out, the first and the last one excepted. A chunk's number says
where it belongs, but for empty ones, which a writer that has to wait puts in to be heard of: they use up a number and no
space.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

import attrs

from xapid.datamodel.errors import XenAPIError
from xapid.xva import checksums, tar
from xapid.xva.checksums import Missing
from xapid.xva.compression import InThread, decompressed, here
from xapid.xva.document import LARGEST
from xapid.xva.streams import ByteStream, Read, Truncated

CHUNK: Final = 1 << 20
DOCUMENT: Final = "ova.xml"
_ZEROES: Final = bytes(CHUNK)
_LARGEST_CHUNK: Final = 16 << 20
_LARGEST_CHECKSUM: Final = 4096
_CHUNK_NAME: Final = re.compile(r"([^/]+)/(\d{8,})")
_OLD_LIST: Final = "checksum.xml"
"""What very old archives have at their end."""


# Writing ----------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Disk:
    """A disk to be written: its name in the archive, its size, how it is read, and where it may hold anything but zeros.

    ``used`` are the offsets and lengths of such ranges, ascending.
    """

    id: str
    size: int
    read: Callable[[int, int], Awaitable[bytes]]
    used: AsyncIterable[tuple[int, int]]


def member(name: str, data: bytes) -> list[bytes]:
    """A file of the archive."""
    return [tar.header(name, len(data)), data, tar.padding(len(data))]


async def chunks(disk: Disk) -> AsyncIterator[tuple[int, list[bytes]]]:
    """The members of a disk: how far each reaches into the disk, and its bytes."""
    suffix = checksums.preferred()
    checksum = checksums.BY_SUFFIX[suffix]
    last = max(0, disk.size - 1) // CHUNK
    async for number in chunk_numbers(disk.size, disk.used):
        start = number * CHUNK
        end = min(start + CHUNK, disk.size)
        data = await disk.read(start, end - start)
        if number in (0, last) or not is_zero(data):
            name = f"{disk.id}/{number:08d}"
            yield end, [*member(name, data), *member(name + suffix, checksum(data).encode())]


def is_zero(data: bytes) -> bool:
    """Whether a chunk is all zeroes. Comparing ends at the first byte that is none."""
    return data == (_ZEROES if len(data) == CHUNK else bytes(len(data)))


async def chunk_numbers(size: int, used: AsyncIterable[tuple[int, int]]) -> AsyncIterator[int]:
    """The chunks that may be due: the first, the last, and those that ``used`` touches."""
    if size <= 0:
        return
    done, last = 0, (size - 1) // CHUNK
    yield 0
    async for offset, length in used:
        first, end = max(done + 1, offset // CHUNK), min((offset + length - 1) // CHUNK, last)
        for number in range(first, end + 1):
            yield number
            done = number
    if done < last:
        yield last


# Reading ----------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Chunk:
    """A piece of a disk."""

    disk: str
    offset: int
    data: bytes


@attrs.define
class _Place:
    """Where the chunks of a disk have got to."""

    number: int = -1
    offset: int = 0
    first: int = 0

    def next(self, number: int, size: int) -> int:
        offset = self.offset + (number - self.number - 1) * self.first
        if self.number < 0:
            self.first = size
        self.number, self.offset = number, offset + size
        return offset


class Archive:
    """An archive that is being read. All errors are those that clients see: IMPORT_ERROR and its kin.

    Compressed ones are unpacked ``in_thread``. With ``force``, checksums that do not match are passed over.
    """

    def __init__(self, read: Read, in_thread: InThread = here, *, force: bool = False) -> None:
        self._raw = ByteStream(read)
        self._in_thread = in_thread
        self._force = force
        self._stream: ByteStream | None = None
        self._ahead: tar.Member | None = None
        self._ended = False

    async def document(self) -> bytes:
        """``ova.xml``. To be read first."""
        try:
            self._stream = await decompressed(self._raw, self._in_thread)
            start = await self._stream.peek(tar.BLOCK)
            if len(start) < tar.BLOCK:
                raise Truncated
            found = await self._header()
            if found is None or found.name != DOCUMENT:
                raise XenAPIError("IMPORT_ERROR_UNEXPECTED_FILE", DOCUMENT, "" if found is None else found.name)
            if found.size > LARGEST:
                raise XenAPIError("IMPORT_ERROR", "ova.xml is too long")
            return await self._contents(found)
        except (Truncated, Missing, ValueError, tar.NotTar) as problem:
            raise _told(problem) from problem

    async def chunks(self, sizes: Mapping[str, int]) -> AsyncIterator[Chunk]:
        """The contents of the disks, of which ``sizes`` has all: their names in the archive and their lengths.

        Errors: IMPORT_ERROR_PREMATURE_EOF also for an archive that ends before all of them are there.
        """
        places: dict[str, _Place] = {}
        try:
            while (found := await self._next()) is not None:
                match = _CHUNK_NAME.fullmatch(found.name)
                if found.name == _OLD_LIST:
                    await self._contents(found)
                    continue
                if match is None or match[1] not in sizes or found.size > _LARGEST_CHUNK:
                    raise XenAPIError("IMPORT_ERROR_UNEXPECTED_FILE", _expected(places), found.name)
                disk, number = match[1], int(match[2])
                place = places.setdefault(disk, _Place())
                if number <= place.number:
                    raise XenAPIError("IMPORT_ERROR_UNEXPECTED_FILE", f"{disk}/{place.number + 1:08d}", found.name)
                data = await self._contents(found)
                await self._verify(found.name, data)
                offset = place.next(number, len(data))
                if offset + len(data) > sizes[disk]:
                    raise XenAPIError("IMPORT_ERROR", f"{found.name} lies beyond the end of its disk")
                if data:
                    yield Chunk(disk, offset, data)
        except (Truncated, Missing, ValueError, tar.NotTar) as problem:
            raise _told(problem) from problem
        if any(size and (disk not in places or places[disk].offset < size) for disk, size in sizes.items()):
            raise XenAPIError("IMPORT_ERROR_PREMATURE_EOF")

    async def _verify(self, name: str, data: bytes) -> None:
        """Read the checksum that follows a chunk, if one does. Errors: IMPORT_ERROR_SOME_CHECKSUMS_FAILED."""
        self._ahead = found = await self._header()
        suffix = "" if found is None else found.name.removeprefix(name)
        if found is None or suffix not in checksums.BY_SUFFIX or found.name != name + suffix:
            return
        self._ahead = None
        if found.size > _LARGEST_CHECKSUM:
            raise XenAPIError("IMPORT_ERROR", f"{found.name} is no checksum")
        said = await self._contents(found)
        if not self._force and not checksums.matches(suffix, data, said):
            raise XenAPIError("IMPORT_ERROR_SOME_CHECKSUMS_FAILED")

    async def _next(self) -> tar.Member | None:
        found, self._ahead = self._ahead, None
        return await self._header() if found is None else found

    async def _header(self) -> tar.Member | None:
        """The next file; None at the end of the archive."""
        assert self._stream is not None
        while not self._ended:
            found = tar.parse(await self._stream.exactly(tar.BLOCK))
            if found is None:
                break
            if found.is_file:
                return found
            await self._stream.skip(found.size + len(tar.padding(found.size)))
        self._ended = True
        return None

    async def _contents(self, found: tar.Member) -> bytes:
        assert self._stream is not None
        data = await self._stream.exactly(found.size)
        await self._stream.exactly(len(tar.padding(found.size)))
        return data


def _expected(places: dict[str, _Place]) -> str:
    last = next(reversed(places.items()), None)
    return "a disk" if last is None else f"{last[0]}/{last[1].number + 1:08d}"


def _told(problem: Exception) -> XenAPIError:
    if isinstance(problem, Truncated):
        return XenAPIError("IMPORT_ERROR_PREMATURE_EOF")
    if isinstance(problem, tar.NotTar):
        return XenAPIError("IMPORT_ERROR_UNEXPECTED_FILE", DOCUMENT, "something that is no tar archive")
    return XenAPIError("IMPORT_ERROR", str(problem))
