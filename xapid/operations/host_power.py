"""Hosts that come and go: enabled and disabled, emptied, switched off, declared dead and forgotten (class ``host``)."""

from __future__ import annotations

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import allowed, balancing, evacuation_record, hooks, updating
from xapid.operations.cabling import remove_pifs, the_pool
from xapid.operations.context import Context
from xapid.operations.evacuation import empty
from xapid.operations.evacuation_plan import plan_evacuation, resident_vms
from xapid.operations.host_roles import assert_may_leave
from xapid.operations.host_settings import CLOCK_OFFSET
from xapid.operations.levelling import level_pool
from xapid.operations.local_facts import AUTO_ENABLE, UNTIL_REBOOT, fact, forget_all, keep
from xapid.placement.checks import is_live


def disable(context: Context, host: str, auto_enable: bool) -> None:
    row = context.db.get("host", host)
    if not row.enabled:
        return
    with context.db.transaction() as tx:
        tx.update(row, enabled=False)
        if not auto_enable:
            keep(tx, row, AUTO_ENABLE, "false")
        allowed.refresh(tx, context.db, row)


def enable(context: Context, host: str) -> None:
    row = context.db.get("host", host)
    if row.enabled:
        return
    if host in context.services.starting:
        raise XenAPIError("HOST_STILL_BOOTING")
    if row.pending_guidances:
        raise XenAPIError("HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY", host)
    if fact(context.db, row, UNTIL_REBOOT) == "true":
        raise XenAPIError("HOST_DISABLED_UNTIL_REBOOT", host)
    with context.db.transaction() as tx:
        tx.update(row, enabled=True)
        keep(tx, row, AUTO_ENABLE, "true")
        allowed.refresh(tx, context.db, row)


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


async def destroy(context: Context, self: str) -> None:
    """Hooks run while the host can still be looked up, and may object. What was checked before they did is checked again."""
    db = context.db
    _assert_can_be_forgotten(db, self)
    await hooks.before_death(context, self, hooks.DESTROYED)
    await hooks.after_death(context, self, hooks.DESTROYED)
    host = _assert_can_be_forgotten(db, self)
    with db.transaction() as tx:
        remove_host(tx, db, host)
        context.services.pool.forget(host.uuid, self)
        level_pool(tx, db)


def _assert_can_be_forgotten(db: Database, ref: str) -> Row:
    """The host. Errors: HANDLE_INVALID, HOST_IS_LIVE, HA_IS_ENABLED, HOST_HAS_RESIDENT_VMS, OPERATION_NOT_ALLOWED."""
    host = db.get("host", ref)
    _check_dead(db, host)
    if the_pool(db).ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    if resident_vms(db, ref):
        raise XenAPIError("HOST_HAS_RESIDENT_VMS", ref)
    assert_may_leave(host)
    return host


async def declare_dead(context: Context, host: str) -> None:
    db = context.db
    _check_dead(db, db.get("host", host))
    await hooks.before_death(context, host, hooks.USER)
    _check_dead(db, db.get("host", host))
    for vm in resident_vms(db, host):
        await context.call("VM.power_state_reset", vm.ref)
    with db.transaction() as tx:
        row = db.get("host", host)
        tx.update(row, enabled=False)
        allowed.refresh(tx, db, row)
    await hooks.after_death(context, host, hooks.USER)


def _check_dead(db: Database, host: Row) -> None:
    """Errors: HOST_IS_LIVE."""
    if host.ref == the_pool(db).master or is_live(db, host):
        raise XenAPIError("HOST_IS_LIVE", host.ref)


_PARTS = (
    "PBD",
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
    remove_pifs(tx, db, host)
    for cls in _PARTS:
        for row in [row for row in db.table(cls) if row.host == host.ref]:
            tx.destroy(row)
    for vm in [vm for vm in db.table("VM") if vm.affinity == host.ref]:
        tx.update(vm, affinity=NULL_REF)
    forget_all(tx, db, host)
    for prefix in (evacuation_record.KEY, updating.PACKAGES, CLOCK_OFFSET):
        tx.set_meta(prefix + host.uuid, None)
    if host.metrics in db.table("host_metrics"):
        tx.destroy(host.metrics)
    tx.destroy(db.get("host", host.ref))
