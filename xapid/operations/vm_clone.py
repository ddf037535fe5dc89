"""New VMs from old ones: ``VM.clone``, ``copy``, ``csvm``, ``snapshot`` and ``checkpoint``."""

from __future__ import annotations

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.alerts import tell_of_vm
from xapid.operations.context import Context
from xapid.operations.vm_copying import Plan, make_copy
from xapid.operations.vm_start import wake
from xapid.operations.vm_suspend import put_to_sleep


async def clone(context: Context, vm: str, new_name: str) -> str:
    row = context.db.get("VM", vm)
    return await make_copy(context, Plan(source=row, name=new_name, way="clone", with_memory=_keeps_memory(row)))


async def copy(context: Context, vm: str, new_name: str, sr: str) -> str:
    row = context.db.get("VM", vm)
    target = context.db.table("SR").find(sr)
    if target is not None and target.content_type == "iso":
        raise XenAPIError("OPERATION_NOT_ALLOWED", "An ISO library cannot hold the disks of a VM")
    place = NULL_REF if target is None else sr
    return await make_copy(context, Plan(source=row, name=new_name, way="copy", sr=place, with_memory=_keeps_memory(row)))


async def csvm(context: Context, vm: str) -> str:
    row = context.db.get("VM", vm)
    plan = Plan(source=row, name=f"{row.name_label}-cloned-suspended", way="clone", with_memory=True)
    new = await make_copy(context, plan)
    _tell(context, "VM_CLONED", row, "was cloned with its memory", new)
    return new


async def snapshot(context: Context, vm: str, new_name: str, ignore_vdis: tuple[str, ...]) -> str:
    row = context.db.get("VM", vm)
    plan = Plan(source=row, name=new_name, way="snapshot", leave_out=ignore_vdis, driver_params=_same_moment(context))
    new = await make_copy(context, plan)
    _tell(context, "VM_SNAPSHOTTED", row, "was snapshotted", new)
    return new


async def checkpoint(context: Context, vm: str, new_name: str) -> str:
    db = context.db
    row = db.get("VM", vm)
    live, host = row.power_state in ("Running", "Paused"), row.resident_on
    _assert_snapshots(db, row)
    if live:
        try:
            await put_to_sleep(context, row)
        except XenAPIError as error:
            if error.code == "TASK_CANCELLED":
                raise
            raise XenAPIError("VM_CHECKPOINT_SUSPEND_FAILED", vm) from error
    try:
        asleep = db.get("VM", vm)
        plan = Plan(source=asleep, name=new_name, way="snapshot", with_memory=True, driver_params=_same_moment(context))
        new = await make_copy(context, plan)
        info = {"power-state-at-snapshot": row.power_state}
        with db.transaction() as tx:
            tx.update(new, snapshot_info=frozenmap({**db.get("VM", new).snapshot_info, **info}))
    finally:
        if live:
            await _wake_up(context, vm, host, row.power_state == "Paused")
    _tell(context, "VM_CHECKPOINTED", row, "was checkpointed", new)
    return new


def _tell(context: Context, name: str, vm: Row, what: str, new: str) -> None:
    tell_of_vm(context.db, context.now(), name, vm, f"{what} (new uuid: {context.db.get('VM', new).uuid})")


async def _wake_up(context: Context, vm: str, host: str, paused: bool) -> None:
    try:
        await wake(context, context.db.get("VM", vm), host, paused, alert=False)
    except XenAPIError as error:
        raise XenAPIError("VM_CHECKPOINT_RESUME_FAILED", vm) from error


def _keeps_memory(vm: Row) -> bool:
    """A clone of a suspended VM is suspended; what is made of a checkpoint is switched off."""
    return bool(vm.power_state == "Suspended" and not vm.is_a_snapshot)


def _same_moment(context: Context) -> frozenmap:
    """Tells the storage that the snapshots of several disks belong together."""
    return frozenmap({"epochhint": context.ids.uuid()})


def _assert_snapshots(db: Database, vm: Row) -> None:
    """Errors: SR_OPERATION_NOT_SUPPORTED, for an SR with a disk of the VM that takes no snapshots."""
    for ref in vm.VBDs:
        vbd = db.get("VBD", ref)
        disk = None if vbd.type == "CD" or vbd.empty else db.table("VDI").find(vbd.VDI)
        sr = None if disk is None else db.table("SR").find(disk.SR)
        if sr is None:
            continue
        kinds = [sm for sm in db.table("SM") if sm.type == sr.type]
        if kinds and not any("VDI_SNAPSHOT" in sm.features for sm in kinds):
            raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", sr.ref)
