"""Archives of chunks: a disk in a tar file, as disks are in archives of VMs, under the name ``vdi``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from xapid.datamodel.errors import XenAPIError
from xapid.formats.ends import BadImage, Sink, Source
from xapid.xva import archive, tar
from xapid.xva.archive import Archive
from xapid.xva.streams import ByteStream, Truncated

NAME: Final = "vdi"


async def write_chunks(source: Source) -> AsyncIterator[bytes]:
    """The chunks of a disk that are not all zeroes, each with its checksum."""
    async for _, members in archive.chunks(archive.Disk(NAME, source.size, source.read, source.extents())):
        yield b"".join(members)
    yield tar.END


class _Chunks(Archive):
    """An archive without a document."""

    def __init__(self, stream: ByteStream) -> None:
        super().__init__(stream.some)
        self._stream = stream

    @property
    def is_over(self) -> bool:
        """Whether its end was seen."""
        return self._ended


async def read_chunks(stream: ByteStream, sink: Sink) -> None:
    """Chunks go to the disk; those left out are zeroes. Raises BadImage, Truncated."""
    reading, at = _Chunks(stream), 0
    if not await stream.peek(1):
        raise Truncated
    chunks = reading.chunks({NAME: sink.size})
    try:
        async for chunk in chunks:
            for start in range(at, chunk.offset, archive.CHUNK):
                await sink.write(start, bytes(min(archive.CHUNK, chunk.offset - start)))
            await sink.write(chunk.offset, chunk.data)
            at = chunk.offset + len(chunk.data)
    except XenAPIError as error:
        # The archive of a smaller disk ends before this one is full.
        if error.code != "IMPORT_ERROR_PREMATURE_EOF":
            raise BadImage(" ".join(error.description)) from error
        if not reading.is_over:
            raise Truncated from error
    if not at:
        raise BadImage("the archive holds no chunk of a disk")
