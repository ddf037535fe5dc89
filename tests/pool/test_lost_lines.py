"""Lines between daemons that break for a moment, and daemons that come back somewhere else: the pool finds itself again."""

from __future__ import annotations

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


def test_what_became_of_a_call_whose_answer_was_lost_is_found_out(street: Street) -> None:
    """The line is mended before anybody misses the member's sign of life: only that one call knows that it was broken."""
    coordinator, member = street.pool(2)
    api = coordinator.session().xenapi
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "small")
    api.VM.provision(vm)
    host = api.host.get_by_uuid(member.host)
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
