"""PCI devices, and whether the control domain may use them (class ``PCI``)."""

from __future__ import annotations

from xapid.operations.context import Context

_HIDDEN = "hidden_from_dom0:"
"""Prefix of the fact that a device is kept from the control domain from the next boot on."""


def enable_dom0_access(context: Context, self: str) -> str:
    return _set_hidden(context, self, None)


def disable_dom0_access(context: Context, self: str) -> str:
    return _set_hidden(context, self, "true")


def get_dom0_access_status(context: Context, self: str) -> str:
    uuid = context.db.get("PCI", self).uuid
    return "disable_on_reboot" if _HIDDEN + uuid in context.db.meta else "enabled"


def _set_hidden(context: Context, pci: str, hidden: str | None) -> str:
    row = context.db.get("PCI", pci)
    with context.db.transaction() as tx:
        tx.set_meta(_HIDDEN + row.uuid, hidden)
    return get_dom0_access_status(context, pci)
