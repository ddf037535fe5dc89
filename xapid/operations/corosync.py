"""What clusters ask of PIFs and storage, and what they answer for want of cluster software.

Serves Cluster and Cluster_host. No agent runs a cluster stack, so no cluster can be started; what remains of one in a
database that was taken over can be inspected and removed.
"""

from __future__ import annotations

from typing import Final

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError

STACKS: Final = ("corosync",)
_LEAST: Final = {"token_timeout": 1.0, "token_timeout_coefficient": 0.65}


def check_stack(stack: str) -> None:
    """Errors: INVALID_CLUSTER_STACK."""
    if stack not in STACKS:
        raise XenAPIError("INVALID_CLUSTER_STACK", stack)


def check_timeouts(token_timeout: float, token_timeout_coefficient: float) -> None:
    """Errors: INVALID_VALUE, for less than 1 s and 0.65 s."""
    given = {"token_timeout": token_timeout, "token_timeout_coefficient": token_timeout_coefficient}
    for name, least in _LEAST.items():
        if not given[name] >= least:
            raise XenAPIError("INVALID_VALUE", name, f"{given[name]:g}")


def check_pif(pif: Row) -> None:
    """That the other nodes can rely on a PIF.

    Errors: PIF_HAS_NO_NETWORK_CONFIGURATION, PIF_ALLOWS_UNPLUG, REQUIRED_PIF_IS_UNPLUGGED.
    """
    if not (pif.IP if pif.primary_address_type == "IPv4" else pif.IPv6):
        raise XenAPIError("PIF_HAS_NO_NETWORK_CONFIGURATION", pif.ref)
    if not pif.disallow_unplug:
        raise XenAPIError("PIF_ALLOWS_UNPLUG", pif.ref)
    if not pif.currently_attached:
        raise XenAPIError("REQUIRED_PIF_IS_UNPLUGGED", pif.ref)


def pif_on(db: Database, host: str, network: str) -> Row:
    """The PIF of a host on a network. Errors: PIF_NOT_PRESENT[host, network]."""
    for pif in (db.get("PIF", ref) for ref in db.get("network", network).PIFs):
        if pif.host == host:
            return pif
    raise XenAPIError("PIF_NOT_PRESENT", host, network)


def check_unused(db: Database, cluster: Row, hosts: tuple[str, ...]) -> None:
    """Errors: CLUSTER_STACK_IN_USE, while one of the hosts has storage attached that needs the cluster's stack."""
    needy = {driver.type for driver in db.table("SM") if cluster.cluster_stack in driver.required_cluster_stack}
    for pbd in db.table("PBD") if needy else ():
        if pbd.currently_attached and pbd.host in hosts and db.get("SR", pbd.SR).type in needy:
            raise XenAPIError("CLUSTER_STACK_IN_USE", cluster.cluster_stack)


def members(db: Database, cluster: Row) -> list[Row]:
    """The memberships of a cluster."""
    return [db.get("Cluster_host", ref) for ref in cluster.cluster_hosts]


def dissolve(tx: Transaction, db: Database, cluster: Row) -> None:
    """Remove a cluster's object and its memberships'."""
    for member in members(db, cluster):
        tx.destroy(member)
    tx.destroy(cluster)


def no_software() -> XenAPIError:
    """What starting a cluster, or a node of one, comes to."""
    return XenAPIError("NOT_IMPLEMENTED", "Cluster.create")
