"""Which operations a VM allows. Serves ``VM.allowed_operations`` and every message that takes a VM operation.

The tables say what each operation needs; :data:`RULES` lists the refusals in the order in which clients see them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import attrs

from xapid.database import Database, Row
from xapid.operations.allowed.rules import Refusal, Rule, Rules
from xapid.operations.allowed.vm_facts import VmFacts, is_default_template

STATES = {"H": "Halted", "P": "Paused", "S": "Suspended", "R": "Running"}
"""Power states in the order in which errors list them."""


@attrs.frozen
class Needs:
    """What an operation needs of a VM."""

    states: str
    """Power states, by first letter."""
    marks: str = ""
    """A: shown in allowed_operations. T: possible for templates, U: for those that are not built in. S: for snapshots.
    C: for control domains.
    """


OPERATIONS = {
    "snapshot": Needs("HPSR", "A"),
    "clone": Needs("H", "ATS"),
    "copy": Needs("H", "ATS"),
    "create_template": Needs("HS"),
    "revert": Needs("HPSR", "AS"),
    "checkpoint": Needs("PSR", "A"),
    "snapshot_with_quiesce": Needs("R", "A"),
    "provision": Needs("H", "AT"),
    "start": Needs("H", "AC"),
    "start_on": Needs("H", "AC"),
    "pause": Needs("R", "A"),
    "unpause": Needs("P", "A"),
    "clean_shutdown": Needs("R", "A"),
    "clean_reboot": Needs("R", "A"),
    "hard_shutdown": Needs("PSR", "AS"),
    "power_state_reset": Needs("HPSR"),
    "hard_reboot": Needs("PR", "A"),
    "suspend": Needs("R", "A"),
    "csvm": Needs("S"),
    "resume": Needs("S", "A"),
    "resume_on": Needs("S", "A"),
    "pool_migrate": Needs("R", "A"),
    "migrate_send": Needs("HSR", "AU"),
    "get_boot_record": Needs("PSR"),
    "send_sysrq": Needs("R"),
    "send_trigger": Needs("R"),
    "query_services": Needs("HPSR"),
    "shutdown": Needs("PSR"),
    "call_plugin": Needs("R"),
    "changing_memory_live": Needs("R", "C"),
    "awaiting_memory_live": Needs("R", "C"),
    "changing_dynamic_range": Needs("HR", "ATC"),
    "changing_static_range": Needs("H", "ATC"),
    "changing_memory_limits": Needs("H", "TC"),
    "changing_shadow_memory": Needs("H", "AT"),
    "changing_shadow_memory_live": Needs("R"),
    "changing_VCPUs": Needs("H", "TC"),
    "changing_VCPUs_live": Needs("R", "A"),
    "changing_NVRAM": Needs("H", "AT"),
    "assert_operation_valid": Needs("HPSR"),
    "data_source_op": Needs("R", "C"),
    "update_allowed_operations": Needs("HPSR"),
    "make_into_template": Needs("H", "A"),
    "import": Needs(""),
    "export": Needs("HS", "ATS"),
    "metadata_export": Needs("HPSR", "ATSC"),
    "reverting": Needs("HPSR"),
    "destroy": Needs("HS", "AUSC"),
    "create_vtpm": Needs("H", "A"),
    "sysprep": Needs("R", "A"),
}

CLONEABLE_WHEN_SUSPENDED = ("clone", "copy")
LIVE_FOR_CONTROL_DOMAINS = ("changing_VCPUs", "changing_static_range", "changing_memory_limits")

WITH_ONLY = {
    "clone": {"clone", "copy", "export"},
    "copy": {"clone", "copy", "export"},
    "export": {"clone", "copy", "export"},
    "snapshot": {"snapshot", "checkpoint"},
    "checkpoint": {"snapshot", "checkpoint"},
    "get_boot_record": {"get_boot_record"},
}
"""Operation → those that may be under way, in any number."""
UNLESS = {"hard_shutdown": {"hard_shutdown"}, "hard_reboot": {"hard_shutdown", "hard_reboot"}}
"""Operation → those that must not be under way; all others may."""
BESIDE_ONE = {
    "snapshot": "snapshot_with_quiesce",
    "metadata_export": "migrate_send",
    "clean_shutdown": "migrate_send",
    "clean_reboot": "migrate_send",
}
"""Operation → the single one that may be under way."""

DURING_UPGRADE = frozenset({
    "assert_operation_valid", "changing_memory_live", "changing_shadow_memory_live", "changing_VCPUs_live", "clean_reboot",
    "clean_shutdown", "clone", "copy", "csvm", "destroy", "export", "get_boot_record", "hard_reboot", "hard_shutdown", "import",
    "make_into_template", "migrate_send", "pause", "pool_migrate", "power_state_reset", "provision", "resume", "resume_on",
    "send_sysrq", "send_trigger", "start", "start_on", "suspend", "unpause", "update_allowed_operations",
})  # fmt: skip

SPELLED = {
    "assert_operation_valid": "assertoperationvalid",
    "data_source_op": "data_sources_op",
    **dict.fromkeys(
        ("changing_memory_limits", "changing_VCPUs", "query_services", "create_template", "sysprep"), "(unknown operation)"
    ),
}
"""Operations that errors do not call by their name."""


def spelled(operation: str) -> str:
    """How errors write a VM operation."""
    return SPELLED.get(operation, operation)


def _blocked(vm: VmFacts, operation: str) -> Refusal | None:
    reason = vm.row.blocked_operations.get(operation)
    return None if reason is None else ("OPERATION_BLOCKED", vm.row.ref, reason)


def _power_state(vm: VmFacts, operation: str) -> Refusal | None:
    states = OPERATIONS[operation].states
    if operation in CLONEABLE_WHEN_SUSPENDED and (vm.row.is_a_snapshot or vm.suspended_may_be_cloned):
        states += "S"
    if operation in LIVE_FOR_CONTROL_DOMAINS and vm.row.is_control_domain:
        states += "R"
    power = vm.row.power_state
    if power[0] in states:
        return None
    return "VM_BAD_POWER_STATE", vm.row.ref, _listed(states), power.lower()


@cache
def _listed(states: str) -> str:
    return ", ".join(name.lower() for letter, name in STATES.items() if letter in states)


def _concurrency(vm: VmFacts, operation: str) -> Refusal | None:
    current = vm.current
    if not current:
        return None
    if operation in WITH_ONLY and WITH_ONLY[operation].issuperset(current):
        return None
    if operation in UNLESS and UNLESS[operation].isdisjoint(current):
        return None
    if current == (BESIDE_ONE.get(operation),):
        return None
    operations, tasks = [spelled(name) for name in current], list(vm.row.current_operations)
    if len(current) == 1:
        return "OTHER_OPERATION_IN_PROGRESS", "VM", vm.row.ref, operations[0], tasks[0]
    return "OTHER_OPERATION_IN_PROGRESS", "VM", vm.row.ref, f"{{{','.join(operations)}}}", f"{{{','.join(tasks)}}}"


def _template(vm: VmFacts, operation: str) -> Refusal | None:
    row, marks = vm.row, OPERATIONS[operation].marks
    if not row.is_a_template or row.is_a_snapshot or "T" in marks or ("U" in marks and not is_default_template(row)):
        return None
    return "VM_IS_TEMPLATE", row.ref, spelled(operation)


def _snapshot(vm: VmFacts, operation: str) -> Refusal | None:
    if not vm.row.is_a_snapshot or "S" in OPERATIONS[operation].marks:
        return None
    return "VM_IS_SNAPSHOT", vm.row.ref, spelled(operation)


def _only_templates(vm: VmFacts, operation: str) -> Refusal | None:
    return None if vm.row.is_a_template else ("PROVISION_ONLY_ALLOWED_ON_TEMPLATE",)


def _only_snapshots(vm: VmFacts, operation: str) -> Refusal | None:
    """``VM.revert`` itself refuses in other words than those who only ask."""
    if vm.row.is_a_snapshot:
        return None
    if vm.args.get("snapshot") == vm.row.ref:
        return "VM_REVERT_FAILED", vm.row.ref, vm.row.snapshot_of
    return ("REVERT_ONLY_ALLOWED_ON_SNAPSHOT",)


def _immobile(vm: VmFacts, operation: str) -> Refusal | None:
    return ("VM_IS_IMMOBILE", vm.row.ref) if vm.strict and (vm.nomigrate or vm.nested_virt) else None


def _nested_virt(vm: VmFacts, operation: str) -> Refusal | None:
    return ("VM_IS_USING_NESTED_VIRT", vm.row.ref) if vm.strict and vm.nested_virt else None


def _control_domain(vm: VmFacts, operation: str) -> Refusal | None:
    if not vm.row.is_control_domain:
        return None
    if "C" not in OPERATIONS[operation].marks or (operation in ("changing_VCPUs", "destroy") and vm.is_dom0):
        return "OPERATION_NOT_ALLOWED", f"A control domain does not allow {operation}"
    return None


def _lacks(vm: VmFacts, *features: str) -> Refusal | None:
    """The guest must announce one of the features, unless what it is vouches for it."""
    if vm.drivers_implied or not vm.strict or any(map(vm.has_feature, features)):
        return None
    return "VM_LACKS_FEATURE", vm.row.ref


def _suspendable(vm: VmFacts, operation: str) -> Refusal | None:
    if not vm.live:
        return None
    reason = vm.guest_other.get("data-cant-suspend-reason")
    if reason is not None:
        return "VM_NON_SUSPENDABLE", vm.row.ref, reason
    return _lacks(vm, "feature-suspend")


def _shuts_down(vm: VmFacts, operation: str) -> Refusal | None:
    return _lacks(vm, "feature-shutdown", "feature-poweroff")


def _reboots(vm: VmFacts, operation: str) -> Refusal | None:
    return _lacks(vm, "feature-shutdown", "feature-reboot")


def _hotplugs_vcpus(vm: VmFacts, operation: str) -> Refusal | None:
    able = vm.drivers_implied or vm.has_feature("feature-vcpu-hotplug")
    return None if able else ("VM_LACKS_FEATURE", vm.row.ref)


def _no_quiesce(vm: VmFacts, operation: str) -> Refusal | None:
    return "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm.row.ref


def _disks_reset_on_boot(vm: VmFacts, operation: str) -> Refusal | None:
    disks = vm.disks_reset_on_boot
    if operation == "pool_migrate":
        disks = [disk for disk in disks if vm.forgetful(disk)]
    return ("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",) if disks else None


def _pci(vm: VmFacts, operation: str) -> Refusal | None:
    return ("VM_HAS_PCI_ATTACHED", vm.row.ref) if vm.foreign_pcis else None


def _vgpu(vm: VmFacts, operation: str) -> Refusal | None:
    if not vm.unmovable_vgpus or (operation, vm.row.power_state) in (("migrate_send", "Halted"), ("checkpoint", "Suspended")):
        return None
    return "VM_HAS_VGPU", vm.row.ref


def _sriov(vm: VmFacts, operation: str) -> Refusal | None:
    return ("VM_HAS_SRIOV_VIF", vm.row.ref) if vm.live and vm.has_sriov_vif else None


def _vusb(vm: VmFacts, operation: str) -> Refusal | None:
    return ("VM_HAS_VUSBS", vm.row.ref) if vm.row.VUSBs else None


def _member(vm: VmFacts, operation: str) -> Refusal | None:
    if vm.plans is None:
        return None
    cls, ref = vm.plans
    return _PLANNED[cls], vm.row.ref, ref


_PLANNED = {
    "VM_appliance": "VM_IS_PART_OF_AN_APPLIANCE",
    "VMPP": "VM_ASSIGNED_TO_PROTECTION_POLICY",
    "VMSS": "VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE",
}


def _system_domain(vm: VmFacts, operation: str) -> Refusal | None:
    return None if vm.row.other_config.get("is_system_domain") == "true" else ("NOT_SYSTEM_DOMAIN", vm.row.ref)


def _upgrade(vm: VmFacts, operation: str) -> Refusal | None:
    return ("NOT_SUPPORTED_DURING_UPGRADE",) if operation not in DURING_UPGRADE and vm.upgrading else None


def _one_vtpm(vm: VmFacts, operation: str) -> Refusal | None:
    return ("VTPM_MAX_AMOUNT_REACHED", str(len(vm.row.VTPMs))) if vm.row.VTPMs else None


MOVING = {"suspend", "checkpoint", "pool_migrate", "migrate_send"}


def _dependants(db: Database, vm: Row) -> Iterator[Row]:
    for cls, refs in (
        ("VBD", vm.VBDs), ("VIF", vm.VIFs), ("VUSB", vm.VUSBs), ("VTPM", vm.VTPMs), ("VM_appliance", (vm.appliance,)),
    ):  # fmt: skip
        for ref in refs:
            row = db.table(cls).find(ref)
            if row is None:
                continue
            yield row
            disk = db.table("VDI").find(row.VDI) if cls == "VBD" else None
            if disk is not None:
                yield disk


RULES: Rules[VmFacts] = Rules(
    "VM",
    tuple(name for name, needs in OPERATIONS.items() if "A" in needs.marks),
    VmFacts,
    (
        Rule(_blocked),
        Rule(_power_state),
        Rule(_concurrency),
        Rule(_template),
        Rule(_snapshot),
        Rule(_only_templates, {"provision"}),
        Rule(_only_snapshots, {"revert"}),
        Rule(_immobile, MOVING),
        Rule(_nested_virt, {"changing_dynamic_range"}),
        Rule(_control_domain),
        Rule(_suspendable, MOVING),
        Rule(_shuts_down, {"clean_shutdown"}),
        Rule(_reboots, {"clean_reboot"}),
        Rule(_hotplugs_vcpus, {"changing_VCPUs_live"}),
        Rule(_no_quiesce, {"snapshot_with_quiesce"}),
        Rule(_disks_reset_on_boot, {"checkpoint", "snapshot", "suspend", "snapshot_with_quiesce", "pool_migrate"}),
        Rule(_pci, MOVING),
        Rule(_vgpu, MOVING),
        Rule(_sriov, MOVING),
        Rule(_vusb, MOVING | {"snapshot"}),
        Rule(_member, {"make_into_template"}),
        Rule(_system_domain, {"query_services"}),
        Rule(_upgrade),
        Rule(_one_vtpm, {"create_vtpm"}),
    ),
    _dependants,
)
