"""Which operations a virtual network interface allows. Serves ``VIF.allowed_operations`` and plugging."""

from __future__ import annotations

from functools import cached_property

import attrs

from xapid.operations.allowed.rules import Facts, Refusal, Rule, Rules
from xapid.operations.allowed.vbd import vm_leaves
from xapid.operations.allowed.vm_facts import VmFacts, facts_of_vm

HOTPLUG = {"plug", "unplug"}


@attrs.frozen(eq=False, slots=False)
class PortFacts(Facts):
    """What rules know about a VIF or a VUSB; ``row`` is the VIF or VUSB."""

    @cached_property
    def vm(self) -> VmFacts | None:
        """Its VM."""
        return facts_of_vm(self.db, self.row.VM)

    @cached_property
    def on_sriov(self) -> bool:
        """Whether the network of a VIF hands out virtual functions of a network card."""
        network = self.find("network", self.row.network)
        return network is not None and any(pif.sriov_logical_PIF_of for pif in self.all("PIF", network.PIFs))


def concurrency(port: PortFacts, operation: str) -> Refusal | None:
    """Refuses everything while anything is under way; the error lists all of it."""
    if not port.current:
        return None
    operations, tasks = "; ".join(port.current), "; ".join(port.row.current_operations)
    return "OTHER_OPERATION_IN_PROGRESS", port.row.kind, port.row.ref, f"{{{operations}}}", f"{{{tasks}}}"


def power_state(port: PortFacts, operation: str) -> Refusal | None:
    """Refuses what does not fit the power state of the VM and whether the device is plugged."""
    power = "Halted" if port.vm is None else port.vm.row.power_state
    if power != "Running":
        return "VM_BAD_POWER_STATE", port.row.VM, "running", power.lower()
    if operation == "plug" and port.row.currently_attached:
        return "DEVICE_ALREADY_ATTACHED", port.row.ref
    if operation == "unplug" and not port.row.currently_attached:
        return "DEVICE_ALREADY_DETACHED", port.row.ref
    return None


def leaving(port: PortFacts, operation: str) -> Refusal | None:
    """Refuses while the VM is about to stop."""
    return vm_leaves(port.vm)


def _control_domain(vif: PortFacts, operation: str) -> Refusal | None:
    if vif.vm is not None and vif.vm.row.is_control_domain:
        return "OPERATION_NOT_ALLOWED", "Interfaces of a control domain are not plugged"
    return None


def _sriov(vif: PortFacts, operation: str) -> Refusal | None:
    return ("OPERATION_NOT_ALLOWED", "Interfaces on SR-IOV networks do not support hotplug") if vif.on_sriov else None


def _hotplug(vif: PortFacts, operation: str) -> Refusal | None:
    return None if vif.vm is None else vif.vm.hotplug("vif")


RULES: Rules[PortFacts] = Rules(
    "VIF",
    ("attach", "plug", "unplug"),
    PortFacts,
    (
        Rule(concurrency),
        Rule(_control_domain, {"plug"}),
        Rule(_sriov, HOTPLUG),
        Rule(power_state, HOTPLUG),
        Rule(leaving, HOTPLUG),
        Rule(_hotplug, HOTPLUG),
    ),
)
