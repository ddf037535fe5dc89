"""Drivers of hosts of which several variants are installed (class ``Host_driver``)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.context import Context


def select(context: Context, self: str, variant: str) -> None:
    db = context.db
    row, chosen = db.get("Host_driver", self), db.get("Driver_variant", variant)
    if chosen.driver != self:
        raise XenAPIError("INVALID_VALUE", "variant", variant)
    if not chosen.hardware_present:
        raise XenAPIError("HOST_DRIVER_NO_HARDWARE", variant)
    with db.transaction() as tx:
        tx.update(row, selected_variant=variant)


def deselect(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("Host_driver", self), selected_variant=NULL_REF)


def rescan(context: Context, host: str) -> None:
    """Agents report no drivers with variants, so there is nothing to find."""
    context.db.get("host", host)
