"""A pool in the test's own process, and short ways to bring its objects into every state that the tables speak of."""

from __future__ import annotations

import pytest


@pytest.fixture
def vm(api):
    """A halted VM with a disk, an empty drive and an interface."""
    vm = api.VM.get_by_name_label("vm-1-1")[0]
    for vbd in api.VM.get_VBDs(vm):
        api.VBD.set_unpluggable(vbd, True)
    if "CD" not in map(api.VBD.get_type, api.VM.get_VBDs(vm)):
        api.VBD.create({
            "VM": vm, "VDI": "OpaqueRef:NULL", "userdevice": "3", "bootable": False, "mode": "RO", "type": "CD",
            "unpluggable": True, "empty": True, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
        })  # fmt: skip
    return vm


@pytest.fixture
def brought(api, vm, xapid_clock):
    """Brings the VM to a power state; ``agent=False``: with a guest that has no drivers."""

    def bring(power, *, agent=True, domain_type="hvm"):
        api.VM.set_domain_type(vm, domain_type)
        if not agent:
            api.VM.add_to_other_config(vm, "simulator.agent", "absent")
        if power != "Halted":
            api.VM.start(vm, False, False)
            xapid_clock.pass_time(3)
        if power == "Suspended":
            api.VM.suspend(vm)
        if power == "Paused":
            api.VM.pause(vm)
        return vm

    return bring
