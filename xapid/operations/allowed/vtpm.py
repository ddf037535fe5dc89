"""Which operations a virtual TPM allows. Serves ``VTPM.allowed_operations`` and ``VTPM.destroy``."""

from __future__ import annotations

from xapid.operations.allowed.rules import Facts, Refusal, Rule, Rules, one_at_a_time


def _halted(vtpm: Facts, operation: str) -> Refusal | None:
    vm = vtpm.find("VM", vtpm.row.VM)
    if vm is None or vm.power_state == "Halted":
        return None
    return "VM_BAD_POWER_STATE", vm.ref, "halted", vm.power_state.lower()


RULES: Rules[Facts] = Rules("VTPM", ("destroy",), Facts, (Rule(one_at_a_time), Rule(_halted)))
