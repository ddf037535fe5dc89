"""Servers of sites from which VMs stream their disks (class ``PVS_server``)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.addressing import is_address
from xapid.operations.context import Context


def introduce(context: Context, addresses: tuple[str, ...], first_port: int, last_port: int, site: str) -> str:
    db = context.db
    if not addresses or not all(is_address(address, 4) or is_address(address, 6) for address in addresses):
        raise XenAPIError("INVALID_IP_ADDRESS_SPECIFIED", "addresses")
    used = {address for server in db.table("PVS_server") for address in server.addresses}
    for address in addresses:
        if address in used:
            raise XenAPIError("PVS_SERVER_ADDRESS_IN_USE", address)
    if not 0 < first_port <= last_port <= 65535:
        raise XenAPIError("VALUE_NOT_SUPPORTED", "first_port", str(first_port), f"the last port is {last_port}")
    db.get("PVS_site", site)
    with db.transaction() as tx:
        return tx.create("PVS_server", addresses=addresses, first_port=first_port, last_port=last_port, site=site)


def forget(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.destroy(context.db.get("PVS_server", self))
