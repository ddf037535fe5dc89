"""Patches on hosts, of the kind that updates replaced (class ``host_patch``)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def destroy(context: Context, self: str) -> None:
    row = context.db.get("host_patch", self)
    if row.applied:
        raise XenAPIError("PATCH_IS_APPLIED")
    with context.db.transaction() as tx:
        tx.destroy(row)


def apply(context: Context, self: str) -> str:
    context.db.get("host_patch", self)
    raise XenAPIError("CANNOT_FIND_PATCH")
