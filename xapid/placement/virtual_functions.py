"""How many virtual functions network cards have left. Serves ``network_sriov.get_remaining_capacity`` and placement."""

from __future__ import annotations

from collections import Counter

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF


def sriov_of(db: Database, network: Row, host: str) -> Row | None:
    """The SR-IOV set-up of a host that a network's VIFs get virtual functions from, directly or through a VLAN."""
    for pif in (db.get("PIF", ref) for ref in network.PIFs):
        if pif.host == host:
            vlan = db.table("VLAN").find(pif.VLAN_master_of)
            base = pif if vlan is None else db.get("PIF", vlan.tagged_PIF)
            return next((db.get("network_sriov", ref) for ref in base.sriov_logical_PIF_of), None)
    return None


def may_be_sriov(db: Database, network: Row) -> bool:
    """Whether VIFs on a network get virtual functions on any host."""
    for pif in (db.get("PIF", ref) for ref in network.PIFs):
        if pif.sriov_logical_PIF_of or (pif.VLAN_master_of != NULL_REF and sriov_of(db, network, pif.host) is not None):
            return True
    return False


def remaining_capacity(db: Database, sriov: Row) -> int:
    """How many more VIFs could get a virtual function: those that there are, without those in use."""
    physical, logical = db.get("PIF", sriov.physical_PIF), db.get("PIF", sriov.logical_PIF)
    card = db.table("PCI").find(physical.PCI)
    functions = [] if card is None else [db.get("PCI", ref) for ref in card.virtual_functions]
    untagged = [db.get("PIF", db.get("VLAN", ref).untagged_PIF) for ref in logical.VLAN_slave_of]
    vifs = (db.get("VIF", ref) for pif in (logical, *untagged) for ref in db.get("network", pif.network).VIFs)
    residents = set(db.get("host", physical.host).resident_VMs)
    plugged = sum(bool(vif.currently_attached) and vif.VM in residents for vif in vifs)
    return max(0, sum(not function.attached_VMs for function in functions) - plugged)


def assert_functions(db: Database, vm: Row, host: str) -> None:
    """Errors: NETWORK_SRIOV_INSUFFICIENT_CAPACITY[network], unless each VIF of a VM can get the virtual function it needs."""
    wanted: Counter[str] = Counter()
    for vif in (db.table("VIF").find(ref) for ref in vm.VIFs):
        network = None if vif is None else db.table("network").find(vif.network)
        sriov = None if network is None else sriov_of(db, network, host)
        if network is not None and sriov is not None:
            wanted[sriov.ref] += 1
            if wanted[sriov.ref] > remaining_capacity(db, sriov):
                raise XenAPIError("NETWORK_SRIOV_INSUFFICIENT_CAPACITY", network.ref)
