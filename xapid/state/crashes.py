"""What a daemon leaves behind when it dies of a fault in native code: where each thread was, in a file that outlives it.

``crash`` is written by the process as it dies; the next start puts it aside under the time of the crash, in ``crashdumps``. The
records are those of class ``host_crashdump``: one for each file, of the daemon's own host.
"""

from __future__ import annotations

import faulthandler
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from xapid.database import Database
from xapid.operations.host_crashdump import FOLDER
from xapid.whole_files import sync_directory

CRASH: Final = "crash"
_open: list[IO[bytes]] = []
"""The file that a fault is written to: it has to stay open."""


def watch(state: Path) -> Path | None:
    """Have faults written from now on; returns the file with the one that ended the former process, if one did."""
    crash, kept = state / CRASH, None
    if crash.exists() and crash.stat().st_size:
        moment = datetime.fromtimestamp(crash.stat().st_mtime, UTC)
        (state / FOLDER).mkdir(mode=0o700, exist_ok=True)
        kept = state / FOLDER / f"{moment:%Y%m%dT%H%M%SZ}.txt"
        crash.replace(kept)
        sync_directory(state / FOLDER)
    crash.touch(mode=0o600)
    file = crash.open("r+b", buffering=0)
    faulthandler.enable(file)
    for former in _open:
        former.close()
    _open[:] = [file]
    return kept


def unwatch(state: Path) -> None:
    """The process ends in due form."""
    faulthandler.disable()
    for file in _open:
        file.close()
    _open.clear()
    (state / CRASH).unlink(missing_ok=True)


def record(db: Database, host: str, state: Path) -> None:
    """Have a record for each file of the host, and none for others."""
    folder = state / FOLDER
    files = {file.name: file.stat() for file in folder.iterdir() if file.is_file()} if folder.is_dir() else {}
    with db.transaction() as tx:
        for row in db.table("host_crashdump").rows():
            if row.host == host and row.filename not in files:
                tx.destroy(row)
            elif row.host == host:
                del files[row.filename]
        for name, stat in sorted(files.items()):
            moment = datetime.fromtimestamp(int(stat.st_mtime), UTC)
            tx.create("host_crashdump", host=host, filename=name, timestamp=moment, size=stat.st_size)
