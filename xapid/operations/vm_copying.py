"""The new VM that a clone, a copy or a snapshot is: which disks it gets, and what its record has of the source's.

Serves ``VM.clone``, ``copy``, ``snapshot``, ``checkpoint`` and ``csvm``.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import attrs

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP, EPOCH, NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.context import Context
from xapid.operations.devices import mac_from_seed
from xapid.operations.vm_create import new_metrics
from xapid.operations.vm_metadata import dump

Way = Literal["clone", "copy", "snapshot"]

FRESH: Final[dict[str, Any]] = {
    "allowed_operations": (), "current_operations": EMPTY_MAP, "is_default_template": False, "resident_on": NULL_REF,
    "scheduled_to_be_resident_on": NULL_REF, "domid": -1, "blocked_operations": EMPTY_MAP, "ha_always_run": False,
    "appliance": NULL_REF, "start_delay": 0, "shutdown_delay": 0, "order": 0, "suspend_SR": NULL_REF, "version": 0,
    "protection_policy": NULL_REF, "snapshot_schedule": NULL_REF, "is_vmss_snapshot": False, "is_snapshot_from_vmpp": False,
    "transportable_snapshot_id": "", "snapshot_info": EMPTY_MAP, "snapshot_metadata": "", "is_a_snapshot": False,
    "snapshot_of": NULL_REF, "snapshot_time": EPOCH, "parent": NULL_REF, "suspend_VDI": NULL_REF, "blobs": EMPTY_MAP,
    "is_control_domain": False, "requires_reboot": False, "pending_guidances": (), "pending_guidances_recommended": (),
    "pending_guidances_full": (), "groups": (),
}  # fmt: skip
"""What a new VM does not take over from its source."""
_LEFT_OUT: Final = ("default_template", "xensource_internal")


@attrs.frozen(kw_only=True)
class Plan:
    """What is to be made of ``source``."""

    source: Row
    name: str
    way: Way
    sr: str = NULL_REF
    """Where copied disks go; null: where they come from."""
    leave_out: tuple[str, ...] = ()
    """Disks that the new VM does not get."""
    with_memory: bool = False
    """Whether the memory of a suspended source goes along."""
    driver_params: frozenmap = EMPTY_MAP


async def make_copy(context: Context, plan: Plan) -> str:
    """Make the disks, then the VM. If anything fails, disks that were made are destroyed again. Returns the new VM."""
    made: list[str] = []
    try:
        disks = await _copy_disks(context, plan, made)
        image = NULL_REF
        if plan.with_memory and plan.source.suspend_VDI in context.db.table("VDI"):
            image = await copy_disk(context, plan, plan.source.suspend_VDI)
            made.append(image)
        with context.db.transaction() as tx:
            ref = _make_vm(tx, context, plan, disks, image)
            allowed.refresh(tx, context.db, context.db.get("VM", ref), *(context.db.get("VDI", disk) for disk in made))
        return ref
    except BaseException:
        await discard_disks(context, made)
        raise


async def discard_disks(context: Context, disks: list[str]) -> None:
    """Destroy disks that are of no use now, as far as that is possible."""
    for disk in disks:
        if disk in context.db.table("VDI"):
            try:
                await context.call("VDI.destroy", disk)
            except XenAPIError:
                continue


async def copy_disk(context: Context, plan: Plan, disk: str) -> str:
    """One disk, in the way of the plan. The memory of a suspended VM has no snapshots: it is cloned."""
    is_image = disk == plan.source.suspend_VDI
    new: str
    if plan.way == "copy":
        new = await context.call("VDI.copy", disk, plan.sr, NULL_REF, NULL_REF)
    elif plan.way == "snapshot" and not is_image:
        new = await context.call("VDI.snapshot", disk, plan.driver_params)
    else:
        new = await context.call("VDI.clone", disk, EMPTY_MAP)
    return new


async def _copy_disks(context: Context, plan: Plan, made: list[str]) -> dict[str, str]:
    """New disks by VBD of the source; a CD stays the same one. Without an entry, the new VM does not get the VBD."""
    db = context.db
    vbds = [vbd for ref in plan.source.VBDs if (vbd := db.table("VBD").find(ref)) is not None]
    vbds = [vbd for vbd in vbds if vbd.empty or vbd.VDI not in plan.leave_out]
    total = sum(_size(db, vbd) for vbd in vbds) or 1
    done, disks = 0, {}
    for vbd in vbds:
        if vbd.type == "CD" or vbd.empty or vbd.VDI not in db.table("VDI"):
            disks[vbd.ref] = vbd.VDI
            continue
        context.task.check_cancelled()
        new = await copy_disk(context, plan, vbd.VDI)
        made.append(new)
        disks[vbd.ref] = new
        done += _size(db, vbd)
        context.task.progress(0.9 * done / total)
    return disks


def _size(db: Database, vbd: Row) -> int:
    disk = None if vbd.type == "CD" or vbd.empty else db.table("VDI").find(vbd.VDI)
    return 0 if disk is None else int(disk.virtual_size)


def _make_vm(tx: Transaction, context: Context, plan: Plan, disks: dict[str, str], image: str) -> str:
    db = context.db
    source = db.get("VM", plan.source.ref)
    table = db.table("VM")
    record = {name: getattr(source, name) for name in table.stored if name != "uuid"} | FRESH
    seed = source.other_config.get("mac_seed") if plan.way == "snapshot" else None
    record |= {
        "name_label": plan.name,
        "other_config": _other_config(source, seed or context.ids.uuid()),
        "power_state": "Suspended" if image != NULL_REF else "Halted",
        "suspend_VDI": image,
        "generation_id": fresh_generation(context) if source.generation_id else "",
        "metrics": new_metrics(tx)
        if source.metrics not in db.table("VM_metrics")
        else duplicate(tx, db, "VM_metrics", source.metrics),
        "guest_metrics": duplicate(tx, db, "VM_guest_metrics", source.guest_metrics),
    }
    if plan.way == "snapshot":
        record |= _snapshot_fields(context, source)
    ref = tx.create("VM", **record)
    if plan.way == "snapshot":
        tx.update(source.ref, parent=ref)
    copy_devices(tx, db, source, ref, disks, keep_macs=plan.way == "snapshot", owner=plan.way == "clone")
    return ref


def _snapshot_fields(context: Context, source: Row) -> dict[str, Any]:
    return {
        "is_a_template": True,
        "is_a_snapshot": True,
        "snapshot_of": source.ref,
        "snapshot_time": context.now(),
        "snapshot_info": frozenmap({"power-state-at-snapshot": source.power_state, "disk-snapshot-type": "crash_consistent"}),
        "snapshot_metadata": dump(source),
        "parent": source.parent,
    }


def _other_config(source: Row, seed: str) -> frozenmap:
    kept = source.other_config.without(*_LEFT_OUT)
    if source.is_a_template and not source.is_a_snapshot:
        kept = kept.with_item("base_template_name", source.name_label)
    return frozenmap({**kept, "mac_seed": seed})


def fresh_generation(context: Context) -> str:
    """A new ``generation_id``: it tells a guest that its disks were cloned or put back."""
    random = context.ids.random
    return f"{random.getrandbits(64) - (1 << 63)}:{random.getrandbits(64) - (1 << 63)}"


def duplicate(tx: Transaction, db: Database, cls: str, ref: str) -> str:
    """A new object like the one behind ``ref``, or null if there is none."""
    row = db.table(cls).find(ref)
    if row is None:
        return NULL_REF
    return tx.create(cls, **{name: getattr(row, name) for name in db.table(cls).stored if name != "uuid"})


def copy_devices(
    tx: Transaction, db: Database, source: Row, vm: str, disks: dict[str, str], *, keep_macs: bool, owner: bool
) -> None:
    """Give ``vm`` devices like those of ``source``: drives with ``disks``, interfaces, vGPUs and TPMs; USB devices not."""
    target = db.get("VM", vm)
    suspended = target.power_state == "Suspended"
    idle = {"current_operations": EMPTY_MAP, "allowed_operations": (), "reserved": False}
    for ref, disk in disks.items():
        vbd = db.get("VBD", ref)
        fields = _fields(db, vbd) | idle
        fields |= {"VM": vm, "VDI": disk, "currently_attached": suspended and vbd.currently_attached}
        fields["metrics"] = tx.create("VBD_metrics")
        if owner and vbd.type != "CD" and not vbd.empty:
            fields["other_config"] = vbd.other_config.with_item("owner", "")
        tx.create("VBD", **fields)
    for ref in source.VIFs:
        vif = db.get("VIF", ref)
        fields = _fields(db, vif) | idle | {"VM": vm, "currently_attached": suspended and vif.currently_attached}
        fields["metrics"] = tx.create("VIF_metrics")
        if not keep_macs:
            seed = target.other_config["mac_seed"]
            fields |= {"MAC": mac_from_seed(seed, int(vif.device)), "MAC_autogenerated": True}
        tx.create("VIF", **fields)
    for ref in source.VGPUs:
        gone = {"VM": vm, "currently_attached": False, "resident_on": NULL_REF, "scheduled_to_be_resident_on": NULL_REF}
        tx.create("VGPU", **(_fields(db, db.get("VGPU", ref)) | gone | {"PCI": NULL_REF}))
    for ref in source.VTPMs:
        vtpm = db.get("VTPM", ref)
        contents = duplicate(tx, db, "secret", vtpm.contents)
        tx.create("VTPM", **(_fields(db, vtpm) | {"VM": vm, "contents": contents, "current_operations": EMPTY_MAP}))


def _fields(db: Database, row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in db.table(row.kind).stored if name != "uuid"}
