"""The journal's file: an SQLite database, its versions, and how a group of commits gets into it.

=========  ============================================================================================================
version    what it holds
=========  ============================================================================================================
1          ``objects`` by reference, ``meta`` by key
2          ``objects`` numbered in the order in which they were made; a commit changes rows where they stand
3          the same; secrets may be sealed (:mod:`xapid.database.journal.seals`), which those who know no key cannot read
=========  ============================================================================================================

``meta`` has the daemon's own facts; its key ``generation`` is only written by groups that leave no object with their
generation, so the generation of the file is the greatest of that and of all ``modified``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import attrs

from xapid.database.journal.interface import JournalError

VERSION: Final = 3
"""The layout that this code reads and writes. A file with a newer one is refused; older ones are upgraded, forward only."""

FULL: Final = 2
_AT_ONCE: Final = 128
"""How many objects one statement takes."""

_OBJECTS = """
CREATE TABLE objects (
    number INTEGER PRIMARY KEY, class TEXT NOT NULL, ref TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,
    modified INTEGER NOT NULL, body BLOB NOT NULL
)"""
_META = "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)"

Line = tuple[str, str, int, int, bytes]
"""Class, reference, generations created and modified, body."""


def _number_objects(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE objects RENAME TO version_1")
    connection.execute(_OBJECTS)
    connection.execute(
        "INSERT INTO objects (class, ref, created, modified, body)"
        " SELECT class, ref, created, modified, body FROM version_1 ORDER BY created, rowid"
    )
    connection.execute("DROP TABLE version_1")


def _allow_seals(connection: sqlite3.Connection) -> None:
    """Nothing changes but what may stand in the file; who has a key seals what is in it already."""


UPGRADES: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {1: _number_objects, 2: _allow_seals}
"""What brings a file from the version that is the key to the next. Each runs in one transaction with the others."""


@attrs.frozen
class Entry:
    """One commit as it goes into the file: lines by reference (None: gone), and the facts that changed."""

    generation: int
    lines: Mapping[str, Line | None]
    meta: Mapping[str, str | None]


# Opening ----------------------------------------------------------------------------------------------------------------


def writing(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on disk when they return. Raises JournalError, sqlite3.Error."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=2 * _AT_ONCE)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA fullfsync=ON")  # where fsync alone does not reach the disk
    connection.execute("PRAGMA secure_delete=FAST")  # what was deleted does not linger, where that costs nothing
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if (mode, synchronous) != ("wal", FULL):
        raise JournalError(f"{path}: wanted write-ahead mode with full synchronisation, got {mode}, {synchronous}")
    return connection


def reading(path: Path) -> sqlite3.Connection:
    """A connection that sees one state of the file and changes nothing, also while a daemon writes. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.execute("BEGIN")
    return connection


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the file, 0 for a new one. Raises JournalError for one that is newer than this code."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise JournalError(f"it has version {version}; this xapid knows versions up to {VERSION}")
    return version


def prepare(connection: sqlite3.Connection) -> None:
    """Make the file one of :data:`VERSION`, in one transaction. Raises JournalError, sqlite3.Error."""
    version = version_of(connection)
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    if version == 0:
        connection.execute(_OBJECTS)
        connection.execute(_META)
    else:
        for step in range(version, VERSION):
            UPGRADES[step](connection)
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")


def upgraded_copy(connection: sqlite3.Connection) -> sqlite3.Connection:
    """What the next start would make of an older file, in memory. Raises sqlite3.Error."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    connection.backup(copy)
    prepare(copy)
    return copy


# Reading ----------------------------------------------------------------------------------------------------------------


def lines(connection: sqlite3.Connection) -> Iterator[Line]:
    """Every object, oldest first."""
    return connection.execute("SELECT class, ref, created, modified, body FROM objects ORDER BY number")


def meta(connection: sqlite3.Connection) -> dict[str, str]:
    """The daemon's own facts."""
    return dict(connection.execute("SELECT key, value FROM meta").fetchall())


def lines_of(connection: sqlite3.Connection, classes: Collection[str]) -> Iterator[tuple[str, str, bytes]]:
    """Class, reference and body of every object of some classes."""
    marks = ", ".join("?" * len(classes))
    return connection.execute(f"SELECT class, ref, body FROM objects WHERE class IN ({marks})", tuple(classes))  # noqa: S608 - question marks


# Writing ----------------------------------------------------------------------------------------------------------------


def store(connection: sqlite3.Connection, group: Sequence[Entry]) -> None:
    """Keep some commits, all or none; they are on disk when this returns. Raises sqlite3.Error.

    Between two statements other threads get hold of the interpreter, and may keep it for milliseconds. So the usual group,
    a few changed objects, is one statement that commits by itself.
    """
    changed: dict[str, Line | None] = {}
    facts: dict[str, str | None] = {}
    for entry in group:
        changed |= entry.lines
        facts |= entry.meta
    puts = [line for line in changed.values() if line is not None]
    gone = [ref for ref, line in changed.items() if line is None]
    if not gone and not facts and len(puts) <= _AT_ONCE:
        _put(connection, puts)
        return
    facts["generation"] = str(group[-1].generation)
    connection.execute("BEGIN IMMEDIATE")
    for some in _chunks(puts):
        _put(connection, some)
    connection.executemany("DELETE FROM objects WHERE ref = ?", [(ref,) for ref in gone])
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [kv for kv in facts.items() if kv[1] is not None])
    connection.executemany("DELETE FROM meta WHERE key = ?", [(key,) for key, value in facts.items() if value is None])
    connection.execute("COMMIT")


def _put(connection: sqlite3.Connection, puts: Sequence[Line]) -> None:
    rows = ", ".join(["(?, ?, ?, ?, ?)"] * len(puts))
    connection.execute(
        f"INSERT INTO objects (class, ref, created, modified, body) VALUES {rows}"  # noqa: S608 - question marks
        " ON CONFLICT (ref) DO UPDATE SET class = excluded.class, created = excluded.created,"
        " modified = excluded.modified, body = excluded.body",
        [value for line in puts for value in line],
    )


def rewrite(connection: sqlite3.Connection, bodies: Mapping[str, bytes], facts: Mapping[str, str | None]) -> None:
    """Replace bodies and facts by others that mean the same, and leave nothing of them behind. Raises sqlite3.Error."""
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("UPDATE objects SET body = ? WHERE ref = ?", [(body, ref) for ref, body in bodies.items()])
    connection.executemany("UPDATE meta SET value = ? WHERE key = ?", [(value, key) for key, value in facts.items()])
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.execute("PRAGMA secure_delete=FAST")


def _chunks(puts: Iterable[Line]) -> Iterator[list[Line]]:
    remaining = iter(puts)
    while some := list(islice(remaining, _AT_ONCE)):
        yield some
