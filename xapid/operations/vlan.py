"""VLANs: tagged traffic of one PIF as a PIF of its own (class ``VLAN``)."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.cabling import (
    NO_MAC,
    add_pif,
    check_managed,
    check_network_free,
    is_on_sriov,
    is_sriov_logical,
    is_tunnel_access,
    plug_new,
)
from xapid.operations.context import Context

_TAGS = range(4095)


async def create(context: Context, tagged_PIF: str, tag: int, network: str) -> str:
    db = context.db
    base = db.get("PIF", tagged_PIF)
    target = check_network_free(db, network, base.host)
    check_managed(base)
    if base.bond_slave_of != NULL_REF:
        raise XenAPIError("CANNOT_ADD_VLAN_TO_BOND_SLAVE", tagged_PIF)
    if base.VLAN != -1:
        raise XenAPIError("PIF_IS_VLAN", tagged_PIF)
    if is_tunnel_access(base):
        raise XenAPIError("IS_TUNNEL_ACCESS_PIF", tagged_PIF)
    for pif in (db.get("PIF", ref) for ref in target.PIFs):
        if is_sriov_logical(base) and (pif.VLAN == -1 or not is_on_sriov(db, pif)):
            raise XenAPIError("NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV", network)
        if not is_sriov_logical(base) and is_on_sriov(db, pif):
            raise XenAPIError("NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE", network)
    _check_tag(tag)
    if any(db.get("VLAN", ref).tag == tag for ref in base.VLAN_slave_of):
        raise XenAPIError("PIF_VLAN_EXISTS", base.device)
    if any(db.get("VIF", ref).trunks for ref in target.VIFs):
        raise XenAPIError("NETWORK_INCOMPATIBLE_WITH_TRUNKS", network)
    with db.transaction() as tx:
        vlan = tx.create("VLAN", tagged_PIF=tagged_PIF, tag=tag)
        untagged = add_pif(
            tx,
            device=base.device,
            network=network,
            host=base.host,
            MAC=NO_MAC,
            MTU=base.MTU,
            VLAN=tag,
            metrics=base.metrics,
            VLAN_master_of=vlan,
        )
        tx.update(vlan, untagged_PIF=untagged)
    await plug_new(context, untagged, vlan)
    return vlan


async def destroy(context: Context, self: str) -> None:
    db = context.db
    untagged = db.get("VLAN", self).untagged_PIF
    if untagged in db.table("PIF"):
        await context.call("PIF.unplug", untagged)
    with db.transaction() as tx:
        if untagged in db.table("PIF"):
            tx.destroy(db.get("PIF", untagged))
        tx.destroy(db.get("VLAN", self))


def pool_introduce(context: Context, tagged_PIF: str, untagged_PIF: str, tag: int, other_config: Any) -> str:
    db = context.db
    db.get("PIF", tagged_PIF)
    _check_tag(tag)
    with db.transaction() as tx:
        vlan = tx.create("VLAN", tagged_PIF=tagged_PIF, untagged_PIF=untagged_PIF, tag=tag, other_config=other_config)
        tx.update(db.get("PIF", untagged_PIF), VLAN_master_of=vlan)
    return vlan


def _check_tag(tag: int) -> None:
    if tag not in _TAGS:
        raise XenAPIError("VLAN_TAG_INVALID", str(tag))
