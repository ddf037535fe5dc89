"""The network between the daemons of a pool is cut, each pair in turn: what works, what fails and how, and how it heals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import XenAPI

from archives_over_https import Api
from namespaces import Namespaces
from xapid.testing.processes import Daemon, join
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon

LEADER, FIRST, SECOND = range(3)


class Pool:
    """Three daemons in namespaces, with a VM on each member."""

    def __init__(self, spaces: Namespaces) -> None:
        self.spaces = spaces
        leader = spaces.start(LEADER, "--preset", "standalone", "--port", "0")
        others = [spaces.start(n, "--preset", "standalone", "--port", str(leader.port)) for n in (FIRST, SECOND)]
        self.daemons: list[Daemon] = [leader, *others]
        for member in others:
            join(member, leader)
        self.api = Api(leader)
        hosts = {record["address"]: ref for ref, record in self.api.host.get_all_records().items()}
        self.hosts = [hosts[daemon.address] for daemon in self.daemons]
        self.vms = {number: self.running(number) for number in (FIRST, SECOND)}

    def running(self, number: int) -> str:
        vm = self.api.VM.clone(self.api.VM.get_by_name_label("Other install media")[0], f"on {number}")
        self.api.VM.provision(vm)
        self.api.VM.add_to_other_config(vm, "simulator.agent", "0.05")
        self.api.VM.start_on(vm, self.hosts[number], False, False)
        until(lambda: "pool_migrate" in self.api.VM.get_allowed_operations(vm))
        return str(vm)

    def is_alone(self, number: int) -> bool:
        """Whether a member is in emergency mode, as its own root sees it."""
        session = XenAPI.Session(self.daemons[number].url, ignore_ssl=True)
        session._session = session.session.slave_local_login_with_password("root", self.daemons[0].password)["Value"]
        return bool(session.xenapi.host.is_in_emergency_mode())

    def works(self, number: int) -> bool:
        """Whether calls reach a member: its VM stops and goes on."""
        self.api.VM.pause(self.vms[number])
        self.api.VM.unpause(self.vms[number])
        return True


def failure_of(call: Any, *args: Any) -> list[str]:
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    return list(caught.value.details)


@pytest.fixture(scope="module")
def pool(tool: Callable[[str], str]) -> Iterator[Pool]:
    with Namespaces(3, tool) as spaces:
        yield Pool(spaces)


@pytest.mark.parametrize(("cut_off", "other"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_a_member_that_is_cut_off_from_the_coordinator_keeps_its_vms_and_nothing_else_suffers(
    pool: Pool, cut_off: int, other: int
) -> None:
    """Calls for it fail at once and change nothing; it knows that it is alone; healed, all is as before."""
    api, vm, host = pool.api, pool.vms[cut_off], pool.hosts[cut_off]
    pool.spaces.cut(LEADER, cut_off)
    try:
        assert failure_of(api.VM.pause, vm) == ["CANNOT_CONTACT_HOST", host]
        assert (api.VM.get_power_state(vm), api.VM.get_resident_on(vm)) == ("Running", host)
        assert failure_of(api.VM.pool_migrate, pool.vms[other], host, {}) == ["CANNOT_CONTACT_HOST", host]
        assert api.VM.get_resident_on(pool.vms[other]) == pool.hosts[other]
        assert pool.works(other)
        assert api.host_metrics.get_live(api.host.get_metrics(host))  # silence has to last ten minutes
        assert failure_of(api.host.declare_dead, host) == ["HOST_IS_LIVE", host]
        until(lambda: pool.is_alone(cut_off))
        assert not pool.is_alone(other)
    finally:
        pool.spaces.heal(LEADER, cut_off)
    until(lambda: pool.works(cut_off))
    until(lambda: not pool.is_alone(cut_off))
    assert (api.VM.get_power_state(vm), api.VM.get_resident_on(vm)) == ("Running", host)


def test_members_that_are_cut_off_from_each_other_go_on_under_their_coordinator(pool: Pool) -> None:
    """Whom they follow is in reach of both; VMs move by way of it."""
    api, vm = pool.api, pool.vms[FIRST]
    pool.spaces.cut(FIRST, SECOND)
    try:
        assert pool.works(FIRST)
        assert pool.works(SECOND)
        api.VM.pool_migrate(vm, pool.hosts[SECOND], {})
        assert api.VM.get_resident_on(vm) == pool.hosts[SECOND]
        until(lambda: "pool_migrate" in api.VM.get_allowed_operations(vm))
        api.VM.pool_migrate(vm, pool.hosts[FIRST], {})
    finally:
        pool.spaces.heal(FIRST, SECOND)
