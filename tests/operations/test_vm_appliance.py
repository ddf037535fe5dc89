from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

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


def test_the_next_order_waits_for_the_delay_of_the_one_before(world, group):
    first, second = world.vm(appliance=group, start_delay=10), world.vm(appliance=group, order=1)
    done = Deferred.fromCoroutine(vm_appliance.start(world.context, group, False))
    assert [call[1] for call in world.calls] == [first]
    world.clock.advance(9)
    assert not done.called
    world.clock.advance(1)
    assert [call[1] for call in world.calls] == [first, second]
    assert done.called


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
