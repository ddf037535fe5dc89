"""Archives of files that are made on the spot: tar, plain or compressed, and zip.

An archive is put together in a file without a name, a piece at a time, and compressed away from the reactor; so a failure is
known before anything is sent, and the length too.
"""

from __future__ import annotations

import bz2
import gzip
import io
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from xapid.auth.passwords import Run

FORMATS: Final[Mapping[str, str]] = {
    "tar": "application/x-tar",
    "tar.gz": "application/gzip",
    "tar.bz2": "application/x-bzip2",
    "zip": "application/zip",
}
"""Formats by the ends of names, and their types."""
_TURN_AFTER: Final = 1 << 20
_PIECE: Final = 1 << 18
_IN_MEMORY: Final = 4 << 20


async def pack(
    parts: Iterable[tuple[str, Iterator[bytes]]], folder: str, form: str, clock: IReactorTime, run: Run
) -> IO[bytes]:
    """A file, to be read from where it stands, with an archive of ``parts`` below ``folder``."""
    plain = _temporary()
    try:
        with tarfile.open(fileobj=plain, mode="w") as archive:
            since = 0
            for name, pieces in parts:
                with _temporary() as content:
                    for piece in pieces:
                        content.write(piece)
                        since += len(piece)
                        if since > _TURN_AFTER:
                            since = 0
                            await deferLater(clock, 0)
                    member = tarfile.TarInfo(f"{folder}/{name}")
                    member.size, member.mtime = content.tell(), int(clock.seconds())
                    content.seek(0)
                    archive.addfile(member, content)
        plain.seek(0)
        if form == "tar":
            return plain
        compressing: Deferred[IO[bytes]] = run(lambda: _COMPRESSED[form](plain))
        packed = await compressing
    except BaseException:
        plain.close()
        raise
    plain.close()
    packed.seek(0)
    return packed


def _temporary() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)


def _gz(plain: IO[bytes]) -> IO[bytes]:
    packed = _temporary()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6) as out:
        shutil.copyfileobj(plain, out, _PIECE)
    return packed


def _bz2(plain: IO[bytes]) -> IO[bytes]:
    packed = _temporary()
    with bz2.BZ2File(packed, mode="wb") as out:
        shutil.copyfileobj(plain, out, _PIECE)
    return packed


def _zip(plain: IO[bytes]) -> IO[bytes]:
    packed = _temporary()
    with tarfile.open(fileobj=plain) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            with out.open(member.name, "w") as into:
                shutil.copyfileobj(content, into, _PIECE)
    return packed


_COMPRESSED: Final[Mapping[str, Callable[[IO[bytes]], IO[bytes]]]] = {"tar.gz": _gz, "tar.bz2": _bz2, "zip": _zip}


def length(file: IO[bytes]) -> int:
    """How much there is to read."""
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(here)
    return end - here


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """What there is to read."""
    while piece := file.read(_PIECE):
        yield piece
