"""Networks of virtual functions: a network card that hands parts of itself to VMs (class ``network_sriov``)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import NO_MAC, add_pif, check_managed, check_network_free, plug_new, take_down
from xapid.operations.context import Context
from xapid.placement.virtual_functions import remaining_capacity

_CAPABILITY = "sriov"


async def create(context: Context, pif: str, network: str) -> str:
    db = context.db
    base = db.get("PIF", pif)
    target = check_network_free(db, network, base.host)
    check_managed(base)
    if not base.physical:
        raise XenAPIError("PIF_IS_NOT_PHYSICAL", pif)
    if _CAPABILITY not in base.capabilities:
        raise XenAPIError("PIF_IS_NOT_SRIOV_CAPABLE", pif)
    if base.sriov_physical_PIF_of:
        raise XenAPIError("NETWORK_SRIOV_ALREADY_ENABLED", pif)
    if any(not db.get("PIF", ref).sriov_logical_PIF_of for ref in target.PIFs):
        raise XenAPIError("NETWORK_INCOMPATIBLE_WITH_SRIOV", network)
    with db.transaction() as tx:
        logical = add_pif(
            tx, device=base.device, network=network, host=base.host, MAC=NO_MAC, MTU=base.MTU, metrics=base.metrics
        )
        sriov = tx.create("network_sriov", physical_PIF=pif, logical_PIF=logical, configuration_mode="sysfs")
    await plug_new(context, logical, sriov)
    return sriov


async def destroy(context: Context, self: str) -> None:
    db = context.db
    logical = db.get("network_sriov", self).logical_PIF
    await take_down(context, logical)
    with db.transaction() as tx:
        tx.destroy(db.get("network_sriov", self))
        tx.destroy(db.get("PIF", logical))


def get_remaining_capacity(context: Context, self: str) -> int:
    return remaining_capacity(context.db, context.db.get("network_sriov", self))
