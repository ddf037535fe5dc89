"""Drivers of hosts of which several variants are installed (class ``Host_driver``)."""

from __future__ import annotations

from typing import Final

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.context import Context

_MISSING: Final = "missing."
_BUILT_IN: Final = "built-in"


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


async def rescan(context: Context, host: str) -> None:
    """The drivers are those that the host's agent tells of, each with the one variant that it runs."""
    db = context.db
    db.get("host", host)
    found = (await context.agent(host).metrics.facts())["drivers"]
    known = {row.type: row for row in db.table("Host_driver").rows() if row.host == host}
    with db.transaction() as tx:
        for kind, row in known.items():
            if found.get(kind) != row.name:
                for variant in row.variants:
                    tx.destroy(variant)
                tx.destroy(row)
        for kind, name in found.items():
            if not kind.startswith(_MISSING) and (kind not in known or known[kind].name != name):
                driver = tx.create("Host_driver", host=host, name=name, friendly_name=name, type=kind)
                variant = tx.create("Driver_variant", driver=driver, name=_BUILT_IN, hardware_present=True)
                tx.update(driver, active_variant=variant, selected_variant=variant)
