"""Settings of a VM whose setters check something or have a consequence; all others are derived from the fields."""

from __future__ import annotations

from typing import Any, Final

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.agent_errors import translated
from xapid.operations.anti_affinity import watch_groups
from xapid.operations.context import Context
from xapid.operations.map_fields import add_key, remove_key, set_map
from xapid.operations.vm_create import platform_version
from xapid.placement.choice import assert_agile as assert_moves_freely
from xapid.placement.memory import domain_type_for, overhead_of

_PRIORITIES: Final = ("restart", "best-effort", "")
_EFI_VARIABLES: Final = "EFI-variables"


async def set_actions_after_shutdown(context: Context, self: str, value: str) -> None:
    await _set_actions(context, self, actions_after_shutdown=value)


async def set_actions_after_reboot(context: Context, self: str, value: str) -> None:
    await _set_actions(context, self, actions_after_reboot=value)


async def set_actions_after_crash(context: Context, self: str, value: str) -> None:
    await _set_actions(context, self, actions_after_crash=value)


def set_domain_type(context: Context, self: str, value: str) -> None:
    context.db.get("VM", self)
    if value == "unspecified":
        raise XenAPIError("INVALID_VALUE", "domain_type", value)
    _set(context, self, domain_type=value, HVM_boot_policy="BIOS order" if value == "hvm" else "")
    _refresh_overhead(context, self)


def set_HVM_boot_policy(context: Context, self: str, value: str) -> None:
    _set(context, self, HVM_boot_policy=value, domain_type=domain_type_for(value))
    _refresh_overhead(context, self)


def set_has_vendor_device(context: Context, self: str, value: bool) -> None:
    vm = context.db.get("VM", self)
    if vm.power_state != "Halted":
        raise XenAPIError("VM_BAD_POWER_STATE", self, "halted", vm.power_state.lower())
    version = platform_version(vm.hardware_platform_version, value)
    _set(context, self, has_vendor_device=value, hardware_platform_version=version)


def set_order(context: Context, self: str, value: int) -> None:
    _set_not_negative(context, self, "order", value)


def set_start_delay(context: Context, self: str, value: int) -> None:
    _set_not_negative(context, self, "start_delay", value)


def set_shutdown_delay(context: Context, self: str, value: int) -> None:
    _set_not_negative(context, self, "shutdown_delay", value)


def set_ha_restart_priority(context: Context, self: str, value: str) -> None:
    vm = context.db.get("VM", self)
    if value not in _PRIORITIES:
        raise XenAPIError("INVALID_VALUE", "ha_restart_priority", value)
    if value == "restart" and _ha_is_on(context):
        assert_moves_freely(context.db, vm)
    changes: dict[str, Any] = {"ha_restart_priority": value}
    if value == "restart" and vm.power_state == "Running":
        changes["ha_always_run"] = True
    elif value != "restart":
        changes["ha_always_run"] = False
    _set(context, self, **changes)


def set_ha_always_run(context: Context, self: str, value: bool) -> None:
    context.db.get("VM", self)
    if _ha_is_on(context):
        set_ha_restart_priority(context, self, "restart" if value else "")
    _set(context, self, ha_always_run=value)


def set_appliance(context: Context, self: str, value: str) -> None:
    db = context.db
    vm = db.get("VM", self)
    _assert_plain(vm, "appliance")
    with db.transaction() as tx:
        tx.update(vm, appliance=value)
        appliances = (db.table("VM_appliance").find(ref) for ref in (vm.appliance, value))
        allowed.refresh(tx, db, db.get("VM", self), *(row for row in appliances if row is not None))


def set_snapshot_schedule(context: Context, self: str, value: str) -> None:
    vm = context.db.get("VM", self)
    if value != NULL_REF:
        _assert_plain(vm, "snapshot schedule")
    with context.db.transaction() as tx:
        tx.update(vm, snapshot_schedule=value)
        allowed.refresh(tx, context.db, context.db.get("VM", self))


def set_groups(context: Context, self: str, value: tuple[str, ...]) -> None:
    vm = context.db.get("VM", self)
    if len(value) > 1:
        raise XenAPIError("TOO_MANY_GROUPS")
    if value and (vm.is_control_domain or vm.is_a_template):
        raise XenAPIError("OPERATION_NOT_ALLOWED", "Neither control domains nor templates belong to groups")
    for group in value:
        context.db.get("VM_group", group)
    _set(context, self, groups=value)
    watch_groups(context.db, context.now(), dict.fromkeys((*vm.groups, *value)))


def set_blocked_operations(context: Context, self: str, value: frozenmap) -> None:
    set_map(context, "VM", "blocked_operations", self, value)
    _refresh_allowed(context, self)


def add_to_blocked_operations(context: Context, self: str, key: str, value: str) -> None:
    add_key(context, "VM", "blocked_operations", self, key, value)
    _refresh_allowed(context, self)


def remove_from_blocked_operations(context: Context, self: str, key: str) -> None:
    remove_key(context, "VM", "blocked_operations", self, key)
    _refresh_allowed(context, self)


def add_to_other_config(context: Context, self: str, key: str, value: str) -> None:
    add_key(context, "VM", "other_config", self, key, value)


def remove_from_other_config(context: Context, self: str, key: str) -> None:
    remove_key(context, "VM", "other_config", self, key)


def set_other_config(context: Context, self: str, value: frozenmap) -> None:
    set_map(context, "VM", "other_config", self, value)


def add_to_platform(context: Context, self: str, key: str, value: str) -> None:
    add_key(context, "VM", "platform", self, key, value)


def remove_from_platform(context: Context, self: str, key: str) -> None:
    remove_key(context, "VM", "platform", self, key)


def set_platform(context: Context, self: str, value: frozenmap) -> None:
    set_map(context, "VM", "platform", self, value)


def set_NVRAM(context: Context, self: str, value: frozenmap) -> None:
    set_map(context, "VM", "NVRAM", self, value)


def add_to_NVRAM(context: Context, self: str, key: str, value: str) -> None:
    add_key(context, "VM", "NVRAM", self, key, value)


def remove_from_NVRAM(context: Context, self: str, key: str) -> None:
    remove_key(context, "VM", "NVRAM", self, key)


def set_NVRAM_EFI_variables(context: Context, self: str, value: str, update: str) -> None:
    vm = context.db.get("VM", self)
    with context.db.transaction() as tx:
        tx.add_to(vm, "NVRAM", _EFI_VARIABLES, value)
        if update == "updated":
            tx.update(self, secureboot_certificates_state="ok")


async def set_suspend_VDI(context: Context, self: str, value: str) -> None:
    db = context.db
    _assert_suspended(db.get("VM", self))
    old, new = db.get("VDI", db.get("VM", self).suspend_VDI), db.get("VDI", value)
    if old.ref == new.ref:
        return
    sums = [await context.call("VDI.checksum", disk.ref) for disk in (old, new)]
    if sums[0] != sums[1]:
        raise XenAPIError("SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL", old.ref, sums[0], new.ref, sums[1])
    _assert_suspended(db.get("VM", self))  # it may have gone on meanwhile
    _set(context, self, suspend_VDI=value)


def _assert_suspended(vm: Row) -> None:
    if vm.power_state != "Suspended":
        raise XenAPIError("VM_BAD_POWER_STATE", vm.ref, "suspended", vm.power_state.lower())


def update_snapshot_metadata(
    context: Context, vm: str, snapshot_of: str, snapshot_time: Any, transportable_snapshot_id: str
) -> None:
    with context.db.transaction() as tx:
        tx.update(
            context.db.get("VM", vm),
            is_a_snapshot=True,
            snapshot_of=snapshot_of,
            snapshot_time=snapshot_time,
            transportable_snapshot_id=transportable_snapshot_id,
        )
        allowed.refresh(tx, context.db, context.db.get("VM", vm))


def _set(context: Context, ref: str, **changes: Any) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("VM", ref), **changes)


async def _set_actions(context: Context, ref: str, **changes: str) -> None:
    """What becomes of a VM when its guest stops. A host on which it runs learns of it: it acts without asking."""
    _set(context, ref, **changes)
    vm = context.db.get("VM", ref)
    if vm.resident_on != NULL_REF and not vm.is_control_domain:
        with translated(context.db, ref):
            await context.agent(vm.resident_on).hypervisor.set_actions(
                vm.uuid, vm.actions_after_shutdown, vm.actions_after_reboot, vm.actions_after_crash
            )


def _set_not_negative(context: Context, ref: str, field: str, value: int) -> None:
    context.db.get("VM", ref)
    if value < 0:
        raise XenAPIError("INVALID_VALUE", field, str(value))
    _set(context, ref, **{field: value})


def _refresh_allowed(context: Context, ref: str) -> None:
    with context.db.transaction() as tx:
        allowed.refresh(tx, context.db, context.db.get("VM", ref))


def _refresh_overhead(context: Context, ref: str) -> None:
    _set(context, ref, memory_overhead=overhead_of(context.db.get("VM", ref)))


def _ha_is_on(context: Context) -> bool:
    return any(pool.ha_enabled for pool in context.db.table("pool"))


def _assert_plain(vm: Row, what: str) -> None:
    """Errors: OPERATION_NOT_ALLOWED, for what is not an ordinary VM."""
    if vm.is_control_domain or vm.is_a_template or vm.is_a_snapshot:
        raise XenAPIError("OPERATION_NOT_ALLOWED", f"Control domains, templates and snapshots have no {what}")
