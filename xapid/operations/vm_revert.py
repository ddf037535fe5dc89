"""Putting a VM back to what a snapshot holds: ``VM.revert``."""

from __future__ import annotations

from typing import Any, Final

from twisted.logger import Logger

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP, NULL_REF
from xapid.operations import allowed
from xapid.operations.alerts import tell_of_vm
from xapid.operations.context import Context
from xapid.operations.power_state import set_halted
from xapid.operations.vm_copying import copy_devices, discard_disks, fresh_generation
from xapid.operations.vm_create import new_metrics, remove_devices
from xapid.operations.vm_metadata import load
from xapid.operations.vm_stop import force_off

log = Logger()

_KEPT: Final = frozenset({
    "uuid", "power_state", "suspend_VDI", "parent", "current_operations", "allowed_operations", "metrics", "guest_metrics",
    "resident_on", "scheduled_to_be_resident_on", "domid", "protection_policy", "snapshot_schedule", "tags", "affinity",
    "groups", "is_a_snapshot", "snapshot_of", "snapshot_time", "snapshot_info", "snapshot_metadata", "is_default_template",
    "ha_always_run", "generation_id", "blobs",
})  # fmt: skip
"""What a revert leaves as it is."""
_TOLD_AS_IS: Final = ("SR_BACKEND_FAILURE_44", "SR_BACKEND_FAILURE_109", "VDI_INCOMPATIBLE_TYPE", "TASK_CANCELLED")
_CANNOT_REVERT: Final = ("SR_OPERATION_NOT_SUPPORTED", "NOT_IMPLEMENTED")


async def revert(context: Context, snapshot: str) -> None:
    db = context.db
    source = db.get("VM", snapshot)
    target = source.snapshot_of
    if not source.is_a_snapshot:
        raise XenAPIError("VM_REVERT_FAILED", snapshot, target)
    try:
        target = _target(context, source)
        await force_off_if_on(context, db.get("VM", target))
        await _restore(context, source, target)
    except XenAPIError as error:
        if error.code in _TOLD_AS_IS:
            raise
        log.warn("reverting to {snapshot} failed: {error}", snapshot=snapshot, error=error)
        if target in db.table("VM"):
            set_halted(db, db.get("VM", target))
        raise XenAPIError("VM_REVERT_FAILED", snapshot, target) from error
    vm = db.get("VM", target)
    what = f"was put back to snapshot '{source.name_label}' (uuid: {source.uuid})"
    tell_of_vm(db, context.now(), "VM_SNAPSHOT_REVERTED", vm, what)


async def force_off_if_on(context: Context, vm: Row) -> None:
    """Switch a VM off unless it is."""
    if vm.power_state != "Halted":
        await force_off(context, vm)


def _target(context: Context, snapshot: Row) -> str:
    """The VM that the snapshot was taken of; made again, with its uuid, if it is gone."""
    db = context.db
    if snapshot.snapshot_of in db.table("VM"):
        return str(snapshot.snapshot_of)
    values = load(db, snapshot.snapshot_metadata)
    uuid = values.get("uuid", "")
    if not uuid or db.table("VM").find_uuid(uuid) is not None:
        uuid = context.ids.uuid()
    with db.transaction() as tx:
        vm = tx.create("VM", uuid=uuid, name_label=snapshot.name_label, power_state="Halted", domid=-1, metrics=new_metrics(tx))
        for other in db.table("VM"):
            if other.snapshot_of == snapshot.snapshot_of and other.is_a_snapshot:
                tx.update(other, snapshot_of=vm)
    return vm


async def _restore(context: Context, snapshot: Row, target: str) -> None:
    db = context.db
    made: list[str] = []
    try:
        disks, replaced = await _restore_disks(context, snapshot, target, made)
        image = NULL_REF
        if snapshot.power_state == "Suspended" and snapshot.suspend_VDI in db.table("VDI"):
            image = await context.call("VDI.clone", snapshot.suspend_VDI, EMPTY_MAP)
            made.append(image)
    except BaseException:
        await discard_disks(context, made)
        raise
    with db.transaction() as tx:
        vm = db.get("VM", target)
        remove_devices(tx, db, vm)
        tx.update(
            target,
            **_fields(db, snapshot),
            power_state="Suspended" if image != NULL_REF else "Halted",
            suspend_VDI=image,
            parent=snapshot.ref,
            ha_always_run=False,
            generation_id=fresh_generation(context) if snapshot.generation_id else "",
        )
        copy_devices(tx, db, snapshot, target, disks, keep_macs=True, owner=False)
        for old, new in replaced.items():
            _repoint(tx, db, old, new)
        allowed.refresh(tx, db, db.get("VM", target), *(db.get("VDI", disk) for disk in made))
    await discard_disks(context, [old for old in replaced if not _is_iso(db, old)])


def _fields(db: Database, snapshot: Row) -> dict[str, Any]:
    """What the VM was when the snapshot was taken."""
    values = load(db, snapshot.snapshot_metadata)
    if not values:
        values = {name: getattr(snapshot, name) for name in db.table("VM").stored}
        values |= {"is_a_template": False, "name_label": snapshot.name_label}
    return {name: value for name, value in values.items() if name not in _KEPT}


async def _restore_disks(
    context: Context, snapshot: Row, target: str, made: list[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The disks that the VM is to have, by VBD of the snapshot; and the VM's disks that clones have taken the place of.

    A disk keeps its identity where its SR can put data back; elsewhere a clone of the snapshot's disk follows it.
    """
    db = context.db
    disks: dict[str, str] = {}
    replaced: dict[str, str] = {}
    owned = {vbd.VDI for ref in db.get("VM", target).VBDs if not (vbd := db.get("VBD", ref)).empty}
    for ref in snapshot.VBDs:
        vbd = db.get("VBD", ref)
        disk = None if vbd.type == "CD" or vbd.empty else db.table("VDI").find(vbd.VDI)
        if disk is None:
            disks[ref] = vbd.VDI
            continue
        live = disk.snapshot_of
        if live in owned and await _put_back(context, disk.ref):
            disks[ref] = live
            continue
        clone: str = await context.call("VDI.clone", disk.ref, EMPTY_MAP)
        made.append(clone)
        disks[ref] = clone
        if live in db.table("VDI") and live in owned:
            replaced[live] = clone
        elif live != NULL_REF:
            with db.transaction() as tx:
                _repoint(tx, db, live, clone)
    return disks, replaced


async def _put_back(context: Context, snapshot: str) -> bool:
    try:
        await context.call("VDI.revert", snapshot)
    except XenAPIError as error:
        if error.code in _CANNOT_REVERT:
            return False
        raise
    return True


def _repoint(tx: Transaction, db: Database, old: str, new: str) -> None:
    """Every snapshot of a disk is now one of the disk that took its place."""
    for disk in db.table("VDI"):
        if disk.snapshot_of == old and disk.ref != new:
            tx.update(disk, snapshot_of=new)


def _is_iso(db: Database, disk: str) -> bool:
    row = db.table("VDI").find(disk)
    sr = None if row is None else db.table("SR").find(row.SR)
    return sr is not None and bool(sr.content_type == "iso")
