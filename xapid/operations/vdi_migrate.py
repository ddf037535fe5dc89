"""Moving a disk to another SR of the pool while its VM may run: ``VDI.pool_migrate``."""

from __future__ import annotations

from typing import Any, Final

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed, disks
from xapid.operations.allowed.sr_facts import features_of
from xapid.operations.context import Context
from xapid.operations.disks import storage_errors, storage_for
from xapid.operations.marks import marked

FEATURES: Final = ("VDI_SNAPSHOT", "VDI_MIRROR")
"""What backends must be able to do for a disk to leave or to come while it is written to."""


async def pool_migrate(context: Context, vdi: str, sr: str, options: Any) -> str:
    db = context.db
    disk = db.table("VDI").find(vdi)
    vms = [] if disk is None else _users(db, disk)
    if disk is None or not vms:  # as the reference server, which looks for drives before it looks for the disk
        raise XenAPIError("VDI_NEEDS_VM_FOR_MIGRATE", vdi)
    source, target = db.get("SR", disk.SR), db.get("SR", sr)
    disks.assert_managed(disk)
    if disk.on_boot == "reset":
        raise XenAPIError("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
    for row in (source, target):
        missing = [name for name in FEATURES if name not in features_of(db, row.type)]
        if missing:
            raise XenAPIError("SR_DOES_NOT_SUPPORT_MIGRATION", row.ref, ", ".join(missing))
    allowed.check(db, target, "vdi_create")
    for vm in vms:
        _assert_reached(db, vm, target)
    with marked(context, disk, "mirror"):
        spec = disks.spec_of(disk, context.ids.uuid(), read_only=disk.read_only, sm_config={})
        with disks.being_made(context, spec["vdi"]):
            with storage_errors(target, disk):
                storage = storage_for(context, source, target)
                state = await storage.vdi_copy(source.uuid, disk.uuid, target.uuid, spec, "")
            with db.transaction() as tx:
                fields = {**disks.inherited(disk), "SR": sr, "read_only": disk.read_only}
                new = disks.record(tx, db, state, **fields)
                for ref in disk.VBDs:
                    tx.update(ref, VDI=new)
                for ref in disk.snapshots:
                    tx.update(ref, snapshot_of=new)
                for vm in vms:
                    if vm.suspend_VDI == vdi:
                        tx.update(vm, suspend_VDI=new)
    with storage_errors(source, disk):
        freed = await storage.vdi_destroy(source.uuid, disk.uuid)
    with db.transaction() as tx:
        disks.remove(tx, db, disk, vbds=False, freed=freed)
        allowed.refresh(tx, db, db.get("VDI", new))
    return new


def _users(db: Database, disk: Row) -> list[Row]:
    """The VMs that a disk is in."""
    vms = (db.table("VM").find(db.get("VBD", ref).VM) for ref in disk.VBDs)
    return [vm for vm in vms if vm is not None and not vm.is_a_snapshot]


def _assert_reached(db: Database, vm: Row, sr: Row) -> None:
    """Errors: VM_REQUIRES_SR, where a VM runs on a host that does not have the SR plugged."""
    hosts = {pbd.host for pbd in (db.get("PBD", ref) for ref in sr.PBDs) if pbd.currently_attached}
    if vm.power_state in ("Running", "Paused") and vm.resident_on not in hosts:
        raise XenAPIError("VM_REQUIRES_SR", vm.ref, sr.ref)
