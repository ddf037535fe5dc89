"""How much memory a VM has and may have: the memory limits of VM, their setters, and what follows from them."""

from __future__ import annotations

from typing import Final

import attrs
from twisted.internet.task import deferLater

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.agent_errors import translated
from xapid.operations.context import Context
from xapid.placement.memory import MIB, domain_type_of, free, largest_static_max, overhead, overhead_of

_WAIT: Final = 256
"""Seconds for which a guest may be on its way to its memory target."""


@attrs.frozen
class Limits:
    """The four limits, in bytes."""

    static_min: int
    dynamic_min: int
    dynamic_max: int
    static_max: int

    @classmethod
    def of(cls, vm: Row) -> Limits:
        """Those of a VM."""
        return cls(vm.memory_static_min, vm.memory_dynamic_min, vm.memory_dynamic_max, vm.memory_static_max)

    def assert_ordered(self) -> None:
        """Errors: MEMORY_CONSTRAINT_VIOLATION_ORDER."""
        if not self.static_min <= self.dynamic_min <= self.dynamic_max <= self.static_max:
            raise XenAPIError("MEMORY_CONSTRAINT_VIOLATION_ORDER")

    @property
    def pinned(self) -> bool:
        """Whether there is nothing for a balloon to do."""
        return self.dynamic_min == self.dynamic_max == self.static_max


async def set_memory_dynamic_max(context: Context, self: str, value: int) -> None:
    vm = context.db.get("VM", self)
    await _set_dynamic(context, vm, attrs.evolve(Limits.of(vm), dynamic_max=value))


async def set_memory_dynamic_min(context: Context, self: str, value: int) -> None:
    vm = context.db.get("VM", self)
    await _set_dynamic(context, vm, attrs.evolve(Limits.of(vm), dynamic_min=value))


async def set_memory_dynamic_range(context: Context, self: str, min: int, max: int) -> None:
    vm = context.db.get("VM", self)
    await _set_dynamic(context, vm, attrs.evolve(Limits.of(vm), dynamic_min=min, dynamic_max=max))


def set_memory_static_max(context: Context, self: str, value: int) -> None:
    vm = context.db.get("VM", self)
    _store(context, vm, attrs.evolve(Limits.of(vm), static_max=value))


def set_memory_static_min(context: Context, self: str, value: int) -> None:
    vm = context.db.get("VM", self)
    _store(context, vm, attrs.evolve(Limits.of(vm), static_min=value))


def set_memory_static_range(context: Context, self: str, min: int, max: int) -> None:
    vm = context.db.get("VM", self)
    _store(context, vm, attrs.evolve(Limits.of(vm), static_min=min, static_max=max))


def set_memory_limits(
    context: Context, self: str, static_min: int, static_max: int, dynamic_min: int, dynamic_max: int
) -> None:
    _set_all(context, context.db.get("VM", self), Limits(static_min, dynamic_min, dynamic_max, static_max))


def set_memory(context: Context, self: str, value: int) -> None:
    vm = context.db.get("VM", self)
    _set_all(context, vm, Limits(vm.memory_static_min, value, value, value))


def set_memory_target_live(context: Context, self: str, target: int) -> None:
    """Nothing: the limits alone decide."""
    context.db.get("VM", self)


async def wait_memory_target_live(context: Context, self: str) -> None:
    for _ in range(_WAIT):
        vm = context.db.get("VM", self)
        metrics = context.db.table("VM_metrics").find(vm.metrics)
        if metrics is None or abs(metrics.memory_actual - vm.memory_target) <= MIB:
            return
        context.task.check_cancelled()
        await deferLater(context.clock, 1.0)
    raise XenAPIError("VM_MEMORY_TARGET_WAIT_TIMEOUT", context.task.ref)


def set_HVM_shadow_multiplier(context: Context, self: str, value: float) -> None:
    _set_shadow(context, context.db.get("VM", self), value)


def set_shadow_multiplier_live(context: Context, self: str, multiplier: float) -> None:
    db = context.db
    vm = db.get("VM", self)
    more = overhead(domain_type_of(vm), vm.VCPUs_max, vm.memory_static_max, multiplier) - vm.memory_overhead
    left = max(0, free(db, vm.resident_on))
    if multiplier >= 1.0 and more > left:
        raise XenAPIError("HOST_NOT_ENOUGH_FREE_MEMORY", str(more), str(left))
    _set_shadow(context, vm, multiplier)


def compute_memory_overhead(context: Context, vm: str) -> int:
    return overhead_of(context.db.get("VM", vm))


def maximise_memory(context: Context, self: str, total: int, approximate: bool) -> int:
    return largest_static_max(context.db.get("VM", self), total, approximate)


def get_cooperative(context: Context, self: str) -> bool:
    """Every guest counts as cooperative."""
    return True


async def _set_dynamic(context: Context, vm: Row, limits: Limits) -> None:
    """New bounds for the balloon; a running guest is told at once."""
    limits.assert_ordered()
    db = context.db
    if vm.power_state == "Running" and not vm.is_control_domain:
        more, left = limits.dynamic_min - vm.memory_dynamic_min, max(0, free(db, vm.resident_on))
        if more > left:
            raise XenAPIError("HOST_NOT_ENOUGH_FREE_MEMORY", str(more // 1024), str(left // 1024))
        with translated(db, vm.ref):
            actual = await context.agent(vm.resident_on).hypervisor.set_memory_target(vm.uuid, limits.dynamic_max)
        with db.transaction() as tx:
            if vm.metrics in db.table("VM_metrics"):
                tx.update(vm.metrics, memory_actual=actual, last_updated=context.now())
            _store(context, vm, limits, target=limits.dynamic_max)
        return
    _store(context, vm, limits, target=limits.dynamic_min)


def _set_all(context: Context, vm: Row, limits: Limits) -> None:
    limits.assert_ordered()
    if not limits.pinned:
        if vm.is_control_domain:
            raise XenAPIError("MEMORY_CONSTRAINT_VIOLATION_MAXPIN", "a control domain's memory does not vary")
        if vm.platform.get("nested-virt") in ("true", "1"):
            raise XenAPIError("MEMORY_CONSTRAINT_VIOLATION_MAXPIN", "memory does not vary under nested virtualization")
    _store(context, vm, limits, target=limits.dynamic_min)


def _store(context: Context, vm: Row, limits: Limits, target: int | None = None) -> None:
    """Errors: MEMORY_CONSTRAINT_VIOLATION_ORDER. A control domain takes new limits when its host boots."""
    limits.assert_ordered()
    with context.db.transaction() as tx:
        tx.update(
            vm.ref,
            memory_static_min=limits.static_min,
            memory_dynamic_min=limits.dynamic_min,
            memory_dynamic_max=limits.dynamic_max,
            memory_static_max=limits.static_max,
            memory_target=vm.memory_target if target is None else target,
            requires_reboot=vm.requires_reboot or (bool(vm.is_control_domain) and vm.power_state == "Running"),
        )
        tx.update(vm.ref, memory_overhead=overhead_of(context.db.get("VM", vm.ref)))


def _set_shadow(context: Context, vm: Row, factor: float) -> None:
    if not factor >= 1.0:  # nor is what is no number
        raise XenAPIError("INVALID_VALUE", "multiplier", str(factor))
    with context.db.transaction() as tx:
        tx.update(vm.ref, HVM_shadow_multiplier=factor)
        tx.update(vm.ref, memory_overhead=overhead_of(context.db.get("VM", vm.ref)))
