"""Putting a running VM's memory on disk: ``VM.suspend``. Taking it up again is in :mod:`xapid.operations.vm_start`."""

from __future__ import annotations

from collections.abc import Iterator

from xapid.agent.values import AgentFailure
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.agent_errors import translated
from xapid.operations.alerts import tell_of_vm
from xapid.operations.anti_affinity import watch_groups
from xapid.operations.constructor import constructor_record
from xapid.operations.context import Context
from xapid.operations.domain_config import image_config
from xapid.operations.interrupting import interruptible
from xapid.operations.power_state import set_halted, set_suspended
from xapid.operations.vm_start import discard_image
from xapid.operations.vm_stop import PATIENCE
from xapid.placement.checks import reaches

MIB = 1 << 20


async def suspend(context: Context, vm: str) -> None:
    row = context.db.get("VM", vm)
    await put_to_sleep(context, row)
    tell_of_vm(context.db, context.now(), "VM_SUSPENDED", row, "was suspended")
    watch_groups(context.db, context.now(), row.groups)


async def put_to_sleep(context: Context, vm: Row) -> None:
    """Save a VM's memory and let its domain go. On failure it runs on, and there is no image."""
    db, host = context.db, vm.resident_on
    sr = suspend_sr(db, vm)
    with db.transaction() as tx:
        tx.update(vm.ref, ha_always_run=False)
    image = await _make_image(context, vm, sr)
    with db.transaction() as tx:
        tx.update(vm.ref, suspend_VDI=image)
    try:
        with translated(db, vm.ref, "suspend"):
            config = image_config(db, db.get("VDI", image))
            await interruptible(context, context.agent(host).hypervisor.suspend(vm.uuid, config, PATIENCE))
    except BaseException as error:
        if vm.ref in db.table("VM"):
            with db.transaction() as tx:
                tx.update(vm.ref, suspend_VDI=NULL_REF)
                if isinstance(error.__cause__, AgentFailure) and error.__cause__.reason == "no_such_domain":
                    set_halted(db, vm)
        await discard_image(context, image)
        raise
    set_suspended(db, vm)


def suspend_sr(db: Database, vm: Row) -> str:
    """Where a VM's suspend image goes: the first of the VM's own choice, the pool's and the host's that its host reaches.

    Errors: VM_NO_SUSPEND_SR.
    """
    for sr in _candidates(db, vm):
        if sr in db.table("SR") and reaches(db, vm.resident_on, sr):
            return sr
    raise XenAPIError("VM_NO_SUSPEND_SR", vm.ref)


def _candidates(db: Database, vm: Row) -> Iterator[str]:
    yield vm.suspend_SR
    for pool in db.table("pool"):
        yield pool.suspend_image_SR
    host = db.table("host").find(vm.resident_on)
    if host is not None:
        yield host.suspend_image_sr


def image_size(db: Database, vm: Row) -> int:
    """Bytes that surely hold a VM's memory, that of its virtual GPUs, and what describes its devices."""
    kinds = (db.table("VGPU_type").find(db.get("VGPU", ref).type) for ref in vm.VGPUs)
    video = sum(int(kind.framebuffer_size) for kind in kinds if kind is not None)
    return int(vm.memory_static_max * 1.2 * 1.05) + video + 100 * MIB


async def _make_image(context: Context, vm: Row, sr: str) -> str:
    record = constructor_record(
        context.db,
        "VDI",
        name_label="Suspend image",
        name_description="The memory of a suspended VM",
        SR=sr,
        virtual_size=image_size(context.db, vm),
        type="suspend",
        sm_config=frozenmap(),
    )
    try:
        image: str = await context.call("VDI.create", record)
    except XenAPIError as error:
        if error.code in ("SR_BACKEND_FAILURE_44", "SR_FULL"):
            raise XenAPIError("SR_SUSPEND_SPACE_INSUFFICIENT", sr) from error
        raise
    return image
