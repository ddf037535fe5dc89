"""Taking VMs back after a disaster: ``recover`` of VMs and appliances, and what it needs.

The database that a VM is recovered from is the one it is looked up in, and the one it is recovered to is that of the session
given. This server opens no foreign databases, so both are its own: recovering replaces a VM by what is on record of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed
from xapid.operations.context import Context
from xapid.operations.vm_archive import Extent, own_disks
from xapid.operations.vm_import import Request
from xapid.operations.vm_transfer import export_metadata, take_in_metadata
from xapid.xva.streams import Read


def required_srs(context: Context, vms: Sequence[Row], session_to: str) -> tuple[str, ...]:
    """The SRs that the disks of VMs are on. Errors: HANDLE_INVALID, for a session that there is none."""
    context.db.get("session", session_to)
    return tuple(dict.fromkeys(disk.SR for vm in vms for disk in own_disks(context.db, vm)))


def assert_recoverable(context: Context, vms: Sequence[Row], session_to: str) -> None:
    """Errors: VM_REQUIRES_SR, for an SR that no host has plugged."""
    db = context.db
    required_srs(context, vms, session_to)
    for vm in vms:
        for sr in required_srs(context, [vm], session_to):
            pbds = [db.get("PBD", ref) for ref in db.get("SR", sr).PBDs]
            if not any(pbd.currently_attached for pbd in pbds):
                raise XenAPIError("VM_REQUIRES_SR", vm.ref, sr)


async def recover(context: Context, vms: Sequence[Row], session_to: str, force: bool) -> tuple[str, ...]:
    """Make the VMs anew, one version later; returns their references.

    Errors: those of :func:`assert_recoverable`; VM_BAD_POWER_STATE for VMs that run, and others of importing.
    """
    db = context.db
    assert_recoverable(context, vms, session_to)
    versions = {vm.uuid: vm.version for vm in vms}
    data = export_metadata(context, vms, Extent(snapshots=True, power_state=True))
    made = await take_in_metadata(context, _once(data), Request(restore=True, force=force))
    with db.transaction() as tx:
        for ref in made:
            vm = db.get("VM", ref)
            if vm.uuid in versions:
                tx.update(vm, version=versions[vm.uuid] + 1)
        allowed.refresh(tx, db, *(db.get("VM", ref) for ref in made))
    return tuple(ref for ref in made if db.get("VM", ref).uuid in versions)


def _once(data: bytes) -> Read:
    pieces = iter((data,))

    async def read() -> bytes:
        return next(pieces, b"")

    return read
