"""Moving a VM with its disks to other storage, and perhaps another host, of the same pool."""

from __future__ import annotations

from typing import Any

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP, NULL_REF, frozenmap
from xapid.operations import allowed, disk_contents
from xapid.operations.alerts import tell_of_vm
from xapid.operations.allowed.sr_facts import features_of
from xapid.operations.constructor import constructor_record
from xapid.operations.context import Context
from xapid.operations.devices import disk_config_with
from xapid.operations.domain_config import vm_config
from xapid.operations.migration import Journey, assert_moves
from xapid.operations.power_state import set_live
from xapid.operations.vm_copying import discard_disks
from xapid.operations.vm_migrate import move_domain
from xapid.placement.checks import Question, assert_can_boot_here, reaches
from xapid.placement.versions import assert_not_older


def assert_may_come(journey: Journey) -> None:
    """That the host and the storage can take the VM. Errors: HANDLE_INVALID, those of :func:`assert_can_boot_here` but for
    storage, VM_REQUIRES_SR, SR_DOES_NOT_SUPPORT_MIGRATION, SR_OPERATION_NOT_SUPPORTED, VM_HOST_INCOMPATIBLE_VERSION_MIGRATE.
    """
    db, vm, host = journey.db, journey.vm, db_host(journey)
    for ref in dict.fromkeys(journey.places.values()):
        sr = db.get("SR", ref)
        allowed.check(db, sr, "vdi_create")
        assert_moves(ref, features_of(db, sr.type))
        if not reaches(db, host.ref, ref):
            raise XenAPIError("VM_REQUIRES_SR", vm.ref, ref)
    if not journey.force:
        assert_not_older(db, vm, host.software_version, host.ref)
    question = Question(
        db=db, vm=vm, host=host, memory=journey.running and host.ref != vm.resident_on, cpu_features=not journey.force
    )
    try:
        assert_can_boot_here(question)
    except XenAPIError as error:
        # The disks are about to go where the host reaches them.
        if error.code != "VM_REQUIRES_SR" or error.params[1] not in {db.get("VDI", disk).SR for disk in journey.places}:
            raise


def db_host(journey: Journey) -> Row:
    """The host that is to take the VM. Errors: HANDLE_INVALID."""
    return journey.db.get("host", journey.dest["host"])


async def move(context: Context, journey: Journey) -> str:
    """Copy the disks that move, then let the VM go on with the copies; on failure it goes on as it was. Returns the VM.

    A VM that has left, for a host that is out of reach then, has the copies; what it had before stays too.
    """
    db, vm = context.db, journey.vm
    new: dict[str, str] = {}
    try:
        total = sum(db.get("VDI", ref).virtual_size for ref in journey.places) or 1
        done = 0
        for ref, place in journey.places.items():
            new[ref] = await _copy(context, db.get("VDI", ref), place, done / total, 1 / total)
            done += db.get("VDI", ref).virtual_size
        if journey.running:
            await _move_domain(context, journey, new)
        else:
            _hand_over(db, journey, new)
    except BaseException:
        if _has_left(journey):
            _hand_over(db, journey, new)
        else:
            await discard_disks(context, list(new.values()))
        raise
    await discard_disks(context, list(new))
    tell_of_vm(db, context.now(), "VM_MIGRATED", vm, "was migrated", db_host(journey).ref, at="to")
    return vm.ref


async def _copy(context: Context, disk: Row, place: str, begun: float, scale: float) -> str:
    """The same disk on another SR, with all it holds."""
    db = context.db
    record = constructor_record(
        db, "VDI", SR=place, sm_config=EMPTY_MAP,
        **{name: getattr(disk, name) for name in (
            "name_label", "name_description", "virtual_size", "type", "sharable", "read_only", "other_config", "xenstore_data",
            "tags",
        )},
    )  # fmt: skip
    ref: str = await context.call("VDI.create", record)
    try:
        agents = context.services.agents
        async with (
            disk_contents.reading(db, agents, disk) as reader,
            disk_contents.writing(db, agents, db.get("VDI", ref)) as writer,
        ):
            with context.task.cancellable():
                async for offset, data in reader.pieces():
                    context.task.check_cancelled()
                    await writer.write(offset, data)
                    context.task.progress(0.9 * (begun + scale * (offset + len(data))))
            await writer.commit()
    except BaseException:
        await discard_disks(context, [ref])
        raise
    return ref


async def _move_domain(context: Context, journey: Journey, new: dict[str, str]) -> None:
    db, vm = context.db, journey.vm
    config = vm_config(db, vm)
    vbds = [db.get("VBD", ref) for ref in vm.VBDs]
    moved = {vbd.uuid: disk_config_with(db, vbd, db.get("VDI", new[vbd.VDI])) for vbd in vbds if vbd.VDI in new}
    config["disks"] = [moved.get(disk["vbd"], disk) for disk in config["disks"]]
    options: Any = frozenmap(journey.options)
    state = await move_domain(context, vm, journey.dest["host"], options, config)
    with db.transaction():
        _hand_over(db, journey, new)
        set_live(db, db.get("VM", vm.ref), journey.dest["host"], state, context.now())


def _has_left(journey: Journey) -> bool:
    """Whether the VM is where it was to go, as far as anyone knows."""
    row = journey.db.table("VM").find(journey.vm.ref)
    return row is not None and journey.vm.resident_on != journey.dest["host"] == row.resident_on


def _hand_over(db: Database, journey: Journey, new: dict[str, str]) -> None:
    """The new disks are those of the VM and of its snapshots."""
    with db.transaction() as tx:
        for old, ref in new.items():
            disk = db.get("VDI", old)
            fields = {"is_a_snapshot": disk.is_a_snapshot, "snapshot_time": disk.snapshot_time, "on_boot": disk.on_boot}
            of = new.get(disk.snapshot_of, disk.snapshot_of)
            tx.update(ref, **fields, allow_caching=disk.allow_caching, snapshot_of=of if disk.is_a_snapshot else NULL_REF)
            for vbd in disk.VBDs:
                tx.update(vbd, VDI=ref)
            for snapshot in disk.snapshots:
                tx.update(snapshot, snapshot_of=ref)
        for vm in journey.vms:
            if vm.suspend_VDI in new:
                tx.update(vm.ref, suspend_VDI=new[vm.suspend_VDI])
        allowed.refresh(tx, db, *(db.get("VM", vm.ref) for vm in journey.vms), *(db.get("VDI", ref) for ref in new.values()))
