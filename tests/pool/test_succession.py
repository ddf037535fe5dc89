"""The coordinator's role goes to another host: handed over, taken over, and given up by one that comes back."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest
import XenAPI

from refusals import refused
from xapid.pool.copies import make
from xapid.testing.neighbours import Neighbour, Street


@pytest.fixture
def three(street: Street) -> Iterator[list[Neighbour]]:
    """A pool of three daemons, the coordinator first."""
    yield street.pool(3)


def vm_on(coordinator: Neighbour, host: str) -> str:
    """A VM that runs on the host with this uuid."""
    api = coordinator.session().xenapi
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "small")
    api.VM.provision(vm)
    api.VM.start_on(vm, api.host.get_by_uuid(host), False, False)
    return str(vm)


def local(member: Neighbour) -> XenAPI.Session:
    """A session that holds on a member alone."""
    session = member.client(f"https://{member.address}")
    session.slave_local_login_with_password("root", member.config.root_password)
    return session


def roles(*daemons: Neighbour) -> list[str | None]:
    """Whom each follows."""
    return [daemon.coordinator_address for daemon in daemons]


def designate(street: Street, coordinator: Neighbour, target: Neighbour) -> None:
    api = coordinator.session().xenapi
    api.pool.designate_new_master(api.host.get_by_uuid(target.host))
    street.clock.pass_time(40)


# Handed over --------------------------------------------------------------------------------------------------------


def test_a_former_coordinator_serves_as_a_member_at_once(street: Street, three: list[Neighbour]) -> None:
    a, b, _ = three
    api = a.session().xenapi
    api.pool.designate_new_master(api.host.get_by_uuid(b.host))
    street.clock.pass_time(2)
    assert a.federation.common.role.emergency is None
    assert refused(a.client().login_with_password, "root", a.config.root_password) == ["HOST_IS_SLAVE", b.address]


def test_everything_goes_on_under_another_coordinator(street: Street, three: list[Neighbour]) -> None:
    """Objects, running VMs and the password are the same, and the former coordinator is a member like the others."""
    a, b, c = three
    vms = [vm_on(a, each.host) for each in three]
    designate(street, a, b)
    assert roles(a, b, c) == [b.address, None, b.address]
    api = b.session().xenapi
    assert api.pool.get_master(api.pool.get_all()[0]) == api.host.get_by_uuid(b.host)
    assert [api.VM.get_power_state(vm) for vm in vms] == ["Running"] * 3
    assert all(api.host_metrics.get_live(host["metrics"]) for host in api.host.get_all_records().values())
    assert "POOL_MASTER_TRANSITION" in {message["name"] for message in api.message.get_all_records().values()}
    for vm in vms:
        api.VM.hard_shutdown(vm)
    assert refused(a.session) == ["HOST_IS_SLAVE", b.address]
    designate(street, b, a)
    assert roles(a, b, c) == [None, a.address, a.address]


def test_nothing_that_was_acknowledged_is_lost(street: Street, three: list[Neighbour]) -> None:
    a, b, _ = three
    api = a.session().xenapi
    for number in range(20):
        api.pool.add_to_other_config(api.pool.get_all()[0], f"key{number}", "kept")
    designate(street, a, b)
    api = b.session().xenapi
    kept = api.pool.get_other_config(api.pool.get_all()[0])
    assert {f"key{number}" for number in range(20)} <= kept.keys()


def test_the_coordinator_itself_may_be_designated_to_no_effect(street: Street, three: list[Neighbour]) -> None:
    a, b, c = three
    session = a.session()
    session.xenapi.pool.designate_new_master(session.xenapi.host.get_by_uuid(a.host))
    assert session.xenapi.pool.get_all()
    assert roles(a, b, c) == [None, a.address, a.address]


def test_with_ha_the_role_is_not_handed_over(three: list[Neighbour]) -> None:
    a, b, _ = three
    api = a.session().xenapi
    with a.pool.db.transaction() as tx:
        tx.update(api.pool.get_all()[0], ha_enabled=True)
    assert refused(api.pool.designate_new_master, api.host.get_by_uuid(b.host)) == ["HA_IS_ENABLED"]


def test_a_member_that_does_not_answer_stops_the_change_everywhere(street: Street, three: list[Neighbour]) -> None:
    a, b, c = three
    c.die()
    api = a.session().xenapi
    ref = api.host.get_by_uuid(c.host)
    assert refused(api.pool.designate_new_master, api.host.get_by_uuid(b.host)) == ["CANNOT_CONTACT_HOST", ref]
    assert roles(a, b) == [None, a.address]
    assert "proposal" not in b.pool.db.meta
    c.live_again()
    designate(street, a, b)
    assert roles(a, b, c) == [b.address, None, b.address]


def test_a_host_that_is_offline_is_not_designated(street: Street, three: list[Neighbour]) -> None:
    a, b, _ = three
    b.die()
    street.clock.pass_time(700)
    api = a.session().xenapi
    ref = api.host.get_by_uuid(b.host)
    assert refused(api.pool.designate_new_master, ref) == ["HOST_OFFLINE", ref]


def test_a_proposal_keeps_others_away_for_ten_minutes(street: Street, three: list[Neighbour]) -> None:
    a, b, c = three
    api = a.session().xenapi
    c.federation.propose(b.address)
    hosts = {each: api.host.get_by_uuid(each.host) for each in three}
    assert refused(api.pool.designate_new_master, hosts[c])[0] == "HA_ABORT_NEW_MASTER"
    assert "proposal" not in b.pool.db.meta
    street.clock.pass_time(601)
    api.pool.designate_new_master(hosts[c])
    street.clock.pass_time(40)
    assert roles(a, b, c) == [c.address, c.address, None]


def test_a_commit_needs_its_proposal(three: list[Neighbour]) -> None:
    _, b, c = three
    with pytest.raises(Exception, match="HA_ABORT_NEW_MASTER"):
        c.clock.wait_for(c.federation.commit(b.address))
    c.federation.propose(b.address)
    c.federation.abort(b.address)
    with pytest.raises(Exception, match="HA_ABORT_NEW_MASTER"):
        c.clock.wait_for(c.federation.commit(b.address))


def test_hosts_of_one_daemon_hand_the_role_over_too(street: Street) -> None:
    a = street.add(preset="pool3")
    api = a.session().xenapi
    second = next(ref for ref in api.host.get_all() if api.host.get_uuid(ref) != a.host)
    first = api.pool.get_master(api.pool.get_all()[0])
    api.pool.designate_new_master(second)
    api = a.session().xenapi
    assert api.pool.get_master(api.pool.get_all()[0]) == second
    assert api.pool.is_slave(first)


# Taken over ---------------------------------------------------------------------------------------------------------


def test_a_member_takes_over_with_its_copy_and_the_others_follow(street: Street, three: list[Neighbour]) -> None:
    a, b, c = three
    vms = {each: vm_on(a, each.host) for each in three}
    a.session().xenapi.pool.sync_database()
    late = vm_on(a, c.host)
    a.die()
    street.clock.pass_time(10)
    assert refused(b.session) == ["HOST_STILL_BOOTING"]
    assert b.federation.common.role.emergency is not None

    local(b).xenapi.pool.emergency_transition_to_master()
    street.clock.pass_time(1)
    assert roles(b, c) == [None, a.address]
    api = b.session().xenapi
    assert api.pool.recover_slaves() == [api.host.get_by_uuid(c.host)]
    street.clock.pass_time(60)
    assert roles(b, c) == [None, b.address]
    assert c.federation.common.role.emergency is None
    states = {each: api.VM.get_power_state(vm) for each, vm in vms.items() if each is not a}
    assert states == {b: "Running", c: "Running"}
    live = {
        api.host.get_uuid(ref): api.host_metrics.get_live(host["metrics"]) for ref, host in api.host.get_all_records().items()
    }
    assert live == {a.host: False, b.host: True, c.host: True}
    assert late not in api.VM.get_all()  # it came after the last copy
    api.VM.hard_shutdown(vms[c])


def test_a_former_coordinator_takes_over_again_after_a_host_has_left(street: Street, three: list[Neighbour]) -> None:
    """What it held of the others when it led is not its own, also after it has started anew."""
    a, b, c = three
    designate(street, a, b)
    designate(street, b, a)
    api = a.session().xenapi
    api.pool.eject(api.host.get_by_uuid(c.host))
    street.clock.pass_time(60)
    b.die()
    b.live_again()
    street.clock.pass_time(60)
    assert [place.host for place in b.federation.common.peers.own_places()] == [b.host]
    api.pool.sync_database()
    a.die()
    street.clock.pass_time(10)
    local(b).xenapi.pool.emergency_transition_to_master()
    street.clock.pass_time(1)
    assert roles(b, c) == [None, None]
    assert {host["uuid"] for host in b.session().xenapi.host.get_all_records().values()} == {a.host, b.host}


def test_what_started_after_the_copy_is_found_running(street: Street, three: list[Neighbour]) -> None:
    """The copy says Halted; the host says what is so."""
    a, b, c = three
    api = a.session().xenapi
    vm = vm_on(a, c.host)
    api.VM.hard_shutdown(vm)
    gone = vm_on(a, c.host)
    api.pool.sync_database()
    api.VM.start_on(vm, api.host.get_by_uuid(c.host), False, False)
    api.VM.hard_shutdown(gone)
    a.die()
    local(b).xenapi.pool.emergency_transition_to_master()
    api = b.session().xenapi
    api.pool.recover_slaves()
    street.clock.pass_time(60)
    assert (api.VM.get_power_state(vm), api.VM.get_resident_on(vm)) == ("Running", api.host.get_by_uuid(c.host))
    assert api.VM.get_power_state(gone) == "Halted"


def test_a_member_without_a_copy_does_not_take_over(street: Street, three: list[Neighbour]) -> None:
    a, b, _ = three
    a.die()
    street.clock.pass_time(10)
    b.federation._store.forget()
    assert refused(local(b).xenapi.pool.emergency_transition_to_master)[0] == "INTERNAL_ERROR"
    assert roles(b) == [a.address]
    a.live_again()
    street.clock.pass_time(40)
    assert b.federation.common.role.emergency is None


@pytest.mark.parametrize("what", ["of another pool", "damaged"])
def test_a_member_that_cannot_use_its_copy_follows_as_before(street: Street, three: list[Neighbour], what: str) -> None:
    a, b, _ = three
    stranger = street.add()
    copy = street.clock.wait_for(make(stranger.pool.db, street.clock, 1))
    b.federation._store.keep(copy if what == "of another pool" else attrs.evolve(copy, body=b"none"))
    a.die()
    street.clock.pass_time(10)
    assert refused(local(b).xenapi.pool.emergency_transition_to_master)[0] == "INTERNAL_ERROR"
    assert roles(b) == [a.address]
    a.live_again()
    street.clock.pass_time(40)
    assert b.federation.common.role.emergency is None
    assert refused(b.session) == ["HOST_IS_SLAVE", a.address]


@pytest.mark.parametrize("first", ["the other is there", "the other is away"])
def test_a_coordinator_that_comes_back_follows_the_one_that_took_over(
    street: Street, three: list[Neighbour], first: str
) -> None:
    """It never acts as one, not even while the new one cannot be reached: any member tells it."""
    a, b, c = three
    vms = [vm_on(a, each.host) for each in three]
    street.clock.pass_time(300)
    a.die()
    local(b).xenapi.pool.emergency_transition_to_master()
    api = b.session().xenapi
    api.pool.recover_slaves()
    street.clock.pass_time(60)
    (moved,) = [vm for vm in vms if api.VM.get_resident_on(vm) == api.host.get_by_uuid(a.host)]
    api.host.declare_dead(api.host.get_by_uuid(a.host))
    api.VM.start_on(moved, api.host.get_by_uuid(c.host), False, False)
    if first == "the other is away":
        street.cut(a, b)
    a.live_again()
    assert refused(a.session)[0] in ("HOST_IS_SLAVE", "HOST_STILL_BOOTING")
    street.mend()
    street.clock.pass_time(90)
    assert roles(a, b, c) == [b.address, None, b.address]
    assert refused(a.session) == ["HOST_IS_SLAVE", b.address]
    assert api.VM.get_resident_on(moved) == api.host.get_by_uuid(c.host)
    assert api.host_metrics.get_live(api.host.get_metrics(api.host.get_by_uuid(a.host)))
    domains = a.clock.wait_for(a.federation.common.own_agent(a.host).hypervisor.list_domains())
    assert domains == []


def test_a_coordinator_cut_off_gives_up_when_the_line_is_mended(street: Street, three: list[Neighbour]) -> None:
    a, b, c = three
    street.clock.pass_time(300)
    street.cut(a, b)
    street.cut(a, c)
    street.clock.pass_time(120)
    local(b).xenapi.pool.emergency_transition_to_master()
    b.session().xenapi.pool.recover_slaves()
    street.clock.pass_time(60)
    assert roles(a, b, c) == [None, None, b.address]
    api = b.session().xenapi
    vm = vm_on(b, c.host)
    street.mend()
    street.clock.pass_time(120)
    assert roles(a, b, c) == [b.address, None, b.address]
    assert api.VM.get_power_state(vm) == "Running"


def test_a_member_that_was_away_learns_whom_to_follow(street: Street, three: list[Neighbour]) -> None:
    a, b, c = three
    street.clock.pass_time(300)
    c.die()
    a.die()
    local(b).xenapi.pool.emergency_transition_to_master()
    assert b.session().xenapi.pool.recover_slaves() == []
    c.live_again()
    assert c.federation.common.role.emergency is not None
    a.live_again()
    street.clock.pass_time(90)
    assert roles(a, b, c) == [b.address, None, b.address]
    assert c.federation.common.role.emergency is None


def test_a_member_can_be_sent_to_another_coordinator_by_hand(street: Street, three: list[Neighbour]) -> None:
    a, b, c = three
    street.clock.pass_time(300)
    a.die()
    local(b).xenapi.pool.emergency_transition_to_master()
    street.clock.pass_time(10)
    session = local(c)
    assert refused(session.xenapi.pool.emergency_reset_master, "192.0.2.7") == ["INVALID_VALUE", "master_address", "192.0.2.7"]
    session.xenapi.pool.emergency_reset_master(b.address)
    street.clock.pass_time(60)
    assert roles(b, c) == [None, b.address]
    assert c.federation.common.role.emergency is None


# Alone ----------------------------------------------------------------------------------------------------------------


def test_a_member_without_a_coordinator_answers_a_short_list_of_calls(street: Street, three: list[Neighbour]) -> None:
    a, b, _ = three
    a.die()
    street.clock.pass_time(10)
    session = local(b)
    assert session.xenapi.host.is_in_emergency_mode() is True
    assert refused(session.xenapi.pool.get_all) == ["HOST_STILL_BOOTING"]
    assert refused(session.xenapi.VM.get_all_records) == ["HOST_STILL_BOOTING"]
    assert session.xenapi.pool.is_slave(b.pool.db.table("pool").rows()[0].master) is True
    a.live_again()
    street.clock.pass_time(40)
    assert b.federation.common.role.emergency is None
    assert refused(b.session) == ["HOST_IS_SLAVE", a.address]


def test_a_member_that_nobody_knows_says_so(street: Street, three: list[Neighbour]) -> None:
    """The coordinator forgot it while it was away."""
    a, b, _ = three
    b.die()
    street.clock.pass_time(700)
    api = a.session().xenapi
    api.host.destroy(api.host.get_by_uuid(b.host))
    b.live_again()
    street.clock.pass_time(10)
    assert refused(b.session) == ["HOST_UNKNOWN_TO_MASTER", b.host]


def test_a_member_of_a_later_version_does_not_serve_until_its_coordinator_is_as_late(
    street: Street, three: list[Neighbour]
) -> None:
    a, b, c = three
    api = a.session().xenapi
    host = api.host.get_by_uuid(b.host)
    b.federation.common.version, c.federation.common.version = "0.10.0", "0.0.9"
    street.clock.pass_time(40)
    assert refused(b.session) == ["HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR", "0.10.0"]
    assert refused(c.session) == ["HOST_IS_SLAVE", a.address]

    def told() -> list[tuple[str, str, str]]:
        found = [m for m in api.message.get_all_records().values() if m["name"].startswith("XAPI_STARTUP")]
        assert all(m["name"] == "XAPI_STARTUP_BLOCKED_AS_VERSION_HIGHER_THAN_COORDINATOR" for m in found)
        return [(m["cls"], m["priority"], m["obj_uuid"]) for m in found]

    assert told() == [("Host", "2", b.host)]
    street.clock.pass_time(660)
    assert told() == [("Host", "2", b.host)]
    assert api.host_metrics.get_live(api.host.get_metrics(host)) is False
    a.federation.common.version = "0.10.0"
    street.clock.pass_time(40)
    assert refused(b.session) == ["HOST_IS_SLAVE", a.address]
    assert api.host_metrics.get_live(api.host.get_metrics(host)) is True


def test_members_hold_a_copy_that_is_at_most_five_minutes_old(street: Street, three: list[Neighbour]) -> None:
    a, b, _ = three
    api = a.session().xenapi
    street.clock.pass_time(301)
    before = b.federation._store.newest
    api.pool.add_to_other_config(api.pool.get_all()[0], "new", "yes")
    assert b.federation._store.newest is before
    street.clock.pass_time(301)
    assert b.federation._store.newest.generation > before.generation
    kept = b.federation._store.newest.generation
    street.clock.pass_time(1)
    api.pool.add_to_other_config(api.pool.get_all()[0], "newer", "yes")
    api.pool.sync_database()
    assert b.federation._store.newest.generation > kept
