"""Tunnels: networks between hosts on top of another network (class ``tunnel``)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.cabling import (
    add_pif,
    check_managed,
    check_network_free,
    has_address,
    is_on_sriov,
    is_sriov_logical,
    is_tunnel_access,
    next_device,
    plug_new,
)
from xapid.operations.context import Context
from xapid.operations.pif import db_forget


async def create(context: Context, transport_PIF: str, network: str, protocol: str) -> str:
    db = context.db
    base = db.get("PIF", transport_PIF)
    target = check_network_free(db, network, base.host)
    check_managed(base)
    if base.bond_slave_of != NULL_REF:
        raise XenAPIError("CANNOT_ADD_TUNNEL_TO_BOND_SLAVE", transport_PIF)
    if is_tunnel_access(base):
        raise XenAPIError("IS_TUNNEL_ACCESS_PIF", transport_PIF)
    if is_sriov_logical(base):
        raise XenAPIError("CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL", transport_PIF)
    if is_on_sriov(db, base):
        raise XenAPIError("CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL", transport_PIF)
    if any(is_on_sriov(db, db.get("PIF", ref)) for ref in target.PIFs):
        raise XenAPIError("NETWORK_INCOMPATIBLE_WITH_TUNNEL", network)
    if any(host.software_version.get("network_backend") != "openvswitch" for host in db.table("host")):
        raise XenAPIError("OPENVSWITCH_NOT_ACTIVE")
    with db.transaction() as tx:
        access = add_pif(
            tx,
            device=next_device(db, base.host, "tunnel"),
            network=network,
            host=base.host,
            MAC=context.ids.mac(),
            MTU=base.MTU,
        )
        tunnel = tx.create("tunnel", access_PIF=access, transport_PIF=transport_PIF, protocol=protocol)
    if has_address(base):  # a tunnel may be made before its transport has one; it stays down until then
        await plug_new(context, access, tunnel)
    return tunnel


async def destroy(context: Context, self: str) -> None:
    db = context.db
    access = db.get("tunnel", self).access_PIF
    await context.call("PIF.unplug", access)
    with db.transaction() as tx:
        tx.destroy(db.get("tunnel", self))
    db_forget(context, access)
