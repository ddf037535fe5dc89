"""The variants of a host's driver (class ``Driver_variant``)."""

from __future__ import annotations

from xapid.operations.context import Context


async def select(context: Context, self: str) -> None:
    await context.call("Host_driver.select", context.db.get("Driver_variant", self).driver, self)
