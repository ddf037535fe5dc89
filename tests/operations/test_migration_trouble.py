"""Hosts that are lost in each stage of a migration and of an evacuation: where the VM is afterwards, once and for all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from xapid.agent.values import AgentFailure
from xapid.operations.adoption import take_up

HERE, THERE = "here", "there"


class Fragile:
    """The hypervisor of a host that is lost at a call, ``before`` or ``after`` that has done its work."""

    def __init__(self, uuid, hypervisor):
        self.hypervisor = hypervisor
        self._uuid = uuid
        self._fatal = None
        self.is_lost = False

    def dies(self, method, when):
        self._fatal = (method, when)

    def come_back(self):
        self._fatal, self.is_lost = None, False

    def __getattr__(self, name):
        method = getattr(self.hypervisor, name)
        if name.startswith("_") or name in ("running", "memory_used", "power_off"):
            return method

        async def call(*args):
            if self._fatal == (name, "before"):
                self.is_lost = True
            if self.is_lost:
                raise AgentFailure("unreachable", (self._uuid,))
            answer = await method(*args)
            if self._fatal == (name, "after"):
                self.is_lost = True
                raise AgentFailure("unreachable", (self._uuid,))
            return answer

        return call


@pytest.fixture
def hosts(api):
    master = api.pool.get_master(api.pool.get_all()[0])
    return dict(zip((HERE, THERE), [ref for ref in api.host.get_all() if ref != master], strict=True))


@pytest.fixture
def fragile(api, hosts, xapid_server):
    """The hypervisors of the two hosts, each of which can be lost."""
    found = {}
    for name, ref in hosts.items():
        agent = xapid_server.pool.services.agents.get(ref)
        found[name] = agent.hypervisor = Fragile(api.host.get_uuid(ref), agent.hypervisor)
    return found


@pytest.fixture
def domains(xapid_server, api, fragile):
    """Where a VM really has a domain: names of hosts."""

    def of(vm):
        uuid = api.VM.get_uuid(vm)
        return [
            name for name, one in fragile.items() if any(d.config["uuid"] == uuid for d in one.hypervisor.running())
        ]  # fmt: skip

    return of


@pytest.fixture
def returns(hosts, fragile, xapid_server):
    """A host can be reached again, and the coordinator finds out what it runs."""

    def back(name, *, anew):
        if anew:
            fragile[name].hypervisor.power_off()  # its process is a new one, which has forgotten its VMs
        fragile[name].come_back()
        pool = xapid_server.pool
        agent, now = pool.services.agents.get(hosts[name]), datetime.fromtimestamp(int(pool.clock.seconds()), UTC)
        agents = pool.services.agents.all()
        xapid_server.clock.wait_for(take_up(pool.db, agent, hosts[name], now, is_new=anew, agents=agents))

    return back


@pytest.fixture
def start(api, xapid_clock, hosts):
    def run(name="v"):
        vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], name)
        api.VM.provision(vm)
        api.VM.start_on(vm, hosts[HERE], False, False)
        xapid_clock.pass_time(60)
        return vm

    return run


STAGES = [
    (THERE, "expect", "before", HERE),
    (THERE, "expect", "after", HERE),
    (HERE, "migrate", "before", HERE),
    (HERE, "migrate", "after", HERE),
    (THERE, "receive", "before", THERE),
    (THERE, "receive", "after", THERE),
]
"""Which host is lost, at which step, before or after that is done; and where the VM is then."""
FALLEN_BETWEEN = {(HERE, "migrate", "after"), (THERE, "receive", "before")}
"""When the VM has left one host and the other was never told to let it go on: if none of them began anew, it is lost."""


@pytest.mark.parametrize("anew", [False, True], ids=["cut off", "restarted"])
@pytest.mark.parametrize(("lost", "step", "when", "place"), STAGES)
def test_a_host_that_is_lost_in_a_migration_leaves_the_vm_in_one_place(
    api, hosts, fragile, domains, returns, start, refused, xapid_clock, lost, step, when, place, anew
):
    """Every call says so, and when the host is back, the VM runs there and nowhere else, or is known to be halted."""
    vm = start()
    fragile[lost].dies(step, when)
    assert refused(api.VM.pool_migrate, vm, hosts[THERE], {}) == ["CANNOT_CONTACT_HOST", hosts[lost]]
    record = api.VM.get_record(vm)
    assert (record["power_state"], record["resident_on"]) == ("Running", hosts[place])
    assert (record["scheduled_to_be_resident_on"], record["current_operations"]) == ("OpaqueRef:NULL", {})
    returns(lost, anew=anew)
    if (lost, step, when) in FALLEN_BETWEEN and not anew:
        assert (api.VM.get_power_state(vm), domains(vm)) == ("Halted", [])
        api.VM.start_on(vm, hosts[place], False, False)
    assert (api.VM.get_resident_on(vm), domains(vm)) == (hosts[place], [place])
    xapid_clock.pass_time(60)
    other = hosts[THERE if place == HERE else HERE]
    api.VM.pool_migrate(vm, other, {})
    assert api.VM.get_resident_on(vm) == other
    assert len(domains(vm)) == 1
    assert {one.hypervisor._expected == {} for one in fragile.values()} == {True}


def test_a_vm_that_the_other_host_does_not_take_goes_on_where_it_was(api, hosts, fragile, domains, start, refused):
    vm = start()
    receive = fragile[THERE].hypervisor.receive

    async def refuse(*args):
        raise AgentFailure("failed", ("bad memory",))

    fragile[THERE].hypervisor.receive = refuse
    assert refused(api.VM.pool_migrate, vm, hosts[THERE], {})[0] == "INTERNAL_ERROR"
    assert (api.VM.get_power_state(vm), api.VM.get_resident_on(vm), domains(vm)) == ("Running", hosts[HERE], [HERE])
    fragile[THERE].hypervisor.receive = receive
    api.VM.pool_migrate(vm, hosts[THERE], {})


@pytest.mark.parametrize(("lost", "step", "when", "place"), STAGES)
def test_a_host_that_is_lost_in_an_evacuation_stops_it_and_the_next_one_goes_on(
    api, hosts, fragile, domains, returns, start, refused, xapid_server, lost, step, when, place
):
    """VMs that have moved stay where they are; none is in two places; the rest leaves with the next evacuation."""
    master = api.pool.get_master(api.pool.get_all()[0])
    vms = [start(f"v{number}") for number in range(4)]
    api.host.disable(master)
    api.host.disable(hosts[HERE])
    moved = []
    hypervisor = fragile[lost].hypervisor
    method, calls = getattr(hypervisor, step), []

    async def third_is_fatal(*args):
        calls.append(args)
        if len(calls) == 3:
            fragile[lost].dies(step, when)
            fragile[lost].is_lost = when == "before"
            if when == "before":
                raise AgentFailure("unreachable", (fragile[lost]._uuid,))
        return await method(*args)

    setattr(hypervisor, step, third_is_fatal)
    assert refused(api.host.evacuate, hosts[HERE], "OpaqueRef:NULL", "1") == ["CANNOT_CONTACT_HOST", hosts[lost]]
    setattr(hypervisor, step, method)
    moved = [vm for vm in vms if api.VM.get_resident_on(vm) == hosts[THERE]]
    assert len(moved) == (3 if place == THERE else 2)
    assert {api.VM.get_power_state(vm) for vm in vms} == {"Running"}
    returns(lost, anew=True)
    for vm in vms:
        assert domains(vm) == [THERE if vm in moved else HERE]
    api.host.evacuate(hosts[HERE])
    assert [domains(vm) for vm in vms] == [[THERE]] * 4


def test_vms_of_a_host_that_is_lost_for_good_are_halted_when_that_is_said(api, hosts, fragile, start, refused, change):
    vm = start()
    fragile[THERE].dies("receive", "before")
    assert refused(api.VM.pool_migrate, vm, hosts[THERE], {}) == ["CANNOT_CONTACT_HOST", hosts[THERE]]
    change(api.host.get_metrics(hosts[THERE]), live=False)
    api.host.declare_dead(hosts[THERE])
    assert api.VM.get_power_state(vm) == "Halted"
    api.VM.start(vm, False, False)
    assert api.VM.get_resident_on(vm) != hosts[THERE]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_vm_that_is_lost_with_its_host_after_a_storage_migration_has_the_disks_that_it_uses_there(
    api, hosts, fragile, returns, refused, xapid_clock, when
):
    """What it writes there must not be lost with disks that nobody seems to need."""
    local = {
        name: next(
            sr for sr, record in api.SR.get_all_records().items()
            if record["content_type"] == "user" and [api.PBD.get_host(pbd) for pbd in record["PBDs"]] == [ref]
        ) for name, ref in hosts.items()
    }  # fmt: skip
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    disk = {"virtual_size": "1048576", "type": "user", "sharable": False, "read_only": False, "other_config": {}}
    old = api.VDI.create({**disk, "name_label": "d", "SR": local[HERE]})
    drive = {"VM": vm, "VDI": old, "userdevice": "0", "bootable": False, "mode": "RW", "type": "Disk", "empty": False}
    vbd = api.VBD.create({**drive, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}})
    api.VM.start_on(vm, hosts[HERE], False, False)
    xapid_clock.pass_time(60)
    network = api.PIF.get_network(next(pif for pif in api.host.get_PIFs(hosts[THERE]) if api.PIF.get_management(pif)))
    dest = api.host.migrate_receive(hosts[THERE], network, {})
    fragile[THERE].dies("receive", when)
    moving = (vm, dest, True, {old: local[THERE]}, {}, {})
    assert refused(api.VM.migrate_send, *moving) == ["CANNOT_CONTACT_HOST", hosts[THERE]]
    returns(THERE, anew=False)
    new = api.VBD.get_VDI(vbd)
    assert api.VDI.get_SR(new) == local[THERE]
    if when == "after":
        (domain,) = fragile[THERE].hypervisor.running()
        assert [each["vdi"] for each in domain.config["disks"]] == [api.VDI.get_uuid(new)]
    else:
        assert api.VM.get_power_state(vm) == "Halted"
        api.VM.start_on(vm, hosts[THERE], False, False)
