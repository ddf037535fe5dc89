"""The messages of VDI that touch nothing but the record of a disk.

Most are for storage backends, and open only to sessions that the server made for one. This server's backends are agents, which
answer instead of calling back, so nobody holds such a session.
"""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed
from xapid.operations.context import Context
from xapid.operations.disks import named


def _refuse(context: Context, vdi: str) -> None:
    context.db.get("VDI", vdi)
    raise XenAPIError("PERMISSION_DENIED", "Only the storage backend of the SR may do this")


def pool_introduce(context: Context, *params: Any) -> str:
    """Errors: INVALID_VALUE for sizes that no disk has."""
    fields = named("pool_introduce", params)
    for name in ("virtual_size", "physical_utilisation"):
        if fields[name] < 0:
            raise XenAPIError("INVALID_VALUE", name, str(fields[name]))
    with context.db.transaction() as tx:
        ref = tx.create("VDI", **fields)
        allowed.refresh(tx, context.db, context.db.get("VDI", ref))
    return ref


def db_introduce(context: Context, *params: Any) -> str:
    raise XenAPIError("PERMISSION_DENIED", "Only the storage backend of the SR may do this")


def db_forget(context: Context, vdi: str) -> None:
    _refuse(context, vdi)


def set_managed(context: Context, self: str, value: bool) -> None:
    _refuse(context, self)


def set_sharable(context: Context, self: str, value: bool) -> None:
    _refuse(context, self)


def set_read_only(context: Context, self: str, value: bool) -> None:
    _refuse(context, self)


def set_missing(context: Context, self: str, value: bool) -> None:
    _refuse(context, self)


def set_virtual_size(context: Context, self: str, value: int) -> None:
    _refuse(context, self)


def set_physical_utilisation(context: Context, self: str, value: int) -> None:
    _refuse(context, self)


def set_is_a_snapshot(context: Context, self: str, value: bool) -> None:
    _refuse(context, self)


def set_snapshot_of(context: Context, self: str, value: str) -> None:
    _refuse(context, self)


def set_snapshot_time(context: Context, self: str, value: Any) -> None:
    _refuse(context, self)


def set_metadata_of_pool(context: Context, self: str, value: str) -> None:
    _refuse(context, self)


def set_cbt_enabled(context: Context, self: str, value: bool) -> None:
    _refuse(context, self)
