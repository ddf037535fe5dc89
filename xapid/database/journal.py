"""Where committed changes are kept, so that an acknowledged one is never lost.

The interface is small on purpose (load; commit a batch, acknowledged later; close): a replicated store can take the place
of the file.
"""

from __future__ import annotations

import math
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import attrs
import orjson
from twisted.internet import defer
from twisted.logger import Logger

from xapid.datamodel.catalogue import Catalogue
from xapid.datamodel.types import DateTime, Float, Map, Set, Type, freeze

log = Logger()

SCHEMA_VERSION = 1
"""The layout of the journal file. A file with a newer one is refused; older ones are upgraded, forward only."""

UPGRADES: dict[int, Callable[[sqlite3.Connection], None]] = {}
"""What brings a file from the version that is the key to the next."""


class JournalError(Exception):
    """The journal cannot be opened, read or written."""


@attrs.define
class Batch:
    """The lasting part of one commit."""

    generation: int
    puts: list[tuple[str, str, int, int, dict[str, Any]]] = attrs.Factory(list)
    """Class, reference, generation created, generation modified, field values."""
    deletes: list[tuple[str, str]] = attrs.Factory(list)
    meta: dict[str, str | None] = attrs.Factory(dict)

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes or self.meta)


@attrs.frozen
class Loaded:
    """An object as the journal kept it."""

    cls: str
    ref: str
    created: int
    modified: int
    values: dict[str, Any]


class Journal(Protocol):
    """Keeps batches."""

    @property
    def pending(self) -> bool:
        """Whether a batch was committed that is not safe yet."""

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        """Everything that was kept."""

    def load_meta(self) -> dict[str, str]:
        """The daemon's own facts."""

    def commit(self, batch: Batch) -> None:
        """Keep a batch, soon."""

    def durable(self) -> defer.Deferred[None]:
        """Fires when all batches so far are safe."""

    def close(self) -> defer.Deferred[None]:
        """Keep what is outstanding and stop."""


class FromThreads(Protocol):
    """The part of the reactor that other threads may touch."""

    def callFromThread(self, callable: Callable[..., Any], *args: object) -> object: ...


class NoJournal:
    """Keeps nothing: for tests, and for pools that may vanish."""

    pending = False

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        return iter(())

    def load_meta(self) -> dict[str, str]:
        return {}

    def commit(self, batch: Batch) -> None:
        pass

    def durable(self) -> defer.Deferred[None]:
        return defer.succeed(None)

    def close(self) -> defer.Deferred[None]:
        return defer.succeed(None)


class SQLiteJournal:
    """Keeps batches in one SQLite file, in write-ahead mode with full synchronisation.

    One thread writes; batches that arrive while it is busy share the next commit. A commit that fails is final: ``failed``
    is called, once, and nothing is acknowledged any more.
    """

    def __init__(self, path: Path, reactor: FromThreads, failed: Callable[[BaseException], None]) -> None:
        self._path = path
        self._reactor = reactor
        self._failed = failed
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._sent = 0
        self._safe = 0
        self._broken = False
        self._waiting: list[tuple[int, defer.Deferred[None]]] = []
        self._prepare()
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> bool:
        return self._safe < self._sent

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        types = {(name, field.name): field.type for name, cls in api.classes.items() for field in cls.fields}
        with self._connect() as connection:
            for cls, ref, created, modified, body in connection.execute("SELECT * FROM objects ORDER BY created, rowid"):
                values = orjson.loads(body)
                known = {name: thaw(types[cls, name], value) for name, value in values.items() if (cls, name) in types}
                yield Loaded(cls, ref, created, modified, known)
        connection.close()

    def load_meta(self) -> dict[str, str]:
        with self._connect() as connection:
            found = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        connection.close()
        return found

    def commit(self, batch: Batch) -> None:
        self._sent += 1
        self._queue.put(batch)

    def durable(self) -> defer.Deferred[None]:
        done: defer.Deferred[None] = defer.Deferred()
        if not self.pending:
            done.callback(None)
        else:
            self._waiting.append((self._sent, done))
        return done

    def close(self) -> defer.Deferred[None]:
        outstanding = self.durable()
        self._queue.put(None)
        return outstanding.addCallback(lambda _: self._thread.join())

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        if (mode, synchronous) != ("wal", 2):
            raise JournalError(f"{self._path}: wanted WAL with full synchronisation, got {mode}, {synchronous}")
        return connection

    def _prepare(self) -> None:
        connection = self._connect()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise JournalError(f"{self._path} has version {version}; this xapid knows versions up to {SCHEMA_VERSION}")
        connection.execute("BEGIN IMMEDIATE")
        if version == 0:
            connection.execute(
                "CREATE TABLE objects (class TEXT, ref TEXT PRIMARY KEY, created INTEGER, modified INTEGER, body BLOB)"
            )
            connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        for step in range(version or SCHEMA_VERSION, SCHEMA_VERSION):
            UPGRADES[step](connection)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")
        connection.close()

    def _write(self) -> None:
        connection = self._connect()
        while True:
            batches = self._gather()
            stop = batches[-1] is None
            group = [batch for batch in batches if batch is not None]
            if group:
                try:
                    _store(connection, group)
                except Exception as problem:
                    self._reactor.callFromThread(self._fail, problem)
                    return
                self._reactor.callFromThread(self._acknowledge, len(group))
            if stop:
                connection.close()
                return

    def _gather(self) -> list[Batch | None]:
        batches = [self._queue.get()]
        while batches[-1] is not None:
            try:
                batches.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batches

    def _acknowledge(self, count: int) -> None:
        if self._broken:
            return
        self._safe += count
        ready = [done for number, done in self._waiting if number <= self._safe]
        self._waiting = [(number, done) for number, done in self._waiting if number > self._safe]
        for done in ready:
            done.callback(None)

    def _fail(self, problem: BaseException) -> None:
        self._broken = True
        log.critical("the journal cannot be written, stopping: {problem}", problem=problem)
        self._failed(problem)


def _store(connection: sqlite3.Connection, group: list[Batch]) -> None:
    puts: dict[str, tuple[str, str, int, int, bytes] | None] = {}
    meta: dict[str, str | None] = {}
    for batch in group:
        for cls, ref, created, modified, values in batch.puts:
            puts[ref] = (cls, ref, created, modified, written(values))
        for _, ref in batch.deletes:
            puts[ref] = None
        meta |= batch.meta
    meta["generation"] = str(group[-1].generation)
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", [row for row in puts.values() if row])
    connection.executemany("DELETE FROM objects WHERE ref = ?", [(ref,) for ref, row in puts.items() if row is None])
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [kv for kv in meta.items() if kv[1] is not None])
    connection.executemany("DELETE FROM meta WHERE key = ?", [(key,) for key, value in meta.items() if value is None])
    connection.execute("COMMIT")


def written(value: Any) -> bytes:
    """A value, or a dict of them, as the file holds it; :func:`thaw` reads it. Numbers that JSON has not are text."""
    return orjson.dumps(_plain(value), option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def thaw(type_: Type, value: Any) -> Any:
    """A value of ``type_`` from what JSON made of it."""
    if type_ is Float:
        return float(value)
    if isinstance(type_, Map):
        keys = int if str(type_.key) == "int" else str
        return freeze(type_, {keys(key): thaw(type_.value, item) for key, item in value.items()})
    if isinstance(type_, Set):
        return tuple(thaw(type_.of, item) for item in value)
    return freeze(type_, value) if type_ is DateTime else value
