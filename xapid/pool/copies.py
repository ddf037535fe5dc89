"""Copies of the pool's database: made by the coordinator, kept by members, loaded by the one that takes over.

A copy is a zlib stream of JSON lines: a head, then ``[class, reference, fields]`` for each object that lasts. It has the state
of one moment. What belongs to one daemon alone (its name, whom it trusts and follows, sessions, tasks) is not in it. It holds
the password's hash and secrets, so it travels between daemons of the pool only, and lies sealed in the state directory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import orjson
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from xapid.database import Database, Row
from xapid.database.journal import Seal
from xapid.database.journal.notation import ClassReader, Sharing, written
from xapid.pool.membership import OWN_KEYS
from xapid.pool.secrets import OTHER, SECRET
from xapid.whole_files import write_whole

FORMAT: Final = 1
FILE: Final = "pool-database"
AT_ONCE: Final = 500
"""Objects that are written in one turn of the reactor."""
PIECE: Final = 4 << 20
"""Bytes of a copy that are sent at once."""
_LEFT_OUT: Final = frozenset({"session", "task", "role"})


def _is_own(key: str) -> bool:
    """Whether a fact is this daemon's alone: it is not in a copy, and loading one leaves it alone."""
    return key.startswith(OWN_KEYS) or key in (SECRET, OTHER, "generation")


@attrs.frozen
class Copy:
    """A database as of one moment."""

    generation: int
    epoch: int
    body: bytes


class CopyStore:
    """The newest copy that this daemon was given; on disk if it keeps anything there."""

    def __init__(self, directory: Path | None) -> None:
        self._file = None if directory is None else directory / FILE
        self._newest: Copy | None = None
        self.seal: Seal | None = None
        """What copies are sealed with that lie on disk."""

    @property
    def newest(self) -> Copy | None:
        """The copy that was given last. Raises ValueError for one that was sealed with another key."""
        if self._newest is None and self._file is not None and self._file.exists():
            head, _, body = self._file.read_bytes().partition(b"\n")
            facts = orjson.loads(head)
            if self.seal is not None:
                body = self.seal.open_bytes(body, FILE)
            self._newest = Copy(facts["generation"], facts["epoch"], body)
        return self._newest

    def keep(self, copy: Copy) -> None:
        """Keep a copy in the place of the one before; it is on disk when this returns."""
        self._newest = copy
        if self._file is not None:
            head = orjson.dumps({"generation": copy.generation, "epoch": copy.epoch})
            body = copy.body if self.seal is None else self.seal.close_bytes(copy.body, FILE)
            write_whole(self._file, head + b"\n" + body)

    def forget(self) -> None:
        """Keep none."""
        self._newest = None
        if self._file is not None:
            self._file.unlink(missing_ok=True)


async def make(db: Database, clock: IReactorTime, epoch: int) -> Copy:
    """A copy of the database as it is now. Others may go on with it while it is written."""
    generation = db.generation
    meta = {key: value for key, value in db.meta.items() if not _is_own(key)}
    rows = list(_lasting(db))
    stream = zlib.compressobj(1)
    head = {"format": FORMAT, "generation": generation, "meta": meta, "objects": len(rows)}
    pieces = [stream.compress(orjson.dumps(head) + b"\n")]
    for start in range(0, len(rows), AT_ONCE):
        if start:
            await deferLater(clock, 0)
        pieces.append(stream.compress(b"".join(_line(row) for row in rows[start : start + AT_ONCE])))
    pieces.append(stream.flush())
    return Copy(generation, epoch, b"".join(pieces))


def _lasting(db: Database) -> Iterator[Row]:
    for name, table in db.tables.items():
        if table.lasts and name not in _LEFT_OUT:
            yield from table.rows()


def _line(row: Row) -> bytes:
    return orjson.dumps([row.kind, row.ref, written(row._table.stored_values(row)).decode()]) + b"\n"


def load(db: Database, copy: Copy) -> None:
    """Make the database what the copy holds; facts of this daemon alone stay. Raises ValueError for what is no copy."""
    try:
        head, *lines = zlib.decompress(copy.body).splitlines()
    except zlib.error as problem:
        raise ValueError(str(problem)) from problem
    facts = orjson.loads(head)
    if facts["format"] != FORMAT or facts["objects"] != len(lines):
        raise ValueError("this is not a whole copy of a database")
    sharing = Sharing()
    readers: dict[str, ClassReader] = {}
    objects: list[tuple[str, str, dict[str, Any]]] = []
    for line in lines:
        cls, ref, text = orjson.loads(line)
        if cls in db.tables:
            reader = readers.get(cls) or readers.setdefault(cls, ClassReader(db.api.classes[cls], sharing))
            objects.append((cls, ref, reader(text.encode())))
    replace(db, objects, facts["meta"], facts["generation"])


def replace(db: Database, objects: list[tuple[str, str, dict[str, Any]]], meta: dict[str, str], generation: int) -> None:
    """Make the database what is given, in one transaction."""
    db.generation = max(db.generation, generation)
    with db.transaction() as tx:
        clear(db)
        for key in [key for key in db.meta if not _is_own(key)]:
            tx.set_meta(key, None)
        for key, value in meta.items():
            tx.set_meta(key, value)
        for cls, ref, values in objects:
            tx.create(cls, ref=ref, **values)


def clear(db: Database) -> None:
    """Take out every object, roles apart."""
    with db.transaction() as tx:
        for table in db.tables.values():
            if table.cls.name != "role":
                for row in table.rows():
                    tx.destroy(row)


class Arriving:
    """Copies on their way in, piece by piece, from one daemon at a time."""

    def __init__(self) -> None:
        self._heads: dict[str, dict[str, Any]] = {}
        self._pieces: dict[str, list[bytes]] = {}

    def begin(self, daemon: str, head: dict[str, Any]) -> None:
        """The first piece will follow."""
        self._heads[daemon], self._pieces[daemon] = head, []

    def piece(self, daemon: str, number: int, data: bytes) -> None:
        """Piece ``number``, from 0. One that has come before changes nothing."""
        pieces = self._pieces.get(daemon, [])
        if number == len(pieces):
            pieces.append(data)

    def end(self, daemon: str) -> Copy | None:
        """All of it, unless something is missing."""
        head, pieces = self._heads.pop(daemon, None), self._pieces.pop(daemon, [])
        body = b"".join(pieces)
        if head is None or len(body) != head["size"]:
            return None
        return Copy(head["generation"], head["epoch"], body)


def pieces(copy: Copy) -> list[bytes]:
    """What to send one after the other."""
    return [copy.body[start : start + PIECE] for start in range(0, len(copy.body), PIECE)]
