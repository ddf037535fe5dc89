"""What agents report by themselves."""

from __future__ import annotations

import pytest


@pytest.fixture
def vm(api, xapid_clock):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(60)
    return vm


@pytest.fixture
def domain(api, vm, xapid_server):
    """The host of the VM, and its domain as the host describes it."""
    host = api.VM.get_resident_on(vm)
    states = xapid_server.clock.wait_for(xapid_server.pool.services.agents.get(host).hypervisor.list_domains())
    return api.host.get_uuid(host), next(state for state in states if state["vm"] == api.VM.get_uuid(vm))


@pytest.mark.parametrize("cause", ["rebooted", "crashed"])
def test_a_report_that_comes_after_the_vm_was_shut_down_does_not_wake_it(api, vm, domain, xapid_server, cause):
    """Reports and answers to calls come by different lines."""
    api.VM.hard_shutdown(vm)
    alerts = len(api.message.get_all())
    xapid_server.pool.services.pool.observer.domain_changed(*domain, cause)
    assert (api.VM.get_power_state(vm), len(api.message.get_all())) == ("Halted", alerts)


def test_a_domain_that_rebooted_by_itself_is_another_one(api, vm, domain, xapid_server):
    host, state = domain
    xapid_server.pool.services.pool.observer.domain_changed(host, {**state, "domid": 99}, "rebooted")
    assert (api.VM.get_power_state(vm), api.VM.get_domid(vm)) == ("Running", "99")
