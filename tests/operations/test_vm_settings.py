"""Settings of VMs that are checked, or have a consequence."""

from __future__ import annotations

import pytest

from refusals import refused
from xapid.auth.sessions import Identity

pytestmark = pytest.mark.xapid(duration_profile="instant", preset="standalone", vms_per_host=1)


@pytest.fixture
def vm(api):
    return api.VM.get_by_name_label("vm-1-1")[0]


@pytest.mark.parametrize(
    ("setter", "value", "expected"),
    [
        ("set_order", "-1", ["INVALID_VALUE", "order", "-1"]),
        ("set_start_delay", "-1", ["INVALID_VALUE", "start_delay", "-1"]),
        ("set_shutdown_delay", "-5", ["INVALID_VALUE", "shutdown_delay", "-5"]),
        ("set_ha_restart_priority", "always", ["INVALID_VALUE", "ha_restart_priority", "always"]),
        ("set_domain_type", "unspecified", ["INVALID_VALUE", "domain_type", "unspecified"]),
        ("set_groups", ["OpaqueRef:a", "OpaqueRef:b"], ["TOO_MANY_GROUPS"]),
        ("set_bios_strings", {"colour": "red"}, ["INVALID_VALUE", "colour"]),
        ("set_bios_strings", {"bios-vendor": ""}, ["INVALID_VALUE", "bios-vendor"]),
    ],
)
def test_what_a_setting_cannot_be_is_refused_and_changes_nothing(api, vm, setter, value, expected):
    before = api.VM.get_record(vm)
    assert refused(getattr(api.VM, setter), vm, value)[: len(expected)] == expected
    assert api.VM.get_record(vm) == before


def test_the_kind_of_domain_and_the_old_switch_follow_each_other(api, vm):
    """And the memory overhead follows both."""
    overhead = int(api.VM.get_memory_overhead(vm))
    api.VM.set_HVM_boot_policy(vm, "")
    assert (api.VM.get_domain_type(vm), int(api.VM.get_memory_overhead(vm))) == ("pv", overhead - (1 << 20))
    api.VM.set_domain_type(vm, "hvm")
    assert (api.VM.get_HVM_boot_policy(vm), int(api.VM.get_memory_overhead(vm))) == ("BIOS order", overhead)


def test_bios_strings_are_set_once(api, vm):
    """Those that were not given are filled in; starting a VM fills in all."""
    api.VM.set_bios_strings(vm, {"system-manufacturer": "Somebody"})
    strings = api.VM.get_bios_strings(vm)
    assert (strings["system-manufacturer"], strings["bios-vendor"]) == ("Somebody", "Xen")
    assert refused(api.VM.set_bios_strings, vm, {"bios-vendor": "x"}) == ["VM_BIOS_STRINGS_ALREADY_SET"]
    assert refused(api.VM.copy_bios_strings, vm, api.host.get_all()[0]) == ["VM_BIOS_STRINGS_ALREADY_SET"]


def test_copied_bios_strings_tie_the_vm_to_their_host(api, vm):
    host = api.host.get_all()[0]
    api.VM.copy_bios_strings(vm, host)
    assert (api.VM.get_bios_strings(vm), api.VM.get_affinity(vm)) == (api.host.get_bios_strings(host), host)


def test_a_blocked_operation_is_not_allowed_and_gives_its_reason(api, vm):
    api.VM.add_to_blocked_operations(vm, "start", "not today")
    assert "start" not in api.VM.get_allowed_operations(vm)
    assert refused(api.VM.start, vm, False, False) == ["OPERATION_BLOCKED", vm, "not today"]
    api.VM.remove_from_blocked_operations(vm, "start")
    assert "start" in api.VM.get_allowed_operations(vm)


def test_the_vendor_device_needs_newer_hardware_and_a_halted_vm(api, vm):
    api.VM.set_has_vendor_device(vm, True)
    assert (api.VM.get_has_vendor_device(vm), api.VM.get_hardware_platform_version(vm)) == (True, "2")
    api.VM.start(vm, False, False)
    assert refused(api.VM.set_has_vendor_device, vm, False) == ["VM_BAD_POWER_STATE", vm, "halted", "running"]


def test_a_virtual_machine_without_a_hypervisor_of_its_own_may_have_a_balloon(api, vm):
    """One with nested virtualization, or a control domain, may not."""
    api.VM.set_memory_limits(vm, "0", str(2 << 30), str(1 << 30), str(2 << 30))
    api.VM.set_platform(vm, {"nested-virt": "true"})
    code, *_ = refused(api.VM.set_memory_limits, vm, "0", str(2 << 30), str(1 << 30), str(2 << 30))
    assert code == "MEMORY_CONSTRAINT_VIOLATION_MAXPIN"


def test_memory_of_the_control_domain_changes_at_the_next_boot_of_its_host(api):
    dom0 = api.host.get_control_domain(api.host.get_all()[0])
    api.VM.set_memory(dom0, str(8 << 30))
    assert (api.VM.get_requires_reboot(dom0), api.VM.get_memory_static_max(dom0)) == (True, str(8 << 30))


def test_a_running_vm_shows_the_record_it_was_started_with(api, vm):
    assert refused(api.VM.get_boot_record, vm)[0] == "VM_BAD_POWER_STATE"
    api.VM.start(vm, False, False)
    assert api.VM.get_boot_record(vm)["uuid"] == api.VM.get_uuid(vm)


def test_only_the_guest_plugin_can_be_called_in_a_guest(api, vm, xapid_clock):
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(3)
    assert refused(api.VM.call_plugin, vm, "other", "x", {}) == ["XENAPI_MISSING_PLUGIN", "other"]
    unknown = refused(api.VM.call_plugin, vm, "guest-agent-operation", "x", {})
    assert unknown[:2] == ["XENAPI_PLUGIN_FAILURE", "failed to find fn"]
    assert refused(api.VM.call_plugin, vm, "guest-agent-operation", "request-rdp-on", {}) == [
        "VM_CALL_PLUGIN_RATE_LIMIT", vm, "10", "10",
    ]  # fmt: skip
    xapid_clock.pass_time(10)
    assert api.VM.call_plugin(vm, "guest-agent-operation", "request-rdp-on", {}) == ""


def test_a_guest_without_an_agent_can_be_asked_for_nothing(api, vm, xapid_clock):
    api.VM.add_to_other_config(vm, "simulator.agent", "absent")
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(3)
    code, status, output, errors = refused(api.VM.call_plugin, vm, "guest-agent-operation", "request-rdp-off", {})
    assert (code, status) == ("XENAPI_PLUGIN_FAILURE", "failed to execute fn")
    assert output == errors != ""


def test_scripts_in_guests_take_permission_arguments_and_rights(xapid_server, api, vm, xapid_clock):
    (pool,) = api.pool.get_all()
    api.VM.start(vm, False, False)

    def run(by=api, **args):
        xapid_clock.pass_time(10)
        return refused(by.VM.call_plugin, vm, "guest-agent-operation", "run-script", args)

    assert run() == ["FEATURE_RESTRICTED"]
    api.pool.add_to_other_config(pool, "allow_guest_agent_run_script", "true")
    assert run(username="u") == ["XENAPI_PLUGIN_FAILURE", "missing argument", "", "Argument password is required."]
    whole = {"username": "u", "password": "p", "script": "x" * 1024}
    assert run(**whole | {"script": "\u20ac" * 342})[:3] == ["XENAPI_PLUGIN_FAILURE", "length restriction", ""]
    assert run(**whole)[:2] == ["XENAPI_PLUGIN_FAILURE", "failed to execute fn"]
    services, operator = xapid_server.pool.services, xapid_server.client()
    rights = Identity(user="operator", auth_user_sid="S-1", permissions=frozenset({"vm.call_plugin"}))
    operator._session = services.sessions.open(rights, services.role.coordinator).ref
    assert run(by=operator.xenapi, **whole)[:2] == ["RBAC_PERMISSION_DENIED", "vm.call_plugin"]


def test_places_and_devices_can_be_asked_for(api, vm):
    host = api.host.get_all()[0]
    assert api.VM.get_possible_hosts(vm) == [host]
    api.VM.assert_can_boot_here(vm, host)
    assert "0" not in api.VM.get_allowed_VBD_devices(vm)
    assert "1" in api.VM.get_allowed_VIF_devices(vm)
    assert refused(api.VM.assert_agile, vm)[0] == "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED"
    assert refused(api.VM.retrieve_wlb_recommendations, vm) == ["WLB_NOT_INITIALIZED"]


def test_a_suspended_vm_can_only_be_made_complete(api):
    """Without its memory, what it was booted with and its processor, it could never go on."""
    template = api.VM.get_by_name_label("Other install media")[0]
    record = api.VM.get_record(template) | {"power_state": "Suspended", "is_a_template": False}
    code, ref, expected, actual = refused(api.VM.create, record)
    assert (code, expected, actual) == ("VM_BAD_POWER_STATE", "halted", "suspended")
    assert refused(api.VM.get_uuid, ref)[0] == "HANDLE_INVALID"
