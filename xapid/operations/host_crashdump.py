"""What hosts left behind when they crashed (class ``host_crashdump``)."""

from __future__ import annotations

from xapid.operations.context import Context


def destroy(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.destroy(context.db.get("host_crashdump", self))
