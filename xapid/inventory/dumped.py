"""A new pool out of a dump: one made by ``xe pool-dump-database``, here or by the reference server."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from xapid.database import Database
from xapid.database.dump import Dump, DumpError, Reader
from xapid.datamodel.errors import XenAPIError
from xapid.operations import restoring

_PIECE: Final = 1 << 20


def load(db: Database, file: Path) -> None:
    """Put what ``file`` holds into an empty database. Raises DumpError."""
    try:
        dump = _read(db, file)
        restoring.check(dump)
        restoring.restore(db, dump)
    except OSError as problem:
        raise DumpError(problem.strerror or str(problem)) from problem
    except XenAPIError as refusal:
        raise DumpError(" ".join(refusal.description)) from refusal


def _read(db: Database, file: Path) -> Dump:
    reader = Reader(db.api)
    with file.open("rb") as source:
        while piece := source.read(_PIECE):
            reader.feed(piece)
    return reader.done()
