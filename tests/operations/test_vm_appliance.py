from __future__ import annotations

import pytest

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import vm_appliance

ENDS = {"VM.start": "Running", "VM.clean_shutdown": "Halted", "VM.hard_shutdown": "Halted", "VM.shutdown": "Halted"}


@pytest.fixture
def group(world):
    """An appliance whose VMs do as they are told."""

    def obey(message, vm, *args):
        paused = message == "VM.start" and args[0]
        world.set(vm, power_state="Paused" if paused else ENDS[message])

    world.on_call = obey
    return world.make("VM_appliance")


def test_vms_start_in_their_order_as_they_are_to(world, group):
    late, early = world.vm(appliance=group, order=2), world.vm(appliance=group, order=1)
    world.vm("Running", appliance=group)
    world.run(vm_appliance.start(world.context, group, True))
    assert world.calls == [("VM.start", early, True, False), ("VM.start", late, True, False)]


@pytest.mark.parametrize(
    ("name", "concerned"),
    [("clean_shutdown", {"Running"}), ("hard_shutdown", {"Running", "Suspended"}), ("shutdown", {"Running", "Suspended"})],
)
def test_vms_stop_in_reverse_order(world, group, name, concerned):
    vms = {power: world.vm(power, appliance=group, order=n) for n, power in enumerate(("Halted", "Running", "Suspended"))}
    world.run(getattr(vm_appliance, name)(world.context, group))
    expected = [vms[power] for power in ("Suspended", "Running") if power in concerned]
    assert world.calls == [(f"VM.{name}", vm) for vm in expected]


@pytest.mark.xapid(duration_profile="instant", vms_per_host=1)
def test_an_order_waits_for_the_delays_of_the_one_before_and_no_longer(xapid_session, xapid_clock):
    """Starting a VM takes its start_delay, and shutting it down cleanly its shutdown_delay; there is nothing on top."""
    api = xapid_session.xenapi
    appliance = api.VM_appliance.create({"name_label": "group", "name_description": ""})
    vms = [api.VM.get_by_name_label(f"vm-{host}-1")[0] for host in (1, 2, 3)]
    for vm, order, delay in zip(vms, ("0", "0", "1"), ("10", "30", "5"), strict=True):
        api.VM.set_appliance(vm, appliance)
        api.VM.set_order(vm, order)
        api.VM.set_start_delay(vm, delay)
        api.VM.set_shutdown_delay(vm, delay)
    before = xapid_clock.seconds()
    task = api.Async.VM_appliance.start(appliance, False)
    xapid_clock.pass_time(29)
    assert [api.VM.get_power_state(vm) for vm in vms] == ["Running", "Running", "Halted"]
    xapid_clock.until(lambda: api.task.get_status(task) != "pending")
    assert (api.task.get_status(task), api.VM.get_power_state(vms[2])) == ("success", "Running")
    assert xapid_clock.seconds() - before == 35
    before = xapid_clock.seconds()
    api.VM_appliance.clean_shutdown(appliance)
    assert xapid_clock.seconds() - before == 35
    assert {api.VM.get_power_state(vm) for vm in vms} == {"Halted"}


def test_a_failure_names_all_that_is_not_where_it_was_to_go(world, group):
    well, ill, later = (world.vm(appliance=group, order=order) for order in (0, 0, 1))
    obey = world.on_call

    def fail(message, vm, *args):
        if vm == ill:
            raise XenAPIError("NO_HOSTS_AVAILABLE")
        obey(message, vm, *args)

    world.on_call = fail
    error = world.error(vm_appliance.start, group, False)
    assert error == ("OPERATION_PARTIALLY_FAILED", "VM_appliance.start", ill, later)
    assert world.row(well).power_state == "Running"


def test_a_null_reference_is_an_invalid_handle(world):
    assert world.error(vm_appliance.shutdown, NULL_REF) == ("HANDLE_INVALID", "VM_appliance", NULL_REF)
