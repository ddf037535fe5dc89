"""USB devices of hosts (class ``PUSB``)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def scan(context: Context, host: str) -> None:
    """The devices of a host are on record from its beginning, and none comes or goes."""
    context.db.get("host", host)


def set_passthrough_enabled(context: Context, self: str, value: bool) -> None:
    db = context.db
    row = db.get("PUSB", self)
    group = db.table("USB_group").find(row.USB_group)
    for vusb in [] if group is None or value else group.VUSBs:
        raise XenAPIError("USB_ALREADY_ATTACHED", self, db.get("VUSB", vusb).VM)
    with db.transaction() as tx:
        tx.update(row, passthrough_enabled=value)
