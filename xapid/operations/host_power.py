"""Hosts that come and go: enabled and disabled, emptied, switched off, declared dead and forgotten (class ``host``)."""

from __future__ import annotations

from typing import Any

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import allowed, balancing
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.evacuation import empty, leave_no_vms
from xapid.operations.evacuation_plan import plan_evacuation, resident_vms
from xapid.operations.host_roles import assert_in_maintenance, assert_may_leave
from xapid.operations.levelling import level_pool, take_processors
from xapid.operations.power_state import set_halted
from xapid.operations.remote_power import cut_power
from xapid.operations.storage_rows import plug_pbd
from xapid.placement.checks import is_live

_STAYS_DISABLED = "stays_disabled:"
"""Prefix of the fact, kept over restarts, that an administrator wants a host to stay disabled."""


def disable(context: Context, host: str, auto_enable: bool) -> None:
    row = context.db.get("host", host)
    if not row.enabled:
        return
    with context.db.transaction() as tx:
        tx.update(row, enabled=False)
        if not auto_enable:
            tx.set_meta(_STAYS_DISABLED + row.uuid, "true")
        allowed.refresh(tx, context.db, row)


def enable(context: Context, host: str) -> None:
    row = context.db.get("host", host)
    if row.enabled:
        return
    if row.pending_guidances:
        raise XenAPIError("HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY", host)
    with context.db.transaction() as tx:
        tx.update(row, enabled=True)
        tx.set_meta(_STAYS_DISABLED + row.uuid, None)
        allowed.refresh(tx, context.db, row)


async def shutdown(context: Context, host: str) -> None:
    await _go_down(context, host)
    await context.agent(host).power.shutdown()
    _went_down(context, host)
    await cut_power(context, host)


async def reboot(context: Context, host: str) -> None:
    await _go_down(context, host)
    await context.agent(host).power.reboot()
    _went_down(context, host)
    await come_back(context, host)


async def prepare_for_poweroff(context: Context, host: str) -> None:
    await _go_down(context, host)


async def restart_agent(context: Context, host: str) -> None:
    assert_in_maintenance(context.db.get("host", host))
    await context.agent(host).power.restart_agent()
    with context.db.transaction() as tx:
        tx.add_to(context.db.get("host", host), "other_config", "agent_start_time", _stamp(context))


async def evacuate(context: Context, host: str, network: str, evacuate_batch_size: int) -> None:
    await empty(context, host, network, evacuate_batch_size, await balancing.plan_for(context, host))


async def assert_can_evacuate(context: Context, host: str) -> None:
    refusals = (await balancing.plan_for(context, host)).refusals.values()
    if refusals:
        raise XenAPIError("CANNOT_EVACUATE_HOST", "|".join(",".join(refusal) for refusal in refusals))


async def get_vms_which_prevent_evacuation(context: Context, self: str) -> dict[str, tuple[str, ...]]:
    return dict((await balancing.plan_for(context, self)).refusals)


async def retrieve_wlb_evacuate_recommendations(context: Context, self: str) -> dict[str, tuple[str, ...]]:
    """Where each VM should go; for those that cannot move, why."""
    context.db.get("host", self)
    advice = await balancing.for_evacuation(context, self)
    return {**advice, **plan_evacuation(context.db, self).refusals}


def get_uncooperative_resident_VMs(context: Context, self: str) -> tuple[str, ...]:
    return ()


def get_uncooperative_domains(context: Context, self: str) -> tuple[str, ...]:
    return ()


def destroy(context: Context, self: str) -> None:
    db = context.db
    host = db.get("host", self)
    _check_dead(db, host)
    if the_pool(db).ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    if resident_vms(db, self):
        raise XenAPIError("HOST_HAS_RESIDENT_VMS", self)
    assert_may_leave(host)
    with db.transaction() as tx:
        remove_host(tx, db, host)
        level_pool(tx, db)


async def declare_dead(context: Context, host: str) -> None:
    db = context.db
    _check_dead(db, db.get("host", host))
    for vm in resident_vms(db, host):
        await context.call("VM.power_state_reset", vm.ref)
    with db.transaction() as tx:
        row = db.get("host", host)
        tx.update(row, enabled=False)
        allowed.refresh(tx, db, row)


def tickle_heartbeat(context: Context, host: str, stuff: Any) -> Any:
    db = context.db
    row = db.get("host", host)
    with db.transaction() as tx:
        if row.metrics in db.table("host_metrics"):
            tx.update(row.metrics, live=stuff.get("shutting-down") != "true", last_updated=context.now())
            allowed.refresh(tx, db, row)
    return frozenmap()


def _check_dead(db: Database, host: Row) -> None:
    """Errors: HOST_IS_LIVE."""
    if host.ref == the_pool(db).master or is_live(db, host):
        raise XenAPIError("HOST_IS_LIVE", host.ref)


async def _go_down(context: Context, host: str) -> None:
    """What a host does before its power goes: no VMs, no storage."""
    await leave_no_vms(context, host)
    db = context.db
    for pbd in (db.get("PBD", ref) for ref in db.get("host", host).PBDs):
        if pbd.currently_attached:
            await context.agent(host).storage.sr_detach(db.get("SR", pbd.SR).uuid)
            with db.transaction() as tx:
                tx.update(db.get("PBD", pbd.ref), currently_attached=False)
                allowed.refresh(tx, db, db.get("SR", pbd.SR))


def _went_down(context: Context, host: str) -> None:
    """The power is gone, and with it VMs that were left to look after themselves."""
    for vm in resident_vms(context.db, host):
        set_halted(context.db, vm)
    _set_live(context, host, False)


async def come_back(context: Context, host: str) -> None:
    """What a host does when it starts: it reports, takes up its storage, and is enabled unless that was forbidden."""
    db = context.db
    _set_live(context, host, True)
    facts = await context.agent(host).metrics.facts()
    with db.transaction() as tx:
        take_processors(tx, db, db.get("host", host), facts["cpu_info"])
    for pbd in db.get("host", host).PBDs:
        await plug_pbd(context, pbd)
    with db.transaction() as tx:
        row = db.get("host", host)
        for key in ("boot_time", "agent_start_time"):
            tx.add_to(db.get("host", host), "other_config", key, _stamp(context))
        tx.update(row.ref, enabled=db.meta.get(_STAYS_DISABLED + row.uuid) is None)
        allowed.refresh(tx, db, row)


def _set_live(context: Context, host: str, live: bool) -> None:
    db = context.db
    row = db.get("host", host)
    with db.transaction() as tx:
        if row.metrics in db.table("host_metrics"):
            tx.update(row.metrics, live=live, last_updated=context.now())
        allowed.refresh(tx, db, row)


def _stamp(context: Context) -> str:
    return f"{int(context.clock.seconds())}."


_PARTS = (
    "PBD",
    "PIF",
    "host_cpu",
    "PGPU",
    "PCI",
    "PUSB",
    "Feature",
    "host_patch",
    "host_crashdump",
    "Certificate",
    "Host_driver",
)
"""Classes whose objects belong to a host."""


def remove_host(tx: Transaction, db: Database, host: Row) -> None:
    """Take a host and everything that belongs to it out of the database."""
    for vm in [vm for vm in db.table("VM") if vm.is_control_domain and host.ref in (vm.resident_on, vm.affinity)]:
        for console in vm.consoles:
            tx.destroy(console)
        if vm.metrics in db.table("VM_metrics"):
            tx.destroy(vm.metrics)
        tx.destroy(vm)
    for pif in (db.get("PIF", ref) for ref in host.PIFs):
        for cls, ref in (("VLAN", pif.VLAN_master_of), ("PIF_metrics", pif.metrics), ("Bond", pif.bond_slave_of)):
            if ref in db.table(cls):
                tx.destroy(ref)
        for ref in (*pif.tunnel_access_PIF_of, *pif.sriov_logical_PIF_of):
            tx.destroy(ref)
    for cls in _PARTS:
        for row in [row for row in db.table(cls) if row.host == host.ref]:
            tx.destroy(row)
    for vm in [vm for vm in db.table("VM") if vm.affinity == host.ref]:
        tx.update(vm, affinity=NULL_REF)
    if host.metrics in db.table("host_metrics"):
        tx.destroy(host.metrics)
    tx.destroy(db.get("host", host.ref))
