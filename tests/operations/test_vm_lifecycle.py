"""VMs that start, stop, sleep and move, as a stock client sees it on a simulated pool."""

from __future__ import annotations

import pytest

from refusals import refused

pytestmark = pytest.mark.xapid(duration_profile="instant", vms_per_host=1)

NULL = "OpaqueRef:NULL"


@pytest.fixture
def vm(api):
    """A halted VM with a disk on shared storage and an interface."""
    return api.VM.get_by_name_label("vm-1-1")[0]


@pytest.fixture
def running(api, vm, xapid_clock):
    """The same, running, with its agent up."""
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(3)
    return vm


def alerts(api, vm):
    uuid = api.VM.get_uuid(vm)
    found = [m for m in api.message.get_all_records().values() if m["obj_uuid"] == uuid]
    return [m["name"] for m in sorted(found, key=lambda m: str(m["timestamp"]))]


def attached(api, vm):
    devices = [api.VBD.get_currently_attached(v) for v in api.VM.get_VBDs(vm)]
    return set(devices + [api.VIF.get_currently_attached(v) for v in api.VM.get_VIFs(vm)])


def test_a_started_vm_has_everything_when_the_call_returns(api, vm):
    """A place, a domain, devices, a console at its host, metrics, and nothing under way."""
    api.VM.start(vm, False, False)
    record = api.VM.get_record(vm)
    host = record["resident_on"]
    assert (record["power_state"], record["current_operations"]) == ("Running", {})
    assert record["scheduled_to_be_resident_on"] == NULL
    assert int(record["domid"]) > 0
    assert attached(api, vm) == {True}
    (console,) = (api.console.get_record(ref) for ref in record["consoles"])
    assert console["protocol"] == "rfb"
    assert console["location"] == f"https://{api.host.get_address(host)}/console?uuid={console['uuid']}"
    metrics = api.VM_metrics.get_record(record["metrics"])
    assert (metrics["current_domain_type"], metrics["hvm"]) == ("hvm", True)
    assert metrics["VCPUs_number"] == record["VCPUs_at_startup"]
    assert str(metrics["start_time"]) == "20260101T00:00:00Z"
    assert set(record["last_boot_CPU_flags"]) == {"vendor", "features"}
    assert vm in api.host.get_resident_VMs(host)
    assert alerts(api, vm) == ["VM_STARTED"]


def test_a_guest_reports_after_a_moment_and_then_more_is_allowed(api, vm, xapid_clock):
    api.VM.start(vm, False, False)
    assert "suspend" not in api.VM.get_allowed_operations(vm)
    xapid_clock.pass_time(3)
    assert {"suspend", "clean_shutdown", "clean_reboot", "pool_migrate"} <= set(api.VM.get_allowed_operations(vm))
    guest = api.VM_guest_metrics.get_record(api.VM.get_guest_metrics(vm))
    assert guest["networks"]["0/ip"].startswith("10.")
    assert guest["os_version"]["name"].startswith("Debian")
    assert (guest["live"], guest["PV_drivers_detected"], guest["can_use_hotplug_vbd"]) == (True, True, "yes")


def test_a_vm_can_be_started_paused(api, vm):
    api.VM.start(vm, True, False)
    assert api.VM.get_power_state(vm) == "Paused"
    api.VM.unpause(vm)
    api.VM.pause(vm)
    assert set(alerts(api, vm)) == {"VM_STARTED", "VM_UNPAUSED", "VM_PAUSED"}


@pytest.mark.parametrize("how", ["clean_shutdown", "hard_shutdown", "shutdown"])
def test_a_vm_that_was_shut_down_holds_nothing(api, running, how):
    """What its guest reported last stays until the next start."""
    guest = api.VM.get_guest_metrics(running)
    getattr(api.VM, how)(running)
    record = api.VM.get_record(running)
    assert (record["power_state"], record["resident_on"], record["domid"]) == ("Halted", NULL, "-1")
    assert (record["consoles"], record["guest_metrics"], record["current_operations"]) == ([], guest, {})
    assert attached(api, running) == {False}
    assert "VM_SHUTDOWN" in alerts(api, running)
    api.VM.start(running, False, False)
    assert api.VM.get_guest_metrics(running) != guest


@pytest.mark.parametrize("how", ["clean_reboot", "hard_reboot"])
def test_a_reboot_gives_another_domain_on_the_same_host(api, running, xapid_clock, how):
    before = api.VM.get_record(running)
    xapid_clock.pass_time(10)
    getattr(api.VM, how)(running)
    after = api.VM.get_record(running)
    assert (after["power_state"], after["resident_on"]) == ("Running", before["resident_on"])
    assert after["domid"] != before["domid"]
    assert str(api.VM_metrics.get_start_time(after["metrics"])) > "20260101T00:00:10Z"
    assert "VM_REBOOTED" in alerts(api, running)


def test_a_suspended_vm_keeps_its_devices_and_loses_its_host(api, running):
    """Its memory is a disk that is large enough, and goes away when it resumes."""
    api.VM.suspend(running)
    record = api.VM.get_record(running)
    assert (record["power_state"], record["resident_on"], record["domid"]) == ("Suspended", NULL, "-1")
    assert attached(api, running) == {True}
    assert record["last_booted_record"] != ""
    image = api.VDI.get_record(record["suspend_VDI"])
    assert image["type"] == "suspend"
    assert int(image["virtual_size"]) >= int(record["memory_static_max"]) * 1.26
    api.VM.resume(running, False, False)
    record = api.VM.get_record(running)
    assert (record["power_state"], record["suspend_VDI"]) == ("Running", NULL)
    assert "suspend" in record["allowed_operations"]
    assert refused(api.VDI.get_uuid, image["uuid"])[0] == "HANDLE_INVALID"
    assert {"VM_SUSPENDED", "VM_RESUMED"} <= set(alerts(api, running))


def test_a_suspended_vm_can_be_resumed_on_a_host_of_choice(api, running):
    api.VM.suspend(running)
    for host in api.host.get_all():
        api.VM.resume_on(running, host, False, False)
        assert api.VM.get_resident_on(running) == host
        api.VM.suspend(running)


def test_switching_off_a_suspended_vm_discards_its_memory(api, running):
    api.VM.suspend(running)
    image = api.VM.get_suspend_VDI(running)
    api.VM.hard_shutdown(running)
    assert (api.VM.get_power_state(running), api.VM.get_suspend_VDI(running)) == ("Halted", NULL)
    assert refused(api.VDI.get_uuid, image)[0] == "HANDLE_INVALID"


def test_a_suspended_vm_without_its_memory_is_switched_off(api, running):
    """Nobody can resume it."""
    api.VM.suspend(running)
    api.VDI.destroy(api.VM.get_suspend_VDI(running))
    assert refused(api.VM.resume, running, False, False)[0] == "VM_HAS_NO_SUSPEND_VDI"
    assert api.VM.get_power_state(running) == "Halted"


def test_without_an_sr_for_its_memory_a_vm_runs_on(api, running):
    pool = api.pool.get_all()[0]
    api.pool.set_suspend_image_SR(pool, NULL)
    for host in api.host.get_all():
        api.host.set_suspend_image_sr(host, NULL)
    assert refused(api.VM.suspend, running) == ["VM_NO_SUSPEND_SR", running]
    assert api.VM.get_power_state(running) == "Running"


def test_a_guest_that_does_not_suspend_runs_on_and_leaves_no_image(api, vm, xapid_clock):
    api.VM.add_to_other_config(vm, "simulator.suspend", "ignored")
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(3)
    disks = set(api.VDI.get_all())
    assert refused(api.VM.suspend, vm) == ["VM_FAILED_SUSPEND_ACKNOWLEDGMENT", vm]
    assert (api.VM.get_power_state(vm), api.VM.get_suspend_VDI(vm)) == ("Running", NULL)
    assert set(api.VDI.get_all()) == disks


def test_a_vm_moves_to_another_host_and_keeps_its_age(api, running):
    target = next(host for host in api.host.get_all() if host != api.VM.get_resident_on(running))
    before = str(api.VM_metrics.get_start_time(api.VM.get_metrics(running)))
    api.VM.pool_migrate(running, target, {"live": "true"})
    record = api.VM.get_record(running)
    assert (record["resident_on"], record["power_state"], record["scheduled_to_be_resident_on"]) == (target, "Running", NULL)
    assert str(api.VM_metrics.get_start_time(record["metrics"])) == before
    (console,) = record["consoles"]
    assert api.host.get_address(target) in api.console.get_location(console)
    assert "VM_MIGRATED" in alerts(api, running)
    api.VM.clean_shutdown(running)


def test_a_vm_does_not_move_to_a_disabled_host(api, running):
    target = next(host for host in api.host.get_all() if host != api.VM.get_resident_on(running))
    api.host.disable(target)
    assert refused(api.VM.pool_migrate, running, target, {}) == ["HOST_DISABLED", target]


def test_start_on_names_what_is_wrong_with_the_host(api, vm):
    host = api.host.get_all()[1]
    api.host.disable(host)
    assert refused(api.VM.start_on, vm, host, False, False) == ["HOST_DISABLED", host]
    api.host.enable(host)
    api.VM.start_on(vm, host, False, False)
    assert api.VM.get_resident_on(vm) == host


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("nested-virt", "maybe", ["INVALID_VALUE", "platform:nested-virt", "maybe"]),
        ("cores-per-socket", "few", ["INVALID_VALUE", "platform:cores-per-socket", "few"]),
        ("cores-per-socket", "3", ["VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE", "1", "3"]),
    ],
)
def test_virtual_hardware_that_cannot_be_is_refused_at_start(api, vm, key, value, expected):
    api.VM.set_platform(vm, {key: value})
    assert refused(api.VM.start, vm, False, False) == expected
    assert api.VM.get_power_state(vm) == "Halted"


def test_a_guest_that_cannot_boot_leaves_the_vm_halted(api, vm):
    api.VM.add_to_other_config(vm, "simulator.boot", "fails")
    assert refused(api.VM.start, vm, False, False)[:2] == ["BOOTLOADER_FAILED", vm]
    record = api.VM.get_record(vm)
    assert (record["power_state"], record["scheduled_to_be_resident_on"]) == ("Halted", NULL)


def test_a_vm_that_is_too_big_for_every_host_is_told_how_much_is_missing(api, vm):
    size = str(1 << 40)
    api.VM.set_memory_limits(vm, size, size, size, size)
    code, needed, available = refused(api.VM.start, vm, False, False)
    assert code == "HOST_NOT_ENOUGH_FREE_MEMORY"
    assert int(needed) > int(size) > int(available)


def test_a_hanging_guest_times_out_and_shutdown_falls_back_to_force(api, vm, xapid_clock):
    api.VM.add_to_other_config(vm, "simulator.shutdown", "hangs")
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(3)
    assert refused(api.VM.clean_shutdown, vm) == ["VM_SHUTDOWN_TIMEOUT", vm, "1200"]
    assert api.VM.get_power_state(vm) == "Running"
    api.VM.shutdown(vm)
    assert api.VM.get_power_state(vm) == "Halted"


def test_a_hard_shutdown_cuts_a_clean_one_short(api, vm, xapid_clock):
    """The clean one ends as cancelled."""
    api.VM.add_to_other_config(vm, "simulator.shutdown", "hangs")
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(3)
    task = api.Async.VM.clean_shutdown(vm)
    xapid_clock.pass_time(1)
    assert api.VM.get_current_operations(vm) == {task: "clean_shutdown"}
    api.VM.hard_shutdown(vm)
    xapid_clock.pass_time(1)
    assert api.task.get_status(task) == "cancelled"
    assert (api.VM.get_power_state(vm), api.VM.get_current_operations(vm)) == ("Halted", {})


def test_start_waits_for_the_start_delay_with_the_vm_running(api, vm, xapid_clock):
    api.VM.set_start_delay(vm, "30")
    before = xapid_clock.seconds()
    api.VM.start(vm, False, False)
    assert xapid_clock.seconds() - before == 30


@pytest.mark.parametrize(
    ("idea", "power", "alert"), [("shutdown 60", "Halted", "VM_SHUTDOWN"), ("reboot 60", "Running", "VM_REBOOTED")]
)
def test_what_a_guest_does_by_itself_shows(api, vm, xapid_clock, idea, power, alert):
    api.VM.add_to_other_config(vm, "simulator.then", idea)
    api.VM.start(vm, False, False)
    domid = api.VM.get_domid(vm)
    xapid_clock.pass_time(100)
    assert api.VM.get_power_state(vm) == power
    assert api.VM.get_domid(vm) != domid
    assert alert in alerts(api, vm)
    assert attached(api, vm) == {power == "Running"}


def test_a_crash_soon_after_the_start_switches_the_vm_off(api, vm, xapid_clock):
    api.VM.add_to_other_config(vm, "simulator.then", "crash 60")
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(100)
    assert api.VM.get_power_state(vm) == "Halted"
    assert "VM_CRASHED" in alerts(api, vm)


def test_the_power_state_of_a_vm_with_a_domain_cannot_be_reset(api, running):
    assert refused(api.VM.power_state_reset, running) == ["DOMAIN_EXISTS", running, api.VM.get_domid(running)]
    dom0 = api.host.get_control_domain(api.host.get_all()[0])
    assert refused(api.VM.power_state_reset, dom0)[0] in ("CANNOT_RESET_CONTROL_DOMAIN", "OPERATION_NOT_ALLOWED")


def test_virtual_cpus_and_memory_change_while_a_vm_runs(api, vm, xapid_clock):
    api.VM.set_VCPUs_max(vm, "4")
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(3)
    api.VM.set_VCPUs_number_live(vm, "3")
    metrics = api.VM.get_metrics(vm)
    assert (api.VM.get_VCPUs_at_startup(vm), api.VM_metrics.get_VCPUs_number(metrics)) == ("3", "3")
    assert refused(api.VM.set_VCPUs_number_live, vm, "5")[0] == "INVALID_VALUE"
    half = str(int(api.VM.get_memory_static_max(vm)) // 2)
    api.VM.set_memory_dynamic_range(vm, half, half)
    api.VM.wait_memory_target_live(vm)
    assert (api.VM.get_memory_target(vm), api.VM_metrics.get_memory_actual(metrics)) == (half, half)


def test_a_vm_that_is_started_again_and_again_keeps_a_record_of_the_last_start_alone(xapid_session):
    api = xapid_session.xenapi
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    sizes = []
    for _ in range(5):
        api.VM.start(vm, False, False)
        sizes.append(len(api.VM.get_record(vm)["last_booted_record"]))
        api.VM.hard_shutdown(vm)
    assert max(sizes[1:]) - min(sizes[1:]) < 200
