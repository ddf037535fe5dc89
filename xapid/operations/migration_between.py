"""Sending a VM to another pool: its disks first, then what is known of it, and at last the VM itself if it runs.

The other pool is asked for nothing that other clients could not ask for. Whatever fails, the VM stays as it was here, and
nothing of it there.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations import disk_contents, vm_create
from xapid.operations.agent_errors import translated
from xapid.operations.context import Context
from xapid.operations.disk_contents import Reader
from xapid.operations.migration import Journey, assert_moves, name_of_host
from xapid.operations.power_state import set_halted
from xapid.operations.vm_archive import Extent
from xapid.operations.vm_copying import discard_disks
from xapid.operations.vm_transfer import export_metadata
from xapid.placement.checks import assert_processor
from xapid.placement.versions import assert_not_older

_END: Final = bytes(12)
"""What follows the last record of the contents of a disk."""


def other_pool(context: Context, journey: Journey) -> Any:
    """The pool that the VM goes to (:class:`xapid.pool.elsewhere.OtherPool`)."""
    return context.services.elsewhere.pool(journey.dest["master"], journey.dest["session_id"])


async def assert_may_come(context: Context, journey: Journey) -> None:
    """That the other pool takes the VM. Errors: HOST_DISABLED, HANDLE_INVALID, VM_HOST_INCOMPATIBLE_VERSION_MIGRATE,
    VM_INCOMPATIBLE_WITH_THIS_HOST, SR_DOES_NOT_SUPPORT_MIGRATION, what it refuses the VM's description with.
    """
    there, ref = other_pool(context, journey), journey.dest["host"]
    host = await there.call("host.get_record", ref)
    if not host["enabled"]:
        raise XenAPIError("HOST_DISABLED", ref)
    if not journey.force and journey.vm.resident_on in context.db.table("host"):
        assert_not_older(context.db, journey.vm, host["software_version"], ref)
        if journey.running:
            (pool,) = (await there.call("pool.get_all_records")).values()
            assert_processor(journey.vm, ref, pool["cpu_info"], pool=True)
    for network in dict.fromkeys(journey.nics.values()):
        await there.call("network.get_uuid", network)
    drivers = {driver["type"]: frozenset(driver["features"]) for driver in (await there.call("SM.get_all_records")).values()}
    for sr in dict.fromkeys(journey.places.values()):
        record = await there.call("SR.get_record", sr)
        assert_moves(sr, drivers.get(record["type"], frozenset()))
        attached = [await there.call("PBD.get_record", pbd) for pbd in record["PBDs"]]
        if not any(pbd["host"] == ref and pbd["currently_attached"] for pbd in attached):
            raise XenAPIError("VM_REQUIRES_SR", journey.vm.ref, sr)
    await _describe(context, journey, there, {}, dry_run=True)


async def send(context: Context, journey: Journey) -> str:
    """Take the VM to the other pool; returns its reference there."""
    there = other_pool(context, journey)
    made: list[str] = []
    vms: list[str] = []
    try:
        disks = await _send_disks(context, journey, there, made)
        context.task.check_cancelled()
        vms += await _describe(context, journey, there, disks)
        if journey.running:
            await _send_domain(context, journey, there, vms[0])
    except BaseException:
        await _clean_up(there, vms, made)
        raise
    if not journey.copy:
        await _leave(context, journey)
    return vms[0]


async def _send_disks(context: Context, journey: Journey, there: Any, made: list[str]) -> dict[str, str]:
    """Copies of all disks in the other pool, by uuid here."""
    db = context.db
    total, done = sum(db.get("VDI", ref).virtual_size for ref in journey.places) or 1, 0
    found: dict[str, str] = {}
    for ref, place in journey.places.items():
        disk = db.get("VDI", ref)
        new = await there.call("VDI.create", _record(disk, place))
        made.append(new)
        async with disk_contents.reading(db, context.services.agents, disk) as reader:
            with context.task.cancellable():
                pieces = _records(context, reader, done / total, 1 / total)
                await there.put("/import_raw_vdi", {"vdi": new, "format": "raw", "chunked": "true"}, pieces)
        found[disk.uuid] = new
        done += disk.virtual_size
    return found


async def _records(context: Context, reader: Reader, begun: float, scale: float) -> AsyncIterator[bytes]:
    """What a disk holds, each piece with where it belongs."""
    async for offset, data in reader.pieces():
        context.task.check_cancelled()
        yield struct.pack("<QI", offset, len(data)) + data
        context.task.progress(0.9 * (begun + scale * (offset + len(data))))
    yield _END


def _record(disk: Row, place: str) -> dict[str, Any]:
    names = ("name_label", "name_description", "type", "sharable", "read_only", "other_config", "xenstore_data", "tags")
    fields = {name: getattr(disk, name) for name in names}
    return {**fields, "SR": place, "virtual_size": disk.virtual_size, "sm_config": {}, "tags": list(disk.tags)}


async def _describe(
    context: Context, journey: Journey, there: Any, disks: dict[str, str], *, dry_run: bool = False
) -> list[str]:
    """Have the other pool make the VM, or only say whether it could."""
    db = context.db
    data = export_metadata(context, [journey.vm], Extent(snapshots=True, power_state=True))
    query = {
        "restore": "false" if journey.copy else "true",
        "live": "true" if journey.running else "false",
        "force": "true" if journey.force else "false",
        "dry_run": "true" if dry_run else "false",
        **{f"vdi:{uuid}": ref for uuid, ref in disks.items()},
        **{f"vif:{db.get('VIF', vif).uuid}": network for vif, network in journey.nics.items()},
    }

    async def whole() -> AsyncIterator[bytes]:
        yield data

    return list(await there.put("/import_metadata", query, whole()) or [])


async def _send_domain(context: Context, journey: Journey, there: Any, arrived: str) -> None:
    """The VM stands still here while it is taken up there; then it is gone from here, or goes on here."""
    vm, hypervisor = journey.vm, context.agent(journey.vm.resident_on).hypervisor
    with translated(context.db, vm.ref):
        await hypervisor.pause(vm.uuid)
    try:
        await there.call("VM.pool_migrate_complete", arrived, journey.dest["host"])
    except BaseException as error:
        if not await _runs(there, arrived):
            with translated(context.db, vm.ref):
                await hypervisor.unpause(vm.uuid)
            if isinstance(error, XenAPIError):
                raise
            raise XenAPIError(
                "VM_MIGRATE_FAILED", vm.ref, name_of_host(journey), journey.dest["host"], type(error).__name__
            ) from error
    with translated(context.db, vm.ref):
        await hypervisor.shutdown(vm.uuid, "hard", 0.0)
    set_halted(context.db, vm)


async def _runs(there: Any, vm: str) -> bool:
    """Whether a VM goes on in the other pool, although it did not say so: it must not in both."""
    try:
        return bool(await there.call("VM.get_power_state", vm) == "Running")
    except XenAPIError:
        return False


async def _clean_up(there: Any, vms: list[str], disks: list[str]) -> None:
    """Take away what was made in the other pool, as far as it lets us."""
    for vm in vms:
        with suppress(XenAPIError):
            await there.call("VM.destroy", vm)
    for disk in disks:
        with suppress(XenAPIError):
            await there.call("VDI.destroy", disk)


async def _leave(context: Context, journey: Journey) -> None:
    """The VM is elsewhere: it goes from here with its snapshots and disks."""
    for vm in journey.vms[::-1]:
        if vm.ref in context.db.table("VM"):
            await vm_create.destroy(context, vm.ref)
    await discard_disks(context, list(journey.places))
