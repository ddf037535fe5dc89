"""Updates that come as disk images (class ``pool_update``). Such images cannot be read here, so none can be applied."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def introduce(context: Context, vdi: str) -> str:
    row = context.db.get("VDI", vdi)
    raise XenAPIError("INVALID_UPDATE", f"{row.uuid} holds no update")


def precheck(context: Context, self: str, host: str) -> str:
    raise _missing(context, self)


def apply(context: Context, self: str, host: str) -> None:
    raise _missing(context, self)


def pool_apply(context: Context, self: str) -> None:
    raise _missing(context, self)


def attach(context: Context, self: str, use_localhost_proxy: bool) -> str:
    raise _missing(context, self)


def detach(context: Context, self: str) -> None:
    context.db.get("pool_update", self)


def pool_clean(context: Context, self: str) -> None:
    context.db.get("pool_update", self)


def resync_host(context: Context, host: str) -> None:
    """Hosts report no updates of this kind."""
    context.db.get("host", host)


def destroy(context: Context, self: str) -> None:
    row = context.db.get("pool_update", self)
    if row.hosts:
        raise XenAPIError("UPDATE_IS_APPLIED")
    with context.db.transaction() as tx:
        tx.destroy(row)


def _missing(context: Context, update: str) -> XenAPIError:
    context.db.get("pool_update", update)
    return XenAPIError("CANNOT_FIND_UPDATE")
