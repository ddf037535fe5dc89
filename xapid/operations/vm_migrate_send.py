"""Migration with storage, within the pool and to another: ``VM.migrate_send`` and its checks, and how a VM arrives."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import migration_between, migration_within
from xapid.operations.agent_errors import translated
from xapid.operations.alerts import tell_of_vm
from xapid.operations.context import Context
from xapid.operations.domain_config import vm_config
from xapid.operations.migration import Journey, assert_may_leave
from xapid.operations.power_state import set_live
from xapid.placement.checks import Question, assert_can_boot_here
from xapid.placement.choice import reserve


async def migrate_send(
    context: Context,
    vm: str,
    dest: frozenmap,
    live: bool,
    vdi_map: frozenmap,
    vif_map: frozenmap,
    options: frozenmap,
    vgpu_map: frozenmap,
    vdi_format_map: frozenmap,
) -> str:
    journey = _journey(context, vm, dest, live, vdi_map, vif_map, options)
    await _check(context, journey)
    return await (migration_within.move if journey.within else migration_between.send)(context, journey)


async def assert_can_migrate(
    context: Context,
    vm: str,
    dest: frozenmap,
    live: bool,
    vdi_map: frozenmap,
    vif_map: frozenmap,
    options: frozenmap,
    vgpu_map: frozenmap,
) -> None:
    await _check(context, _journey(context, vm, dest, live, vdi_map, vif_map, options))


def assert_can_migrate_sender(
    context: Context,
    vm: str,
    dest: frozenmap,
    live: bool,
    vdi_map: frozenmap,
    vif_map: frozenmap,
    vgpu_map: frozenmap,
    options: frozenmap,
) -> None:
    assert_may_leave(_journey(context, vm, dest, live, vdi_map, vif_map, options))


def _journey(
    context: Context, vm: str, dest: frozenmap, live: bool, vdi_map: frozenmap, vif_map: frozenmap, options: frozenmap
) -> Journey:
    row = context.db.get("VM", vm)
    return Journey(db=context.db, vm=row, dest=dest, live=live, disks=vdi_map, networks=vif_map, options=options)


async def _check(context: Context, journey: Journey) -> None:
    assert_may_leave(journey)
    if journey.within:
        migration_within.assert_may_come(journey)
    else:
        await migration_between.assert_may_come(context, journey)


async def pool_migrate_complete(context: Context, vm: str, host: str) -> None:
    """Takes up a VM whose description has come from another pool, and which stands still there. It goes on here.

    Errors: those of :func:`assert_can_boot_here`.
    """
    db = context.db
    row, target = db.get("VM", vm), db.get("host", host)
    if row.power_state != "Halted":
        raise XenAPIError("VM_BAD_POWER_STATE", vm, "halted", row.power_state.lower())
    assert_can_boot_here(Question(db=db, vm=row, host=target))
    reserve(db, row, host)
    try:
        hypervisor, config = context.agent(host).hypervisor, vm_config(db, row)
        metrics = db.get("VM_metrics", row.metrics)
        handover = {
            "memory": str(metrics.memory_actual or row.memory_dynamic_max),
            "vcpus": str(metrics.VCPUs_number or row.VCPUs_at_startup),
            "start_time": str(metrics.start_time.timestamp()),
        }
        with translated(db, vm):
            state = await hypervisor.receive(config, await hypervisor.expect(config), handover)
    except BaseException:
        if vm in db.table("VM"):
            with db.transaction() as tx:
                tx.update(vm, scheduled_to_be_resident_on=NULL_REF)
        raise
    set_live(db, db.get("VM", vm), host, state, context.now())
    tell_of_vm(db, context.now(), "VM_MIGRATED", row, "has come", host, at="to")
