"""Pools of hosts with different processors: the level that they share, and VMs that keep the one they were booted with."""

from __future__ import annotations

import pytest

from xapid.inventory.processors import cpu_info, words

MIXED = pytest.mark.xapid(processors=("skylake", "haswell", "skylake"))


@pytest.fixture
def hosts(api):
    """The coordinator and the others, in the order of their names."""
    records = api.host.get_all_records()
    return sorted(records, key=lambda ref: records[ref]["name_label"])


@pytest.fixture
def level(api):
    return lambda: api.pool.get_cpu_info(api.pool.get_all()[0])


@pytest.fixture
def start(api, xapid_clock):
    def run(host, **fields):
        vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
        api.VM.provision(vm)
        for name, value in fields.items():
            getattr(api.VM, f"set_{name}")(vm, value)
        api.VM.start_on(vm, host, False, False)
        xapid_clock.pass_time(60)
        return vm

    return run


@pytest.fixture
def refit(api, xapid_server, xapid_clock):
    """Switches a host off, gives it other processors, and has it come back."""

    def change(host, generation):
        machine = xapid_server.pool.services.agents.get(host)
        info = cpu_info(generation, 16, 2)
        api.host.disable(host)
        machine.metrics._machine = machine.machine.__class__(hostname="x", cpus=16, sockets=2, cpu_info=info)
        api.host.reboot(host)
        xapid_clock.pass_time(120)

    return change


@MIXED
def test_the_level_of_a_pool_is_what_all_its_hosts_have(level, hosts, api):
    assert level()["features_hvm_host"] == words("haswell")
    assert level()["features_pv_host"] == words("haswell", pv=True)
    assert (level()["vendor"], level()["cpu_count"], level()["socket_count"]) == ("GenuineIntel", "48", "6")
    assert api.host.get_cpu_info(hosts[0])["features_hvm"] == words("skylake")
    cpus = [api.host_cpu.get_record(ref) for ref in api.host.get_host_CPUs(hosts[1])]
    assert {cpu["modelname"] for cpu in cpus} == {"Intel(R) Xeon(R) CPU E5-2680 v3 @ 2.50GHz"}


@MIXED
def test_a_vm_that_was_booted_at_the_level_of_the_pool_goes_everywhere(api, hosts, start):
    vm = start(hosts[0])
    assert api.VM.get_last_boot_CPU_flags(vm) == {"vendor": "GenuineIntel", "features": words("haswell")}
    for host in (hosts[1], hosts[2]):
        api.VM.pool_migrate(vm, host, {})
    assert api.VM.get_last_boot_CPU_flags(vm)["features"] == words("haswell")


def test_paravirtual_vms_keep_the_features_of_such(api, hosts, start):
    vm = start(hosts[0], HVM_boot_policy="", PV_kernel="/boot/vmlinuz")
    assert api.VM.get_last_boot_CPU_flags(vm)["features"] == words("skylake", pv=True)


def test_a_weaker_host_lowers_the_level_but_not_that_of_running_vms(api, hosts, level, start, refit, refused, xapid_clock):
    """They go anywhere but there; new ones go there too. Force waives that."""
    old = start(hosts[0])
    refit(hosts[2], "haswell")
    assert level()["features_hvm_host"] == words("haswell")
    assert len(api.host.get_host_CPUs(hosts[2])) == 16
    reason = ["VM_INCOMPATIBLE_WITH_THIS_HOST", old, hosts[2], "the processor lacks features in use"]
    assert refused(api.VM.pool_migrate, old, hosts[2], {}) == reason
    assert refused(api.VM.assert_can_boot_here, old, hosts[2]) == reason
    network = api.PIF.get_network(api.host.get_management_interface(hosts[2]))
    dest = api.host.migrate_receive(hosts[2], network, {})
    assert refused(api.VM.assert_can_migrate, old, dest, True, {}, {}, {}) == reason
    assert api.host.get_vms_which_prevent_evacuation(hosts[0]) == {old: reason}
    api.VM.pool_migrate(old, hosts[1], {})
    assert api.VM.get_last_boot_CPU_flags(old)["features"] == words("skylake")
    new = start(hosts[0])
    api.VM.pool_migrate(new, hosts[2], {})
    xapid_clock.pass_time(5)
    api.VM.pool_migrate(old, hosts[2], {"force": "true"})
    assert api.VM.get_resident_on(old) == hosts[2]


def test_a_vm_that_sleeps_wakes_up_where_its_features_are(api, hosts, start, refit, refused):
    vm = start(hosts[0])
    api.VM.suspend(vm)
    for host in hosts[:2]:
        refit(host, "sandybridge")
    assert refused(api.VM.resume_on, vm, hosts[0], False, False)[0] == "VM_INCOMPATIBLE_WITH_THIS_HOST"
    api.VM.resume(vm, False, False)
    assert api.VM.get_resident_on(vm) == hosts[2]
    assert api.VM.get_last_boot_CPU_flags(vm)["features"] == words("skylake")


def test_a_restart_takes_what_the_pool_has_then(api, hosts, start, refit):
    vm = start(hosts[0])
    refit(hosts[2], "haswell")
    api.VM.hard_shutdown(vm)
    api.VM.start_on(vm, hosts[2], False, False)
    assert api.VM.get_last_boot_CPU_flags(vm)["features"] == words("haswell")


def test_another_vendor_is_another_processor(api, hosts, start, refit, refused, level):
    vm = start(hosts[0])
    refit(hosts[2], "milan")
    assert refused(api.VM.pool_migrate, vm, hosts[2], {}) == [
        "VM_INCOMPATIBLE_WITH_THIS_HOST", vm, hosts[2], "the processors have different vendors",
    ]  # fmt: skip
    assert level()["vendor"] == "AuthenticAMD"  # that of the host that comes last


@MIXED
def test_the_level_rises_when_the_weakest_host_leaves(api, hosts, level, start):
    api.pool.eject(hosts[1])
    assert (level()["features_hvm_host"], level()["cpu_count"]) == (words("skylake"), "32")
    assert api.VM.get_last_boot_CPU_flags(start(hosts[0]))["features"] == words("skylake")
