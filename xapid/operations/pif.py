"""PIFs: the hosts' connections to networks, plugged and addressed (class ``PIF``)."""

from __future__ import annotations

from typing import Any

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.addressing import check_address, check_cidr, check_mac, merged_dns
from xapid.operations.cabling import (
    add_pif,
    attached_vifs,
    check_managed,
    check_no_cluster,
    check_no_ha,
    follow_management,
    take_down,
)
from xapid.operations.cabling import (
    plug as bring_up,
)
from xapid.operations.context import Context
from xapid.operations.host_roles import assert_in_maintenance

_GRO = {"gro": "on"}


async def scan(context: Context, host: str) -> None:
    """Make a PIF, and a network where none has its bridge, for every interface that has none yet."""
    db = context.db
    found = await context.agent(host).network.scan_pifs()
    known = {pif.device: pif for pif in _pifs(db, host) if pif.physical}
    with db.transaction() as tx:
        for state in found:
            metrics: dict[str, Any] = {
                "carrier": state["carrier"],
                "speed": state["speed"],
                "duplex": state["duplex"],
                "vendor_name": state["vendor"],
                "device_name": state["model"],
                "pci_bus_path": state["pci_bus_path"],
                "last_updated": context.now(),
            }
            present = known.get(state["device"])
            if present is None:
                made = tx.create("PIF_metrics", **metrics)
                _introduce(tx, db, host, state["mac"], state["device"], mtu=state["mtu"], metrics=made)
            else:
                tx.update(present, MAC=state["mac"])
                if present.metrics in db.table("PIF_metrics"):
                    tx.update(present.metrics, **metrics)


async def introduce(context: Context, host: str, MAC: str, device: str, managed: bool) -> str:
    db = context.db
    if MAC:
        check_mac(MAC)
    if any(pif.device == device and pif.physical for pif in _pifs(db, host)):
        raise XenAPIError("DUPLICATE_PIF_DEVICE_NAME", device)
    for state in await context.agent(host).network.scan_pifs():
        if state["device"] == device and (not MAC or state["mac"].lower() == MAC.lower()):
            with db.transaction() as tx:
                return _introduce(tx, db, host, state["mac"], device, mtu=state["mtu"], managed=managed)
    missing = "COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS"
    raise XenAPIError(missing, device, MAC)


async def forget(context: Context, self: str) -> None:
    db = context.db
    pif = db.get("PIF", self)
    if pif.management:
        raise XenAPIError("PIF_IS_MANAGEMENT_INTERFACE", self)
    if pif.bond_slave_of != NULL_REF or pif.bond_master_of:
        raise XenAPIError("PIF_ALREADY_BONDED", self)
    if pif.VLAN_slave_of or pif.VLAN_master_of != NULL_REF:
        raise XenAPIError("PIF_VLAN_STILL_EXISTS", self)
    if pif.tunnel_access_PIF_of or pif.tunnel_transport_PIF_of:
        raise XenAPIError("PIF_TUNNEL_STILL_EXISTS", self)
    if pif.sriov_physical_PIF_of or pif.sriov_logical_PIF_of:
        raise XenAPIError("PIF_SRIOV_STILL_EXISTS", self)
    check_no_cluster(db, pif)
    if pif.currently_attached:
        check_no_ha(db)
        if pif.managed:
            await take_down(context, self)
    db_forget(context, self)


async def plug(context: Context, self: str) -> None:
    await bring_up(context, self)


async def unplug(context: Context, self: str) -> None:
    db = context.db
    pif = db.get("PIF", self)
    check_managed(pif)
    if pif.currently_attached:
        check_no_ha(db)
    if pif.management:
        raise XenAPIError("PIF_IS_MANAGEMENT_INTERFACE", self)
    network = db.table("network").find(pif.network)
    for vif in [] if network is None else attached_vifs(db, network, pif.host):
        raise XenAPIError("VIF_IN_USE", pif.network, vif.ref)
    if pif.disallow_unplug:
        raise XenAPIError("PIF_DOES_NOT_ALLOW_UNPLUG", self)
    await take_down(context, self)


async def destroy(context: Context, self: str) -> None:
    pif = context.db.get("PIF", self)
    if pif.VLAN_master_of == NULL_REF:
        raise XenAPIError("PIF_IS_PHYSICAL", self)
    await context.call("VLAN.destroy", pif.VLAN_master_of)


async def create_VLAN(context: Context, device: str, network: str, host: str, VLAN: int) -> str:
    for pif in _pifs(context.db, host):
        if pif.device == device and pif.VLAN == -1:
            vlan = await context.call("VLAN.create", pif.ref, VLAN, network)
            return str(context.db.get("VLAN", vlan).untagged_PIF)
    raise XenAPIError("INVALID_VALUE", "device", device)


async def reconfigure_ip(context: Context, self: str, mode: str, IP: str, netmask: str, gateway: str, DNS: str) -> None:
    db = context.db
    pif = db.get("PIF", self)
    check_managed(pif)
    if mode == "Static":
        check_address("IP", IP, 4)
        check_address("netmask", netmask, 4)
    for parameter, text in (("IP", IP), ("netmask", netmask), ("gateway", gateway)):
        if text:
            check_address(parameter, text, 4)
    servers = merged_dns(pif.DNS, DNS, 4)
    if mode == "None" and pif.management and pif.primary_address_type == "IPv4":
        raise XenAPIError("PIF_IS_MANAGEMENT_INTERFACE", self)
    fields = {"ip_configuration_mode": mode, "IP": IP, "netmask": netmask, "gateway": gateway}
    await _readdress(context, self, fields, servers)


async def reconfigure_ipv6(context: Context, self: str, mode: str, IPv6: str, gateway: str, DNS: str) -> None:
    db = context.db
    pif = db.get("PIF", self)
    check_managed(pif)
    if gateway:
        check_address("gateway", gateway, 6)
    if mode == "Static" or IPv6:
        check_cidr("IPv6", IPv6, 6)
    servers = merged_dns(pif.DNS, DNS, 6)
    if mode == "None" and pif.management and pif.primary_address_type == "IPv6":
        raise XenAPIError("PIF_IS_MANAGEMENT_INTERFACE", self)
    fields = {"ipv6_configuration_mode": mode, "IPv6": (IPv6,) if IPv6 else (), "ipv6_gateway": gateway}
    await _readdress(context, self, fields, servers)


def set_primary_address_type(context: Context, self: str, primary_address_type: str) -> None:
    pif = context.db.get("PIF", self)
    check_managed(pif)
    if pif.management:
        raise XenAPIError("PIF_IS_MANAGEMENT_INTERFACE", self)
    check_no_cluster(context.db, pif)
    check_no_ha(context.db)
    with context.db.transaction() as tx:
        tx.update(pif, primary_address_type=primary_address_type)


def set_property(context: Context, self: str, name: str, value: str) -> None:
    pif = context.db.get("PIF", self)
    if pif.VLAN != -1 or pif.bond_slave_of != NULL_REF:
        raise XenAPIError("CANNOT_CHANGE_PIF_PROPERTIES", self)
    if name != "gro" or value not in ("on", "off"):
        raise XenAPIError("INVALID_VALUE", "properties", f"{name} = {value}")
    with context.db.transaction() as tx:
        tx.add_to(pif, "properties", name, value)
        for member in (ref for bond in pif.bond_master_of for ref in context.db.get("Bond", bond).slaves):
            tx.add_to(member, "properties", name, value)


def set_disallow_unplug(context: Context, self: str, value: bool) -> None:
    pif = context.db.get("PIF", self)
    if not value:
        check_no_cluster(context.db, pif)
    with context.db.transaction() as tx:
        tx.update(pif, disallow_unplug=value)


def pool_introduce(
    context: Context,
    device: str,
    network: str,
    host: str,
    MAC: str,
    MTU: int,
    VLAN: int,
    physical: bool,
    ip_configuration_mode: str,
    IP: str,
    netmask: str,
    gateway: str,
    DNS: str,
    bond_slave_of: str,
    VLAN_master_of: str,
    management: bool,
    other_config: Any,
    disallow_unplug: bool,
    ipv6_configuration_mode: str,
    IPv6: tuple[str, ...],
    ipv6_gateway: str,
    primary_address_type: str,
    managed: bool,
    properties: Any,
) -> str:
    fields = {name: value for name, value in locals().items() if name != "context"}
    with context.db.transaction() as tx:
        return add_pif(tx, **fields)


db_introduce = pool_introduce


def db_forget(context: Context, self: str) -> None:
    pif = context.db.get("PIF", self)
    with context.db.transaction() as tx:
        shared = [other for other in context.db.table("PIF") if other.metrics == pif.metrics and other.ref != self]
        metrics = context.db.table("PIF_metrics").find(pif.metrics)
        if metrics is not None and not shared:
            tx.destroy(metrics)
        tx.destroy(pif)


def _pifs(db: Database, host: str) -> list[Row]:
    return [db.get("PIF", ref) for ref in db.get("host", host).PIFs]


def _introduce(tx: Transaction, db: Database, host: str, mac: str, device: str, *, mtu: int, **fields: Any) -> str:
    """A PIF for a physical interface, on the network that has its bridge."""
    number = device.removeprefix("eth")
    bridge = f"xenbr{number}" if device.startswith("eth") and number.isdecimal() else f"br{device}"
    networks = [network.ref for network in db.table("network") if network.bridge == bridge]
    label = f"Pool-wide network associated with {device}"
    network = networks[0] if networks else tx.create("network", name_label=label, bridge=bridge)
    return add_pif(
        tx,
        device=device,
        network=network,
        host=host,
        MAC=mac,
        MTU=mtu,
        physical=True,
        properties=frozenmap(_GRO),
        **fields,
    )


async def _readdress(context: Context, ref: str, fields: dict[str, Any], servers: str) -> None:
    """Store how a PIF gets its address, and apply it where the PIF is up.

    Errors: HOST_NOT_DISABLED for a host with a role; CLUSTERING_ENABLED, HA_IS_ENABLED, REDO_LOG_IS_ENABLED, unless nothing
    but the name servers changes.
    """
    db = context.db
    pif = db.get("PIF", ref)
    assert_in_maintenance(db.get("host", pif.host))
    if pif.currently_attached and any(getattr(pif, name) != value for name, value in fields.items()):
        check_no_cluster(db, pif)
        check_no_ha(db)
    with db.transaction() as tx:
        tx.update(pif, **fields, DNS=servers)
        follow_management(tx, db, ref)
    if pif.currently_attached and pif.bond_slave_of == NULL_REF:
        await bring_up(context, ref)
