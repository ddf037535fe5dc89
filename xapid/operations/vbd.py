"""Virtual drives: made and destroyed in the database, plugged and fed with media by the host where the VM runs."""

from __future__ import annotations

from typing import Any

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import allowed
from xapid.operations.agent_errors import translated
from xapid.operations.allowed.vbd import medium_refusal
from xapid.operations.context import Context
from xapid.operations.devices import (
    assert_idle,
    claim_vbd_device,
    device_name,
    disk_config,
    disk_config_with,
    is_hvm,
    position_of,
)
from xapid.operations.disks import remove_vbd, storage_errors, storage_for

ATTACHABLE_TYPES = ("system", "user", "ephemeral", "suspend", "crashdump", "metadata", "rrd", "pvs_cache")
"""Kinds of disk that a VM may see."""
MIGRATING = ("pool_migrate", "migrate_send")


def create(context: Context, args: dict[str, Any]) -> str:
    db = context.db
    disk = None if args["empty"] else db.get("VDI", args["VDI"])
    if disk is not None and disk.type not in ATTACHABLE_TYPES:
        raise XenAPIError("VDI_INCOMPATIBLE_TYPE", disk.ref, disk.type)
    if args["type"] == "CD" and args["mode"] == "RW":
        raise XenAPIError("VBD_CDS_MUST_BE_READONLY")
    if args["type"] != "CD" and args["empty"]:
        raise XenAPIError("VBD_NOT_REMOVABLE_MEDIA", "in constructor")
    if disk is not None and disk.read_only and args["mode"] == "RW":
        raise XenAPIError("VDI_READONLY", disk.ref)
    vm = db.get("VM", args["VM"])
    for task, operation in vm.current_operations.items():
        if operation in MIGRATING:
            raise XenAPIError("OTHER_OPERATION_IN_PROGRESS", "VM", vm.ref, operation, task)
    if args["type"] == "Floppy" and not is_hvm(db, vm):
        raise XenAPIError("NOT_IMPLEMENTED", "VBD.create")
    userdevice = claim_vbd_device(db, vm, args["userdevice"])
    if disk is not None:
        _assert_agile(context, vm, disk)
    suspended = vm.power_state == "Suspended"
    other_config = args["other_config"]
    if disk is not None and "backend-kind" in disk.sm_config:
        other_config = other_config.with_item("backend-kind", disk.sm_config["backend-kind"])
    fields = {
        **args,
        "VDI": NULL_REF if disk is None else disk.ref,
        "userdevice": userdevice,
        "device": device_name(position_of(userdevice) or ("disk", 0, 0)) if suspended else "",
        "currently_attached": suspended,
        "other_config": other_config,
    }
    with db.transaction() as tx:
        ref = tx.create("VBD", **fields, metrics=tx.create("VBD_metrics"))
        allowed.refresh(tx, db, db.get("VBD", ref))
    return ref


def _assert_agile(context: Context, vm: Row, disk: Row) -> None:
    pool = next(iter(context.db.table("pool")), None)
    if pool is None or not pool.ha_enabled or vm.ha_restart_priority != "restart":
        return
    sr = context.db.get("SR", disk.SR)
    if not sr.shared:
        raise XenAPIError("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", sr.ref)


def destroy(context: Context, self: str) -> None:
    db = context.db
    vbd = db.get("VBD", self)
    assert_idle(vbd)
    if vbd.currently_attached or vbd.reserved:
        raise XenAPIError("OPERATION_NOT_ALLOWED", f"VBD {self} is attached to its VM")
    disk = db.table("VDI").find(vbd.VDI)
    with db.transaction() as tx:
        remove_vbd(tx, db, vbd)
        if disk is not None:
            allowed.refresh(tx, db, disk)


async def plug(context: Context, self: str) -> None:
    db = context.db
    vbd = db.get("VBD", self)
    vm = db.get("VM", vbd.VM)
    if vbd.type == "Disk" and vbd.mode == "RO" and is_hvm(db, vm) and not vm.is_control_domain:
        raise XenAPIError("DISK_VBD_MUST_BE_READWRITE_FOR_HVM", self)
    if vm.is_control_domain:
        device = await _open(context, vbd)
    else:
        with translated(db, vm.ref):
            device = await context.agent().hypervisor.plug_disk(vm.uuid, disk_config(db, vbd))
    _set_attached(context, self, True, device=device)


async def unplug(context: Context, self: str) -> None:
    await _unplug(context, self, force=False)


async def unplug_force(context: Context, self: str) -> None:
    await _unplug(context, self, force=True)


async def unplug_force_no_safety_check(context: Context, self: str) -> None:
    await _unplug(context, self, force=True)


async def _unplug(context: Context, ref: str, *, force: bool) -> None:
    db = context.db
    vbd = db.get("VBD", ref)
    vm = db.get("VM", vbd.VM)
    if vm.is_control_domain:
        await _close(context, vbd)
    else:
        with translated(db, vm.ref):
            await context.agent().hypervisor.unplug_disk(vm.uuid, vbd.uuid, force)
    _set_attached(context, ref, False)


async def _open(context: Context, vbd: Row) -> str:
    """Attach a disk for the control domain itself, which no hypervisor is asked for."""
    disk = context.db.get("VDI", vbd.VDI)
    sr = context.db.get("SR", disk.SR)
    storage = storage_for(context, sr)
    read_only = vbd.mode == "RO"
    with storage_errors(sr, disk):
        await storage.vdi_attach(sr.uuid, disk.uuid, read_only)
        await storage.vdi_activate(sr.uuid, disk.uuid, read_only)
    return device_name(position_of(vbd.userdevice) or ("disk", 0, 0))


async def _close(context: Context, vbd: Row) -> None:
    disk = context.db.get("VDI", vbd.VDI)
    sr = context.db.get("SR", disk.SR)
    storage = storage_for(context, sr)
    with storage_errors(sr, disk):
        await storage.vdi_deactivate(sr.uuid, disk.uuid)
        await storage.vdi_detach(sr.uuid, disk.uuid)


def _set_attached(context: Context, ref: str, attached: bool, **fields: Any) -> None:
    """Record the outcome, unless the drive went away meanwhile."""
    if ref in context.db.table("VBD"):
        with context.db.transaction() as tx:
            tx.update(ref, currently_attached=attached, reserved=False, **fields)


async def insert(context: Context, vbd: str, vdi: str) -> None:
    db = context.db
    drive, disk = db.get("VBD", vbd), db.get("VDI", vdi)
    refused = medium_refusal(db, drive, vdi)
    if refused is not None:
        raise XenAPIError.relayed(*refused)
    await _change_medium(context, drive, disk)


async def eject(context: Context, vbd: str) -> None:
    await _change_medium(context, context.db.get("VBD", vbd), None)


async def _change_medium(context: Context, drive: Row, disk: Row | None) -> None:
    db = context.db
    vm = db.get("VM", drive.VM)
    if vm.power_state in ("Running", "Paused"):
        with translated(db, vm.ref):
            await context.agent().hypervisor.insert(vm.uuid, disk_config_with(db, drive, disk))
    before = db.table("VDI").find(drive.VDI)
    with db.transaction() as tx:
        tx.update(drive.ref, VDI=NULL_REF if disk is None else disk.ref, empty=disk is None)
        allowed.refresh(tx, db, *(row for row in (before, disk) if row is not None))


def assert_attachable(context: Context, self: str) -> None:
    allowed.check(context.db, context.db.get("VBD", self), "attach")


def set_mode(context: Context, self: str, value: str) -> None:
    db = context.db
    vbd = db.get("VBD", self)
    vm = db.get("VM", vbd.VM)
    if vm.power_state != "Halted":
        raise XenAPIError("VM_BAD_POWER_STATE", vm.ref, "halted", vm.power_state.lower())
    with db.transaction() as tx:
        tx.update(vbd, mode=value)
        allowed.refresh(tx, db, vbd)


def pause(context: Context, self: str) -> str:
    """The drives of simulated guests are never busy, so there is nothing to hold up; the token says which pause it was."""
    context.db.get("VBD", self)
    return context.ids.uuid()


def unpause(context: Context, self: str, token: str) -> None:
    context.db.get("VBD", self)
