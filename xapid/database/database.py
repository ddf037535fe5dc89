"""The object database: every table, and the transactions that change them.

A transaction is synchronous: it never awaits, so nobody sees a change half done, and it applies whole or not at all. Each
commit that changed something is one *generation*; it feeds the event log and the journal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

import attrs
from twisted.internet import defer

from xapid.database.encodings import Encodings
from xapid.database.garbage import no_collections
from xapid.database.journal import Batch, Journal, NoJournal, Put
from xapid.database.row import Row
from xapid.database.table import Table, relate, targets
from xapid.datamodel.catalogue import Catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap

UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
"""Characters that XML cannot carry, so neither can the database's dumps and answers."""
LIFE: Final = 10**12
"""More generations than one process gets to."""


class Ids(Protocol):
    """Where new references and uuids come from."""

    def ref(self) -> str: ...
    def uuid(self) -> str: ...


@attrs.frozen
class Change:
    """One object that a commit touched: the row before and after (None: not there)."""

    table: Table
    before: Row | None
    after: Row | None


class Database:
    """The tables of every class that has objects, and what was committed to them."""

    def __init__(self, api: Catalogue, ids: Ids, journal: Journal | None = None) -> None:
        self.api = api
        self.ids = ids
        self.encodings = Encodings()
        self.tables = {
            name: Table(cls, self.encodings) for name, cls in api.classes.items() if cls.in_database or cls.name == "message"
        }
        relate(self.tables)
        self.generation = 0
        self.began = 0
        """The generation in which this process took over."""
        self.meta: dict[str, str] = {}
        """Facts of the daemon itself that outlive a restart and are no API objects; set with :meth:`Transaction.set_meta`."""
        self.observers: list[Callable[[int, list[Change]], None]] = []
        """Called after each commit with its generation and changes."""
        self._journal = journal or NoJournal()
        self._open: Transaction | None = None

    def table(self, cls: str) -> Table:
        """The table of class ``cls``."""
        return self.tables[cls]

    def get(self, cls: str, ref: str) -> Row:
        """An object of class ``cls``. Errors: HANDLE_INVALID."""
        return self.tables[cls].get(ref)

    def find(self, ref: str) -> Row | None:
        """The object behind a reference of any class, or None."""
        for table in self.tables.values():
            row = table.find(ref)
            if row is not None:
                return row
        return None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A set of changes that happens whole when the block ends, or not at all when it raises.

        A transaction inside another joins it. Never await inside.
        """
        if self._open is not None:
            yield self._open
            return
        self._open = transaction = Transaction(self, self.generation + 1)
        try:
            yield transaction
            changes = transaction.changes()
            batch = transaction.batch()
            if batch:
                self._journal.commit(batch)
        except BaseException:
            transaction.undo()
            raise
        finally:
            self._open = None
        if changes or transaction.meta:
            self.generation = transaction.generation
            for change in changes:
                change.table.note(change.before, change.after, self.generation)
            for observer in self.observers:
                observer(self.generation, changes)

    def durable(self) -> defer.Deferred[None]:
        """Fires when everything committed so far is safe on disk; at once where nothing is kept; never if that failed.

        Whoever acknowledges a change awaits this first.
        """
        return self._journal.durable()

    @property
    def pending(self) -> bool:
        """Whether a commit is not on disk yet."""
        return self._journal.pending

    @property
    def outstanding(self) -> int:
        """How many commits are not on disk yet."""
        return self._journal.outstanding

    def load(self) -> bool:
        """Fill the tables from the journal; whether it held anything. Raises JournalError."""
        newest = -1
        with no_collections():
            for kept in self._journal.load(self.api):
                table = self.tables.get(kept.cls)
                if table is not None:
                    table.load(kept)
                    newest = max(newest, kept.modified)
        for table in self.tables.values():
            table.loaded()
        self.meta.update(self._journal.load_meta())
        self.generation = max(self.generation, newest, int(self.meta.get("generation", "0")))
        return newest >= 0

    def begin_life(self) -> None:
        """After :meth:`load`, before anything is changed: go on from a generation that the former process never got to.

        Changes that are not kept make generations too, so nobody knows how far it came; but clients may hold tokens from
        then. They are to hear of everything that changes from now on, and of every object with fields that are not kept,
        since these are as new objects have them.
        """
        self.began = self.generation = (self.generation // LIFE + 1) * LIFE
        for table in self.tables.values():
            table.begin_life(self.generation)
        with self.transaction() as tx:
            tx.set_meta("lives", str(int(self.meta.get("lives", "0")) + 1))  # the journal keeps the generation with it

    def close(self) -> defer.Deferred[None]:
        """Flush and let go of the journal."""
        return self._journal.close()


class Transaction:
    """Changes to the database, made at once and taken back if the block that makes them fails."""

    def __init__(self, database: Database, generation: int) -> None:
        self.database = database
        self.generation = generation
        self.meta: dict[str, str | None] = {}
        self._before: dict[str, tuple[Table, Row | None]] = {}
        self._persist: dict[str, None] = {}
        self._meta_before: dict[str, str | None] = {}

    def create(self, cls: str, /, *, ref: str | None = None, **values: Any) -> str:
        """A new object; fields not given take their initial value. Characters that cannot be kept are dropped.

        Errors: DB_UNIQUENESS_CONSTRAINT_VIOLATION for a reference or uuid that exists.
        """
        table = self.database.tables[cls]
        ref = ref or self.database.ids.ref()
        self._check_fields(table, values)
        values = {name: _cleaned(value) for name, value in values.items()}
        if "uuid" in table.initial and not values.get("uuid"):
            values["uuid"] = self.database.ids.uuid()
        if self.database.find(ref) is not None:
            raise XenAPIError("DB_UNIQUENESS_CONSTRAINT_VIOLATION", cls, "_ref", ref)
        if "uuid" in values and table.find_uuid(values["uuid"]) is not None:
            raise XenAPIError("DB_UNIQUENESS_CONSTRAINT_VIOLATION", cls, "uuid", values["uuid"])
        self._put(table, ref, table.new(ref, self.generation, values))
        self._persist[ref] = None
        return ref

    def update(self, target: Row | str, **changes: Any) -> None:
        """Change fields of an object. What already has the value is no change.

        Errors: HANDLE_INVALID, INTERNAL_ERROR for text that cannot be kept.
        """
        row = self._current(target)
        table = row._table
        self._check_fields(table, changes)
        changes = {name: value for name, value in changes.items() if getattr(row, name) != value}
        if not changes:
            return
        for value in changes.values():
            _refuse_unstorable(value)
        self._put(table, row.ref, table.evolve(row, self.generation, changes))
        if not table.persistent.isdisjoint(changes):
            self._persist[row.ref] = None

    def add_to(self, target: Row | str, field: str, key: Any, value: Any) -> None:
        """Put ``key`` into a map field, in front if it is new."""
        row = self._current(target)
        self.update(row, **{field: getattr(row, field).with_item(_cleaned(key), _cleaned(value))})

    def remove_from(self, target: Row | str, field: str, *keys: Any) -> None:
        """Take ``keys`` out of a map field, if they are there."""
        row = self._current(target)
        self.update(row, **{field: getattr(row, field).without(*keys)})

    def touch(self, target: Row | str) -> None:
        """Make an event of an object that did not change."""
        row = self._current(target)
        self._put(row._table, row.ref, row._table.evolve(row, self.generation, {}))

    def destroy(self, target: Row | str) -> None:
        """Remove an object, and nothing else. Errors: HANDLE_INVALID."""
        row = self._current(target)
        self._put(row._table, row.ref, None)
        self._persist[row.ref] = None

    def set_meta(self, key: str, value: str | None) -> None:
        """Keep ``value`` under ``key`` in :attr:`Database.meta`; None removes it."""
        meta = self.database.meta
        self._meta_before.setdefault(key, meta.get(key))
        self.meta[key] = value
        _put_meta(meta, key, value)

    def undo(self) -> None:
        """Take everything back."""
        for ref, (table, row) in self._before.items():
            table.put(ref, row)
            table.encodings.forget(ref)
        for key, value in self._meta_before.items():
            _put_meta(self.database.meta, key, value)

    def changes(self) -> list[Change]:
        """What changed from before the transaction to now."""
        afters = ((table, before, table.find(ref)) for ref, (table, before) in self._before.items())
        return [Change(table, before, after) for table, before, after in afters if before is not after]

    def batch(self) -> Batch:
        """What the journal is to keep."""
        batch = Batch(self.generation)
        for ref in self._persist:
            table, before = self._before[ref]
            if not table.lasts:
                continue
            row = table.find(ref)
            if row is not None:
                batch.puts.append(Put(table.cls.name, ref, row._created, row._modified, table.stored_values(row)))
            elif before is not None:
                batch.deletes.append((table.cls.name, ref))
        batch.meta = self.meta
        return batch

    def _current(self, target: Row | str) -> Row:
        ref = target if isinstance(target, str) else target.ref
        row = self.database.find(ref) if isinstance(target, str) else target._table.find(ref)
        if row is None:
            raise XenAPIError("HANDLE_INVALID", "Object" if isinstance(target, str) else target.kind, ref)
        return row

    def _put(self, table: Table, ref: str, row: Row | None) -> None:
        old = table.put(ref, row)
        self._before.setdefault(ref, (table, old))
        for relation in table.changed_relations(old, row):
            if not relation.is_field:
                continue
            before, after = targets(relation, old), targets(relation, row)
            if before != after:
                for target in {*before, *after} - {*before}.intersection(after) - {NULL_REF}:
                    self._refresh(relation.far, target, relation.makes_events)

    def _refresh(self, table: Table, ref: str, event: bool) -> None:
        """A derived set of the object changed: it is a new row, and usually an event."""
        row = table.find(ref)
        if row is None:
            return
        is_known = row._modified == self.generation
        table.put(ref, table.evolve(row, self.generation if event or is_known else row._modified, {}))
        table.encodings.forget(ref)  # the set is no part of the row
        if not is_known:
            self._before.setdefault(ref, (table, row))

    def _check_fields(self, table: Table, values: Mapping[str, Any]) -> None:
        unknown = values.keys() - table.initial.keys()
        if unknown:
            raise LookupError(f"{table.cls.name} has no stored field {', '.join(sorted(unknown))}")


def _put_meta(meta: dict[str, str], key: str, value: str | None) -> None:
    if value is None:
        meta.pop(key, None)
    else:
        meta[key] = value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return UNSTORABLE.sub("", value) if UNSTORABLE.search(value) else value
    if isinstance(value, tuple):
        return tuple(_cleaned(item) for item in value) if value else value
    if isinstance(value, frozenmap):
        return frozenmap({_cleaned(k): _cleaned(v) for k, v in value.items()}) if value else value
    return value


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, str):
        if UNSTORABLE.search(value):
            raise XenAPIError("INTERNAL_ERROR", "the text has characters that XML cannot carry")
    elif isinstance(value, tuple):
        for item in value:
            _refuse_unstorable(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(item)
