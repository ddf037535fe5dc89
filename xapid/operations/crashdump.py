"""Memory dumps of crashed VMs."""

from __future__ import annotations

from xapid.operations.context import Context


async def destroy(context: Context, self: str) -> None:
    db = context.db
    dump = db.get("crashdump", self)
    if dump.VDI in db.table("VDI"):
        await context.call("VDI.destroy", dump.VDI)
    with db.transaction() as tx:
        tx.destroy(dump)
