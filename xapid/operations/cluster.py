"""Clusters: hosts that watch each other over a network so that they can share storage (class ``Cluster``)."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.corosync import (
    check_pif,
    check_stack,
    check_timeouts,
    check_unused,
    dissolve,
    members,
    no_software,
    pif_on,
)


def create(
    context: Context,
    PIF: str,
    cluster_stack: str,
    pool_auto_join: bool,
    token_timeout: float,
    token_timeout_coefficient: float,
) -> NoReturn:
    pif = context.db.get("PIF", PIF)
    check_stack(cluster_stack)
    check_timeouts(token_timeout, token_timeout_coefficient)
    check_pif(pif)
    raise no_software()


def pool_create(
    context: Context, network: str, cluster_stack: str, token_timeout: float, token_timeout_coefficient: float
) -> NoReturn:
    db = context.db
    check_timeouts(token_timeout, token_timeout_coefficient)
    db.get("network", network)
    check_stack(cluster_stack)
    coordinator = the_pool(db).master
    for host in (coordinator, *(host.ref for host in db.table("host") if host.ref != coordinator)):
        check_pif(pif_on(db, host, network))
    raise no_software()


def destroy(context: Context, self: str) -> None:
    db = context.db
    row = db.get("Cluster", self)
    nodes = members(db, row)
    if len(nodes) > 1:
        raise XenAPIError("CLUSTER_DOES_NOT_HAVE_ONE_NODE", str(len(nodes)))
    check_unused(db, row, tuple(node.host for node in nodes))
    with db.transaction() as tx:
        dissolve(tx, db, row)


def pool_destroy(context: Context, self: str) -> None:
    db = context.db
    row = db.get("Cluster", self)
    nodes = members(db, row)
    check_unused(db, row, tuple(node.host for node in nodes))
    for node in nodes:
        if not node.enabled:
            raise XenAPIError("CLUSTERING_DISABLED", node.ref)
    with db.transaction() as tx:
        dissolve(tx, db, row)


def pool_force_destroy(context: Context, self: str) -> None:
    db = context.db
    row = db.get("Cluster", self)
    check_unused(db, row, tuple(node.host for node in members(db, row)))
    with db.transaction() as tx:
        dissolve(tx, db, row)


async def pool_resync(context: Context, self: str) -> None:
    """Hosts that belong in the cluster and are not, join; nodes that are disabled are enabled."""
    db = context.db
    row = db.get("Cluster", self)
    nodes = {node.host: node for node in members(db, row)}
    network = get_network(context, self)
    for host in (host.ref for host in db.table("host")):
        if host not in nodes:
            if row.pool_auto_join:
                await context.call("Cluster_host.create", self, host, pif_on(db, host, network).ref)
        elif not nodes[host].enabled:
            await context.call("Cluster_host.enable", nodes[host].ref)


def cstack_sync(context: Context, self: str) -> None:
    """There is no cluster software whose view could differ."""
    context.db.get("Cluster", self)


def get_network(context: Context, self: str) -> str:
    db = context.db
    networks = {str(db.get("PIF", node.PIF).network) for node in members(db, db.get("Cluster", self))}
    if len(networks) != 1:
        raise XenAPIError("INTERNAL_ERROR", f"cluster {self} has no network that all its nodes use")
    return networks.pop()
