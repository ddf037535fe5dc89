"""Why a VM cannot run on a host, in the order in which clients are told."""

from __future__ import annotations

import pytest

from xapid.datamodel.types import frozenmap
from xapid.placement.checks import Question, assert_can_boot_here, can_boot_here

GIB = 1 << 30


def ask(pool, vm, host=None, **options):
    ref = pool.hosts[0] if host is None else host
    return Question(db=pool.db, vm=pool.row(vm), host=pool.db.get("host", ref), **options)


def test_a_sane_vm_runs_on_a_live_enabled_host(pool):
    assert can_boot_here(ask(pool, pool.vm()))


@pytest.mark.parametrize(
    ("fields", "code", "params"),
    [
        ({"VCPUs_max": 0}, "INVALID_VALUE", ("VCPUs_max", "0")),
        ({"VCPUs_at_startup": 0}, "INVALID_VALUE", ("VCPUs-at-startup", "0")),
        ({"VCPUs_at_startup": 2}, "VALUE_NOT_SUPPORTED", ("VCPUs-at-startup", "2")),
        ({"memory_dynamic_min": 2 * GIB}, "MEMORY_CONSTRAINT_VIOLATION", ()),
        ({"HVM_shadow_multiplier": 0.5}, "INVALID_VALUE", ("HVM_shadow_multiplier", "0.5")),
        ({"actions_after_crash": "rename_restart"}, "VALUE_NOT_SUPPORTED", ("VM.actions_after_crash", "rename_restart")),
        ({"VCPUs_max": 5}, "HOST_NOT_ENOUGH_PCPUS", ("5", "4")),
        ({"memory_dynamic_min": 9 * GIB, "memory_dynamic_max": 9 * GIB, "memory_static_max": 9 * GIB},
         "HOST_NOT_ENOUGH_FREE_MEMORY", (str(9 * GIB + 76 * (1 << 20)), str(8 * GIB))),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_vm_is_said(pool, refused, fields, code, params):
    assert refused(code, assert_can_boot_here, ask(pool, pool.vm(**fields)))[: len(params)] == params


def test_more_virtual_cpus_than_there_are_can_be_allowed(pool):
    assert can_boot_here(ask(pool, pool.vm(VCPUs_max=5, platform=frozenmap({"vcpu-unrestricted": "true"}))))


def test_a_host_that_is_not_live_refuses_before_one_that_is_disabled(pool, refused):
    vm, host = pool.vm(), pool.hosts[0]
    pool.update(host, enabled=False)
    assert refused("HOST_DISABLED", assert_can_boot_here, ask(pool, vm)) == (host,)
    pool.update(pool.db.get("host", host).metrics, live=False)
    assert refused("HOST_NOT_LIVE", assert_can_boot_here, ask(pool, vm)) == ()


def test_a_vm_may_need_newer_virtual_hardware(pool, refused):
    vm = pool.vm(hardware_platform_version=3)
    params = refused("VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", assert_can_boot_here, ask(pool, vm))
    assert params == (pool.hosts[0], "[0; 1; 2]", vm.ref, "3")


def test_a_disk_needs_its_sr_plugged_on_the_host(pool, refused):
    """An empty drive needs nothing."""
    vm, sr = pool.vm(), pool.sr(pool.hosts[1])
    pool.make("VBD", VM=vm.ref, empty=True)
    assert can_boot_here(ask(pool, vm))
    pool.disk(vm, sr)
    assert refused("VM_REQUIRES_SR", assert_can_boot_here, ask(pool, vm)) == (vm.ref, sr)
    assert can_boot_here(ask(pool, vm, pool.hosts[1]))


def test_the_memory_of_a_suspended_vm_needs_its_sr_too(pool):
    image = pool.make("VDI", SR=pool.sr(pool.hosts[1]))
    vm = pool.vm(power_state="Suspended", suspend_VDI=image)
    assert [can_boot_here(ask(pool, vm, host)) for host in pool.hosts] == [False, True]


def test_a_network_with_interfaces_is_where_they_are(pool, refused):
    vm, network = pool.vm(), pool.make("network", managed=True)
    pool.make("PIF", host=pool.hosts[1], network=network)
    pool.make("VIF", VM=vm.ref, network=network)
    assert refused("VM_REQUIRES_NETWORK", assert_can_boot_here, ask(pool, vm)) == (vm.ref, network)
    assert can_boot_here(ask(pool, vm, pool.hosts[1]))


def test_a_network_inside_hosts_is_where_its_running_vms_are(pool):
    """Anywhere while none runs, or when it counts as shared."""
    network = pool.make("network", managed=True)
    vm = pool.vm()
    pool.make("VIF", VM=vm.ref, network=network)
    assert [can_boot_here(ask(pool, vm, host)) for host in pool.hosts] == [True, True]
    other = pool.vm(power_state="Running", resident_on=pool.hosts[1])
    pool.make("VIF", VM=other.ref, network=network, currently_attached=True)
    assert [can_boot_here(ask(pool, vm, host)) for host in pool.hosts] == [False, True]
    pool.update(network, other_config=frozenmap({"assume_network_is_shared": "true"}))
    assert [can_boot_here(ask(pool, vm, host)) for host in pool.hosts] == [True, True]


def test_only_paravirtual_vms_run_without_hardware_support(pool, refused):
    pool.update(pool.hosts[0], capabilities=("xen-3.0-x86_64",))
    vm = pool.vm()
    assert refused("VM_HVM_REQUIRED", assert_can_boot_here, ask(pool, vm)) == (vm.ref,)
    assert can_boot_here(ask(pool, pool.vm(domain_type="pv")))


@pytest.mark.parametrize(
    ("features", "vendor", "fits"), [("07", "GenuineIntel", True), ("1f", "GenuineIntel", False), ("07", "AMD", False)]
)
def test_a_vm_goes_on_only_where_its_processor_is(pool, features, vendor, fits):
    """A halted one takes what there is, and force waives the check."""
    flags = frozenmap({"features": features, "vendor": vendor})
    vm = pool.vm(power_state="Suspended", last_boot_CPU_flags=flags)
    assert can_boot_here(ask(pool, vm)) is fits
    assert can_boot_here(ask(pool, vm, cpu_features=False))
    assert can_boot_here(ask(pool, pool.vm(last_boot_CPU_flags=flags)))


def test_memory_can_be_left_out_of_the_question(pool):
    big = {"memory_dynamic_min": 9 * GIB, "memory_dynamic_max": 9 * GIB, "memory_static_max": 9 * GIB}
    vm = pool.vm(**big)
    assert not can_boot_here(ask(pool, vm))
    assert can_boot_here(ask(pool, vm, memory=False))
