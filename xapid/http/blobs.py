"""Where the contents of blobs are kept: in memory, or as files of a directory. Objects of class ``blob`` say the rest."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Protocol

import attrs

from xapid.http.chunks import CHUNK, cut
from xapid.whole_files import sync_directory

_NEW: Final = ".new"
_NAME = re.compile(r"[0-9A-Za-z-]+")


class Upload(Protocol):
    """New contents under way; nothing changes before :meth:`commit`."""

    def write(self, data: bytes) -> None: ...

    def commit(self) -> int:
        """Puts the contents in the place of the old; returns their size. Over a directory, they are on disk then."""

    def abandon(self) -> None:
        """Forgets what was written."""


class BlobStore:
    """Contents by uuid, in memory; what keeps them elsewhere overrides all of this. A blob without contents is empty."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def size(self, uuid: str) -> int:
        """In bytes."""
        return len(self._contents.get(uuid, b""))

    def chunks(self, uuid: str) -> Iterator[bytes]:
        """The contents of this moment, whatever is put meanwhile."""
        return cut(self._contents.get(uuid, b""))

    def upload(self, uuid: str) -> Upload:
        """Begins to replace the contents."""
        return _MemoryUpload(self._contents, uuid)

    def remove(self, uuid: str) -> None:
        """Forgets the contents; nothing happens if there are none."""
        self._contents.pop(uuid, None)


@attrs.define
class _MemoryUpload:
    _contents: dict[str, bytes]
    _uuid: str
    _parts: list[bytes] = attrs.field(factory=list)

    def write(self, data: bytes) -> None:
        self._parts.append(data)

    def commit(self) -> int:
        self._contents[self._uuid] = b"".join(self._parts)
        return len(self._contents[self._uuid])

    def abandon(self) -> None:
        self._parts.clear()


class DirectoryBlobStore(BlobStore):
    """One file per blob, named by its uuid, replaced whole."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in directory.glob(f"*{_NEW}"):  # uploads that a killed daemon had begun
            left.unlink()

    def _path(self, uuid: str) -> Path:
        if not _NAME.fullmatch(uuid):
            raise ValueError(uuid)
        return self._directory / uuid

    def size(self, uuid: str) -> int:
        try:
            return self._path(uuid).stat().st_size
        except FileNotFoundError:
            return 0

    def chunks(self, uuid: str) -> Iterator[bytes]:
        try:
            file = self._path(uuid).open("rb")
        except FileNotFoundError:
            return iter(())
        return _read(file)

    def upload(self, uuid: str) -> Upload:
        return _FileUpload(self._path(uuid))

    def remove(self, uuid: str) -> None:
        self._path(uuid).unlink(missing_ok=True)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


class _FileUpload:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.{id(self)}{_NEW}")
        self._file = os.fdopen(os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def commit(self) -> int:
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        self._new.replace(self._path)
        sync_directory(self._path.parent)
        return size

    def abandon(self) -> None:
        self._file.close()
        self._new.unlink(missing_ok=True)
