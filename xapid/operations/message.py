"""Messages: alerts for people, newest first (class ``message``). The oldest give way when there are too many."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from xapid.database import Row
from xapid.database.filter import compile_filter
from xapid.datamodel.errors import XenAPIError
from xapid.operations.alerts import add_alert
from xapid.operations.context import Context

_FILTERS = {"before", "after", "priority"}
Records = dict[str, Row]


def create(context: Context, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> str:
    return add_alert(context, name, priority, cls, obj_uuid, body)


def destroy(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.destroy(context.db.get("message", self))


def destroy_many(context: Context, messages: tuple[str, ...]) -> None:
    rows = [context.db.get("message", ref) for ref in dict.fromkeys(messages)]
    with context.db.transaction() as tx:
        for row in rows:
            tx.destroy(row)


def destroy_all(context: Context, filters: dict[str, str]) -> None:
    for name in filters:
        if name not in _FILTERS:
            raise XenAPIError("INVALID_VALUE", "filters", name)
    before, after = _moment(filters, "before"), _moment(filters, "after")
    priority = _whole(filters, "priority")
    with context.db.transaction() as tx:
        for row in context.db.table("message"):
            if (
                (before is None or row.timestamp < before)
                and (after is None or row.timestamp > after)
                and (priority is None or row.priority == priority)
            ):
                tx.destroy(row)


def get(context: Context, cls: str, obj_uuid: str, since: datetime) -> Records:
    return {
        row.ref: row for row in _newest_first(context) if (row.cls, row.obj_uuid) == (cls, obj_uuid) and row.timestamp > since
    }


def get_all(context: Context) -> tuple[str, ...]:
    return tuple(row.ref for row in _newest_first(context))


def get_since(context: Context, since: datetime) -> Records:
    return {row.ref: row for row in _newest_first(context) if row.timestamp > since}


def get_record(context: Context, self: str) -> Row:
    return context.db.get("message", self)


def get_by_uuid(context: Context, uuid: str) -> str:
    return context.db.table("message").by_uuid(uuid).ref


def get_all_records(context: Context) -> Records:
    return {row.ref: row for row in _newest_first(context)}


def get_all_records_where(context: Context, expr: str) -> Records:
    wanted = compile_filter(context.db.table("message"), expr)
    try:
        return {row.ref: row for row in _newest_first(context) if wanted(row)}
    except XenAPIError as error:
        if error.code != "INTERNAL_ERROR":
            raise
        return {}  # Messages do not have the field, so none has the value.


def _newest_first(context: Context) -> list[Row]:
    return context.db.table("message").rows()[::-1]


def _moment(filters: dict[str, Any], name: str) -> datetime | None:
    if name not in filters:
        return None
    try:
        moment = datetime.fromisoformat(filters[name])
    except ValueError:
        raise XenAPIError("INVALID_VALUE", name, filters[name]) from None
    return moment if moment.tzinfo else moment.astimezone()


def _whole(filters: dict[str, str], name: str) -> int | None:
    if name not in filters:
        return None
    try:
        return int(filters[name])
    except ValueError:
        raise XenAPIError("INVALID_VALUE", name, filters[name]) from None
