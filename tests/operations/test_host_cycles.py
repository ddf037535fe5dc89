"""Hosts and agents that go down, are gone, and come back."""

from __future__ import annotations

import datetime
import xmlrpc.client

import pytest

from xapid.datamodel.errors import XenAPIError


@pytest.fixture
def hosts(api):
    """The coordinator and the two others."""
    master = api.pool.get_master(api.pool.get_all()[0])
    return [master, *(ref for ref in api.host.get_all() if ref != master)]


@pytest.fixture
def live(api):
    return lambda host: api.host_metrics.get_live(api.host.get_metrics(host))


@pytest.fixture
def pool_session(xapid_server):
    """Calls as another host of the pool makes them."""
    session = xapid_server.client()
    session._session = session.session.slave_login("OpaqueRef:NULL", xapid_server.pool.services.pool.secret)["Value"]
    return session.xenapi


@pytest.fixture
def local(api, xapid_server):
    """Calls to a member itself, as its own root."""

    def login(host):
        session = xapid_server.client(f"https://{api.host.get_address(host)}")
        login = session.session.slave_local_login_with_password("root", xapid_server.config.root_password)
        session._session = login["Value"]
        return session.xenapi

    return login


def running_vm(api, host):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    api.VM.start_on(vm, host, False, False)
    return vm


def test_a_host_that_was_made_ready_to_lose_its_power_must_start_anew(api, hosts, pool_session, refused, xapid_clock):
    _, member, _ = hosts
    api.host.disable(member)
    pool_session.host.prepare_for_poweroff(member)
    assert refused(api.host.enable, member) == ["HOST_DISABLED_UNTIL_REBOOT", member]
    api.host.restart_agent(member)
    xapid_clock.pass_time(30)
    assert (api.host.get_enabled(member), refused(api.host.enable, member)) == (False, ["HOST_DISABLED_UNTIL_REBOOT", member])
    api.host.reboot(member)
    xapid_clock.pass_time(120)
    assert api.host.get_enabled(member)


def test_a_host_is_not_enabled_while_it_starts(api, hosts, live, refused, xapid_clock):
    _, member, _ = hosts
    api.host.disable(member)
    api.host.reboot(member)
    assert refused(api.host.enable, member) == ["HOST_OFFLINE", member]
    while not live(member):
        xapid_clock.pass_time(0.5)
    assert refused(api.host.enable, member) == ["HOST_STILL_BOOTING"]
    xapid_clock.pass_time(30)
    assert api.host.get_enabled(member)
    api.host.enable(member)


@pytest.mark.xapid(duration_profile="instant")
@pytest.mark.parametrize("way", ["reboot", "restart_agent"])
def test_whoever_waits_for_a_host_to_change_sees_it_come_back_after_the_call(api, hosts, live, xapid_clock, way):
    """Xen Orchestra begins to wait when the call has ended; profiles without durations are no exception."""
    _, member, _ = hosts
    xapid_clock.pass_time(10)
    api.host.disable(member)
    began = api.host.get_other_config(member)["agent_start_time"]
    getattr(api.host, way)(member)
    assert (live(member), api.host.get_enabled(member)) == (False, False)
    xapid_clock.pass_time(1)
    assert (live(member), api.host.get_enabled(member)) == (True, True)
    assert float(api.host.get_other_config(member)["agent_start_time"]) > float(began)


def test_storage_that_does_not_come_back_with_its_host_is_an_alert(api, hosts, xapid_server, xapid_clock, refused):
    _, member, _ = hosts
    api.host.disable(member)
    api.host.shutdown(member)
    (pbd, *_) = [ref for ref in api.host.get_PBDs(member) if not api.SR.get_shared(api.PBD.get_SR(ref))]
    storage = xapid_server.pool.services.agents.find(member).storage
    attach, sr = storage.sr_attach, api.SR.get_uuid(api.PBD.get_SR(pbd))

    async def broken(config):
        if config["sr"] == sr:
            raise XenAPIError.relayed("SR_BACKEND_FAILURE_47", "", "The SR is not available", "")
        return await attach(config)

    storage.sr_attach = broken
    api.host.set_power_on_mode(member, "wake-on-lan", {})
    api.host.power_on(member)
    assert not api.PBD.get_currently_attached(pbd)
    assert api.host.get_enabled(member)
    (alert,) = [m for m in api.message.get_all_records().values() if m["name"] == "PBD_PLUG_FAILED_ON_SERVER_START"]
    assert (alert["cls"], alert["obj_uuid"]) == ("Host", api.host.get_uuid(member))


def test_an_agent_that_is_shut_down_leaves_its_vms_running_and_comes_back_with_the_power(api, hosts, live, local, xapid_clock):
    _, member, _ = hosts
    vm = running_vm(api, member)
    api.host.set_power_on_mode(member, "wake-on-lan", {})
    local(member).host.shutdown_agent()
    assert (live(member), api.host.get_enabled(member)) == (False, False)
    xapid_clock.pass_time(120)
    assert not live(member)
    assert "power_on" in api.host.get_allowed_operations(member)
    assert api.VM.get_power_state(vm) == "Running"
    api.host.power_on(member)
    assert (live(member), api.host.get_enabled(member)) == (True, True)
    api.VM.pause(vm)


def test_vms_run_on_while_the_agent_restarts(api, hosts, live, xapid_clock):
    _, member, _ = hosts
    vm = running_vm(api, member)
    before = api.host.get_other_config(member)
    xapid_clock.pass_time(60)
    api.host.restart_agent(member)
    assert (live(member), api.host.get_enabled(member)) == (False, False)
    xapid_clock.pass_time(20)
    assert (live(member), api.host.get_enabled(member)) == (True, True)
    after = api.host.get_other_config(member)
    assert after["boot_time"] == before["boot_time"]
    assert float(after["agent_start_time"]) >= float(before["agent_start_time"]) + 60
    assert api.VM.get_power_state(vm) == "Running"


def test_a_host_says_by_itself_that_it_is_there_or_leaves(api, hosts, pool_session, live, refused):
    _, member, _ = hosts
    assert pool_session.host.tickle_heartbeat(member, {"time": "0", "shutting-down": "true"}) == {}
    assert not live(member)
    assert refused(pool_session.host.tickle_heartbeat, member, {"time": "soon"}) == ["INVALID_VALUE", "time", "soon"]


def test_a_clock_that_is_six_minutes_off_is_one_alert(api, hosts, xapid_clock):
    _, member, _ = hosts
    api.host.set_ntp_mode(member, "Disabled")
    now = datetime.datetime.strptime(str(api.host.get_servertime(member)), "%Y%m%dT%H:%M:%SZ")
    api.host.set_servertime(member, xmlrpc.client.DateTime((now + datetime.timedelta(minutes=6)).strftime("%Y%m%dT%H:%M:%SZ")))
    xapid_clock.pass_time(600)
    alerts = [m for m in api.message.get_all_records().values() if m["name"] == "HOST_CLOCK_SKEW_DETECTED"]
    assert [alert["obj_uuid"] for alert in alerts] == [api.host.get_uuid(member)]


def test_a_vm_of_a_host_that_was_declared_dead_starts_elsewhere(
    api, hosts, live, refused, pool_session, xapid_server, xapid_clock
):
    """A host that burns down falls silent; nothing is done about its VMs before somebody says that it is gone."""
    _, member, _ = hosts
    vm = running_vm(api, member)
    assert refused(api.host.declare_dead, member) == ["HOST_IS_LIVE", member]
    pool = xapid_server.pool
    pool.surroundings.switched_off.add(api.host.get_uuid(member))
    xapid_clock.pass_time(600)
    assert live(member)
    xapid_clock.pass_time(60)
    assert not live(member)
    assert (api.VM.get_power_state(vm), api.VM.get_resident_on(vm)) == ("Running", member)
    assert refused(api.VM.pause, vm) == ["HOST_OFFLINE", member]
    assert refused(api.host.destroy, member) == ["HOST_HAS_RESIDENT_VMS", member]
    api.host.declare_dead(member)
    assert api.VM.get_power_state(vm) == "Halted"
    api.VM.start(vm, False, False)
    assert api.VM.get_resident_on(vm) != member
    api.host.destroy(member)
    assert member not in api.host.get_all()


def test_what_goes_on_at_a_host_is_cancelled_when_it_is_lost(api, hosts, xapid_server, live):
    _, member, _ = hosts
    services = xapid_server.pool.services
    entry = services.api.messages["VM.start"]
    (here, there) = (services.tasks.for_async(entry, services.sessions.local_superuser, host) for host in (hosts[0], member))
    services.presence.leaves(xapid_server.pool.db.get("host", member))
    assert (here.cancelled, there.cancelled) == (False, True)
    for task in (here, there):
        task.fail(("TASK_CANCELLED", task.ref))


def shared_pbd(api, host):
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    found = [pbd for pbd in api.SR.get_PBDs(sr) if api.PBD.get_host(pbd) == host]
    return found[0] if found else None


def vlan_of(api, host):
    found = [pif for pif in api.host.get_PIFs(host) if api.PIF.get_VLAN(pif) == "10"]
    return api.PIF.get_VLAN_master_of(found[0]) if found else None


@pytest.mark.parametrize("wanted", [True, False])
def test_a_host_that_starts_gets_the_networks_and_storage_that_it_lacks(api, hosts, xapid_clock, wanted):
    _, member, _ = hosts
    if not wanted:
        for key in ("sync_vlans", "sync_create_pbds"):
            api.pool.add_to_other_config(api.pool.get_all()[0], key, "nosync")
    lost = shared_pbd(api, member)
    config = api.PBD.get_device_config(lost)
    api.PBD.unplug(lost)
    api.PBD.destroy(lost)
    api.VLAN.destroy(vlan_of(api, member))
    api.host.disable(member)
    api.host.reboot(member)
    xapid_clock.pass_time(300)
    assert api.host.get_enabled(member)
    found = shared_pbd(api, member)
    assert (found is not None, vlan_of(api, member) is not None) == (wanted, wanted)
    if wanted:
        assert (api.PBD.get_device_config(found), api.PBD.get_currently_attached(found)) == (config, True)
