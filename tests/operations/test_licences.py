"""What is refused where licences of hosts restrict it."""

from __future__ import annotations

import pytest


@pytest.fixture
def pool(api):
    return api.pool.get_all()[0]


@pytest.fixture
def hosts(api, pool):
    """The coordinator and the two others."""
    master = api.pool.get_master(pool)
    return [master, *(ref for ref in api.host.get_all() if ref != master)]


def test_a_balancer_is_not_asked_without_a_licence(api, pool, hosts, change, refused):
    change(pool, restrictions={"restrict_wlb": "true"}, wlb_url="127.0.0.1:1", wlb_enabled=True)
    restricted = ["LICENCE_RESTRICTION", "WLB"]
    assert refused(api.pool.initialize_wlb, "127.0.0.1:1", "u", "p", "x", "y") == restricted
    assert refused(api.pool.send_wlb_configuration, {}) == restricted
    assert refused(api.pool.retrieve_wlb_configuration) == restricted
    assert refused(api.pool.retrieve_wlb_recommendations) == restricted
    assert refused(api.host.retrieve_wlb_evacuate_recommendations, hosts[1]) == restricted
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    api.VM.start(vm, False, False)
    assert not [m for m in api.message.get_all_records().values() if m["name"] == "WLB_CONSULTATION_FAILED"]
    api.pool.deconfigure_wlb()


def test_storage_does_not_move_to_a_pool_without_a_licence(api, pool, hosts, change, refused):
    pif = api.host.get_management_interface(hosts[1])
    change(pool, restrictions={"restrict_storage_xen_motion": "true"})
    assert refused(api.host.migrate_receive, hosts[1], api.PIF.get_network(pif), {}) == [
        "LICENCE_RESTRICTION",
        "Storage_motion",
    ]
    change(pool, restrictions={"restrict_storage_xen_motion": "false"})
    assert api.host.migrate_receive(hosts[1], api.PIF.get_network(pif), {})["host"] == hosts[1]


@pytest.mark.parametrize("restricted", ["true", "false"])
def test_groups_of_vms_are_kept_apart_where_licences_allow_it(api, pool, hosts, change, xapid_clock, restricted):
    _, home, other = hosts

    def started(name, host, memory):
        vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], name)
        api.VM.provision(vm)
        api.VM.set_memory(vm, str(memory))
        api.VM.start_on(vm, host, False, False)
        return vm

    started("filler", other, 20 << 30)
    group = api.VM_group.create({"name_label": "apart", "name_description": "", "placement": "anti_affinity"})
    vms = [started(name, home, 1 << 30) for name in ("a", "b")]
    for vm in vms:
        api.VM.set_groups(vm, [group])
    xapid_clock.pass_time(60)
    change(pool, restrictions={"restrict_vm_groups": restricted})
    api.host.evacuate(home)
    places = {api.VM.get_resident_on(vm) for vm in vms}
    assert places == ({hosts[0]} if restricted == "true" else {hosts[0], other})
