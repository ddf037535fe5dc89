"""Class ``role``: what the static roles and permissions contain, and who contains them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xapid.database import Row
from xapid.operations.context import Context

FILTERS: Final[dict[str, Callable[[Row], bool]]] = {
    "subroles<>[]": lambda row: bool(row.subroles),
    "subroles=[]": lambda row: not row.subroles,
}
"""The only expressions that mean something for roles; any other selects everything, as if it were not there."""


def get_all_where(context: Context, expr: str) -> tuple[str, ...]:
    return tuple(row.ref for row in _selected(context, expr))


def get_all_records_where(context: Context, expr: str) -> dict[str, Row]:
    return {row.ref: row for row in _selected(context, expr)}


def get_permissions(context: Context, self: str) -> tuple[str, ...]:
    """A permission gives itself."""
    row = context.db.get("role", self)
    refs: tuple[str, ...] = row.subroles or (row.ref,)
    return refs


def get_permissions_name_label(context: Context, self: str) -> tuple[str, ...]:
    table = context.db.table("role")
    return tuple(table.get(ref).name_label for ref in get_permissions(context, self))


def get_by_permission(context: Context, permission: str) -> tuple[str, ...]:
    """No role has what is no permission: the answer is empty, not an error."""
    return tuple(row.ref for row in _selected(context, "subroles<>[]") if permission in row.subroles)


def get_by_permission_name_label(context: Context, label: str) -> tuple[str, ...]:
    wanted = {row.ref for row in context.db.table("role").by_name(label)}
    return tuple(row.ref for row in _selected(context, "subroles<>[]") if wanted.intersection(row.subroles))


def _selected(context: Context, expr: str) -> list[Row]:
    rows = context.db.table("role").rows()
    wanted = FILTERS.get(expr)
    return rows if wanted is None else [row for row in rows if wanted(row)]
