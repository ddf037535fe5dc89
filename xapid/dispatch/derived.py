"""What derived messages do: the getters, setters and listings that follow from fields and classes.

Each is a plain function of the database and the decoded parameters. Reads return rows for records, which the codecs encode
from the rows' caches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xapid.database import Database
from xapid.database.filter import compile_filter
from xapid.database.table import Objects
from xapid.datamodel.catalogue import Entry
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.schema import Field

Derived = Callable[..., Any]


def derive(db: Database, entry: Entry) -> Derived | None:
    """The function of an implicit message, or None if ``entry`` is not one that follows from its declaration alone."""
    message = entry.message
    if not message.implicit:
        return None
    if message.field is None:
        return _OF_CLASS[message.name](db, entry.cls.name)
    verb = message.name.removesuffix(message.field.name)
    return _OF_FIELD[verb](db, entry.cls.name, message.field)


def _get_record(db: Database, cls: str) -> Derived:
    return db.table(cls).get


def _get_by_uuid(db: Database, cls: str) -> Derived:
    table = db.table(cls)
    return lambda uuid: table.by_uuid(uuid).ref


def _get_by_name_label(db: Database, cls: str) -> Derived:
    table = db.table(cls)
    return lambda label: tuple(row.ref for row in table.by_name(label))


def _get_all(db: Database, cls: str) -> Derived:
    table = db.table(cls)
    return lambda: tuple(table.refs())


def _get_all_records(db: Database, cls: str) -> Derived:
    objects = Objects(db.table(cls))
    return lambda: objects


def _get_all_where(db: Database, cls: str) -> Derived:
    records = _get_all_records_where(db, cls)
    return lambda expression: tuple(records(expression))


def _get_all_records_where(db: Database, cls: str) -> Derived:
    table = db.table(cls)

    def select(expression: str) -> dict[str, Any]:
        wanted = compile_filter(table, expression)
        return {row.ref: row for row in table.rows() if wanted(row)}

    return select


def _create(db: Database, cls: str) -> Derived:
    def create(args: dict[str, Any]) -> str:
        with db.transaction() as tx:
            return tx.create(cls, **args)

    return create


def _destroy(db: Database, cls: str) -> Derived:
    def destroy(ref: str) -> None:
        with db.transaction() as tx:
            tx.destroy(db.get(cls, ref))

    return destroy


def _get(db: Database, cls: str, declared: Field) -> Derived:
    field = declared.name
    table = db.table(cls)
    return lambda ref: getattr(table.get(ref), field)


def _set(db: Database, cls: str, declared: Field) -> Derived:
    field = declared.name

    def set_(ref: str, value: Any) -> None:
        with db.transaction() as tx:
            tx.update(db.get(cls, ref), **{field: value})

    return set_


def _add(db: Database, cls: str, declared: Field) -> Derived:
    field = declared.name

    def add(ref: str, value: Any) -> None:
        row = db.get(cls, ref)
        present = getattr(row, field)
        if value not in present:
            with db.transaction() as tx:
                tx.update(row, **{field: (value, *present)})

    return add


def _remove(db: Database, cls: str, declared: Field) -> Derived:
    field = declared.name

    def remove(ref: str, value: Any) -> None:
        row = db.get(cls, ref)
        with db.transaction() as tx:
            tx.update(row, **{field: tuple(item for item in getattr(row, field) if item != value)})

    return remove


def _add_to(db: Database, cls: str, declared: Field) -> Derived:
    field = declared.name

    def add_to(ref: str, key: Any, value: Any) -> None:
        row = db.get(cls, ref)
        if key in getattr(row, field):
            raise XenAPIError("MAP_DUPLICATE_KEY", cls, declared.dump_name, ref, str(key))
        if key == "":
            raise XenAPIError("INTERNAL_ERROR", "a map cannot have an empty key")
        with db.transaction() as tx:
            tx.add_to(row, field, key, value)

    return add_to


def _remove_from(db: Database, cls: str, declared: Field) -> Derived:
    field = declared.name

    def remove_from(ref: str, key: Any) -> None:
        with db.transaction() as tx:
            tx.remove_from(db.get(cls, ref), field, key)

    return remove_from


_OF_CLASS: dict[str, Callable[[Database, str], Derived]] = {
    "get_record": _get_record,
    "get_by_uuid": _get_by_uuid,
    "get_by_name_label": _get_by_name_label,
    "get_all": _get_all,
    "get_all_records": _get_all_records,
    "get_all_where": _get_all_where,
    "get_all_records_where": _get_all_records_where,
    "create": _create,
    "destroy": _destroy,
}
_OF_FIELD: dict[str, Callable[[Database, str, Field], Derived]] = {
    "get_": _get,
    "set_": _set,
    "add_": _add,
    "remove_": _remove,
    "add_to_": _add_to,
    "remove_from_": _remove_from,
}
