"""What a running guest is told to do besides stopping: to sleep and wake (ACPI S3), and to generalize itself (sysprep)."""

from __future__ import annotations

from typing import Final

from xapid.agent.values import AgentFailure
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.agent_errors import translated
from xapid.operations.alerts import tell_of_vm
from xapid.operations.context import Context
from xapid.operations.power_state import set_halted

_LONGEST: Final = 64 * 1024


async def s3_suspend(context: Context, vm: str) -> None:
    await _tell(context, vm, "s3-suspend")


async def s3_resume(context: Context, vm: str) -> None:
    await _tell(context, vm, "s3-resume")


async def _tell(context: Context, ref: str, word: str) -> None:
    """Errors: VM_BAD_POWER_STATE; VM_FAILED_SUSPEND_ACKNOWLEDGMENT from a guest without an agent."""
    vm = context.db.get("VM", ref)
    if vm.power_state != "Running":
        raise XenAPIError("VM_BAD_POWER_STATE", ref, "running", vm.power_state.lower())
    with translated(context.db, ref, "suspend"):
        await context.agent(vm.resident_on).hypervisor.call_guest(vm.uuid, word, {})


async def sysprep(context: Context, self: str, unattend: str, timeout: float) -> None:
    """The answer file reaches the guest on a CD, for which there has to be an empty drive. In the end the guest is off.

    Errors: SYSPREP[vm, why not].
    """
    db = context.db
    vm = db.get("VM", self)
    if not unattend.strip() or len(unattend) > _LONGEST:
        raise XenAPIError("SYSPREP", self, "the answer file is empty or too long")
    if not _empty_drive(context, vm):
        raise XenAPIError("SYSPREP", self, "the VM has no empty CD drive")
    hypervisor = context.agent(vm.resident_on).hypervisor
    try:
        await hypervisor.call_guest(vm.uuid, "sysprep", {"unattend": unattend})
        await hypervisor.shutdown(vm.uuid, "clean", timeout)
    except AgentFailure as failure:
        why = "the guest did not finish in time" if failure.reason == "timed_out" else "the guest does not take part"
        raise XenAPIError("SYSPREP", self, why) from failure
    set_halted(db, vm)
    tell_of_vm(db, context.now(), "VM_SHUTDOWN", vm, "has generalized itself")


def _empty_drive(context: Context, vm: Row) -> bool:
    drives = (context.db.get("VBD", ref) for ref in vm.VBDs)
    return any(drive.type == "CD" and drive.empty for drive in drives)
