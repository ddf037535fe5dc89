"""What hooks are told when, and what it stops when one objects."""

from __future__ import annotations

import pytest

from xapid.datamodel.errors import XenAPIError
from xapid.operations.hooks import POOL_EJECT, POST_DECLARE_DEAD, PRE_DECLARE_DEAD, PRE_SHUTDOWN


class Noting:
    """The plugins of a host. Hooks in ``objecting`` do."""

    def __init__(self, inner, seen, objecting, sessions):
        self._inner, self._seen, self._objecting, self._sessions = inner, seen, objecting, sessions

    def __getattr__(self, name):
        return getattr(self._inner, name)

    async def has_hook(self, name):
        return True

    async def run_hook(self, name, args, errand):
        assert self._sessions.get(errand["session"]).is_local_superuser
        self._seen.append((name, args["hostuuid"], args["reason"]))
        if name in self._objecting:
            raise XenAPIError("XAPI_HOOK_FAILED", f"{name}/10guard", args["reason"], "no\n", "2")


@pytest.fixture
def hosts(api):
    """The coordinator and the two others."""
    master = api.pool.get_master(api.pool.get_all()[0])
    return [master, *(ref for ref in api.host.get_all() if ref != master)]


@pytest.fixture
def objecting():
    return set()


@pytest.fixture
def seen(api, hosts, xapid_server, objecting):
    """What the hooks of each host were told, by host."""
    services = xapid_server.pool.services
    seen = {}
    for host in hosts:
        agent, seen[host] = services.agents.find(host), []
        agent.plugins = Noting(agent.plugins, seen[host], objecting, services.sessions)
    return seen


@pytest.fixture
def dead(api, hosts, xapid_server):
    """A host that is not live."""
    member = hosts[1]
    xapid_server.pool.services.presence.silent(xapid_server.pool.db.get("host", member))
    return member


def objection(hook, reason):
    return ["XAPI_HOOK_FAILED", f"{hook}/10guard", reason, "no\n", "2"]


def both(uuid, reason):
    return [(PRE_DECLARE_DEAD, uuid, reason), (POST_DECLARE_DEAD, uuid, reason)]


def test_the_coordinator_is_told_of_a_host_that_is_declared_dead(api, hosts, seen, dead):
    api.host.declare_dead(dead)
    assert seen == {hosts[0]: both(api.host.get_uuid(dead), "user"), hosts[1]: [], hosts[2]: []}


def test_the_coordinator_is_told_of_a_host_that_is_forgotten(api, hosts, seen, dead):
    uuid = api.host.get_uuid(dead)
    api.host.destroy(dead)
    assert seen[hosts[0]] == both(uuid, "dbdestroy")


@pytest.mark.parametrize("hook", [PRE_DECLARE_DEAD, POST_DECLARE_DEAD])
def test_a_host_stays_on_record_when_a_hook_objects(api, seen, dead, objecting, refused, hook):
    objecting.add(hook)
    assert refused(api.host.destroy, dead) == objection(hook, "dbdestroy")
    assert dead in api.host.get_all()


def test_a_host_whose_death_a_hook_objects_to_keeps_its_vms(api, seen, hosts, xapid_server, objecting, refused):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    api.VM.start_on(vm, hosts[1], False, False)
    xapid_server.pool.services.presence.silent(xapid_server.pool.db.get("host", hosts[1]))
    objecting.add(PRE_DECLARE_DEAD)
    assert refused(api.host.declare_dead, hosts[1]) == objection(PRE_DECLARE_DEAD, "user")
    assert (api.VM.get_power_state(vm), api.host.get_enabled(hosts[1])) == ("Running", True)


def test_what_is_refused_anyway_no_hook_hears_of(api, hosts, seen, refused):
    refused(api.host.declare_dead, hosts[1])
    refused(api.host.destroy, hosts[1])
    refused(api.host.shutdown, hosts[1])
    refused(api.pool.eject, hosts[0])
    assert not any(seen.values())


@pytest.mark.parametrize("call", ["shutdown", "reboot"])
def test_the_coordinator_is_told_of_a_host_that_goes_down(api, hosts, seen, call, xapid_clock):
    api.host.disable(hosts[1])
    getattr(api.host, call)(hosts[1])
    assert seen == {hosts[0]: both(api.host.get_uuid(hosts[1]), "clean-shutdown"), hosts[1]: [], hosts[2]: []}
    xapid_clock.pass_time(120)
    assert api.host.get_enabled(hosts[1]) == (call == "reboot")


@pytest.mark.parametrize("call", ["shutdown", "reboot"])
def test_a_host_does_not_go_down_when_a_hook_objects(api, hosts, seen, objecting, refused, call):
    objecting.add(PRE_DECLARE_DEAD)
    attached = [api.PBD.get_currently_attached(pbd) for pbd in api.host.get_PBDs(hosts[1])]
    api.host.disable(hosts[1])
    assert refused(getattr(api.host, call), hosts[1]) == objection(PRE_DECLARE_DEAD, "clean-shutdown")
    assert api.host_metrics.get_live(api.host.get_metrics(hosts[1]))
    assert [api.PBD.get_currently_attached(pbd) for pbd in api.host.get_PBDs(hosts[1])] == attached
    api.host.enable(hosts[1])


def test_a_host_that_is_down_already_comes_back_whatever_hooks_say(api, hosts, seen, objecting, refused, xapid_clock):
    objecting.add(POST_DECLARE_DEAD)
    api.host.disable(hosts[1])
    assert refused(api.host.reboot, hosts[1]) == objection(POST_DECLARE_DEAD, "clean-shutdown")
    assert not api.host_metrics.get_live(api.host.get_metrics(hosts[1]))
    xapid_clock.pass_time(120)
    assert api.host.get_enabled(hosts[1])


def test_the_coordinator_is_told_once_of_a_host_that_says_farewell(api, hosts, seen, xapid_server):
    session = xapid_server.client()
    session._session = session.session.slave_login("OpaqueRef:NULL", xapid_server.pool.services.pool.secret)["Value"]
    for _ in range(2):
        session.xenapi.host.tickle_heartbeat(hosts[1], {"time": "0", "shutting-down": "true"})
    assert seen[hosts[0]] == both(api.host.get_uuid(hosts[1]), "clean-shutdown")


def test_a_host_is_told_that_it_leaves_the_pool_and_can_object(api, hosts, seen, objecting, refused):
    uuid = api.host.get_uuid(hosts[1])
    objecting.add(POOL_EJECT)
    attached = [api.PBD.get_currently_attached(pbd) for pbd in api.host.get_PBDs(hosts[1])]
    assert refused(api.pool.eject, hosts[1]) == objection(POOL_EJECT, "none")
    assert [api.PBD.get_currently_attached(pbd) for pbd in api.host.get_PBDs(hosts[1])] == attached
    objecting.clear()
    api.pool.eject(hosts[1])
    assert seen == {hosts[0]: [], hosts[1]: [(POOL_EJECT, uuid, "none")] * 2, hosts[2]: []}


def test_a_host_is_told_that_its_agent_ends_and_can_object(api, hosts, seen, objecting, refused, xapid_server):
    session = xapid_server.client(f"https://{api.host.get_address(hosts[1])}")
    login = session.session.slave_local_login_with_password("root", xapid_server.config.root_password)
    session._session = login["Value"]
    objecting.add(PRE_SHUTDOWN)
    assert refused(session.xenapi.host.shutdown_agent) == objection(PRE_SHUTDOWN, "none")
    assert api.host_metrics.get_live(api.host.get_metrics(hosts[1]))
    objecting.clear()
    session.xenapi.host.shutdown_agent()
    assert seen == {hosts[0]: [], hosts[1]: [(PRE_SHUTDOWN, api.host.get_uuid(hosts[1]), "none")] * 2, hosts[2]: []}
