"""Virtual GPUs of VMs (class ``VGPU``)."""

from __future__ import annotations

from typing import Any

from xapid.database import Database, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import allowed
from xapid.operations.context import Context


def create(context: Context, VM: str, GPU_group: str, device: str, other_config: Any, type: str) -> str:
    db = context.db
    vm = db.get("VM", VM)
    db.get("GPU_group", GPU_group)
    if not (device.isascii() and device.isdecimal()):
        raise XenAPIError("INVALID_DEVICE", device)
    if type != NULL_REF:
        db.get("VGPU_type", type)
    if vm.power_state != "Halted":
        raise XenAPIError("VM_BAD_POWER_STATE", VM, "halted", vm.power_state.lower())
    present = [db.get("VGPU", ref) for ref in vm.VGPUs]
    if any(int(vgpu.device) == int(device) for vgpu in present):
        raise XenAPIError("DEVICE_ALREADY_EXISTS", device)
    with db.transaction() as tx:
        kind = _passthrough(db, tx) if type == NULL_REF else type
        for vgpu in present:
            if kind not in db.get("VGPU_type", vgpu.type).compatible_types_in_vm:
                raise XenAPIError("VGPU_TYPE_NOT_COMPATIBLE", kind)
        ref = tx.create("VGPU", VM=VM, GPU_group=GPU_group, device=device, other_config=other_config, type=kind)
        allowed.refresh(tx, db, db.get("VM", VM))
    return ref


def destroy(context: Context, self: str) -> None:
    db = context.db
    row = db.get("VGPU", self)
    if row.currently_attached:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "the VM has the GPU now; shut it down first")
    vm = db.table("VM").find(row.VM)
    with db.transaction() as tx:
        tx.destroy(row)
        if vm is not None:
            allowed.refresh(tx, db, db.get("VM", vm.ref))


def atomic_set_resident_on(context: Context, self: str, value: str) -> None:
    """What was planned has come about: the plan is gone when the GPU is taken."""
    context.db.get("PGPU", value)
    with context.db.transaction() as tx:
        tx.update(context.db.get("VGPU", self), resident_on=value, scheduled_to_be_resident_on=NULL_REF)


def _passthrough(db: Database, tx: Transaction) -> str:
    """The type that is a whole GPU; it is there from the first use on."""
    for kind in db.table("VGPU_type"):
        if kind.implementation == "passthrough" and not kind.framebuffer_size:
            return kind.ref
    return tx.create("VGPU_type", model_name="passthrough", implementation="passthrough", size=1 << 20)
