"""Which operations an appliance allows. Serves ``VM_appliance.allowed_operations``, and starting and stopping it."""

from __future__ import annotations

from functools import cached_property

import attrs

from xapid.operations.allowed.rules import Facts, Refusal, Rule, Rules, one_at_a_time


@attrs.frozen(eq=False, slots=False)
class ApplianceFacts(Facts):
    """What rules know about an appliance; ``row`` is the VM_appliance."""

    @cached_property
    def states(self) -> set[str]:
        """The power states that occur among its VMs."""
        return {vm.power_state for vm in self.all("VM", self.row.VMs)}


def _has_vms(appliance: ApplianceFacts, operation: str) -> Refusal | None:
    return None if appliance.states else ("OPERATION_NOT_ALLOWED", "The appliance has no VMs")


def _states(appliance: ApplianceFacts, operation: str) -> Refusal | None:
    states = appliance.states
    wanted = {"start": "Halted" in states, "clean_shutdown": "Running" in states}
    if wanted.get(operation, states != {"Halted"}):
        return None
    return "OPERATION_NOT_ALLOWED", f"No VM of the appliance is in a power state that allows {operation}"


RULES: Rules[ApplianceFacts] = Rules(
    "VM_appliance",
    ("start", "clean_shutdown", "hard_shutdown", "shutdown"),
    ApplianceFacts,
    (Rule(one_at_a_time), Rule(_has_vms), Rule(_states)),
)
