"""What hosts left behind when they crashed (class ``host_crashdump``)."""

from __future__ import annotations

from typing import Any, NoReturn

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def destroy(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.destroy(context.db.get("host_crashdump", self))


def upload(context: Context, self: str, url: str, options: Any) -> NoReturn:
    """Dumps are known by name alone; their contents are not kept."""
    context.db.get("host_crashdump", self)
    raise XenAPIError("OPERATION_NOT_ALLOWED", "the contents of the dump are not here")
