"""Which host is chosen."""

from __future__ import annotations

from collections import Counter

import pytest

from xapid.datamodel.types import frozenmap
from xapid.placement.choice import assert_agile, choose_host, possible_hosts, reserve

GIB = 1 << 30


def chosen(pool, random, vm, **options):
    return Counter(choose_host(pool.db, random, pool.row(vm), **options).ref for _ in range(40))


def test_equal_hosts_are_chosen_by_chance(pool, random):
    assert set(chosen(pool, random, pool.vm())) == set(pool.hosts)


def test_the_host_of_its_affinity_comes_first_if_it_can(pool, random):
    vm = pool.vm(affinity=pool.hosts[1])
    assert set(chosen(pool, random, vm)) == {pool.hosts[1]}
    pool.update(pool.hosts[1], enabled=False)
    assert set(chosen(pool, random, vm)) == {pool.hosts[0]}


def test_a_host_with_room_for_all_to_grow_comes_before_a_tight_one(pool, random):
    pool.vm(resident_on=pool.hosts[0], memory_static_max=8 * GIB)
    assert set(chosen(pool, random, pool.vm())) == {pool.hosts[1]}


def test_members_of_an_anti_affinity_group_keep_apart(pool, random):
    """Even from the host of their affinity."""
    group = pool.make("VM_group", placement="anti_affinity")
    pool.vm(resident_on=pool.hosts[0], groups=(group,))
    vm = pool.vm(groups=(group,), affinity=pool.hosts[0])
    assert set(chosen(pool, random, vm)) == {pool.hosts[1]}


def test_the_coordinator_is_spared_when_the_pool_wants_that(pool, random):
    pool.update(pool.pool, coordinator_bias=True)
    assert set(chosen(pool, random, pool.vm())) == {pool.hosts[1]}


def test_a_host_that_is_being_emptied_takes_nothing(pool, random):
    pool.update(pool.hosts[0], current_operations=frozenmap({"OpaqueRef:task": "evacuate"}))
    assert set(chosen(pool, random, pool.vm())) == {pool.hosts[1]}


def test_without_any_host_there_is_none_available(pool, random, refused):
    vm = pool.vm()
    pool.disk(vm, pool.sr())
    assert refused("NO_HOSTS_AVAILABLE", choose_host, pool.db, random, pool.row(vm)) == ()


def test_a_vm_that_is_too_big_is_told_about_memory(pool, random, refused):
    """The second choice does not look at memory; keeping it for the VM then fails."""
    vm = pool.vm(memory_dynamic_min=9 * GIB, memory_dynamic_max=9 * GIB, memory_static_max=9 * GIB)
    host = choose_host(pool.db, random, vm)
    assert refused("HOST_NOT_ENOUGH_FREE_MEMORY", reserve, pool.db, vm, host.ref)[1] == str(8 * GIB)


def test_memory_kept_for_one_vm_is_not_there_for_the_next(pool, refused):
    host = pool.hosts[0]
    size = {"memory_dynamic_min": 5 * GIB, "memory_dynamic_max": 5 * GIB, "memory_static_max": 5 * GIB}
    first, second = pool.vm(**size), pool.vm(**size)
    reserve(pool.db, first, host)
    reserve(pool.db, pool.row(first), host)
    assert pool.row(first).scheduled_to_be_resident_on == host
    refused("HOST_NOT_ENOUGH_FREE_MEMORY", reserve, pool.db, second, host)


def test_possible_hosts_are_those_that_can_or_the_one_that_will(pool):
    vm = pool.vm()
    pool.update(pool.hosts[0], enabled=False)
    assert possible_hosts(pool.db, vm) == (pool.hosts[1],)
    pool.update(vm.ref, scheduled_to_be_resident_on=pool.hosts[0])
    assert possible_hosts(pool.db, pool.row(vm)) == (pool.hosts[0],)


def test_a_vm_is_agile_when_disks_and_networks_are_everywhere(pool, refused):
    vm = pool.vm()
    pool.disk(vm, pool.sr(*pool.hosts, shared=True))
    assert_agile(pool.db, pool.row(vm))
    network = pool.make("network", managed=True)
    pool.make("PIF", host=pool.hosts[0], network=network)
    pool.make("VIF", VM=vm.ref, network=network)
    assert refused("HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", assert_agile, pool.db, pool.row(vm)) == (network,)
    local = pool.sr(pool.hosts[0])
    pool.disk(vm, local)
    assert refused("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", assert_agile, pool.db, pool.row(vm)) == (local,)


@pytest.mark.parametrize(("algorithm", "place"), [("breadth_first", 1), ("depth_first", 0)])
def test_virtual_gpus_fill_hosts_one_by_one_or_are_spread_over_them(pool, random, algorithm, place):
    """By the rule of their group, whatever the VM has an affinity to."""
    group, kind = pool.make("GPU_group", allocation_algorithm=algorithm), pool.make("VGPU_type")
    cards = [
        pool.make(
            "PGPU", host=host, GPU_group=group, supported_VGPU_types=(kind,), enabled_VGPU_types=(kind,),
            supported_VGPU_max_capacities=frozenmap({kind: 4}),
        )
        for host in pool.hosts
    ]  # fmt: skip
    pool.make("VGPU", VM=pool.vm().ref, GPU_group=group, type=kind, resident_on=cards[0])
    vm = pool.vm(affinity=pool.hosts[1 - place])
    pool.make("VGPU", VM=vm.ref, GPU_group=group, type=kind)
    assert set(chosen(pool, random, pool.row(vm))) == {pool.hosts[place]}


def test_vms_that_need_virtual_functions_go_where_most_are_left(pool, random):
    network = pool.make("network")
    for host, number in zip(pool.hosts, (2, 3), strict=True):
        card = pool.make("PCI", host=host)
        for _ in range(number):
            pool.make("PCI", host=host, physical_function=card)
        physical, logical = pool.make("PIF", host=host, PCI=card), pool.make("PIF", host=host, network=network)
        pool.make("network_sriov", physical_PIF=physical, logical_PIF=logical)
    vm = pool.vm()
    pool.make("VIF", VM=vm.ref, network=network)
    assert set(chosen(pool, random, pool.row(vm))) == {pool.hosts[1]}


def test_while_hosts_are_upgraded_vms_start_on_the_newest(pool, random, refused):
    new, old = frozenmap({"platform_version": "3.10.0"}), frozenmap({"platform_version": "3.9.1"})
    pool.update(pool.hosts[0], software_version=old)
    pool.update(pool.hosts[1], software_version=new)
    vm = pool.vm()
    assert set(chosen(pool, random, vm)) == set(pool.hosts)
    pool.update(pool.pool, other_config=frozenmap({"rolling_upgrade_in_progress": "true"}))
    assert set(chosen(pool, random, vm)) == {pool.hosts[1]} == set(possible_hosts(pool.db, vm))
    pool.update(pool.hosts[1], enabled=False)
    refused("NO_HOSTS_AVAILABLE", choose_host, pool.db, random, vm)
