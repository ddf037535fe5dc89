"""Single keys of map fields, for messages that are more than derived setters yet change a map in the same way."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def add_key(context: Context, cls: str, field: str, ref: str, key: str, value: Any) -> None:
    """Put a new key into a map. Errors: HANDLE_INVALID, MAP_DUPLICATE_KEY, INTERNAL_ERROR for an empty key."""
    row = context.db.get(cls, ref)
    if key in getattr(row, field):
        raise XenAPIError("MAP_DUPLICATE_KEY", cls, field, ref, key)
    if key == "":
        raise XenAPIError("INTERNAL_ERROR", "a map cannot have an empty key")
    with context.db.transaction() as tx:
        tx.add_to(row, field, key, value)


def remove_key(context: Context, cls: str, field: str, ref: str, key: str) -> None:
    """Take a key out of a map, if it is there. Errors: HANDLE_INVALID."""
    row = context.db.get(cls, ref)
    with context.db.transaction() as tx:
        tx.remove_from(row, field, key)


def set_map(context: Context, cls: str, field: str, ref: str, value: Any) -> None:
    """Put another map in place of the present one. Errors: HANDLE_INVALID."""
    row = context.db.get(cls, ref)
    with context.db.transaction() as tx:
        tx.update(row, **{field: value})
