"""The journal in one SQLite file, in write-ahead mode with full synchronisation.

One thread writes. It gets what a turn of the reactor has brought all at once, and what arrives while it is busy shares the
next commit. A batch is durable when the COMMIT of its group has returned. A commit that fails is final: nothing is
acknowledged any more.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson
from twisted.internet import defer
from twisted.logger import Logger

from xapid.database.journal import layout
from xapid.database.journal.interface import Batch, JournalError, Loaded
from xapid.database.journal.layout import Entry
from xapid.database.journal.notation import ClassReader, Sharing, written
from xapid.database.journal.seals import Seal, closed, closed_facts, is_bare, opened_facts, secret_fields
from xapid.datamodel.catalogue import Catalogue, catalogue
from xapid.datamodel.types import String
from xapid.whole_files import sync_directory

log = Logger()

Store = Callable[[sqlite3.Connection, Sequence[Entry]], None]


class FromThreads(Protocol):
    """The part of the reactor that other threads may touch."""

    def callFromThread(self, callable: Callable[..., Any], *args: object) -> object: ...


class SQLiteJournal:
    """Keeps batches in the file ``path``, which is made if it is not there.

    ``failed`` is called, once, in the reactor's thread, when a commit failed. ``store`` puts a group of commits on disk. With a
    ``seal``, no secret stands in the file; those that an older version put there are sealed at once.
    Raises JournalError for a file that is none, that is of a newer version, or that cannot be written.
    """

    def __init__(
        self,
        path: Path,
        reactor: FromThreads,
        failed: Callable[[BaseException], None],
        store: Store = layout.store,
        seal: Seal | None = None,
    ) -> None:
        self._path = path
        self._seal = seal
        self._reactor = reactor
        self._failed = failed
        self._store = store
        self._queue: queue.SimpleQueue[list[Entry] | None] = queue.SimpleQueue()
        self._turn: list[Entry] = []
        """What this turn of the reactor has brought so far."""
        self._sent = 0
        self._safe = 0
        self._waiting: deque[tuple[int, defer.Deferred[None]]] = deque()
        try:
            self._connection = layout.writing(path)
            layout.prepare(self._connection)
            if seal is not None:
                seal_plain(self._connection, catalogue(), seal)
            sync_directory(path.parent)
        except (JournalError, sqlite3.Error, OSError, ValueError) as problem:
            raise JournalError(f"{path}: {problem}") from problem
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> bool:
        return self._safe < self._sent

    @property
    def outstanding(self) -> int:
        return self._sent - self._safe

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        """Everything that was kept, in the order in which it was made. Raises JournalError for what cannot be read."""
        with self._reading() as connection:
            yield from loaded(connection, api, self._seal)

    def load_meta(self) -> dict[str, str]:
        with self._reading() as connection:
            return opened_facts(layout.meta(connection), self._seal)

    def commit(self, batch: Batch) -> None:
        """Keep a batch, soon. Raises TypeError for values that cannot be written; then nothing of the batch is kept."""
        entry = as_entry(batch, self._seal)
        self._sent += 1
        self._turn.append(entry)
        if len(self._turn) == 1:
            self._reactor.callFromThread(self._hand_over)

    def durable(self) -> defer.Deferred[None]:
        done: defer.Deferred[None] = defer.Deferred()
        if not self.pending:
            done.callback(None)
        else:
            self._waiting.append((self._sent, done))
        return done

    def close(self) -> defer.Deferred[None]:
        outstanding = self.durable()
        self._hand_over()
        self._queue.put(None)
        return outstanding.addCallback(lambda _: self._thread.join())

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(layout.reading(self._path)) as connection:
                yield connection
        except (JournalError, sqlite3.Error, ValueError) as problem:
            raise JournalError(f"{self._path}: {problem}") from problem

    # The writing thread -----------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        with contextlib.closing(self._connection):
            stop = False
            while not stop:
                group, stop = self._gather()
                try:
                    if group:
                        self._store(self._connection, group)
                except BaseException as problem:
                    self._reactor.callFromThread(self._fail, problem)
                    return
                self._reactor.callFromThread(self._acknowledge, len(group))

    def _gather(self) -> tuple[list[Entry], bool]:
        """What has arrived, and whether nothing more will."""
        group: list[Entry] = []
        arrived = self._queue.get()
        while arrived is not None:
            group += arrived
            try:
                arrived = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    # Back in the reactor's ----------------------------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        turn, self._turn = self._turn, []
        if turn:
            self._queue.put(turn)

    def _acknowledge(self, count: int) -> None:
        self._safe += count
        while self._waiting and self._waiting[0][0] <= self._safe:
            self._waiting.popleft()[1].callback(None)

    def _fail(self, problem: BaseException) -> None:
        log.critical("the journal cannot be written, nothing is acknowledged any more: {problem}", problem=problem)
        self._failed(problem)


def as_entry(batch: Batch, seal: Seal | None = None) -> Entry:
    """A batch in the notation of the file, with its secrets sealed. Raises TypeError for values that cannot be written."""
    secret = {} if seal is None else secret_fields(catalogue())
    lines: dict[str, layout.Line | None] = {}
    for put in batch.puts:
        values = put.values
        if put.cls in secret and seal is not None:
            values = closed(values, put.cls, secret[put.cls], seal)
        lines[put.ref] = (put.cls, put.ref, put.created, put.modified, written(values))
    lines |= {ref: None for _, ref in batch.deletes}
    meta = batch.meta if seal is None else closed_facts(batch.meta, seal)
    return Entry(batch.generation, lines, meta)


def loaded(connection: sqlite3.Connection, api: Catalogue, seal: Seal | None = None) -> Iterator[Loaded]:
    """The objects of classes that the API has, oldest first, with values that they share. Raises ValueError."""
    sharing = Sharing()
    name = sharing.of(String)
    readers = {name(cls.name): ClassReader(cls, sharing, seal) for cls in api.classes.values()}
    for cls, ref, created, modified, body in layout.lines(connection):
        read = readers.get(cls)
        if read is not None:
            try:
                yield Loaded(name(cls), name(ref), created, modified, read(body))
            except ValueError as problem:
                raise ValueError(f"{cls} {ref}: {problem}") from problem


def seal_plain(connection: sqlite3.Connection, api: Catalogue, seal: Seal) -> None:
    """Seal what stands in the file unsealed, as older versions left it. Raises sqlite3.Error, ValueError."""
    secret, bodies = secret_fields(api), {}
    for cls, ref, body in layout.lines_of(connection, secret):
        values = orjson.loads(body)
        if any(isinstance(values.get(name), str) for name in secret[cls]):
            bodies[ref] = written(closed(values, cls, secret[cls], seal))
    bare = {key: value for key, value in layout.meta(connection).items() if is_bare(key, value)}
    if bodies or bare:
        layout.rewrite(connection, bodies, closed_facts(bare, seal))
