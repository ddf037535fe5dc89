"""Memberships of hosts in clusters (class ``Cluster_host``)."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context
from xapid.operations.corosync import check_pif, check_unused, members, no_software


def create(context: Context, cluster: str, host: str, pif: str) -> NoReturn:
    db = context.db
    row, interface = db.get("Cluster", cluster), db.get("PIF", pif)
    if interface.host != db.get("host", host).ref:
        raise XenAPIError("PIF_NOT_ATTACHED_TO_HOST", pif, host)
    if any(node.host == host for node in db.table("Cluster_host")):
        raise XenAPIError("OPERATION_NOT_ALLOWED", "the host is a node of a cluster already")
    check_pif(interface)
    if not any(node.enabled for node in members(db, row)):
        raise XenAPIError("NO_CLUSTER_HOSTS_REACHABLE", cluster)
    raise no_software()


def enable(context: Context, self: str) -> None:
    row = context.db.get("Cluster_host", self)
    check_pif(context.db.get("PIF", row.PIF))
    if not row.enabled:
        raise no_software()


def disable(context: Context, self: str) -> None:
    row = context.db.get("Cluster_host", self)
    _check_unused(context, self)
    with context.db.transaction() as tx:
        tx.update(row, enabled=False)


def destroy(context: Context, self: str) -> None:
    row = context.db.get("Cluster_host", self)
    _check_unused(context, self)
    if not row.enabled:
        raise XenAPIError("CLUSTERING_DISABLED", self)
    if len(context.db.get("Cluster", row.cluster).cluster_hosts) == 1:
        raise XenAPIError("CLUSTER_HOST_IS_LAST", self)
    forget(context, self)


def force_destroy(context: Context, self: str) -> None:
    _check_unused(context, self)
    forget(context, self)


def forget(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.destroy(context.db.get("Cluster_host", self))


def _check_unused(context: Context, node: str) -> None:
    row = context.db.get("Cluster_host", node)
    check_unused(context.db, context.db.get("Cluster", row.cluster), (row.host,))
