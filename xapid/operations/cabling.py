"""PIFs and networks as a host's agent sees them: what plugging and unplugging do, whichever call asks for it.

Serves PIF, VLAN, Bond, tunnel, network and the pool's network calls.
"""

from __future__ import annotations

from typing import Any

from xapid.agent.values import BridgeConfig, PifConfig
from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.addressing import merged_dns
from xapid.operations.context import Context

NO_MAC = "fe:ff:ff:ff:ff:ff"
"""What a PIF without hardware of its own shows."""


def the_pool(db: Database) -> Row:
    """The one Pool object."""
    return db.table("pool").rows()[0]


def check_managed(pif: Row) -> None:
    """Errors: PIF_UNMANAGED."""
    if not pif.managed:
        raise XenAPIError("PIF_UNMANAGED", pif.ref)


def check_network_free(db: Database, network: str, host: str) -> Row:
    """That a PIF of ``host`` can be put on a network; returns the network.

    Errors: HANDLE_INVALID, NETWORK_UNMANAGED, NETWORK_ALREADY_CONNECTED.
    """
    row = db.get("network", network)
    if not row.managed:
        raise XenAPIError("NETWORK_UNMANAGED", network)
    for ref in row.PIFs:
        if db.get("PIF", ref).host == host:
            raise XenAPIError("NETWORK_ALREADY_CONNECTED", host, ref)
    return row


def check_no_ha(db: Database) -> None:
    """Errors: HA_IS_ENABLED, REDO_LOG_IS_ENABLED: the pool depends on its networks and storage staying as they are."""
    pool = the_pool(db)
    if pool.ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    if pool.redo_log_enabled:
        raise XenAPIError("REDO_LOG_IS_ENABLED")


def is_sriov_logical(pif: Row) -> bool:
    """Whether it stands for the virtual functions of another PIF."""
    return bool(pif.sriov_logical_PIF_of)


def is_on_sriov(db: Database, pif: Row) -> bool:
    """Whether it stands for virtual functions, by itself or as a VLAN of a PIF that does."""
    vlan = db.table("VLAN").find(pif.VLAN_master_of)
    return is_sriov_logical(pif if vlan is None else db.get("PIF", vlan.tagged_PIF))


def check_no_cluster(db: Database, pif: Row) -> None:
    """Errors: CLUSTERING_ENABLED, while the host talks to the other nodes of a cluster through the PIF."""
    for node in db.table("Cluster_host"):
        if pif.ref == node.PIF and node.enabled:
            raise XenAPIError("CLUSTERING_ENABLED", node.ref)


def links_up(db: Database, bond: Row) -> int:
    """How many members of a bond have a link."""
    metrics = (db.table("PIF_metrics").find(db.get("PIF", member).metrics) for member in bond.slaves)
    return sum(row is None or bool(row.carrier) for row in metrics)


def is_tunnel_access(pif: Row) -> bool:
    """Whether it is the inner end of a tunnel."""
    return bool(pif.tunnel_access_PIF_of)


def has_address(pif: Row) -> bool:
    """Whether it is configured to have an IP address of its primary type."""
    mode = pif.ip_configuration_mode if pif.primary_address_type == "IPv4" else pif.ipv6_configuration_mode
    return bool(mode != "None")


def attached_vifs(db: Database, network: Row, host: str | None = None) -> list[Row]:
    """The plugged VIFs on a network; with ``host``, those of VMs that run there."""
    vifs = [db.get("VIF", ref) for ref in network.VIFs]
    plugged = [vif for vif in vifs if vif.currently_attached]
    if host is None:
        return plugged
    residents = set(db.get("host", host).resident_VMs)
    return [vif for vif in plugged if vif.VM in residents]


def add_pif(tx: Transaction, **fields: Any) -> str:
    """A PIF object, not plugged, with metrics of its own unless some are given. Returns its reference."""
    fields.setdefault("VLAN", -1)
    fields.setdefault("currently_attached", False)
    if "metrics" not in fields:
        fields["metrics"] = tx.create("PIF_metrics")
    return tx.create("PIF", **fields)


def remove_pifs(tx: Transaction, db: Database, host: Row) -> None:
    """Take the PIFs of a host out of the database, and what is made of them."""
    for pif in (db.get("PIF", ref) for ref in host.PIFs):
        for cls, ref in (("VLAN", pif.VLAN_master_of), ("PIF_metrics", pif.metrics), ("Bond", pif.bond_slave_of)):
            if ref in db.table(cls):
                tx.destroy(ref)
        for ref in (*pif.tunnel_access_PIF_of, *pif.sriov_logical_PIF_of):
            tx.destroy(ref)
        tx.destroy(db.get("PIF", pif.ref))


def pif_config(db: Database, pif: Row) -> PifConfig:
    """A PIF as the agent of its host takes it."""
    network = db.table("network").find(pif.network)
    bonds = [db.get("Bond", ref) for ref in pif.bond_master_of]
    tunnels = [db.get("tunnel", ref) for ref in pif.tunnel_access_PIF_of]
    return PifConfig(
        pif=pif.uuid,
        device=pif.device,
        mac=pif.MAC,
        mtu=pif.MTU if network is None else network.MTU,
        network="" if network is None else network.uuid,
        bridge="" if network is None else network.bridge,
        vlan=pif.VLAN,
        bond_members=[db.get("PIF", member).device for bond in bonds for member in bond.slaves],
        bond_mode=bonds[0].mode if bonds else "",
        tunnel_protocol=tunnels[0].protocol if tunnels else "",
        ip_mode=pif.ip_configuration_mode,
        ip=pif.IP,
        netmask=pif.netmask,
        gateway=pif.gateway,
        dns=pif.DNS,
        properties=dict(pif.properties),
    )


def bridge_config(db: Database, network: Row) -> BridgeConfig:
    """A network as an agent makes its bridge."""
    return BridgeConfig(
        network=network.uuid,
        bridge=network.bridge,
        mtu=network.MTU,
        other_config=dict(network.other_config),
        igmp_snooping=bool(the_pool(db).igmp_snooping_enabled),
    )


async def plug(context: Context, ref: str) -> None:
    """Bring a PIF up on its host, the PIF that it builds on first, with the MTU that its network has now. What is up is brought
    up again, to no other effect.

    Errors: PIF_UNMANAGED, CANNOT_PLUG_BOND_SLAVE, TRANSPORT_PIF_NOT_CONFIGURED.
    """
    db = context.db
    pif = db.get("PIF", ref)
    check_managed(pif)
    if pif.bond_slave_of != NULL_REF:
        raise XenAPIError("CANNOT_PLUG_BOND_SLAVE", ref)
    for tunnel in (db.get("tunnel", found) for found in pif.tunnel_access_PIF_of):
        if not has_address(db.get("PIF", tunnel.transport_PIF)):
            raise XenAPIError("TRANSPORT_PIF_NOT_CONFIGURED", tunnel.transport_PIF)
    vlan = db.table("VLAN").find(pif.VLAN_master_of)
    if vlan is not None and not db.get("PIF", vlan.tagged_PIF).currently_attached:
        await plug(context, vlan.tagged_PIF)
    config = pif_config(db, pif)
    address = await context.agent(pif.host).network.pif_plug(config)
    with db.transaction() as tx:
        pif = db.get("PIF", ref)
        tx.update(pif, currently_attached=True, MTU=config["mtu"])
        if pif.ip_configuration_mode == "DHCP":
            names = {"IP": address["ip"], "netmask": address["netmask"], "gateway": address["gateway"]}
            tx.update(pif, **names, DNS=merged_dns(pif.DNS, address["dns"], 4))
        metrics = db.table("PIF_metrics").find(pif.metrics)
        if metrics is not None:
            tx.update(metrics, carrier=address["carrier"])
        for tunnel in pif.tunnel_access_PIF_of:
            tx.update(tunnel, status=frozenmap({"active": "true"}))
        for bond in pif.bond_master_of:
            tx.update(bond, links_up=links_up(db, db.get("Bond", bond)))
        follow_management(tx, db, ref)


async def plug_new(context: Context, ref: str, *made: str) -> None:
    """Bring a PIF up that was just made. If that fails, it is gone again, with what was ``made`` along with it."""
    try:
        await plug(context, ref)
    except BaseException:
        with context.db.transaction() as tx:
            for each in (*made, ref):
                if context.db.find(each) is not None:
                    tx.destroy(each)
        raise


async def take_down(context: Context, ref: str) -> None:
    """Bring a PIF down on its host, what builds on it first; without any check."""
    db = context.db
    pif = db.get("PIF", ref)
    for tunnel in pif.tunnel_transport_PIF_of:
        await take_down(context, db.get("tunnel", tunnel).access_PIF)
    for sriov in pif.sriov_physical_PIF_of:
        await take_down(context, db.get("network_sriov", sriov).logical_PIF)
    if pif.bond_slave_of == NULL_REF:
        await context.agent(pif.host).network.pif_unplug(pif_config(db, pif))
    with db.transaction() as tx:
        tx.update(db.get("PIF", ref), currently_attached=False)
        for tunnel in pif.tunnel_access_PIF_of:
            tx.update(tunnel, status=frozenmap({"active": "false"}))


def follow_management(tx: Transaction, db: Database, pif: str) -> None:
    """Let ``host.address`` be the address of the host's management PIF, if ``pif`` is that and has one."""
    row = db.get("PIF", pif)
    if not row.management:
        return
    address = row.IP if row.primary_address_type == "IPv4" else next((cidr.partition("/")[0] for cidr in row.IPv6), "")
    if address:
        tx.update(db.get("host", row.host), address=address)


def next_device(db: Database, host: str, prefix: str) -> str:
    """The first of ``prefix0``, ``prefix1``, … that no PIF of the host is called."""
    used = {db.get("PIF", ref).device for ref in db.get("host", host).PIFs}
    return next(name for number in range(len(used) + 1) if (name := f"{prefix}{number}") not in used)


def address_fields(pif: Row) -> dict[str, Any]:
    """The fields that configure a PIF's addresses."""
    return {
        "ip_configuration_mode": pif.ip_configuration_mode,
        "IP": pif.IP,
        "netmask": pif.netmask,
        "gateway": pif.gateway,
        "DNS": pif.DNS,
        "ipv6_configuration_mode": pif.ipv6_configuration_mode,
        "IPv6": pif.IPv6,
        "ipv6_gateway": pif.ipv6_gateway,
        "primary_address_type": pif.primary_address_type,
        "management": pif.management,
        "disallow_unplug": pif.disallow_unplug,
    }


NO_ADDRESS: dict[str, Any] = {
    "ip_configuration_mode": "None",
    "IP": "",
    "netmask": "",
    "gateway": "",
    "DNS": "",
    "ipv6_configuration_mode": "None",
    "IPv6": (),
    "ipv6_gateway": "",
    "management": False,
    "disallow_unplug": False,
}
"""The fields of a PIF that gave its addresses to another."""
