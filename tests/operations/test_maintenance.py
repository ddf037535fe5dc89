"""The plugin ``maintenance``: hosts emptied to where they should be, and evacuations undone."""

from __future__ import annotations

import json

import pytest
from twisted.internet import defer

from xapid.agent.values import AgentFailure


@pytest.fixture
def hosts(api):
    """The coordinator and the two others."""
    master = api.pool.get_master(api.pool.get_all()[0])
    return [master, *(ref for ref in api.host.get_all() if ref != master)]


@pytest.fixture
def runs(api, xapid_clock):
    """Starts VMs on a host and waits until their guests let them migrate."""

    def start(host, *names, wait=60):
        vms = []
        for name in names:
            vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], name)
            api.VM.provision(vm)
            api.VM.start_on(vm, host, False, False)
            vms.append(vm)
        xapid_clock.pass_time(wait)
        return vms

    return start


@pytest.fixture
def plugin(api):
    """Calls a function of the plugin, and reads what it answers."""

    def call(host, function, **args):
        return json.loads(api.host.call_plugin(host, "maintenance", function, args))

    return call


def places(api, vms):
    return [api.VM.get_resident_on(vm) for vm in vms]


def emptied(api, plugin, host, **args):
    api.host.disable(host)
    return plugin(host, "evacuate", **args)


def test_undoing_brings_vms_back_as_they_were(api, hosts, runs, plugin):
    _, home, other = hosts
    moved = runs(home, "a", "b")
    (stuck,) = runs(home, "c")
    api.VM.add_to_blocked_operations(stuck, "pool_migrate", "no")
    uuid = {vm: api.VM.get_uuid(vm) for vm in (*moved, stuck)}
    answer = emptied(api, plugin, home, target=api.host.get_uuid(other), unmovable="suspend")
    assert answer == {uuid[vm]: api.host.get_uuid(other) for vm in moved} | {uuid[stuck]: None}
    assert places(api, moved) == [other, other]
    assert api.VM.get_power_state(stuck) == "Suspended"
    listed = plugin(home, "list_undo")
    assert [(entry["vm"], entry["how"], entry["state"], entry["available"]) for entry in listed] == [
        (uuid[stuck], "suspended", "Running", True),
        *((uuid[vm], "moved", "Running", True) for vm in moved),
    ]
    api.host.enable(home)
    assert plugin(home, "undo_evacuate") == {"returned": [uuid[stuck], *(uuid[vm] for vm in moved)], "unavailable": []}
    assert places(api, [*moved, stuck]) == [home] * 3
    assert {api.VM.get_power_state(vm) for vm in (*moved, stuck)} == {"Running"}


def test_an_evacuation_by_message_can_be_undone_too_and_only_once(api, hosts, runs, plugin, refused):
    _, home, _ = hosts
    vms = runs(home, "a", "b")
    api.host.disable(home)
    api.host.evacuate(home)
    api.host.enable(home)
    plugin(home, "undo_evacuate")
    assert places(api, vms) == [home, home]
    assert refused(plugin, home, "undo_evacuate")[0] == "OPERATION_NOT_ALLOWED"
    assert plugin(home, "list_undo") == []


def test_what_was_touched_since_is_listed_as_unavailable_and_left_alone(api, hosts, runs, plugin, xapid_clock):
    master, home, other = hosts
    moved, there_and_back, stopped, gone, fine = vms = runs(home, "moved", "back", "stopped", "gone", "fine")
    emptied(api, plugin, home, target=api.host.get_uuid(other))
    uuid = {vm: api.VM.get_uuid(vm) for vm in vms}
    xapid_clock.pass_time(60)
    api.VM.pool_migrate(moved, master, {})
    api.VM.pool_migrate(there_and_back, master, {})
    api.VM.pool_migrate(there_and_back, other, {})
    api.VM.hard_shutdown(stopped)
    api.VM.hard_shutdown(gone)
    api.VM.destroy(gone)
    reasons = {entry["vm"]: entry.get("reason") for entry in plugin(home, "list_undo")}
    assert reasons == {
        uuid[moved]: "moved", uuid[there_and_back]: "changed", uuid[stopped]: "changed", uuid[gone]: "gone", uuid[fine]: None,
    }  # fmt: skip
    api.host.enable(home)
    answer = plugin(home, "undo_evacuate")
    assert answer["returned"] == [uuid[fine]]
    assert set(answer["unavailable"]) == {uuid[vm] for vm in (moved, there_and_back, stopped, gone)}
    assert places(api, [moved, there_and_back, fine]) == [master, other, home]
    assert api.VM.get_power_state(stopped) == "Halted"


def test_a_paused_vm_that_was_shut_down_starts_paused(api, hosts, runs, plugin):
    _, home, _ = hosts
    (vm,) = runs(home, "a")
    api.VM.pause(vm)
    emptied(api, plugin, home, unmovable="shutdown")
    assert api.VM.get_power_state(vm) == "Halted"
    api.host.enable(home)
    plugin(home, "undo_evacuate")
    assert (api.VM.get_power_state(vm), api.VM.get_resident_on(vm)) == ("Paused", home)


def test_a_vm_that_ran_again_since_it_was_shut_down_is_not_started(api, hosts, runs, plugin, xapid_clock):
    master, home, _ = hosts
    (vm,) = runs(home, "a", wait=0)  # its guest has not reported, so it cannot move
    emptied(api, plugin, home, unmovable="shutdown")
    xapid_clock.pass_time(5)
    api.VM.start_on(vm, master, False, False)
    api.VM.hard_shutdown(vm)
    api.host.enable(home)
    assert plugin(home, "undo_evacuate") == {"returned": [], "unavailable": [api.VM.get_uuid(vm)]}


def test_vms_are_spread_evenly(api, hosts, runs, plugin):
    master, home, other = hosts
    vms = runs(home, *(f"v{number}" for number in range(6)))
    emptied(api, plugin, home)
    found = places(api, vms)
    assert (found.count(master), found.count(other)) == (3, 3)


def test_only_a_disabled_host_is_evacuated_and_only_an_enabled_one_gets_its_vms_back(api, hosts, runs, plugin, refused):
    _, home, _ = hosts
    runs(home, "a")
    assert refused(plugin, home, "evacuate") == ["HOST_NOT_DISABLED"]
    emptied(api, plugin, home)
    assert refused(plugin, home, "undo_evacuate") == ["HOST_DISABLED", home]


def test_bad_arguments_change_nothing(api, hosts, runs, refused):
    _, home, _ = hosts
    (vm,) = runs(home, "a")
    api.host.disable(home)

    def call(**args):
        return refused(api.host.call_plugin, home, "maintenance", "evacuate", args)

    assert call(target="nosuch") == ["UUID_INVALID", "host", "nosuch"]
    assert call(network="nosuch") == ["UUID_INVALID", "network", "nosuch"]
    assert call(unmovable="explode") == ["INVALID_VALUE", "unmovable", "explode"]
    assert call(batch_size="-1") == ["INVALID_VALUE", "batch_size", "-1"]
    assert call(batch_size="1001") == ["INVALID_VALUE", "evacuate_batch_size", "1001"]
    assert call(target=api.host.get_uuid(home)) == ["NO_HOSTS_AVAILABLE", vm]
    assert refused(api.host.call_plugin, home, "maintenance", "nosuch", {}) == ["UNKNOWN_XENAPI_PLUGIN_FUNCTION", "nosuch"]
    assert refused(api.host.call_plugin, home, "maintenance", "_text", {}) == ["UNKNOWN_XENAPI_PLUGIN_FUNCTION", "_text"]
    assert api.VM.get_resident_on(vm) == home


def test_two_evacuations_at_a_time_are_one_too_many(api, hosts, runs, plugin, refused, xapid_clock):
    _, home, other = hosts
    runs(home, "a")
    api.host.disable(home)
    api.host.disable(other)
    task = api.Async.host.call_plugin(home, "maintenance", "evacuate", {})
    xapid_clock.pass_time(1)
    assert refused(plugin, other, "evacuate")[:4] == ["OTHER_OPERATION_IN_PROGRESS", "host", home, "evacuate"]
    xapid_clock.pass_time(60)
    assert api.task.get_status(task) == "success"
    assert plugin(other, "evacuate") == {}


def test_undoing_cannot_be_cancelled(api, hosts, runs, plugin, xapid_clock):
    _, home, _ = hosts
    vms = runs(home, "a", "b")
    emptied(api, plugin, home)
    xapid_clock.pass_time(60)
    api.host.enable(home)
    task = api.Async.host.call_plugin(home, "maintenance", "undo_evacuate", {})
    xapid_clock.pass_time(5)
    assert api.task.get_allowed_operations(task) == []
    api.task.cancel(task)
    xapid_clock.pass_time(120)
    assert api.task.get_status(task) == "success"
    assert places(api, vms) == [home, home]


def test_what_could_not_be_brought_back_can_be_tried_again(api, hosts, runs, plugin, refused, xapid_clock):
    _, home, _ = hosts
    first, second = runs(home, "a", "b")
    emptied(api, plugin, home)
    xapid_clock.pass_time(60)
    api.host.enable(home)
    api.VM.add_to_blocked_operations(first, "pool_migrate", "not now")
    assert refused(plugin, home, "undo_evacuate") == ["OPERATION_BLOCKED", first, "not now"]
    assert places(api, [second]) == [home]
    api.VM.remove_from_blocked_operations(first, "pool_migrate")
    assert plugin(home, "undo_evacuate") == {"returned": [api.VM.get_uuid(first)], "unavailable": []}
    assert places(api, [first]) == [home]


def test_after_a_failure_the_rest_is_evacuated_and_all_are_brought_back(api, hosts, runs, plugin, refused, xapid_server):
    _, home, _ = hosts
    vms = runs(home, "a", "b", "c")
    api.host.disable(home)
    agent = xapid_server.pool.services.agents.get(home).hypervisor
    migrate, calls = agent.migrate, []

    async def second_fails(vm, ticket, options):
        calls.append(vm)
        if len(calls) == 2:
            raise AgentFailure("failed", ("the wire broke",))
        return await migrate(vm, ticket, options)

    agent.migrate = second_fails
    assert "the wire broke" in refused(lambda: plugin(home, "evacuate", batch_size="1"))[1]
    assert places(api, vms).count(home) == 2
    plugin(home, "evacuate")
    assert home not in places(api, vms)
    agent.migrate = migrate
    api.host.enable(home)
    assert len(plugin(home, "undo_evacuate")["returned"]) == 3
    assert places(api, vms) == [home] * 3


def test_before_a_host_goes_down_its_vms_move_or_stop_and_some_look_after_themselves(api, hosts, runs, xapid_clock):
    _, home, _ = hosts
    mobile, stubborn, own = runs(home, "mobile", "stubborn", "own")
    api.VM.add_to_blocked_operations(stubborn, "pool_migrate", "no")
    api.VM.add_to_other_config(own, "auto_poweroff", "true")
    moved = []
    api.host.disable(home)
    task = api.Async.host.shutdown(home)
    for _ in range(120):
        xapid_clock.pass_time(1)
        moved.append(api.VM.get_current_operations(own))
        if api.task.get_status(task) == "success":
            break
    assert api.task.get_status(task) == "success"
    assert not any(moved)
    assert [api.VM.get_power_state(vm) for vm in (mobile, stubborn, own)] == ["Running", "Halted", "Halted"]
    assert api.VM.get_resident_on(mobile) not in (home, "OpaqueRef:NULL")


def test_a_guest_that_does_not_switch_off_is_switched_off_after_a_minute(api, hosts, runs, xapid_clock):
    _, home, _ = hosts
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "deaf")
    api.VM.provision(vm)
    api.VM.add_to_other_config(vm, "simulator.shutdown", "hangs")
    api.VM.start_on(vm, home, False, False)
    xapid_clock.pass_time(60)
    api.VM.add_to_blocked_operations(vm, "pool_migrate", "no")
    api.host.disable(home)
    begun = xapid_clock.seconds()
    api.host.shutdown(home)
    assert api.VM.get_power_state(vm) == "Halted"
    assert 60 <= xapid_clock.seconds() - begun < 90


@pytest.mark.parametrize("value", ["true", ""])
def test_a_vm_looks_after_itself_whatever_its_key_says(api, hosts, runs, xapid_clock, value):
    _, home, _ = hosts
    (own,) = runs(home, "own")
    api.VM.add_to_other_config(own, "auto_poweroff", value)
    api.host.disable(home)
    task = api.Async.host.shutdown(home)
    xapid_clock.pass_time(120)
    assert api.task.get_status(task) == "success"
    assert api.VM.get_power_state(own) == "Halted"


def test_a_vm_that_does_not_get_away_in_time_does_not_keep_its_host_up(api, hosts, runs, xapid_server, xapid_clock):
    _, home, _ = hosts
    (slow,) = runs(home, "slow")
    hypervisor = xapid_server.pool.services.agents.find(home).hypervisor

    async def never(vm, ticket, options):
        await defer.Deferred()

    hypervisor.migrate = never
    api.host.disable(home)
    task = api.Async.host.shutdown(home)
    xapid_clock.pass_time(200)
    assert (api.task.get_status(task), api.VM.get_power_state(slow)) == ("pending", "Running")
    xapid_clock.pass_time(200)
    assert (api.task.get_status(task), api.VM.get_power_state(slow)) == ("success", "Halted")
    assert not api.host_metrics.get_live(api.host.get_metrics(home))


# Roles -------------------------------------------------------------------------------------------------------------------


def test_a_storage_host_gets_no_vms_and_is_not_removed(api, hosts, runs, refused, change, xapid_server):
    _, home, other = hosts
    (vm,) = runs(home, "a")
    api.host.add_to_other_config(other, "role", "storage")
    said = ["OPERATION_NOT_ALLOWED", "The host has the role 'storage': VMs run on processing hosts"]
    assert refused(api.VM.assert_can_boot_here, vm, other) == said
    assert refused(api.VM.pool_migrate, vm, other, {}) == said
    assert other not in api.VM.get_possible_hosts(vm)
    reason = ["OPERATION_NOT_ALLOWED", "The host has the role 'storage': only processing hosts can be removed"]
    assert refused(api.pool.eject, other) == reason
    change(xapid_server.pool.db.get("host", other).metrics, live=False)
    assert refused(api.host.destroy, other) == reason
    api.host.remove_from_other_config(other, "role")
    api.host.destroy(other)


def test_a_processing_host_is_removed_when_nothing_runs_there(api, hosts, runs, refused):
    _, home, _ = hosts
    (vm,) = runs(home, "a")
    api.host.add_tags(home, "role:processing")
    assert refused(api.pool.eject, home) == ["OPERATION_NOT_ALLOWED", "VM resident on host"]
    api.VM.hard_shutdown(vm)
    api.pool.eject(home)
    assert home not in api.host.get_all()


def test_the_network_of_a_host_with_a_role_changes_in_maintenance_only(api, hosts, refused, xapid_clock):
    """And its agent is restarted then only. Hosts without a role are not that strict."""
    _, home, other = hosts
    pifs = {api.PIF.get_host(ref): ref for ref, pif in api.PIF.get_all_records().items() if pif["device"] == "eth1"}

    def address(host, number):
        return refused(api.PIF.reconfigure_ip, pifs[host], "Static", f"127.7.0.{number}", "255.0.0.0", "", "")

    assert address(other, 1) == []
    api.host.add_to_other_config(home, "role", "processing")
    assert address(home, 2) == refused(api.host.restart_agent, home) == ["HOST_NOT_DISABLED"]
    api.host.disable(home)
    assert address(home, 2) == refused(api.host.restart_agent, home) == []
    xapid_clock.pass_time(20)
    assert api.host.get_enabled(home)  # as after every start
    assert refused(api.host.management_reconfigure, pifs[home]) == ["HOST_NOT_DISABLED"]
    api.host.disable(home)
    api.host.management_reconfigure(pifs[home])


def test_words_that_are_no_role_mean_nothing(api, hosts, runs):
    _, home, other = hosts
    (vm,) = runs(home, "a")
    api.host.add_to_other_config(other, "role", "spare")
    api.VM.pool_migrate(vm, other, {})


# What graphical clients note ----------------------------------------------------------------------------------------------


def notes(api, host):
    start = "MAINTENANCE_MODE"
    return {key.removeprefix(start): value for key, value in api.host.get_other_config(host).items() if key.startswith(start)}


def test_graphical_clients_see_what_was_done_as_if_they_had_done_it(api, hosts, runs, plugin):
    _, home, _ = hosts
    moved, stuck = runs(home, "moved", "stuck")
    api.VM.add_to_blocked_operations(stuck, "pool_migrate", "no")
    emptied(api, plugin, home, unmovable="shutdown")
    assert notes(api, home) == {
        "": "true", "_EVACUATED_VMS_MIGRATED": api.VM.get_uuid(moved), "_EVACUATED_VMS_HALTED": api.VM.get_uuid(stuck),
    }  # fmt: skip
    api.host.enable(home)
    plugin(home, "undo_evacuate")
    assert notes(api, home) == {}


def test_what_graphical_clients_did_vm_by_vm_is_undone(api, hosts, runs, plugin, xapid_clock):
    """They note uuids alone, so a VM counts as untouched wherever it runs."""
    _, home, other = hosts
    moved, asleep, off = runs(home, "moved", "asleep", "off")
    api.host.disable(home)
    api.host.add_to_other_config(home, "MAINTENANCE_MODE", "true")
    api.VM.pool_migrate(moved, other, {})
    api.VM.suspend(asleep)
    api.VM.clean_shutdown(off)
    for word, vm in (("MIGRATED", moved), ("SUSPENDED", asleep), ("HALTED", off)):
        api.host.add_to_other_config(home, f"MAINTENANCE_MODE_EVACUATED_VMS_{word}", api.VM.get_uuid(vm))
    xapid_clock.pass_time(60)
    assert [entry["how"] for entry in plugin(home, "list_undo")] == ["moved", "suspended", "stopped"]
    api.host.enable(home)
    assert len(plugin(home, "undo_evacuate")["returned"]) == 3
    assert places(api, [moved, asleep, off]) == [home] * 3
    assert notes(api, home) == {}
