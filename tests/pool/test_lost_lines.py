"""Lines between daemons that break for a moment, and daemons that come back somewhere else: the pool finds itself again."""

from __future__ import annotations

from typing import Any

import pytest
import XenAPI
from twisted.internet import defer

from xapid.testing.neighbours import Neighbour, Street, Wire


def local(member: Neighbour) -> XenAPI.Session:
    """A session that holds on a member alone."""
    session = member.client(f"https://{member.address}")
    session.slave_local_login_with_password("root", member.config.root_password)
    return session


def breaks_at(street: Street, one: Neighbour, other: Neighbour, sent: str) -> list[str]:
    """Cut the line between two when something is sent; returns what will hold that when it has happened."""
    happened: list[str] = []

    def watch(wire: Wire | None, data: bytes) -> None:
        if wire is not None and not happened and sent.encode() in data:
            happened.append(sent)
            street.cut(one, other)
            for end in list(street.wires):
                if {end.near, end.far} == {one, other}:
                    end.break_()

    street.watch = watch
    return happened


def vm_on(coordinator: Neighbour, host: str) -> str:
    """A VM that runs on a host, with an agent in its guest."""
    api = coordinator.session().xenapi
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "small")
    api.VM.provision(vm)
    api.VM.start_on(vm, host, False, False)
    coordinator.clock.pass_time(40)
    return str(vm)


def test_what_became_of_a_call_whose_answer_was_lost_is_found_out(street: Street) -> None:
    """The line is mended before anybody misses the member's sign of life: only that one call knows that it was broken."""
    coordinator, member = street.pool(2)
    api = coordinator.session().xenapi
    host = api.host.get_by_uuid(member.host)
    vm = vm_on(coordinator, host)
    api.VM.hard_shutdown(vm)
    street.clock.pass_time(61)
    happened = breaks_at(street, coordinator, member, f"answer /agent/{member.host}/hypervisor/start")
    starting = defer.ensureDeferred(coordinator.pool.dispatcher.by_itself("VM.start_on", vm, host, False, False))
    street.clock.pass_time(12)
    assert happened
    assert starting.result.value.code == "CANNOT_CONTACT_HOST"
    starting.addErrback(lambda _: None)
    assert api.VM.get_power_state(vm) == "Halted"
    street.mend()
    street.clock.pass_time(40)
    assert (api.VM.get_power_state(vm), api.VM.get_resident_on(vm)) == ("Running", host)


@pytest.mark.parametrize("where", ["address", "port"])
def test_members_follow_their_coordinator_to_where_it_has_moved(street: Street, where: str) -> None:
    coordinator, *members = street.pool(3)
    street.clock.pass_time(60)
    coordinator.die()
    if where == "address":
        coordinator.address = "10.0.0.9"
    else:
        coordinator.port = 8443
    coordinator.live_again()
    street.clock.pass_time(90)
    for member in members:
        leader = member.federation.membership.leader
        assert (leader.address, leader.port) == (coordinator.address, coordinator.port)
        assert member.federation.common.role.emergency is None


def test_a_member_is_sent_after_its_coordinator_by_hand(street: Street) -> None:
    """It has not been heard of by the coordinator, which does not know where it is."""
    coordinator, member = street.pool(2)
    street.clock.pass_time(60)
    coordinator.die()
    coordinator.address = "10.0.0.9"
    member.die()
    member.address = "10.0.0.8"
    coordinator.live_again()
    member.live_again()
    street.clock.pass_time(30)
    assert member.federation.common.role.emergency is not None
    local(member).xenapi.pool.emergency_reset_master(coordinator.address)
    street.clock.pass_time(60)
    assert member.coordinator_address == coordinator.address
    assert member.federation.common.role.emergency is None


def test_nobody_is_sent_after_himself(street: Street) -> None:
    coordinator, member = street.pool(2)
    street.clock.pass_time(60)
    coordinator.by_itself("pool.emergency_reset_master", coordinator.address)
    assert coordinator.coordinator_address is None
    with pytest.raises(XenAPI.Failure) as refused:
        local(member).xenapi.pool.emergency_reset_master(member.address)
    assert refused.value.details == ["INVALID_VALUE", "master_address", member.address]
    street.clock.pass_time(60)
    assert member.coordinator_address == coordinator.address
    assert member.federation.common.role.emergency is None


def own(member: Neighbour) -> list[Any]:
    """The domains that a member really has."""
    agent = member.federation.common.own_agent(member.host)
    return list(member.clock.wait_for(agent.hypervisor.list_domains()))


def cancels_at(street: Street, coordinator: Neighbour, task: str, sent: str) -> list[str]:
    """Cancel a task when something is sent; returns what will hold that when it has happened."""
    happened: list[str] = []

    def watch(wire: Wire | None, data: bytes) -> None:
        if wire is not None and not happened and sent.encode() in data:
            happened.append(sent)
            coordinator.session().xenapi.task.cancel(task)

    street.watch = watch
    return happened


@pytest.mark.parametrize("what", ["migration", "shutdown"])
def test_a_call_that_is_cancelled_when_it_is_done_is_done(street: Street, what: str) -> None:
    """A VM that has left its host is not forgotten because nobody wanted to hear where to."""
    coordinator, *members = street.pool(3)
    api = coordinator.session().xenapi
    here, there = (api.host.get_by_uuid(member.host) for member in members)
    vm = vm_on(coordinator, here)
    if what == "migration":
        task = api.Async.VM.pool_migrate(vm, there, {})
        happened = cancels_at(street, coordinator, task, f"answer /agent/{members[0].host}/hypervisor/migrate")
    else:
        task = api.Async.VM.hard_shutdown(vm)
        happened = cancels_at(street, coordinator, task, f"answer /agent/{members[0].host}/hypervisor/shutdown")
    street.clock.pass_time(5)
    assert happened
    assert api.task.get_status(task) == "success"
    assert (api.VM.get_power_state(vm), api.VM.get_resident_on(vm)) == (
        ("Running", there) if what == "migration" else ("Halted", "OpaqueRef:NULL")
    )
    street.clock.pass_time(60)
    assert api.VM.get_power_state(vm) == ("Running" if what == "migration" else "Halted")


def test_a_call_that_is_cancelled_stops_on_the_other_host(street: Street) -> None:
    coordinator, *members = street.pool(3, duration_profile="realistic")
    api = coordinator.session().xenapi
    here, there = (api.host.get_by_uuid(member.host) for member in members)
    vm = vm_on(coordinator, here)
    task = api.Async.VM.pool_migrate(vm, there, {})
    street.clock.pass_time(0.1)
    api.task.cancel(task)
    street.clock.pass_time(0.1)
    assert (api.task.get_status(task), api.VM.get_resident_on(vm)) == ("cancelled", here)
    street.clock.pass_time(60)
    domains = [own(member) for member in members]
    assert [api.VM.get_uuid(vm) in (state["vm"] for state in states) for states in domains] == [True, False]


def test_a_cancelled_call_whose_answer_is_lost_is_found_out_too(street: Street) -> None:
    coordinator, member = street.pool(2)
    api = coordinator.session().xenapi
    vm = vm_on(coordinator, api.host.get_by_uuid(member.host))
    street.clock.pass_time(61)
    task = api.Async.VM.hard_shutdown(vm)

    def watch(wire: Wire | None, data: bytes) -> None:
        if wire is not None and b"answer /agent/" in data and b"hypervisor/shutdown" in data:
            api.task.cancel(task)
            wire.break_()

    street.watch = watch
    street.clock.pass_time(2)
    assert api.task.get_status(task) == "cancelled"
    assert api.VM.get_power_state(vm) == "Running"
    street.clock.pass_time(40)
    assert api.VM.get_power_state(vm) == "Halted"


def test_a_host_whose_line_breaks_while_it_comes_back_is_enabled_in_the_end(street: Street) -> None:
    coordinator, member = street.pool(2)
    street.clock.pass_time(61)
    api = coordinator.session().xenapi
    host = api.host.get_by_uuid(member.host)
    coordinator.pool.services.presence.agent_leaves(coordinator.pool.db.get("host", host))
    member.die()
    happened = breaks_at(street, coordinator, member, f"ask /agent/{member.host}/metrics/send_logs")
    member.live_again()
    street.clock.pass_time(40)
    assert happened
    assert not api.host.get_enabled(host)
    street.mend()
    street.clock.pass_time(90)
    assert api.host.get_enabled(host)


def test_a_disk_that_a_dead_coordinator_wrote_to_on_a_member_is_free_again(street: Street) -> None:
    """Nobody goes on with what that one had begun."""
    coordinator, member = street.pool(2)
    api = coordinator.session().xenapi
    host = api.host.get_by_uuid(member.host)
    (sr,) = (
        ref for ref, sr in api.SR.get_all_records().items()
        if not sr["shared"] and sr["content_type"] == "user" and [api.PBD.get_host(pbd) for pbd in sr["PBDs"]] == [host]
    )  # fmt: skip
    record = {"SR": sr, "virtual_size": "1048576", "type": "user", "sharable": False, "read_only": False, "other_config": {}}
    disk = api.VDI.create({**record, "name_label": "half written"})
    storage = coordinator.pool.services.agents.get(host).storage
    places = api.SR.get_uuid(sr), api.VDI.get_uuid(disk)
    coordinator.clock.wait_for(storage.vdi_open(*places))
    coordinator.clock.wait_for(storage.vdi_begin(*places))
    coordinator.die()
    coordinator.live_again()
    street.clock.pass_time(60)
    coordinator.session().xenapi.VDI.destroy(disk)
    contents = member.federation.common.own_agent(member.host).storage
    assert (contents._uploads, contents._sizes) == ({}, {})
