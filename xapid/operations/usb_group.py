"""Groups of USB devices of the same kind (class ``USB_group``)."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def create(context: Context, name_label: str, name_description: str, other_config: Any) -> str:
    with context.db.transaction() as tx:
        return tx.create("USB_group", name_label=name_label, name_description=name_description, other_config=other_config)


def destroy(context: Context, self: str) -> None:
    row = context.db.get("USB_group", self)
    if row.PUSBs:
        raise XenAPIError.relayed("USB_GROUP_CONTAINS_PUSB", *row.PUSBs)
    if row.VUSBs:
        raise XenAPIError.relayed("USB_GROUP_CONTAINS_VUSB", *row.VUSBs)
    with context.db.transaction() as tx:
        tx.destroy(row)
