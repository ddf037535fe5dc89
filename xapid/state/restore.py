"""A state directory out of a backup, in two steps, so that no power cut leaves half of each: a backup is unpacked and checked
beside what is in use, and the next start puts it in its place before anything is opened.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from xapid.state.backup import BackupError
from xapid.state.check import check
from xapid.state.directory import BLOBS, CERTIFICATE, DATABASE, INITIAL_PASSWORD
from xapid.whole_files import sync_directory

RESTORED: Final = "restored"
"""The directory with what the next start is to use."""
_KEPT: Final = ("lock", "audit.log")
"""What stays as it is, whatever a backup holds."""
_BESIDE: Final = (f"{DATABASE}-wal", f"{DATABASE}-shm")
"""What SQLite keeps beside a database: of no use to another one."""


def unpack(state: Path, archive: Path) -> None:
    """Make what ``archive`` holds ready for the next start. Raises BackupError, with nothing changed."""
    folder = Path(tempfile.mkdtemp(prefix=f".{RESTORED}.", dir=state))
    try:
        try:
            with tarfile.open(archive) as source:
                source.extractall(folder, filter="data")
        except (tarfile.TarError, OSError, EOFError, ValueError) as problem:
            raise BackupError(f"the backup cannot be unpacked: {problem}") from problem
        folder.chmod(0o700)
        findings = check(folder)
        if findings.problems:
            raise BackupError("; ".join(problem.replace(f"{folder}/", "") for problem in findings.problems[:5]))
        _close_log(folder / DATABASE)
        _sync(folder)
        shutil.rmtree(state / RESTORED, ignore_errors=True)
        folder.replace(state / RESTORED)
        sync_directory(state)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(state: Path) -> bool:
    """Do it; whether there was anything to do. What a power cut interrupts goes on at the next start."""
    restored = state / RESTORED
    if not restored.is_dir():
        return False
    if (restored / DATABASE).exists():
        for name in _BESIDE:
            (state / name).unlink(missing_ok=True)
    for name in (CERTIFICATE, INITIAL_PASSWORD, BLOBS, *_others(restored), DATABASE):
        new, old = restored / name, state / name
        if new.is_dir():
            shutil.rmtree(old, ignore_errors=True)
        if new.exists():
            new.replace(old)
    sync_directory(state)
    shutil.rmtree(restored)
    sync_directory(state)
    return True


def _others(restored: Path) -> list[str]:
    known = {CERTIFICATE, INITIAL_PASSWORD, BLOBS, DATABASE, *_KEPT}
    return sorted(each.name for each in restored.iterdir() if each.name not in known)


def _close_log(database: Path) -> None:
    """What SQLite wrote beside the database goes into it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _sync(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
