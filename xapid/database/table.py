"""All objects of one class, with the indexes that find them: by reference, uuid, name, and the far end of relations."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, KeysView, Mapping, Sequence
from operator import itemgetter
from typing import Any

import attrs

from xapid.database.encodings import Encodings, Make
from xapid.database.journal import Loaded
from xapid.database.row import STAMPS, Row, picker, reader, row_class
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.schema import Class
from xapid.datamodel.types import Set

DELETIONS_KEPT = 512
"""How many deleted objects a table remembers for slow listeners."""


LOOKED_UP = (("VM", "scheduled_to_be_resident_on"), ("VM", "suspend_VDI"), ("VDI", "location"))
"""Classes and fields by whose values objects are looked for often; :meth:`Table.holders` finds them."""


@attrs.frozen
class Relation:
    """A stored reference field of this table, and the derived set at its far end. Or, if that ``is_field`` not, a field of
    :data:`LOOKED_UP` and the index that finds its holders.
    """

    field: str
    is_set: bool
    far: Table
    far_field: str
    makes_events: bool
    is_field: bool = True


@attrs.frozen
class Deletion:
    """What is remembered of a deleted object: the generations in which it came and went."""

    ref: str
    created: int
    deleted: int


class Table:
    """The objects of class ``cls``, in the order in which they were made."""

    def __init__(self, cls: Class, encodings: Encodings) -> None:
        self.cls = cls
        self.row_class = row_class(cls)
        self.stored = tuple(field.name for field in cls.fields if field.derived_from is None)
        self.persistent = frozenset(field.name for field in cls.fields if field.persist and field.derived_from is None)
        self.lasts = cls.persist or cls.name == "message"
        """Whether objects outlive a restart."""
        self.published = tuple(field.name for field in cls.fields if not field.internal)
        self.initial = {field.name: field.initial for field in cls.fields if field.derived_from is None}
        self.derived = frozenset(field.name for field in cls.fields if field.derived_from is not None)
        self.relations: list[Relation] = []
        self.modified: dict[str, int] = {}
        """Reference to generation of the last change, least recently changed first."""
        self.deletions: deque[Deletion] = deque(maxlen=DELETIONS_KEPT)
        self._rows: dict[str, Row] = {}
        self._read = reader(self.stored)
        self._kept = tuple(name for name in self.stored if name in self.persistent)
        self._read_kept = reader(self._kept)
        self._read_relations = reader(())
        self._places = {name: place for place, name in enumerate(self.stored)}
        self._pick = picker(self.stored)
        self._has_uuid = "uuid" in self.stored
        self._has_name = "name_label" in self.stored
        self._uuids: dict[str, str] = {}
        self._names: dict[str, dict[str, None]] = {}
        self._members: dict[str, dict[str, dict[str, None]]] = {}
        self.encodings = encodings

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def __contains__(self, ref: str) -> bool:
        return ref in self._rows

    def refs(self) -> KeysView[str]:
        """Every reference, in order of creation."""
        return self._rows.keys()

    def rows(self) -> list[Row]:
        """Every object, in order of creation: a snapshot that later changes leave alone."""
        return list(self._rows.values())

    def first(self) -> Row | None:
        """The object that was made first, if any; of a class with one object, that one."""
        return next(iter(self._rows.values()), None)

    def find(self, ref: str) -> Row | None:
        """The object, or None."""
        return self._rows.get(ref)

    def get(self, ref: str) -> Row:
        """The object. Errors: HANDLE_INVALID."""
        row = self._rows.get(ref)
        if row is None:
            raise XenAPIError("HANDLE_INVALID", self.cls.name, ref)
        return row

    def by_uuid(self, uuid: str) -> Row:
        """The object with this uuid. Errors: UUID_INVALID."""
        ref = self._uuids.get(uuid)
        if ref is None:
            raise XenAPIError("UUID_INVALID", self.cls.name, uuid)
        return self._rows[ref]

    def find_uuid(self, uuid: str) -> Row | None:
        """The object with this uuid, or None."""
        ref = self._uuids.get(uuid)
        return None if ref is None else self._rows[ref]

    def by_name(self, label: str) -> list[Row]:
        """The objects with exactly this ``name_label``."""
        return [self._rows[ref] for ref in self._names.get(label, ())]

    def members(self, field: str, ref: str) -> tuple[str, ...]:
        """The references at the far end of the derived set ``field`` of object ``ref``."""
        sets = self._members.get(field)
        found = None if sets is None else sets.get(ref)
        return tuple(found) if found else ()

    def holders(self, field: str, value: str) -> tuple[str, ...]:
        """The objects whose field, one of :data:`LOOKED_UP`, has a value."""
        return self.members(_index_of(field), value)

    def all_members(self, field: str) -> Mapping[str, Collection[str]]:
        """The references at the far ends of the derived set ``field``, by object."""
        return self._members.get(field, {})

    # What follows is for transactions.

    def new(self, ref: str, generation: int, values: dict[str, Any]) -> Row:
        """A row with ``values``, everything else as new objects have it."""
        full = self.initial | values
        return self.row_class(ref, self, generation, generation, *(full[name] for name in self.stored))  # type: ignore[call-arg]

    def evolve(self, row: Row, generation: int, changes: dict[str, Any]) -> Row:
        """``row`` with ``changes``, as modified in ``generation``."""
        values = list(self._read(row))
        for name, value in changes.items():
            values[self._places[name]] = value
        self.encodings.evolved(row.ref, changes)
        return self.row_class(row.ref, self, row._created, generation, *values)  # type: ignore[call-arg]

    def stored_values(self, row: Row) -> dict[str, Any]:
        """The fields that outlive a restart."""
        return dict(zip(self._kept, self._read_kept(row), strict=True))

    def put(self, ref: str, row: Row | None) -> Row | None:
        """Put ``row`` (or nothing) in place of what is there, keep the indexes right, and return what was there."""
        old = self._rows.get(ref)
        if row is None:
            self._rows.pop(ref, None)
            self.encodings.forget(ref)
        else:
            self._rows[ref] = row
        self.encodings.changed(self.cls.name)
        self._index(ref, old, row)
        return old

    def load(self, kept: Loaded) -> None:
        """Take in an object that the journal kept; fields that it does not have are as new objects have them.

        Older objects come first. When all have come, :meth:`loaded` is due.
        """
        _, ref, created, modified, values = kept
        if ref in self._rows:
            self.put(ref, None)
        row = self.row_class(ref, self, created, modified, *self._pick({**self.initial, **values}))  # type: ignore[call-arg]
        self._rows[ref] = row
        self.modified[ref] = modified
        self._index(ref, None, row)

    def loaded(self) -> None:
        """Everything was taken in."""
        self.modified = dict(sorted(self.modified.items(), key=itemgetter(1)))

    def begin_life(self, generation: int) -> None:
        """Objects of a class with fields that are not kept have changed, as far as anyone can tell."""
        if self.persistent.issuperset(self.stored):
            return
        for ref, row in self._rows.items():
            self._rows[ref] = self.evolve(row, generation, {})
            self.modified[ref] = generation

    def fill_in(self, ref: str, **values: Any) -> None:
        """Give an object of a new process values of fields that are not kept and no relations. It stays as old as it was:
        nobody has seen it yet.
        """
        row = self._rows[ref]
        self._rows[ref] = self.evolve(row, row._modified, values)
        self.encodings.changed(self.cls.name)

    def related(self, relations: list[Relation]) -> None:
        """These of its fields have derived sets at their far ends."""
        self.relations = relations
        self._read_relations = reader(relation.field for relation in relations)

    def changed_relations(self, old: Row | None, new: Row | None) -> Sequence[Relation]:
        """Those in which two rows of an object may differ; usually none do."""
        if old is not None and new is not None and self._read_relations(old) == self._read_relations(new):
            return ()
        return self.relations

    def note(self, before: Row | None, after: Row | None, generation: int) -> None:
        """A commit has changed an object: remember when, and, for slow listeners, that it is no more.

        A row whose stamp is as old as before keeps its place among the others.
        """
        if after is not None:
            if self.modified.get(after.ref) != after._modified:
                self.modified.pop(after.ref, None)
                self.modified[after.ref] = after._modified
        elif before is not None:
            self.modified.pop(before.ref, None)
            if self.cls.events:
                self.deletions.append(Deletion(before.ref, before._created, generation))

    def _index_uuid(self, ref: str, before: Any, after: Any) -> None:
        if before != after:
            if before and self._uuids.get(before) == ref:
                del self._uuids[before]
            if after:
                self._uuids[after] = ref

    def _index(self, ref: str, old: Row | None, new: Row | None) -> None:
        if self._has_uuid:
            self._index_uuid(ref, old and old.uuid, new and new.uuid)
        if self._has_name and (old is None or new is None or old.name_label != new.name_label):
            if old is not None:
                _discard(self._names, old.name_label, ref)
            if new is not None:
                self._names.setdefault(new.name_label, {})[ref] = None
        for relation in self.changed_relations(old, new):
            before, after = targets(relation, old), targets(relation, new)
            if before != after:
                sets = relation.far._members.setdefault(relation.far_field, {})
                for target in before:
                    if target not in after:
                        _discard(sets, target, ref)
                for target in after:
                    if target not in before:
                        sets.setdefault(target, {})[ref] = None


@attrs.frozen(eq=False)
class Objects(Mapping[str, Row]):
    """Every object of a table by its reference, as they are when they are looked at."""

    _table: Table

    def __getitem__(self, ref: str) -> Row:
        row = self._table.find(ref)
        if row is None:
            raise KeyError(ref)
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._table.refs()))

    def __len__(self) -> int:
        return len(self._table)

    def encoded(self, key: str, make: Make) -> list[bytes]:
        """What ``make`` makes of each, made once until an object changes."""
        return self._table.encodings.of_all(self._table, key, make)


def targets(relation: Relation, row: Row | None) -> tuple[str, ...]:
    """The references that ``row`` holds in the field of ``relation``."""
    if row is None:
        return ()
    value = getattr(row, relation.field)
    return value if relation.is_set else (value,)


def _discard(index: dict[str, dict[str, None]], key: str, ref: str) -> None:
    refs = index.get(key)
    if refs is not None:
        refs.pop(ref, None)
        if not refs:
            del index[key]


def relate(tables: dict[str, Table]) -> None:
    """Tell each table which of its reference fields have a derived set at the far end."""
    found: dict[str, list[Relation]] = {name: [] for name in tables}
    for far in tables.values():
        for field in far.cls.fields:
            if field.derived_from is not None:
                near = tables[field.derived_from.cls]
                source = next(f for f in near.cls.fields if f.name == field.derived_from.field)
                made = Relation(source.name, isinstance(source.type, Set), far, field.name, field.events)
                found[near.cls.name].append(made)
    for cls, name in LOOKED_UP:
        found[cls].append(Relation(name, False, tables[cls], _index_of(name), False, is_field=False))
    for name, relations in found.items():
        tables[name].related(relations)


def _index_of(field: str) -> str:
    return f"holders of {field}"


__all__ = ["STAMPS", "Deletion", "Objects", "Relation", "Table", "relate", "targets"]
