"""The messages of VDI by which a storage backend keeps the records of its disks.

They are open only to sessions that the server made for a backend. This server's backends are agents, which answer instead of
calling back, so nobody holds such a session.
"""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def _refuse(context: Context, vdi: str) -> None:
    context.db.get("VDI", vdi)
    raise XenAPIError("PERMISSION_DENIED", "Only the storage backend of the SR may do this")


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
