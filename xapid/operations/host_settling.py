"""What a host that joins, or starts, gets of what the rest of the pool has: bonds, VLANs, tunnels and shared storage.

Serves ``host.sync_vlans``, ``host.sync_tunnels``, ``host.sync_pif_currently_attached``, the end of a join and every start of a
member. The model is always the coordinator. Each step is skipped with ``pool.other_config`` ``sync_…=nosync``; what cannot be
done on this host is passed over, since hosts need not have all the NICs that the coordinator has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from twisted.logger import Logger

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.alerts import raise_alert
from xapid.operations.cabling import is_tunnel_access, the_pool
from xapid.operations.context import Context
from xapid.operations.levelling import level_pool
from xapid.operations.storage_rows import plug_pbd

log = Logger()

_LEAST_MEMBERS: Final = 1
"""A bond of fewer NICs than the coordinator's is made all the same."""


_COPIED: Final = ("console_idle_timeout", "ssh_enabled", "ssh_enabled_timeout", "ssh_auto_mode", "uefi_certificates")
"""What a new host takes over from the coordinator's record."""


async def settle(context: Context, host: str) -> None:
    """Everything, in the order in which one thing needs another; then the host may run VMs."""
    db = context.db
    await catch_up(context, host)
    await _attempt(context, host, "host.certificate_sync", host)
    model = db.get("host", the_pool(db).master)
    with db.transaction() as tx:
        tx.update(db.get("host", host), **{field: getattr(model, field) for field in _COPIED})
        level_pool(tx, db)
        allowed.refresh(tx, db, db.get("host", host), *db.table("SR").rows(), *db.table("VM").rows())


async def catch_up(context: Context, host: str) -> None:
    """Networks and storage, in the order in which one thing needs another. The coordinator has what it has, and plugs it."""
    db = context.db
    steps: dict[str, Callable[[Context, str], Awaitable[None]]] = {
        "sync_bonds": _bonds, "sync_vlans": sync_vlans, "sync_tunnels": sync_tunnels,
    }  # fmt: skip
    if host != the_pool(db).master:
        for name, step in steps.items():
            if _is_wanted(db, name):
                await step(context, host)
        with db.transaction() as tx:
            introduce_shared_storage(tx, db, host)
    await _plug_storage(context, host)


def _is_wanted(db: Database, step: str) -> bool:
    return bool(the_pool(db).other_config.get(step) != "nosync")


async def _bonds(context: Context, host: str) -> None:
    db = context.db
    devices = {pif.device: pif for pif in _pifs(db, host) if pif.physical}
    for model in _pifs(db, the_pool(db).master):
        bond = db.table("Bond").find(model.bond_master_of[0]) if model.bond_master_of else None
        if bond is None or _on(db, host, model.network) is not None:
            continue
        names = [db.get("PIF", ref).device for ref in bond.slaves]
        members = [devices[name] for name in names if name in devices and devices[name].bond_slave_of == NULL_REF]
        if len(members) >= _LEAST_MEMBERS:
            refs = tuple(pif.ref for pif in members)
            await _attempt(context, host, "Bond.create", model.network, refs, "", bond.mode, bond.properties)


async def sync_vlans(context: Context, host: str) -> None:
    db = context.db
    for model in _pifs(db, the_pool(db).master):
        vlan = db.table("VLAN").find(model.VLAN_master_of)
        if vlan is None or _on(db, host, model.network) is not None:
            continue
        base = _like(db, host, db.get("PIF", vlan.tagged_PIF))
        if base is not None:
            await _attempt(context, host, "VLAN.create", base.ref, vlan.tag, model.network)


async def sync_tunnels(context: Context, host: str) -> None:
    db = context.db
    for model in _pifs(db, the_pool(db).master):
        if not is_tunnel_access(model) or _on(db, host, model.network) is not None:
            continue
        tunnel = db.get("tunnel", model.tunnel_access_PIF_of[0])
        base = _like(db, host, db.get("PIF", tunnel.transport_PIF))
        if base is not None:
            await _attempt(context, host, "tunnel.create", base.ref, model.network, tunnel.protocol)


def sync_pif_currently_attached(context: Context, host: str, bridges: tuple[str, ...]) -> None:
    """``bridges`` are those that are up on the host."""
    db = context.db
    up = set(bridges)
    with db.transaction() as tx:
        for pif in _pifs(db, host):
            network = db.table("network").find(pif.network)
            tx.update(pif, currently_attached=network is not None and network.bridge in up)


def introduce_shared_storage(tx: Transaction, db: Database, host: str) -> list[str]:
    """A PBD on ``host`` for each shared SR of the pool that has none there; returns them, unplugged. None, if the pool's
    ``other_config:sync_create_pbds`` is ``nosync``.
    """
    if not _is_wanted(db, "sync_create_pbds"):
        return []
    coordinator, made = the_pool(db).master, []
    for sr in db.table("SR").rows():
        pbds = [db.get("PBD", ref) for ref in sr.PBDs]
        if sr.shared and not any(pbd.host == host for pbd in pbds):
            model = next((pbd for pbd in pbds if pbd.host == coordinator), None)
            if model is not None:
                config = model.device_config.without("SRmaster")
                made.append(tx.create("PBD", host=host, SR=sr.ref, device_config=config, other_config=frozenmap()))
    return made


async def _plug_storage(context: Context, host: str) -> None:
    """Plug what is not plugged; what cannot be plugged is an alert."""
    db = context.db
    for ref in db.get("host", host).PBDs:
        try:
            await plug_pbd(context, ref)
        except XenAPIError as refusal:
            log.warn("PBD {pbd} was not plugged: {refusal}", pbd=ref, refusal=refusal)
            raise_alert(
                db, context.now(), "PBD_PLUG_FAILED_ON_SERVER_START", db.get("host", host), ",".join(refusal.description)
            )


async def _attempt(context: Context, host: str, message: str, *args: Any) -> None:
    try:
        await context.call(message, *args)
    except XenAPIError as refusal:
        log.warn("{message} on {host} was refused: {refusal}", message=message, host=host, refusal=refusal)


def _pifs(db: Database, host: str) -> list[Row]:
    return [pif for ref in db.get("host", host).PIFs if (pif := db.table("PIF").find(ref)) is not None]


def _on(db: Database, host: str, network: str) -> Row | None:
    """The PIF of a host on a network."""
    return next((pif for pif in _pifs(db, host) if pif.network == network), None)


def _like(db: Database, host: str, model: Row) -> Row | None:
    """The PIF of a host that is what ``model`` is on the coordinator: on the same network, or of the same device."""
    same = _on(db, host, model.network)
    if same is not None:
        return same
    return next((pif for pif in _pifs(db, host) if pif.device == model.device and pif.physical), None)
