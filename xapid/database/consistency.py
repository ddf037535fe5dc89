"""Whether a database is consistent in itself: its indexes say what its objects say, and its values are of their types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from xapid.database.database import Database
from xapid.database.row import Row
from xapid.database.table import Table, targets
from xapid.datamodel.types import (
    NULL_REF,
    Bool,
    DateTime,
    Enum,
    Float,
    Int,
    Map,
    Option,
    Ref,
    Set,
    String,
    Type,
    Void,
    frozenmap,
    ref_class,
)

_INTEGERS: Final = range(-(2**63), 2**63)


def problems(db: Database) -> Iterator[str]:
    """Everything that is not as it must be, each as a sentence. Takes a second for some tens of thousands of objects."""
    seen: Counter[str] = Counter()
    for table in db.tables.values():
        yield from _of_indexes(table)
        seen.update(table.refs())
        for row in table.rows():
            yield from _of_values(table, row)
        yield from _of_relations(table)
    yield from (f"{ref} is the reference of several objects" for ref, times in seen.items() if times > 1)


def dangling(db: Database) -> Iterator[tuple[str, str, str, str]]:
    """References to objects that are not there: class, reference and field that hold them, and where they point.

    The API allows them: what points at a deleted object says so until somebody looks. Objects that do not outlive a restart
    are no loss either, so references to their classes are left out.
    """
    for table in db.tables.values():
        fields = [(field.name, field.type, ref_class(field.type)) for field in table.cls.fields if field.name in table.initial]
        wanted = [(name, type_, db.tables[to]) for name, type_, to in fields if to in db.tables and db.tables[to].lasts]
        for row in table.rows():
            for name, type_, far in wanted:
                value = getattr(row, name)
                for ref in value if isinstance(type_, Set) else (value,):
                    if ref and ref != NULL_REF and ref not in far:
                        yield row.kind, row.ref, name, ref


def _of_values(table: Table, row: Row) -> Iterator[str]:
    for field in table.cls.fields:
        if field.name in table.initial and not conforms(field.type, getattr(row, field.name)):
            yield f"{row.kind} {row.ref}: {field.name} is not of type {field.type}"


def _of_relations(table: Table) -> Iterator[str]:
    for relation in table.relations:
        members: dict[str, set[str]] = {}
        for row in table.rows():
            for target in targets(relation, row):
                members.setdefault(target, set()).add(row.ref)
        known = {target: set(refs) for target, refs in relation.far.all_members(relation.far_field).items()}
        for target in (members.keys() | known.keys()) - {NULL_REF}:
            if members.get(target) != known.get(target):
                yield f"{relation.far.cls.name} {target}: its {relation.far_field} are not those that point at it"


def _of_indexes(table: Table) -> Iterator[str]:
    name = table.cls.name
    uuids: dict[str, str] = {}
    for row in table.rows():
        uuid = getattr(row, "uuid", "") if "uuid" in table.initial else ""
        if uuid and uuids.setdefault(uuid, row.ref) != row.ref:
            yield f"{name} {row.ref}: another object has its uuid {uuid}"
        elif uuid and table.find_uuid(uuid) is not row:
            yield f"{name} {row.ref}: its uuid {uuid} does not lead to it"
        if table.modified.get(row.ref, row._modified) != row._modified or row._created > row._modified:
            yield f"{name} {row.ref}: its generations are wrong"
    if "name_label" in table.initial:
        named: dict[str, set[str]] = {}
        for row in table.rows():
            named.setdefault(row.name_label, set()).add(row.ref)
        for label, refs in named.items():
            if {row.ref for row in table.by_name(label)} != refs:
                yield f"{name}: the name {label!r} does not lead to all that have it"


def conforms(type_: Type, value: Any) -> bool:
    """Whether a value is one of ``type_`` as the database holds it."""
    if isinstance(type_, Set):
        return isinstance(value, tuple) and all(conforms(type_.of, item) for item in value)
    if isinstance(type_, Map):
        return isinstance(value, frozenmap) and all(
            conforms(type_.key, key) and conforms(type_.value, item) for key, item in value.items()
        )
    if isinstance(type_, Enum):
        return value in type_.values
    if isinstance(type_, Option):
        return value is None or conforms(type_.of, value)
    if type_ is Int:
        return type(value) is int and value in _INTEGERS
    if type_ is DateTime:
        return isinstance(value, datetime)
    if isinstance(type_, Ref) or type_ is String:
        return isinstance(value, str)
    return type(value) is _PLAIN.get(type_, dict)


_PLAIN: Final[dict[Type, type]] = {Bool: bool, Float: float, Void: type(None)}
