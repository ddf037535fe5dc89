"""Appliances: VMs that start together, lowest ``order`` first, and stop in reverse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from twisted.internet.defer import DeferredList, ensureDeferred

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context
from xapid.operations.vm_appliance_recover import assert_can_be_recovered, get_SRs_required_for_recovery, recover

__all__ = [
    "assert_can_be_recovered", "clean_shutdown", "get_SRs_required_for_recovery", "hard_shutdown", "recover", "shutdown",
    "start",
]  # fmt: skip


@attrs.frozen
class Course:
    """How all VMs of an appliance are brought from some power states to another."""

    message: str
    """What is called for each VM, with ``arguments`` after it."""
    arguments: tuple[Any, ...]
    concerns: Callable[[Row], bool]
    reached: str
    """The power state in which a VM is done."""
    descending: bool


async def start(context: Context, self: str, paused: bool) -> None:
    reached = "Paused" if paused else "Running"
    course = Course("VM.start", (paused, False), lambda vm: vm.power_state == "Halted", reached, False)
    await _carry_out(context, self, "start", course)


async def clean_shutdown(context: Context, self: str) -> None:
    course = Course("VM.clean_shutdown", (), lambda vm: vm.power_state == "Running", "Halted", True)
    await _carry_out(context, self, "clean_shutdown", course)


async def hard_shutdown(context: Context, self: str) -> None:
    course = Course("VM.hard_shutdown", (), lambda vm: vm.power_state != "Halted", "Halted", True)
    await _carry_out(context, self, "hard_shutdown", course)


async def shutdown(context: Context, self: str) -> None:
    course = Course("VM.shutdown", (), lambda vm: vm.power_state != "Halted", "Halted", True)
    await _carry_out(context, self, "shutdown", course)


async def _carry_out(context: Context, ref: str, name: str, course: Course) -> None:
    """Go through the orders, all VMs of one at the same time; a failure ends it after the order in which it happened.

    The delays between orders are the VMs' own: what is called for them returns only when they are over.

    Errors: OPERATION_PARTIALLY_FAILED, with the VMs that are not where they were to go.
    """
    db = context.db
    present = [vm for vm in (db.table("VM").find(vm) for vm in db.get("VM_appliance", ref).VMs) if vm is not None]
    vms = [vm for vm in present if course.concerns(vm)]
    for order in sorted({vm.order for vm in vms}, reverse=course.descending):
        context.task.check_cancelled()
        group = [vm for vm in vms if vm.order == order]
        calls = [ensureDeferred(_called(context.call(course.message, vm.ref, *course.arguments))) for vm in group]
        outcomes = await DeferredList(calls, consumeErrors=True)
        if not all(success for success, _ in outcomes):
            break
    left = [vm.ref for vm in vms if (now := db.table("VM").find(vm.ref)) is None or now.power_state != course.reached]
    if left:
        raise XenAPIError.relayed("OPERATION_PARTIALLY_FAILED", f"VM_appliance.{name}", *left)


async def _called(call: Awaitable[Any]) -> None:
    await call
