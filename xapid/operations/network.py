"""Networks: the bridges that VIFs and PIFs are on, made and named; purposes and locking (class ``network``)."""

from __future__ import annotations

import re
from typing import Any

from xapid.database import Database, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.operations.attachments import hang_blob
from xapid.operations.cabling import attached_vifs, bridge_config, plug
from xapid.operations.context import Context

_RESERVED = re.compile("(xen|xapi|vif|tap|eth)|.{16,}")
"""Bridges that are named by the system, and names that are too long for an interface."""
_COUNTER = "next_bridge"


def create(context: Context, args: dict[str, Any]) -> str:
    bridge = args.get("bridge", "")
    mtu = args.get("MTU", 1500)
    if bridge and _RESERVED.match(bridge):
        raise XenAPIError("INVALID_VALUE", "bridge", bridge)
    if bridge and bridge in {network.bridge for network in context.db.table("network")}:
        raise XenAPIError("BRIDGE_NAME_EXISTS", bridge)
    chosen = ("name_label", "name_description", "other_config", "managed", "tags")
    with context.db.transaction() as tx:
        return tx.create(
            "network",
            **{name: args[name] for name in chosen if name in args},
            MTU=mtu if mtu > 0 else 1500,
            bridge=bridge or _free_bridge(context.db, tx),
        )


def destroy(context: Context, self: str) -> None:
    db = context.db
    network = db.get("network", self)
    plugged = [vif.ref for vif in attached_vifs(db, network)]
    if plugged:
        raise XenAPIError.relayed("NETWORK_CONTAINS_VIF", *plugged)
    if network.PIFs:
        raise XenAPIError.relayed("NETWORK_CONTAINS_PIF", *network.PIFs)
    if network.other_config.get("is_host_internal_management_network") == "true":
        raise XenAPIError("CANNOT_DESTROY_SYSTEM_NETWORK", self)
    with db.transaction() as tx:
        for vif in (db.get("VIF", ref) for ref in network.VIFs):
            metrics = db.table("VIF_metrics").find(vif.metrics)
            if metrics is not None:
                tx.destroy(metrics)
            tx.destroy(vif)
        tx.destroy(network)


def pool_introduce(
    context: Context,
    name_label: str,
    name_description: str,
    MTU: int,
    other_config: Any,
    bridge: str,
    managed: bool,
    purpose: tuple[str, ...],
) -> str:
    with context.db.transaction() as tx:
        return tx.create(
            "network",
            name_label=name_label,
            name_description=name_description,
            MTU=MTU,
            other_config=other_config,
            bridge=bridge,
            managed=managed,
            purpose=purpose,
        )


async def attach(context: Context, network: str, host: str) -> None:
    db = context.db
    row = db.get("network", network)
    own = [pif for pif in (db.get("PIF", ref) for ref in row.PIFs) if pif.host == host and pif.managed]
    if own:
        await plug(context, own[0].ref)
    else:
        await context.agent(host).network.bridge_up(bridge_config(db, row))


async def attach_for_vm(context: Context, host: str, vm: str) -> None:
    for network in _networks_of(context.db, vm):
        await attach(context, network, host)


async def detach_for_vm(context: Context, host: str, vm: str) -> None:
    db = context.db
    for network in (db.get("network", ref) for ref in _networks_of(db, vm)):
        if not network.PIFs and not attached_vifs(db, network, host):
            await context.agent(host).network.bridge_down(network.bridge)


def create_new_blob(context: Context, network: str, name: str, mime_type: str, public: bool) -> str:
    return hang_blob(context, "network", network, name, mime_type, public)


def set_default_locking_mode(context: Context, network: str, value: str) -> None:
    row = context.db.get("network", network)
    for vif in attached_vifs(context.db, row):
        raise XenAPIError("VIF_IN_USE", network, vif.ref)
    with context.db.transaction() as tx:
        tx.update(row, default_locking_mode=value)


def add_purpose(context: Context, self: str, value: str) -> None:
    row = context.db.get("network", self)
    if value in row.purpose:
        return
    conflicting = {"nbd": "insecure_nbd", "insecure_nbd": "nbd"}[value]
    if any(conflicting in network.purpose for network in context.db.table("network")):
        raise XenAPIError("NETWORK_INCOMPATIBLE_PURPOSES", value, conflicting)
    with context.db.transaction() as tx:
        tx.update(row, purpose=(value, *row.purpose))


def remove_purpose(context: Context, self: str, value: str) -> None:
    row = context.db.get("network", self)
    with context.db.transaction() as tx:
        tx.update(row, purpose=tuple(present for present in row.purpose if present != value))


def _networks_of(db: Database, vm: str) -> list[str]:
    return [db.get("VIF", ref).network for ref in db.get("VM", vm).VIFs]


def _free_bridge(db: Database, tx: Transaction) -> str:
    """The next ``xapi<N>``. Numbers are not used again: the bridge of a network that is gone may still be up somewhere."""
    used = {network.bridge for network in db.table("network")}
    number = int(db.meta.get(_COUNTER, "0"))
    while f"xapi{number}" in used:
        number += 1
    tx.set_meta(_COUNTER, str(number + 1))
    return f"xapi{number}"
