"""A copy of a state directory in one file, also while a daemon uses it: ``xapid backup STATE FILE``.

The file is a tar archive of all that a daemon needs to be the same one somewhere else; unpacked, it is a state directory.
It holds what a power cut at one moment of the copying would have left: every change that was acknowledged before the copying
began, and none by half. It is as secret as the directory. What simulated disks contain is left out, as a pool's database never
has the contents of its storage.
"""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Final

from xapid.certificates.trusted import KINDS
from xapid.database.journal import JournalError, layout
from xapid.state.directory import (
    BLOBS,
    CERTIFICATE,
    DATABASE,
    HOSTS,
    INITIAL_PASSWORD,
    INTERNAL,
    SECRETS_KEY,
    TRUSTED,
    VERIFICATION_OFF,
)
from xapid.whole_files import sync_directory

_ATTEMPTS: Final = 20


class BackupError(Exception):
    """The directory cannot be copied, or the copy not be written. The text says why."""


def backup(state: Path, file: Path) -> None:
    """Copy ``state`` into ``file``, in place of what is there. It is on disk when this returns. Raises BackupError.

    A ``file`` whose name ends with ``gz`` is compressed.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.absolute().parent) as folder:
            new = Path(folder) / "archive"
            with closing(_Copy(state, Path(folder) / DATABASE)) as copy:
                _pack(copy, new, compressed=file.name.endswith("gz"))
            new.replace(file)
            sync_directory(file.absolute().parent)
    except (OSError, sqlite3.Error, JournalError) as problem:
        raise BackupError(f"{state}: {problem}") from problem


class _Copy:
    """The database as of one moment, and the other files as they were at that moment, open."""

    def __init__(self, state: Path, database: Path) -> None:
        self.files: dict[str, IO[bytes]] = {}
        for _ in range(_ATTEMPTS):
            before = _inodes(state)
            self._open(state, before)
            _copy_database(state / DATABASE, database)
            if before == _inodes(state):
                self.files[DATABASE] = database.open("rb")
                return
            self.close()
            database.unlink()
        raise BackupError(f"{state}: its files change faster than they can be copied")

    def _open(self, state: Path, names: dict[str, int]) -> None:
        for name in names:
            try:
                self.files[name] = (state / name).open("rb")
            except FileNotFoundError:  # just gone, so this attempt is in vain
                return

    def close(self) -> None:
        for file in self.files.values():
            file.close()
        self.files.clear()


def _inodes(state: Path) -> dict[str, int]:
    """The files beside the database, which are only ever replaced whole: so each name's inode says what is in it."""
    named = [state / name for name in (SECRETS_KEY, CERTIFICATE, INTERNAL, VERIFICATION_OFF, INITIAL_PASSWORD)]
    for folder in (BLOBS, HOSTS, TRUSTED, *(f"{TRUSTED}/{kind}" for kind in KINDS)):
        named += _directory(state / folder)
    return {str(path.relative_to(state)): path.stat().st_ino for path in named if path.is_file()}


def _directory(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.suffix != ".new") if path.is_dir() else []


def _copy_database(source: Path, target: Path) -> None:
    if not source.is_file():
        raise BackupError(f"{source} is not there")
    with closing(layout.reading(source)) as kept, closing(sqlite3.connect(target)) as copy:
        if layout.version_of(kept) == 0:
            raise BackupError(f"{source} is empty")
        kept.backup(copy)


def _pack(copy: _Copy, target: Path, *, compressed: bool) -> None:
    with _new(target) as raw, tarfile.open(fileobj=raw, mode="w:gz" if compressed else "w") as archive:
        blobs = tarfile.TarInfo(BLOBS)
        blobs.type, blobs.mode = tarfile.DIRTYPE, 0o700
        archive.addfile(blobs)
        for name, file in sorted(copy.files.items()):
            about = archive.gettarinfo(arcname=name, fileobj=file)
            about.mode, about.uid, about.gid, about.uname, about.gname = 0o600, 0, 0, "", ""
            archive.addfile(about, file)


@contextmanager
def _new(path: Path) -> Iterator[IO[bytes]]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
