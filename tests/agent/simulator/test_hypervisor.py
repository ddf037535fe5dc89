"""Domains of a simulated host, through the interface that every hypervisor has."""

from __future__ import annotations

import pytest
from twisted.internet.defer import ensureDeferred
from zope.interface.verify import verifyObject

from xapid.agent import interface
from xapid.agent.values import AgentFailure

GIB = 1 << 30


def failure(place, working):
    with pytest.raises(AgentFailure) as caught:
        place.now(working)
    return caught.value.reason


def powers(place, host):
    return {domain["vm"]: domain["power"] for domain in place.now(host.hypervisor.list_domains())}


def test_every_part_of_a_simulated_host_keeps_its_interface(place):
    """Names, parameters and asynchrony are those of the interfaces."""
    host = place.host()
    verifyObject(interface.IHostAgent, host)
    for name in ("hypervisor", "storage", "network", "power", "metrics", "plugins", "certificates"):
        verifyObject(getattr(interface, "I" + name.capitalize()), getattr(host, name))


def test_a_started_vm_is_a_domain_with_a_number_and_a_console(place, vm):
    """Starting it again changes nothing."""
    host = place.host()
    state = place.now(host.hypervisor.start(vm(), False))
    assert (state["power"], state["domid"], state["vnc_port"], state["text_port"]) == ("Running", 1, 5901, -1)
    assert state["devices"] == {"vbd-1": "xvda", "vif-1": "0"}
    assert place.now(host.hypervisor.start(vm(), False)) == state


def test_a_paravirtual_vm_has_a_text_console(place, vm):
    state = place.now(place.host().hypervisor.start(vm(domain_type="pv"), True))
    assert (state["power"], state["vnc_port"], state["text_port"]) == ("Paused", -1, 5901)


def test_each_boot_gives_another_domain_number(place, vm):
    host = place.host()
    first = place.now(host.hypervisor.start(vm(), False))
    second = place.now(host.hypervisor.reboot(vm(), "hard", 60))
    assert second["domid"] > first["domid"]


def test_a_vm_gets_what_is_free_but_not_less_than_it_needs(place, vm):
    """The host has 1.5 GiB: the second VM gets the rest, and there is nothing for a third."""
    host = place.host(memory=3 * GIB // 2)
    assert place.now(host.hypervisor.start(vm(), False))["memory_actual"] == GIB
    assert place.now(host.hypervisor.start(vm("vm-2"), False))["memory_actual"] == GIB // 2
    assert failure(place, host.hypervisor.start(vm("vm-3"), False)) == "not_enough_memory"
    assert powers(place, host) == {"vm-1": "Running", "vm-2": "Running"}


def test_memory_is_kept_for_a_vm_while_its_domain_is_built(place, vm):
    """Two starts at the same time do not both get the last memory."""
    place.profile = "realistic"
    host = place.host(memory=GIB)
    first = host.hypervisor.start(vm(memory_dynamic_min=GIB), False)
    going = ensureDeferred(first)
    assert failure(place, host.hypervisor.start(vm("vm-2"), False)) == "not_enough_memory"
    place.clock.pass_time(10)
    assert going.result["power"] == "Running"


def test_the_agent_reports_two_seconds_after_boot(place, vm):
    """With the address of each interface, drivers and features; the same address after the next boot."""
    host = place.host()
    place.now(host.hypervisor.start(vm(), False))
    place.clock.pass_time(1.9)
    assert place.heard.reports == []
    place.clock.pass_time(0.2)
    ((where, report),) = place.heard.reports
    assert where == "host-1"
    assert report["networks"]["0/ip"].startswith("10.")
    assert report["other"]["feature-suspend"] == "1"
    assert {"major", "minor"} <= report["pv_drivers_version"].keys()
    place.now(host.hypervisor.reboot(vm(), "clean", 60))
    place.clock.pass_time(3)
    assert place.heard.reports[1][1]["networks"] == report["networks"]


def test_a_guest_that_is_paused_does_not_report(place, vm):
    host = place.host()
    place.now(host.hypervisor.start(vm(), True))
    place.clock.pass_time(10)
    assert place.heard.reports == []
    place.now(host.hypervisor.unpause("vm-1"))
    place.clock.pass_time(2)
    assert len(place.heard.reports) == 1


def test_a_guest_without_agent_never_reports(place, vm):
    host = place.host()
    place.now(host.hypervisor.start(vm(other_config={"simulator.agent": "absent"}), False))
    place.clock.pass_time(600)
    assert place.heard.reports == []


@pytest.mark.parametrize(
    ("setting", "reason", "waits"),
    [("ignored", "no_acknowledgment", 0), ("hangs", "timed_out", 1200), ("1300", "timed_out", 1200)],
)
def test_a_guest_that_does_not_shut_down_runs_on(place, vm, setting, reason, waits):
    host = place.host()
    place.now(host.hypervisor.start(vm(other_config={"simulator.shutdown": setting}), False))
    before = place.clock.seconds()
    assert failure(place, host.hypervisor.shutdown("vm-1", "clean", 1200)) == reason
    assert place.clock.seconds() - before == waits
    assert powers(place, host) == {"vm-1": "Running"}
    place.now(host.hypervisor.shutdown("vm-1", "hard", 0))
    assert powers(place, host) == {}


def test_shutting_down_twice_is_as_good_as_once(place, vm):
    host = place.host()
    place.now(host.hypervisor.start(vm(), False))
    for _ in range(2):
        place.now(host.hypervisor.shutdown("vm-1", "clean", 60))
    assert place.heard.domains == []


def test_what_cannot_boot_leaves_nothing_behind(place, vm):
    host = place.host()
    assert failure(place, host.hypervisor.start(vm(platform={"simulator.boot": "fails"}), False)) == "boot_failed"
    assert powers(place, host) == {}


@pytest.mark.parametrize(
    ("idea", "settings", "power", "cause"),
    [
        ("shutdown 30", {}, "Halted", "shutdown"),
        ("shutdown 30", {"on_shutdown": "restart"}, "Running", "shutdown"),
        ("reboot 30", {}, "Running", "rebooted"),
        ("reboot 30", {"on_reboot": "destroy"}, "Halted", "rebooted"),
        ("crash 300", {}, "Running", "crashed"),
        ("crash 30", {}, "Halted", "crashed"),
        ("crash 300", {"on_crash": "destroy"}, "Halted", "crashed"),
        ("crash 300", {"on_crash": "preserve"}, "Paused", "crashed"),
    ],
)
def test_what_a_guest_does_by_itself_is_followed_by_the_action_set_for_it(place, vm, idea, settings, power, cause):
    """A guest that crashes within two minutes of its start is not started again."""
    host = place.host()
    place.now(host.hypervisor.start(vm(other_config={"simulator.then": idea}, **settings), False))
    place.clock.pass_time(1000)
    assert place.heard.domains == [("host-1", "vm-1", power, cause)]
    assert powers(place, host) == ({} if power == "Halted" else {"vm-1": power})


def test_a_suspended_vm_resumes_on_another_host(place, vm, disk):
    """And reports at once: its agent was up."""
    first, second = place.host(), place.host("host-2")
    place.now(first.hypervisor.start(vm(), False))
    place.clock.pass_time(3)
    place.now(first.hypervisor.suspend("vm-1", disk(vdi="image"), 60))
    place.now(first.hypervisor.suspend("vm-1", disk(vdi="image"), 60))
    assert powers(place, first) == {}
    assert place.now(second.hypervisor.resume(vm(), disk(vdi="image"), True))["power"] == "Paused"
    place.now(second.hypervisor.unpause("vm-1"))
    place.clock.pass_time(1)
    assert [where for where, _ in place.heard.reports] == ["host-1", "host-2"]


def test_a_vm_without_domain_cannot_be_suspended(place, disk):
    assert failure(place, place.host().hypervisor.suspend("vm-1", disk(vdi="image"), 60)) == "no_such_domain"


def test_a_vm_moves_with_its_memory_and_its_age(place, vm):
    first, second = place.host(), place.host("host-2")
    started = place.now(first.hypervisor.start(vm(), False))
    place.now(first.hypervisor.set_vcpus("vm-1", 2))
    place.clock.pass_time(50)
    ticket = place.now(second.hypervisor.expect(vm()))
    handover = place.now(first.hypervisor.migrate("vm-1", ticket, {}))
    state = place.now(second.hypervisor.receive(vm(), ticket, handover))
    assert (state["start_time"], state["vcpus"], state["power"]) == (started["start_time"], 2, "Running")
    assert powers(place, first) == {}


def test_room_kept_for_a_vm_that_does_not_come_is_given_up(place, vm):
    host = place.host(memory=GIB)
    ticket = place.now(host.hypervisor.expect(vm()))
    assert failure(place, host.hypervisor.start(vm("vm-2", memory_dynamic_min=GIB), False)) == "not_enough_memory"
    place.now(host.hypervisor.forget_expected(ticket))
    assert place.now(host.hypervisor.start(vm("vm-2"), False))["power"] == "Running"


def test_devices_come_and_go_while_it_runs(place, vm, disk):
    """A guest may refuse to let go, unless it is forced."""
    host = place.host()
    place.now(host.hypervisor.start(vm(other_config={"simulator.detach": "refused"}), False))
    assert place.now(host.hypervisor.plug_disk("vm-1", disk("vbd-4", "3", "vdi-4"))) == "xvdd"
    assert failure(place, host.hypervisor.unplug_disk("vm-1", "vbd-4", False)) == "device_in_use"
    place.now(host.hypervisor.unplug_disk("vm-1", "vbd-4", True))
    (state,) = place.now(host.hypervisor.list_domains())
    assert "vbd-4" not in state["devices"]


def test_a_restarted_simulator_takes_up_what_the_caller_believes(place, vm):
    """And gives the next domain a number of its own."""
    before = place.now(place.host().hypervisor.start(vm(), False))
    host = place.host()
    assert place.now(host.hypervisor.adopt(vm(), before))["domid"] == before["domid"]
    assert place.now(host.hypervisor.start(vm("vm-2"), False))["domid"] > before["domid"]


def test_a_host_that_loses_power_loses_its_domains_silently(place, vm):
    host = place.host()
    place.now(host.hypervisor.start(vm(), False))
    place.now(host.power.shutdown())
    place.clock.pass_time(60)
    assert powers(place, host) == {}
    assert place.heard.reports == place.heard.domains == []
