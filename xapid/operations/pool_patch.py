"""Patches, of the kind that updates replaced (class ``pool_patch``). None can be uploaded, so none can be applied."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def apply(context: Context, self: str, host: str) -> str:
    raise _missing(context, self)


def pool_apply(context: Context, self: str) -> None:
    raise _missing(context, self)


def precheck(context: Context, self: str, host: str) -> str:
    raise _missing(context, self)


def clean(context: Context, self: str) -> None:
    """There are no files to remove."""


def pool_clean(context: Context, self: str) -> None:
    context.db.get("pool_patch", self)


def clean_on_host(context: Context, self: str, host: str) -> None:
    context.db.get("pool_patch", self)


def destroy(context: Context, self: str) -> None:
    db = context.db
    row = db.get("pool_patch", self)
    if any(db.get("host_patch", ref).applied for ref in row.host_patches):
        raise XenAPIError("PATCH_IS_APPLIED")
    with db.transaction() as tx:
        for ref in row.host_patches:
            tx.destroy(ref)
        tx.destroy(row)


def _missing(context: Context, patch: str) -> XenAPIError:
    context.db.get("pool_patch", patch)
    return XenAPIError("CANNOT_FIND_PATCH")
