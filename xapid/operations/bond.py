"""Bonds: several PIFs of a host as one (class ``Bond``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.addressing import check_mac
from xapid.operations.agent_errors import translated
from xapid.operations.cabling import (
    NO_ADDRESS,
    add_pif,
    address_fields,
    check_managed,
    check_network_free,
    follow_management,
    has_address,
    is_on_sriov,
    is_sriov_logical,
    is_tunnel_access,
    next_device,
    plug,
    take_down,
    the_pool,
)
from xapid.operations.context import Context
from xapid.operations.devices import nic_config
from xapid.placement.choice import possible_hosts

_LACP: Mapping[str, tuple[str, ...]] = {
    "hashing_algorithm": ("tcpudp_ports", "src_mac"),
    "lacp-time": ("slow", "fast"),
    "lacp-fallback-ab": ("true", "false"),
}
"""The properties of mode lacp, with their values, the default first."""
_AGGREGATION_KEY = "lacp-aggregation-key"


async def create(context: Context, network: str, members: tuple[str, ...], MAC: str, mode: str, properties: Any) -> str:
    db = context.db
    if not members:
        raise XenAPIError("PIF_BOND_NEEDS_MORE_MEMBERS")
    pifs = [db.get("PIF", ref) for ref in dict.fromkeys(members)]
    target = check_network_free(db, network, pifs[0].host)
    if any(is_on_sriov(db, db.get("PIF", ref)) for ref in target.PIFs):
        raise XenAPIError("NETWORK_INCOMPATIBLE_WITH_BOND", network)
    if MAC:
        check_mac(MAC)
    settings = _with_defaults(mode, properties)
    _check_members(db, pifs)
    primary = _primary(pifs)
    vifs = _local_vifs(db, primary.host, [pif.network for pif in pifs])
    before = [*pifs, *_built_on(db, pifs), *(db.get("VIF", vif) for vif in vifs)]
    with db.transaction() as tx:
        bond = tx.create(
            "Bond", primary_slave=primary.ref, mode=mode, properties=settings, auto_update_mac=not MAC, links_up=len(pifs)
        )
        fields = {
            **address_fields(primary),
            "disallow_unplug": any(pif.disallow_unplug for pif in pifs),
            "management": any(pif.management for pif in pifs),
        }
        upper = add_pif(
            tx,
            device=next_device(db, primary.host, "bond"),
            network=network,
            host=primary.host,
            MAC=MAC or primary.MAC,
            MTU=target.MTU,
            properties=primary.properties,
            **fields,
        )
        tx.update(bond, master=upper)
        for pif in pifs:
            _move(tx, db, pif, upper)
            tx.update(db.get("PIF", pif.ref), **NO_ADDRESS, bond_slave_of=bond)
        for vif in vifs:
            tx.update(vif, network=network)
    try:
        await plug(context, upper)
    except BaseException:
        _take_back(db, before, upper, bond)
        raise
    await _follow(context, vifs)
    return bond


def _built_on(db: Database, pifs: list[Row]) -> Iterator[Row]:
    """The VLANs and tunnels of PIFs, and the PIFs of these VLANs."""
    for pif in pifs:
        for vlan in (db.get("VLAN", ref) for ref in pif.VLAN_slave_of):
            yield vlan
            yield db.get("PIF", vlan.untagged_PIF)
        yield from (db.get("tunnel", ref) for ref in pif.tunnel_transport_PIF_of)


_TOUCHED: Mapping[str, tuple[str, ...]] = {
    "PIF": (*NO_ADDRESS, "bond_slave_of", "device"), "VLAN": ("tagged_PIF",), "tunnel": ("transport_PIF",), "VIF": ("network",),
}  # fmt: skip
"""What making a bond changes, by class."""


def _take_back(db: Database, before: list[Row], upper: str, bond: str) -> None:
    """The bond could not be brought up: it is gone, and all else is as it was ``before``."""
    with db.transaction() as tx:
        for row in before:
            if row.ref in db.table(row.kind):
                tx.update(row.ref, **{name: getattr(row, name) for name in _TOUCHED[row.kind]})
        for ref in (db.get("PIF", upper).metrics, upper, bond):
            tx.destroy(ref)


async def destroy(context: Context, self: str) -> None:
    db = context.db
    bond = db.get("Bond", self)
    upper = db.get("PIF", bond.master)
    if upper.management and the_pool(db).ha_enabled:
        raise XenAPIError("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
    members = bond.slaves
    primary = db.get("PIF", bond.primary_slave if bond.primary_slave in members else members[0])
    plugged = upper.currently_attached
    vifs = _local_vifs(db, upper.host, [upper.network])
    if plugged:
        await take_down(context, upper.ref)
    with db.transaction() as tx:
        tx.update(primary, **address_fields(upper))
        _move(tx, db, db.get("PIF", upper.ref), primary.ref)
        for vif in vifs:
            tx.update(vif, network=primary.network)
        for member in members:
            tx.update(member, bond_slave_of=NULL_REF)
        metrics = db.table("PIF_metrics").find(upper.metrics)
        if metrics is not None:
            tx.destroy(metrics)
        tx.destroy(upper)
        tx.destroy(bond)
        follow_management(tx, db, primary.ref)
    if plugged:
        for member in members:
            await plug(context, member)
    await _follow(context, vifs)


async def set_mode(context: Context, self: str, value: str) -> None:
    bond = context.db.get("Bond", self)
    kept = bond.properties if value == bond.mode else {}
    with context.db.transaction() as tx:
        tx.update(bond, mode=value, properties=_with_defaults(value, kept))
    await _reapply(context, bond)


async def set_property(context: Context, self: str, name: str, value: str) -> None:
    bond = context.db.get("Bond", self)
    _check_property(bond.mode, name, value)
    with context.db.transaction() as tx:
        tx.add_to(bond, "properties", name, value)
    await _reapply(context, bond)


async def _reapply(context: Context, bond: Row) -> None:
    if context.db.get("PIF", bond.master).currently_attached:
        await plug(context, bond.master)


def _check_members(db: Database, pifs: list[Row]) -> None:
    """Refuse members that cannot be bonded, in the order in which the API does."""
    for pif in pifs:
        if pif.primary_address_type != pifs[0].primary_address_type:
            raise XenAPIError("PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", pif.ref)
        check_managed(pif)
        if pif.bond_slave_of != NULL_REF or pif.bond_master_of:
            raise XenAPIError("PIF_ALREADY_BONDED", pif.ref)
        if pif.VLAN != -1:
            raise XenAPIError("PIF_VLAN_EXISTS", pif.device)
        if is_sriov_logical(pif):
            raise XenAPIError("PIF_IS_SRIOV_LOGICAL", pif.ref)
        if is_tunnel_access(pif):
            raise XenAPIError("IS_TUNNEL_ACCESS_PIF", pif.ref)
        if pif.management and the_pool(db).ha_enabled:
            raise XenAPIError("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
    if len({pif.host for pif in pifs}) > 1:
        raise XenAPIError("PIF_CANNOT_BOND_CROSS_HOST")
    if any(pif.properties != pifs[0].properties for pif in pifs):
        raise XenAPIError("INCOMPATIBLE_PIF_PROPERTIES")
    if sum(has_address(pif) for pif in pifs) > 1:
        raise XenAPIError("PIF_BOND_MORE_THAN_ONE_IP")


def _primary(pifs: list[Row]) -> Row:
    """The member whose addresses and MAC the bond takes: the management PIF, one with an address, or the first."""
    for wanted in (lambda pif: pif.management, has_address):
        for pif in pifs:
            if wanted(pif):
                return pif
    return pifs[0]


def _move(tx: Transaction, db: Database, source: Row, target: str) -> None:
    """Move the VLANs and tunnels of a PIF to another PIF of the same host."""
    device = db.get("PIF", target).device
    for vlan in (db.get("VLAN", ref) for ref in source.VLAN_slave_of):
        tx.update(vlan, tagged_PIF=target)
        tx.update(vlan.untagged_PIF, device=device)
    for tunnel in source.tunnel_transport_PIF_of:
        tx.update(tunnel, transport_PIF=target)


def _local_vifs(db: Database, host: str, networks: list[str]) -> list[str]:
    """The VIFs on some networks of the VMs that run on a host, or could run on no other."""
    alone = len(db.table("host")) == 1
    found = []
    for vif in (db.get("VIF", ref) for network in networks for ref in db.get("network", network).VIFs):
        vm = db.table("VM").find(vif.VM)
        if vm is not None and (alone or vm.resident_on == host or possible_hosts(db, vm) == (host,)):
            found.append(vif.ref)
    return found


async def _follow(context: Context, vifs: list[str]) -> None:
    """Connect those of the VIFs that are plugged into running VMs to the networks that they are on now."""
    db = context.db
    for vif in (db.get("VIF", ref) for ref in vifs if ref in db.table("VIF")):
        vm = db.get("VM", vif.VM)
        if vif.currently_attached and vm.resident_on != NULL_REF:
            with translated(db, vm.ref):
                await context.agent(vm.resident_on).hypervisor.plug_nic(vm.uuid, nic_config(db, vif))


def _with_defaults(mode: str, given: Mapping[str, str]) -> frozenmap:
    for name, value in given.items():
        _check_property(mode, name, value)
    defaults = {name: values[0] for name, values in _LACP.items()} if mode == "lacp" else {}
    return frozenmap({**defaults, **given})


def _check_property(mode: str, name: str, value: str) -> None:
    right = value.isdecimal() if name == _AGGREGATION_KEY else value in _LACP.get(name, ())
    if mode != "lacp" or not right:
        raise XenAPIError("INVALID_VALUE", "properties", f"{name} = {value}")
