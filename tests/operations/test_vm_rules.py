"""Memory, processors, firmware, kinds of domains, what follows a stop, and placement, as a stock client sees them."""

from __future__ import annotations

import pytest

from xapid.datamodel.types import frozenmap

pytestmark = pytest.mark.xapid(duration_profile="instant", vms_per_host=1)

NULL = "OpaqueRef:NULL"
MIB, GIB = 1 << 20, 1 << 30
WAIT = 3
"""Seconds until a guest's agent has reported."""


@pytest.fixture
def vm(api):
    """A halted VM with a disk on shared storage and an interface."""
    return api.VM.get_by_name_label("vm-1-1")[0]


@pytest.fixture
def vms(api):
    """Three like it."""
    return [api.VM.get_by_name_label(f"vm-{number}-1")[0] for number in (1, 2, 3)]


@pytest.fixture
def start(api, xapid_clock):
    """Starts a VM and waits for its agent."""

    def begin(vm, **settings):
        for key, value in settings.items():
            api.VM.add_to_other_config(vm, f"simulator.{key}", value)
        api.VM.start(vm, False, False)
        xapid_clock.pass_time(WAIT)
        return vm

    return begin


def alerts(api, obj):
    """Names of the messages about an object."""
    return [m["name"] for m in api.message.get_all_records().values() if m["obj_uuid"] == obj]


# Memory ---------------------------------------------------------------------------------------------------------------


def limits(api, vm):
    fields = ("static_min", "dynamic_min", "target", "dynamic_max", "static_max")
    record = api.VM.get_record(vm)
    return tuple(int(record[f"memory_{field}"]) // MIB for field in fields)


@pytest.mark.parametrize("good", [(0, 1, 3, 4), (1, 1, 3, 4), (4, 4, 4, 4)])
def test_limits_in_order_are_taken_and_the_target_is_the_least(api, vm, good):
    low, least, most, high = (str(mib * MIB) for mib in good)
    api.VM.set_memory_limits(vm, low, high, least, most)
    assert limits(api, vm) == (good[0], good[1], good[1], good[2], good[3])


@pytest.mark.parametrize("bad", [(2, 1, 3, 4), (0, 4, 3, 4), (0, 1, 5, 4)])
def test_contradictory_limits_are_refused_and_change_nothing(api, vm, refused, bad):
    low, least, most, high = (str(mib * MIB) for mib in bad)
    before = limits(api, vm)
    assert refused(api.VM.set_memory_limits, vm, low, high, least, most) == ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]
    assert limits(api, vm) == before


def test_every_bound_is_checked_against_the_others(api, vm, refused):
    api.VM.set_memory_limits(vm, str(2 * MIB), str(8 * MIB), str(4 * MIB), str(6 * MIB))
    for setter, mib in (
        ("static_min", 5), ("dynamic_min", 1), ("dynamic_min", 7), ("dynamic_max", 3), ("dynamic_max", 9), ("static_max", 5),
    ):  # fmt: skip
        call = getattr(api.VM, f"set_memory_{setter}")
        assert refused(call, vm, str(mib * MIB)) == ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]
    assert refused(api.VM.set_memory_dynamic_range, vm, str(6 * MIB), str(4 * MIB)) == ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]
    assert refused(api.VM.set_memory_static_range, vm, str(5 * MIB), str(8 * MIB)) == ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]
    assert limits(api, vm) == (2, 4, 4, 6, 8)
    api.VM.set_memory_static_range(vm, str(3 * MIB), str(9 * MIB))
    api.VM.set_memory_dynamic_range(vm, str(5 * MIB), str(7 * MIB))
    assert limits(api, vm) == (3, 5, 5, 7, 9)
    api.VM.set_memory(vm, str(10 * MIB))
    assert limits(api, vm) == (3, 10, 10, 10, 10)


def test_static_limits_are_for_halted_vms(api, vm, start, refused):
    start(vm)
    size = api.VM.get_memory_static_max(vm)
    expected = ["VM_BAD_POWER_STATE", vm, "halted", "running"]
    assert refused(api.VM.set_memory_static_max, vm, size) == expected
    assert refused(api.VM.set_memory_static_min, vm, "0") == expected
    assert refused(api.VM.set_memory_static_range, vm, "0", size) == expected
    assert refused(api.VM.set_memory, vm, size) == expected
    assert refused(api.VM.set_memory_limits, vm, "0", size, size, size) == expected
    assert refused(api.VM.set_HVM_shadow_multiplier, vm, 2.0) == expected


def test_a_running_vm_gets_no_more_memory_than_its_host_has(api, vm, start, refused, change):
    """What is needed and what there is are told in KiB."""
    api.VM.set_memory_limits(vm, "0", str(1 << 40), str(GIB), str(GIB))
    start(vm)
    code, needed, available = refused(api.VM.set_memory_dynamic_range, vm, str(1 << 40), str(1 << 40))
    assert (code, int(needed)) == ("HOST_NOT_ENOUGH_FREE_MEMORY", ((1 << 40) - GIB) // 1024)
    assert int(available) < int(needed)
    assert limits(api, vm)[1] == GIB // MIB


def test_a_vm_that_is_started_has_the_memory_that_it_is_asked_to_use(api, vm, start, change):
    """Whatever the record said before, as that of a VM made from nothing does."""
    change(vm, memory_target=0)
    start(vm)
    assert api.VM.get_memory_target(vm) == api.VM_metrics.get_memory_actual(api.VM.get_metrics(vm)) != "0"
    api.VM.wait_memory_target_live(vm)


def test_a_target_that_is_not_reached_is_given_up(api, vm, start, refused, change, xapid_clock):
    start(vm)
    change(api.VM.get_metrics(vm), memory_actual=5 * GIB)
    before = xapid_clock.seconds()
    assert refused(api.VM.wait_memory_target_live, vm)[0] == "VM_MEMORY_TARGET_WAIT_TIMEOUT"
    assert xapid_clock.seconds() - before == 256


def test_shadow_memory_is_never_less_than_needed_nor_more_than_there_is(api, vm, start, refused):
    assert refused(api.VM.set_HVM_shadow_multiplier, vm, 0.5) == ["INVALID_VALUE", "multiplier", "0.5"]
    overhead = int(api.VM.get_memory_overhead(vm))
    api.VM.set_HVM_shadow_multiplier(vm, 4.0)
    assert int(api.VM.get_memory_overhead(vm)) > overhead
    assert refused(api.VM.set_shadow_multiplier_live, vm, 2.0)[0] == "VM_BAD_POWER_STATE"
    start(vm)
    api.VM.set_shadow_multiplier_live(vm, 5.0)
    assert api.VM.get_HVM_shadow_multiplier(vm) == 5.0
    assert refused(api.VM.set_shadow_multiplier_live, vm, 1e9)[0] == "HOST_NOT_ENOUGH_FREE_MEMORY"
    assert refused(api.VM.set_shadow_multiplier_live, vm, 0.1) == ["INVALID_VALUE", "multiplier", "0.1"]


def test_the_most_memory_that_fits_is_the_most(api, vm):
    total = 2 * GIB
    most = int(api.VM.maximise_memory(vm, str(total), False))
    api.VM.set_memory(vm, str(most))
    assert most + int(api.VM.compute_memory_overhead(vm)) <= total
    api.VM.set_memory(vm, str(most + MIB))
    assert most + MIB + int(api.VM.compute_memory_overhead(vm)) > total
    assert api.VM.get_cooperative(vm) is True


@pytest.mark.parametrize(("domain_type", "least"), [("pv", 1), ("hvm", 2), ("pvh", 2), ("pv_in_pvh", 25)])
def test_each_kind_of_domain_has_its_overhead(api, vm, domain_type, least):
    """256 pages for a virtual CPU and 2 for a MiB, 38 pages for each CPU, and what the kind takes."""
    api.VM.set_memory(vm, str(GIB))
    api.VM.set_domain_type(vm, domain_type)
    shim = 1024 // 90 if domain_type == "pv_in_pvh" else 0
    assert int(api.VM.get_memory_overhead(vm)) == (9 + 1 + least + shim) * MIB


# Processors, firmware, kinds ------------------------------------------------------------------------------------------


def test_the_numbers_of_processors_fit_together(api, vm, start, refused):
    api.VM.set_VCPUs_max(vm, "4")
    api.VM.set_VCPUs_at_startup(vm, "3")
    for setter, value in (
        ("set_VCPUs_max", "2"),
        ("set_VCPUs_max", "0"),
        ("set_VCPUs_at_startup", "5"),
        ("set_VCPUs_at_startup", "0"),
    ):
        code, _, given = refused(getattr(api.VM, setter), vm, value)
        assert (code, given) == ("INVALID_VALUE", value)
    start(vm)
    assert refused(api.VM.set_VCPUs_max, vm, "8") == ["VM_BAD_POWER_STATE", vm, "halted", "running"]
    assert refused(api.VM.set_VCPUs_number_live, vm, "0")[::2] == ["INVALID_VALUE", "0"]
    assert refused(api.VM.add_to_VCPUs_params_live, vm, "weight", "5") == ["NOT_IMPLEMENTED", "VM.add_to_VCPUs_params_live"]
    dom0 = api.host.get_control_domain(api.VM.get_resident_on(vm))
    assert refused(api.VM.set_VCPUs_at_startup, dom0, "1")[0] == "OPERATION_NOT_ALLOWED"


def test_a_vm_with_a_firmware_that_there_is_not_does_not_start(api, vm, refused):
    api.VM.set_HVM_boot_params(vm, {"firmware": "coreboot"})
    expected = ["INVALID_VALUE", "HVM-boot-params['firmware']", "coreboot"]
    assert refused(api.VM.start, vm, False, False) == expected
    assert api.VM.get_power_state(vm) == "Halted"
    for firmware, model in (("uefi", "qemu-upstream-uefi"), ("bios", "qemu-upstream-compat")):
        api.VM.set_HVM_boot_params(vm, {"firmware": firmware})
        api.VM.remove_from_platform(vm, "device-model")
        api.VM.start(vm, False, False)
        assert api.VM.get_platform(vm)["device-model"] == model
        api.VM.hard_shutdown(vm)


def test_variables_of_the_firmware_change_while_a_vm_is_off(api, vm, start, refused):
    api.VM.set_NVRAM(vm, {"a": "1"})
    api.VM.add_to_NVRAM(vm, "b", "2")
    api.VM.remove_from_NVRAM(vm, "a")
    assert api.VM.get_NVRAM(vm) == {"b": "2"}
    start(vm)
    expected = ["VM_BAD_POWER_STATE", vm, "halted", "running"]
    assert refused(api.VM.set_NVRAM, vm, {}) == expected
    assert refused(api.VM.add_to_NVRAM, vm, "c", "3") == expected
    assert refused(api.VM.remove_from_NVRAM, vm, "b") == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [("bios-vendor", ""), ("bios-vendor", "x" * 513), ("bios-version", "ü"), ("oem-1", "x"), ("hp-rombios", "x")],
)
def test_bios_strings_are_short_plain_and_known(api, vm, refused, key, value):
    assert refused(api.VM.set_bios_strings, vm, {key: value})[:2] == ["INVALID_VALUE", key]
    assert api.VM.get_bios_strings(vm) == {}


def test_a_vm_that_starts_without_bios_strings_gets_the_generic_ones(api, vm, start):
    start(vm)
    assert api.VM.get_bios_strings(vm)["system-product-name"] == "HVM domU"


def disk_of(api, vm):
    return next(vbd for vbd in api.VM.get_VBDs(vm) if api.VBD.get_type(vbd) == "Disk")


def test_a_vm_is_switched_to_paravirtualization_by_hand(api, vm, start, refused):
    """No HVM boot policy, a boot loader, and a bootable disk for it; without one it finds nothing to boot."""
    start(vm)
    api.VM.clean_shutdown(vm)
    api.VM.set_HVM_boot_policy(vm, "")
    api.VM.set_PV_bootloader(vm, "pygrub")
    api.VBD.set_bootable(disk_of(api, vm), False)
    assert refused(api.VM.start, vm, False, False)[:2] == ["BOOTLOADER_FAILED", vm]
    api.VBD.set_bootable(disk_of(api, vm), True)
    start(vm)
    metrics = api.VM_metrics.get_record(api.VM.get_metrics(vm))
    assert (metrics["current_domain_type"], metrics["hvm"]) == ("pv", False)
    assert [api.console.get_protocol(ref) for ref in api.VM.get_consoles(vm)] == ["vt100"]
    api.VM.clean_shutdown(vm)
    api.VM.set_HVM_boot_policy(vm, "BIOS order")
    start(vm)
    assert api.VM_metrics.get_current_domain_type(api.VM.get_metrics(vm)) == "hvm"
    assert [api.console.get_protocol(ref) for ref in api.VM.get_consoles(vm)] == ["rfb"]


def test_a_running_vm_changes_its_kind_when_it_reboots(api, vm, start):
    start(vm)
    api.VM.set_domain_type(vm, "pvh")
    metrics = api.VM.get_metrics(vm)
    assert api.VM_metrics.get_current_domain_type(metrics) == "hvm"
    api.VM.clean_reboot(vm)
    assert api.VM_metrics.get_current_domain_type(metrics) == "pvh"


def test_an_unknown_boot_loader_is_refused(api, vm, refused):
    api.VM.set_domain_type(vm, "pv")
    api.VM.set_PV_bootloader(vm, "lilo")
    assert refused(api.VM.start, vm, False, False) == ["UNKNOWN_BOOTLOADER", vm, "lilo"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"VCPUs_max": 0}, ["INVALID_VALUE", "VCPUs_max", "0"]),
        ({"VCPUs_at_startup": 0}, ["INVALID_VALUE", "VCPUs-at-startup", "0"]),
        ({"VCPUs_at_startup": 9}, ["VALUE_NOT_SUPPORTED", "VCPUs-at-startup", "9"]),
        ({"memory_dynamic_min": 1 << 50}, ["MEMORY_CONSTRAINT_VIOLATION"]),
        ({"HVM_shadow_multiplier": 0.5}, ["INVALID_VALUE", "HVM_shadow_multiplier", "0.5"]),
        ({"actions_after_crash": "rename_restart"}, ["VALUE_NOT_SUPPORTED", "VM.actions_after_crash", "rename_restart"]),
    ],
)
def test_what_no_host_could_start_is_refused_everywhere(api, vm, refused, change, fields, expected):
    change(vm, **fields)
    host = api.host.get_all()[0]
    for call in (lambda: api.VM.start(vm, False, False), lambda: api.VM.assert_can_boot_here(vm, host)):
        assert refused(call)[: len(expected)] == expected


# What follows a stop --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("idea", "field", "action", "power"),
    [
        ("shutdown", "shutdown", "destroy", "Halted"),
        ("shutdown", "shutdown", "restart", "Running"),
        ("reboot", "reboot", "restart", "Running"),
        ("reboot", "reboot", "destroy", "Halted"),
        ("crash", "crash", "destroy", "Halted"),
        ("crash", "crash", "restart", "Running"),
        ("crash", "crash", "preserve", "Paused"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_what_a_vm_is_told_to_do_after_a_stop_is_done(api, vm, start, xapid_clock, idea, field, action, power, late):
    """Also when it is told while it runs."""
    setter = getattr(api.VM, f"set_actions_after_{field}")
    if not late:
        setter(vm, action)
    start(vm, then=f"{idea} 200")
    domid = api.VM.get_domid(vm)
    if late:
        setter(vm, action)
    xapid_clock.pass_time(250)
    assert api.VM.get_power_state(vm) == power
    assert (api.VM.get_domid(vm) == domid) == (action == "preserve")


def test_a_guest_that_reboots_soon_after_its_start_has_to_wait(api, vm, start, xapid_clock):
    start(vm, then="reboot 60")
    domid = api.VM.get_domid(vm)
    xapid_clock.pass_time(70)
    assert (api.VM.get_domid(vm), api.VM.get_power_state(vm)) == (domid, "Running")
    xapid_clock.pass_time(10)
    assert api.VM.get_domid(vm) != domid


def test_a_vm_that_waits_to_reboot_can_be_switched_off(api, vm, start, xapid_clock):
    start(vm, then="reboot 60")
    xapid_clock.pass_time(65)
    api.VM.hard_shutdown(vm)
    xapid_clock.pass_time(100)
    assert api.VM.get_power_state(vm) == "Halted"


def test_a_guest_that_takes_no_notice_is_named(api, vm, start, refused):
    start(vm, shutdown="ignored", suspend="ignored")
    assert refused(api.VM.clean_shutdown, vm) == ["VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT", vm]
    assert refused(api.VM.clean_reboot, vm) == ["VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT", vm]
    assert refused(api.VM.suspend, vm) == ["VM_FAILED_SUSPEND_ACKNOWLEDGMENT", vm]
    assert api.VM.get_power_state(vm) == "Running"


def test_a_guest_that_never_finishes_to_suspend_times_out(api, vm, start, refused):
    start(vm, suspend="hangs")
    assert refused(api.VM.suspend, vm) == ["VM_SUSPEND_TIMEOUT", vm, "1200"]


def test_a_shutdown_gives_a_guest_as_long_as_its_delay_says(api, vm, start, xapid_clock):
    api.VM.set_shutdown_delay(vm, "7")
    start(vm, shutdown="60")
    before = xapid_clock.seconds()
    api.VM.shutdown(vm)
    assert (api.VM.get_power_state(vm), xapid_clock.seconds() - before) == ("Halted", 7)


def test_switching_off_a_suspended_vm_is_told(api, vm, start):
    start(vm)
    api.VM.suspend(vm)
    api.VM.hard_shutdown(vm)
    assert alerts(api, api.VM.get_uuid(vm)).count("VM_SHUTDOWN") == 1


# Suspending -----------------------------------------------------------------------------------------------------------


def test_the_memory_goes_where_the_vm_then_the_pool_then_the_host_says(api, vm, start):
    """What the VM's host does not reach is passed over."""
    start(vm)
    host, pool = api.VM.get_resident_on(vm), api.pool.get_all()[0]
    plugged = [api.PBD.get_SR(p) for p in api.host.get_PBDs(host) if api.PBD.get_currently_attached(p)]
    disks = [sr for sr in plugged if api.SR.get_content_type(sr) != "iso" and api.SR.get_type(sr) not in ("udev", "iso")]
    first, second = disks[:2]
    elsewhere = next(sr for sr in api.SR.get_all() if sr not in plugged and api.SR.get_type(sr) not in ("udev", "iso"))

    def place():
        api.VM.suspend(vm)
        found = api.VDI.get_SR(api.VM.get_suspend_VDI(vm))
        api.VM.resume_on(vm, host, False, False)
        return found

    api.host.set_suspend_image_sr(host, first)
    api.pool.set_suspend_image_SR(pool, second)
    assert place() == second
    api.VM.set_suspend_SR(vm, first)
    assert place() == first
    api.VM.set_suspend_SR(vm, elsewhere)
    assert place() == second
    api.pool.set_suspend_image_SR(pool, NULL)
    assert place() == first


def test_the_memory_of_a_vm_has_room(api, vm, start):
    start(vm)
    api.VM.suspend(vm)
    image = api.VDI.get_record(api.VM.get_suspend_VDI(vm))
    assert int(image["virtual_size"]) >= int(int(api.VM.get_memory_static_max(vm)) * 1.26) + 100 * MIB
    assert (image["type"], image["name_label"]) == ("suspend", "Suspend image")


def test_an_sr_without_room_for_the_memory_is_named(api, vm, start, refused, change):
    start(vm)
    pbds = [api.PBD.get_SR(p) for p in api.host.get_PBDs(api.VM.get_resident_on(vm))]
    sizes = {sr: int(api.SR.get_physical_size(sr)) for sr in pbds if api.SR.get_type(sr) not in ("iso", "udev")}
    sr = min((ref for ref, size in sizes.items() if size > 0), key=lambda ref: sizes[ref])
    api.VM.set_suspend_SR(vm, sr)
    change(vm, memory_static_max=sizes[sr])
    disks = set(api.VDI.get_all())
    assert refused(api.VM.suspend, vm) == ["SR_SUSPEND_SPACE_INSUFFICIENT", sr]
    assert (api.VM.get_power_state(vm), set(api.VDI.get_all())) == ("Running", disks)


# Blocking, plugins, devices -------------------------------------------------------------------------------------------


def test_operations_are_blocked_all_at_once_and_only_by_name(api, vm, refused):
    api.VM.set_blocked_operations(vm, {"start": "maintenance", "destroy": "keep it"})
    assert not {"start", "destroy"} & set(api.VM.get_allowed_operations(vm))
    assert refused(api.VM.destroy, vm) == ["OPERATION_BLOCKED", vm, "keep it"]
    assert refused(api.VM.add_to_blocked_operations, vm, "teleport", "no")[0] in ("INVALID_VALUE", "INTERNAL_ERROR")
    api.VM.set_blocked_operations(vm, {})
    assert {"start", "destroy"} <= set(api.VM.get_allowed_operations(vm))


def test_a_guest_is_not_asked_again_at_once(api, vm, start, refused, xapid_clock):
    start(vm)
    ask = (api.VM.call_plugin, vm, "guest-agent-operation", "request-rdp-on", {})
    ask[0](*ask[1:])
    xapid_clock.pass_time(4)
    assert refused(*ask) == ["VM_CALL_PLUGIN_RATE_LIMIT", vm, "10", "6"]
    xapid_clock.pass_time(6)
    ask[0](*ask[1:])


def test_a_vm_has_one_virtual_tpm_while_it_is_off(api, vm, start, refused):
    vtpm = api.VTPM.create(vm, False)
    assert refused(api.VTPM.create, vm, False) == ["VTPM_MAX_AMOUNT_REACHED", "1"]
    assert "create_vtpm" not in api.VM.get_allowed_operations(vm)
    start(vm)
    assert refused(api.VTPM.destroy, vtpm) == ["VM_BAD_POWER_STATE", vm, "halted", "running"]
    api.VM.hard_shutdown(vm)
    api.VTPM.destroy(vtpm)
    assert api.VM.get_VTPMs(vm) == []


# Placement ------------------------------------------------------------------------------------------------------------


def test_the_chosen_host_shows_that_a_vm_starts_there(api, vm, xapid_clock):
    api.VM.set_start_delay(vm, "30")
    task = api.Async.VM.start(vm, False, False)
    xapid_clock.pass_time(1)
    host = api.VM.get_resident_on(vm)
    assert api.host.get_current_operations(host) == {task: "vm_start"}
    assert api.VM.get_current_operations(vm) == {task: "start"}
    xapid_clock.pass_time(30)
    assert api.host.get_current_operations(host) == {}


@pytest.mark.xapid(duration_profile="realistic", vms_per_host=1)
def test_a_host_that_a_vm_resumes_on_is_not_emptied(api, vm, xapid_clock, refused):
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(30)
    api.VM.suspend(vm)
    task = api.Async.VM.resume(vm, False, False)
    xapid_clock.pass_time(1)
    host = api.VM.get_scheduled_to_be_resident_on(vm)
    assert api.host.get_current_operations(host) == {task: "vm_resume"}
    assert not {"evacuate", "shutdown", "reboot"} & set(api.host.get_allowed_operations(host))
    xapid_clock.pass_time(30)
    assert api.task.get_status(task) == "success"
    assert "evacuate" in api.host.get_allowed_operations(host)


def test_a_failed_start_leaves_no_mark(api, vm, refused):
    api.VM.add_to_other_config(vm, "simulator.boot", "fails")
    assert refused(api.VM.start, vm, False, False)[0] == "BOOTLOADER_FAILED"
    assert [api.host.get_current_operations(host) for host in api.host.get_all()] == [{}, {}, {}]


def apart(api, vms):
    group = api.VM_group.create({"name_label": "apart", "name_description": "", "placement": "anti_affinity"})
    for vm in vms:
        api.VM.set_groups(vm, [group])
    return group


def test_vms_that_are_to_be_apart_are(api, vms):
    apart(api, vms)
    for vm in vms:
        api.VM.start(vm, False, False)
    assert {api.VM.get_resident_on(vm) for vm in vms} == set(api.host.get_all())


@pytest.mark.xapid(duration_profile="realistic", vms_per_host=1)
def test_vms_that_start_at_the_same_time_are_kept_apart_too(api, vms, xapid_clock):
    apart(api, vms)
    tasks = [api.Async.VM.start(vm, False, False) for vm in vms]
    xapid_clock.pass_time(60)
    assert {api.task.get_status(task) for task in tasks} == {"success"}
    assert len({api.VM.get_resident_on(vm) for vm in vms}) == 3


def test_an_alert_stands_while_all_that_should_be_apart_are_together(api, vms):
    pool, host = api.pool.get_all()[0], api.host.get_all()[0]
    name, uuid = "ALL_RUNNING_VMS_IN_ANTI_AFFINITY_GRP_ON_SINGLE_HOST", api.pool.get_uuid(pool)
    group = apart(api, vms)
    api.VM.start_on(vms[0], host, False, False)
    assert alerts(api, uuid) == []
    api.VM.start_on(vms[1], host, False, False)
    (message,) = api.message.get_all_records_where(f'field "name" = "{name}"').values()
    assert (message["priority"], message["cls"], message["obj_uuid"]) == ("3", "Pool", uuid)
    assert api.VM_group.get_uuid(group) in message["body"]
    api.VM.start_on(vms[2], api.host.get_all()[1], False, False)
    assert alerts(api, uuid) == []
    api.VM.hard_shutdown(vms[2])
    assert alerts(api, uuid) == [name]
    api.VM.set_groups(vms[1], [])
    assert alerts(api, uuid) == []


def test_the_affinity_of_a_vm_is_followed_where_it_can_be(api, vm):
    for host in api.host.get_all():
        api.VM.set_affinity(vm, host)
        api.VM.start(vm, False, False)
        assert api.VM.get_resident_on(vm) == host
        api.VM.hard_shutdown(vm)
    api.host.disable(host)
    api.VM.start(vm, False, False)
    assert api.VM.get_resident_on(vm) != host


def test_a_vm_without_a_host_that_reaches_its_disks_is_not_placed(api, vm, refused, change):
    sr = api.VDI.get_SR(api.VBD.get_VDI(disk_of(api, vm)))
    for pbd in api.SR.get_PBDs(sr):
        change(pbd, currently_attached=False)
    assert refused(api.VM.start, vm, False, False) == ["NO_HOSTS_AVAILABLE"]
    host = api.host.get_all()[0]
    assert refused(api.VM.start_on, vm, host, False, False) == ["VM_REQUIRES_SR", vm, sr]
    assert api.VM.get_possible_hosts(vm) == []


def test_a_vm_needs_a_virtual_function_for_each_interface_that_wants_one(api, vm, refused, xapid_server):
    """And gives it back when it stops."""
    (vif,) = api.VM.get_VIFs(vm)
    host = api.host.get_all()[0]
    pif = next(
        r for r, row in api.PIF.get_all_records().items() if row["host"] == host and row["device"] == "eth1" and row["physical"]
    )
    with xapid_server.pool.db.transaction() as tx:
        card = tx.create("PCI", host=host)
        tx.create("PCI", physical_function=card)
        tx.update(pif, capabilities=("sriov",), PCI=card)
    network = api.network.create({"name_label": "functions", "other_config": {}})
    sriov = api.network_sriov.create(pif, network)
    other = api.VM.get_by_name_label("vm-2-1")[0]
    for interface in (vif, *api.VM.get_VIFs(other)):
        api.VIF.move(interface, network)
    api.VM.start(vm, False, False)
    assert api.network_sriov.get_remaining_capacity(sriov) == "0"
    assert refused(api.VM.start_on, other, host, False, False) == ["NETWORK_SRIOV_INSUFFICIENT_CAPACITY", network]
    api.VM.hard_shutdown(vm)
    api.VM.start_on(other, host, False, False)


def test_a_usb_device_ties_a_vm_to_its_host(api, vm, refused, xapid_server):
    here, there = api.host.get_all()[:2]
    group = api.USB_group.create("stick", "", {})
    with xapid_server.pool.db.transaction() as tx:
        tx.create("PUSB", host=here, USB_group=group, passthrough_enabled=True, other_config=frozenmap())
        tx.create("VUSB", VM=vm, USB_group=group)
    assert refused(api.VM.assert_can_boot_here, vm, there)[0] == "OPERATION_NOT_ALLOWED"
    assert api.VM.get_possible_hosts(vm) == [here]


# Links of bonds -------------------------------------------------------------------------------------------------------


def test_a_link_that_comes_and_goes_shows_in_its_bond(api, xapid_server):
    host = api.host.get_all()[0]
    rows = api.PIF.get_all_records()
    members = [ref for ref, row in rows.items() if row["host"] == host and row["physical"]]
    bond = api.Bond.create(api.network.create({"name_label": "n", "other_config": {}}), members, "")
    uuid = api.host.get_uuid(host)
    for carrier, links in ((False, "1"), (False, "1"), (True, "2")):
        xapid_server.pool.services.pool.carrier_changed(uuid, "eth1", carrier)
        assert api.Bond.get_links_up(bond) == links
    assert alerts(api, uuid) == ["BOND_STATUS_CHANGED", "BOND_STATUS_CHANGED"]
