"""Callers: programs and addresses whose use of the API is told apart, and the groups they are in (class ``Caller``)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def add_group(context: Context, self: str, group: str) -> None:
    if not group:
        raise XenAPIError("INVALID_VALUE", "group", group)
    row = context.db.get("Caller", self)
    if group not in row.groups:
        with context.db.transaction() as tx:
            tx.update(row, groups=(*row.groups, group))


def remove_group(context: Context, self: str, group: str) -> None:
    row = context.db.get("Caller", self)
    with context.db.transaction() as tx:
        tx.update(row, groups=tuple(present for present in row.groups if present != group))
