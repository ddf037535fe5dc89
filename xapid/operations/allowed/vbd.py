"""Which operations a virtual drive allows. Serves ``VBD.allowed_operations``, plugging, and inserting media."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import attrs

from xapid.database import Database, Row
from xapid.datamodel.types import frozenmap
from xapid.operations.allowed.rules import Facts, Refusal, Rule, Rules, in_progress
from xapid.operations.allowed.vm_facts import VmFacts, facts_of_vm, is_system_domain

PAUSING = {"pause", "unpause"}
HOTPLUG = {"plug", "unplug", "unplug_force"}
MEDIA = {"insert", "eject"}
ATTACHING = {"attach", "plug", "insert"}
VM_LEAVES = ("clean_shutdown", "hard_shutdown", "suspend", "pause")
"""Operations of a VM during which nothing is plugged into it or out of it."""


@attrs.frozen(eq=False, slots=False)
class VbdFacts(Facts):
    """What rules know about a VBD; ``row`` is the VBD."""

    @cached_property
    def vm(self) -> VmFacts | None:
        """Its VM."""
        return facts_of_vm(self.db, self.row.VM)

    @cached_property
    def power(self) -> str:
        """The power state of its VM."""
        return "Halted" if self.vm is None else str(self.vm.row.power_state)

    @cached_property
    def disk(self) -> Row | None:
        """What is in it, or is to be put in."""
        if "vdi" in self.args:
            return self.find("VDI", self.args["vdi"])
        return None if self.row.empty else self.find("VDI", self.row.VDI)

    @cached_property
    def for_system(self) -> bool:
        """Whether its VM belongs to the system, which may look at disks in use."""
        return self.vm is not None and is_system_domain(self.vm.row)

    @cached_property
    def rivals(self) -> list[Row]:
        """The other VBDs through which its disk is in use, those of suspended VMs and of the system left out."""
        if self.disk is None:
            return []
        found = []
        for vbd in self.all("VBD", self.disk.VBDs):
            if vbd.ref == self.row.ref or not (vbd.currently_attached or vbd.reserved or vbd.current_operations):
                continue
            vm = self.find("VM", vbd.VM)
            if vm is not None and vm.power_state != "Suspended" and not is_system_domain(vm):
                found.append(vbd)
        return found


def _concurrency(vbd: VbdFacts, operation: str) -> Refusal | None:
    current = set(vbd.current)
    if not current:
        return None
    if (operation == "pause" and current <= PAUSING) or (operation == "unpause" and current <= {"attach", *PAUSING}):
        return None
    return in_progress(vbd.row)


def _unpluggable(vbd: VbdFacts, operation: str) -> Refusal | None:
    return None if vbd.row.unpluggable else ("VBD_NOT_UNPLUGGABLE", vbd.row.ref)


def _removable(vbd: VbdFacts, operation: str) -> Refusal | None:
    return None if vbd.row.type == "CD" else ("VBD_NOT_REMOVABLE_MEDIA", vbd.row.ref)


def _medium(vbd: VbdFacts, operation: str) -> Refusal | None:
    if vbd.row.empty == (operation == "insert"):
        return None
    return ("VBD_IS_EMPTY" if vbd.row.empty else "VBD_NOT_EMPTY"), vbd.row.ref


def _power_state(vbd: VbdFacts, operation: str) -> Refusal | None:
    if vbd.power != "Running":
        if operation in PAUSING and vbd.power == "Paused":
            return None
        return "VM_BAD_POWER_STATE", vbd.row.VM, "running", vbd.power.lower()
    attached = vbd.row.currently_attached or vbd.row.reserved
    if operation == "plug" and attached:
        return "DEVICE_ALREADY_ATTACHED", vbd.row.ref
    if operation in ("unplug", "unplug_force") and not attached:
        return "DEVICE_ALREADY_DETACHED", vbd.row.ref
    return None


def vm_leaves(vm: VmFacts | None) -> Refusal | None:
    """The refusal to plug or unplug a device while its VM is about to stop."""
    if vm is not None:
        for operation in VM_LEAVES:
            if operation in vm.current:
                return "OPERATION_NOT_ALLOWED", f"VM {vm.row.ref} is in the middle of {operation}"
    return None


def _vm_leaves(vbd: VbdFacts, operation: str) -> Refusal | None:
    return vm_leaves(vbd.vm)


def _hotplug(vbd: VbdFacts, operation: str) -> Refusal | None:
    if vbd.vm is None:
        return None
    refusal = vbd.vm.hotplug("vbd")
    if refusal is None and vbd.row.type == "CD" and vbd.power == "Running" and vbd.vm.is_hvm:
        return "OPERATION_NOT_ALLOWED", "A fully virtualized VM takes media out of its CD drives, but not the drives"
    return refusal


def _medium_while_suspended(vbd: VbdFacts, operation: str) -> Refusal | None:
    if vbd.row.type == "CD" and vbd.power == "Suspended":
        return "VM_BAD_POWER_STATE", vbd.row.VM, "halted, running", "suspended"
    return None


def _managed(vbd: VbdFacts, operation: str) -> Refusal | None:
    return ("VDI_NOT_MANAGED", vbd.row.ref) if vbd.disk is not None and not vbd.disk.managed else None


def _disk_busy(vbd: VbdFacts, operation: str) -> Refusal | None:
    if vbd.disk is None:
        return None
    for task, current in vbd.disk.current_operations.items():
        if current not in ("mirror", "copy"):
            return "OTHER_OPERATION_IN_PROGRESS", "VDI", vbd.disk.ref, current, task
    return None


def _sharing(vbd: VbdFacts, operation: str) -> Refusal | None:
    disk = vbd.disk
    if disk is None or vbd.row.currently_attached or disk.sharable or vbd.for_system or not vbd.rivals:
        return None
    if vbd.row.mode == "RW" or any(rival.mode == "RW" for rival in vbd.rivals):
        return "VDI_IN_USE", disk.ref
    return None


def _read_only(vbd: VbdFacts, operation: str) -> Refusal | None:
    disk = vbd.disk
    if disk is None or vbd.row.currently_attached or not disk.read_only or vbd.row.mode == "RO":
        return None
    return "VDI_READONLY", disk.ref


def _dependants(db: Database, vbd: Row) -> Iterator[Row]:
    disk = db.table("VDI").find(vbd.VDI)
    if disk is not None:
        yield disk


RULES: Rules[VbdFacts] = Rules(
    "VBD",
    ("attach", "eject", "insert", "plug", "unplug", "unplug_force", "pause", "unpause"),
    VbdFacts,
    (
        Rule(_concurrency),
        Rule(_unpluggable, {"unplug", "unplug_force"}),
        Rule(_removable, MEDIA),
        Rule(_medium, MEDIA),
        Rule(_power_state, HOTPLUG | PAUSING),
        Rule(_vm_leaves, {"plug", "unplug"}),
        Rule(_hotplug, HOTPLUG),
        Rule(_medium_while_suspended, MEDIA),
        Rule(_managed),
        Rule(_disk_busy, ATTACHING),
        Rule(_sharing, ATTACHING),
        Rule(_read_only, ATTACHING),
    ),
    _dependants,
)


def medium_refusal(db: Database, vbd: Row, vdi: str) -> Refusal | None:
    """Why disk ``vdi`` could not be put into a drive now, apart from what the drive itself is doing; None if it could."""
    facts = VbdFacts(db, vbd, True, frozenmap({"vdi": vdi}))
    rules = (_managed, _disk_busy, _sharing, _read_only)
    return next((found for rule in rules if (found := rule(facts, "insert")) is not None), None)
