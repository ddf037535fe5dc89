"""How VMs lose their domain, stop and go on: shutdown, reboot, pause, and setting the power state back."""

from __future__ import annotations

from typing import Final, TypeVar

from twisted.internet.task import deferLater

from xapid.agent.values import AgentFailure, How
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.agent_errors import translated
from xapid.operations.alerts import tell_of_vm
from xapid.operations.anti_affinity import watch_groups
from xapid.operations.context import Context
from xapid.operations.domain_config import vm_config
from xapid.operations.interrupting import interruptible
from xapid.operations.power_state import forget_guest, set_halted, set_live, set_running_flag
from xapid.operations.vm_start import boot, discard_image
from xapid.placement.checks import is_live

T = TypeVar("T")

PATIENCE: Final = 1200.0
"""Seconds that a guest has to shut down."""
_CUT_SHORT_BY_SHUTDOWN: Final = (
    "clean_shutdown", "clean_reboot", "hard_reboot", "pool_migrate", "call_plugin", "shutdown", "suspend",
)  # fmt: skip
_CUT_SHORT_BY_REBOOT: Final = ("clean_shutdown", "clean_reboot", "pool_migrate", "call_plugin", "suspend")


async def pause(context: Context, vm: str) -> None:
    row = context.db.get("VM", vm)
    with translated(context.db, vm):
        await context.agent().hypervisor.pause(row.uuid)
    set_running_flag(context.db, row, "Paused")
    tell_of_vm(context.db, context.now(), "VM_PAUSED", row, "was paused")


async def unpause(context: Context, vm: str) -> None:
    row = context.db.get("VM", vm)
    with translated(context.db, vm):
        await context.agent().hypervisor.unpause(row.uuid)
    set_running_flag(context.db, row, "Running")
    tell_of_vm(context.db, context.now(), "VM_UNPAUSED", row, "goes on")


async def clean_shutdown(context: Context, vm: str) -> None:
    row = context.db.get("VM", vm)
    _run_no_more(context, row)
    await _shut_down(context, row, "clean", PATIENCE)
    if row.shutdown_delay > 0:
        await deferLater(context.clock, row.shutdown_delay)


async def hard_shutdown(context: Context, vm: str) -> None:
    row = context.db.get("VM", vm)
    _cut_short(context, row, _CUT_SHORT_BY_SHUTDOWN)
    await force_off(context, row)
    if row.power_state == "Suspended":
        _tell_of_shutdown(context, row)


async def shutdown(context: Context, vm: str) -> None:
    row = context.db.get("VM", vm)
    _run_no_more(context, row)
    if row.power_state == "Running":
        try:
            await _shut_down(context, row, "clean", float(row.shutdown_delay) if row.shutdown_delay > 0 else PATIENCE)
            return
        except XenAPIError as error:
            if error.code == "TASK_CANCELLED":
                raise
    await force_off(context, context.db.get("VM", vm))


async def clean_reboot(context: Context, vm: str) -> None:
    await _reboot(context, context.db.get("VM", vm), "clean")


async def hard_reboot(context: Context, vm: str) -> None:
    row = context.db.get("VM", vm)
    _cut_short(context, row, _CUT_SHORT_BY_REBOOT)
    if row.resident_on == NULL_REF:
        await boot(context, row, context.host, False)
    else:
        await _reboot(context, row, "hard")


async def power_state_reset(context: Context, vm: str) -> None:
    row = context.db.get("VM", vm)
    if row.is_control_domain:
        raise XenAPIError("CANNOT_RESET_CONTROL_DOMAIN", vm)
    host = context.db.table("host").find(row.resident_on)
    if host is not None and is_live(context.db, host) and await _has_domain(context, row):
        raise XenAPIError("DOMAIN_EXISTS", vm, str(row.domid))
    set_halted(context.db, row)


async def _has_domain(context: Context, vm: Row) -> bool:
    """Whether there is one on the host where a VM is said to be."""
    return any(domain["vm"] == vm.uuid for domain in await context.agent(vm.resident_on).hypervisor.list_domains())


async def force_off(context: Context, vm: Row) -> None:
    """Switch a VM off, whatever state it is in; a suspended one loses its memory."""
    db = context.db
    if vm.resident_on != NULL_REF:
        _run_no_more(context, vm)
        await _shut_down(context, vm, "hard", PATIENCE)
        return
    image = vm.suspend_VDI
    with db.transaction() as tx:
        tx.update(vm.ref, suspend_VDI=NULL_REF)
        set_halted(db, vm)
    await discard_image(context, image)


async def _shut_down(context: Context, vm: Row, how: How, timeout: float) -> None:
    db = context.db
    with translated(db, vm.ref):
        await interruptible(context, context.agent(vm.resident_on).hypervisor.shutdown(vm.uuid, how, timeout))
    if vm.ref not in db.table("VM"):
        return
    set_halted(db, vm)
    _tell_of_shutdown(context, vm)


def _tell_of_shutdown(context: Context, vm: Row) -> None:
    tell_of_vm(context.db, context.now(), "VM_SHUTDOWN", vm, "was shut down")
    watch_groups(context.db, context.now(), vm.groups)


async def _reboot(context: Context, vm: Row, how: How) -> None:
    db = context.db
    host = vm.resident_on
    try:
        with translated(db, vm.ref):
            config = vm_config(db, vm)
            state = await interruptible(context, context.agent(host).hypervisor.reboot(config, how, PATIENCE))
    except XenAPIError as error:
        if isinstance(error.__cause__, AgentFailure) and error.__cause__.reason in ("boot_failed", "not_enough_memory"):
            set_halted(db, vm)
        if error.code == "TASK_CANCELLED" and not await _has_domain(context, vm):
            set_halted(db, vm)
        raise
    forget_guest(db, vm)
    set_live(db, vm, host, state, context.now())
    tell_of_vm(db, context.now(), "VM_REBOOTED", vm, "was rebooted")


def _run_no_more(context: Context, vm: Row) -> None:
    """Whoever stops a VM does not want it started again because a host failed."""
    with context.db.transaction() as tx:
        tx.update(vm.ref, ha_always_run=False)


def _cut_short(context: Context, vm: Row, operations: tuple[str, ...]) -> None:
    """Cancel what else goes on with a VM and would only wait for what is about to end."""
    for task, operation in vm.current_operations.items():
        if operation in operations and task != context.task.ref:
            running = context.services.tasks.find(task)
            if running is not None:
                running.cancel()
