"""The calls on VMs that few clients make: firmware, sleep, sysprep, recovery, conversion; each with what it refuses."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import XenAPI

from xapid.testing.in_process import Server

NULL = "OpaqueRef:NULL"


@pytest.fixture
def api(xapid_server: Server) -> Any:
    return xapid_server.session().xenapi


@pytest.fixture
def vm(api: Any) -> str:
    """A VM with a disk, switched off."""
    ref = api.VM.clone(api.VM.get_by_name_label("Debian Bookworm 12")[0], "it")
    sr = api.SR.get_uuid(api.pool.get_default_SR(api.pool.get_all()[0]))
    settings = api.VM.get_other_config(ref)
    api.VM.set_other_config(ref, settings | {"disks": settings["disks"].replace('sr=""', f'sr="{sr}"')})
    api.VM.provision(ref)
    return str(ref)


def failure_of(call: Any, *args: Any) -> list[str]:
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    return list(caught.value.details)


def running(api: Any, server: Server, vm: str) -> None:
    api.VM.start(vm, False, False)
    server.clock.pass_time(60)


def test_readiness_for_secure_boot_follows_from_firmware_settings_and_keys(api: Any, vm: str) -> None:
    api.VM.set_HVM_boot_params(vm, {"firmware": "bios"})
    assert api.VM.get_secureboot_readiness(vm) == "not_supported"
    assert failure_of(api.VM.set_uefi_mode, vm, "user")[0] == "OPERATION_NOT_ALLOWED"
    assert failure_of(api.VM.update_secureboot_certificates_on_boot, vm, True)[0] == "OPERATION_NOT_ALLOWED"
    api.VM.set_HVM_boot_params(vm, {"firmware": "uefi"})
    api.VM.set_platform(vm, {"secureboot": "false"})
    assert api.VM.get_secureboot_readiness(vm) == "disabled"
    api.VM.set_platform(vm, {"secureboot": "true"})
    api.VM.set_NVRAM(vm, {})
    assert api.VM.get_secureboot_readiness(vm) == "first_boot"
    assert api.VM.set_uefi_mode(vm, "user") == "user mode: PK KEK db dbx"
    assert api.VM.get_secureboot_readiness(vm) == "ready"
    assert api.VM.set_uefi_mode(vm, "setup") == "setup mode: KEK db dbx"
    assert api.VM.get_secureboot_readiness(vm) == "setup_mode"
    for text in ("no base64", base64.b64encode(b"VARS").decode()):
        api.VM.set_NVRAM(vm, {"EFI-variables": text})
        assert api.VM.get_secureboot_readiness(vm) == "setup_mode"


def test_certificates_are_marked_for_the_next_boot(api: Any, vm: str) -> None:
    api.VM.set_HVM_boot_params(vm, {"firmware": "uefi"})
    api.VM.update_secureboot_certificates_on_boot(vm, False)
    assert api.VM.get_secureboot_certificates_state(vm) == "ok"
    api.VM.update_secureboot_certificates_on_boot(vm, True)
    assert api.VM.get_secureboot_certificates_state(vm) == "update_on_boot"
    api.VM.update_secureboot_certificates_on_boot(vm, False)
    assert api.VM.get_secureboot_certificates_state(vm) == "update_available"


def test_a_guest_sleeps_and_wakes(xapid_server: Server, api: Any, vm: str) -> None:
    """One that runs, and has an agent inside."""
    assert failure_of(api.VM.s3_suspend, vm) == ["VM_BAD_POWER_STATE", vm, "running", "halted"]
    running(api, xapid_server, vm)
    api.VM.s3_suspend(vm)
    api.VM.s3_resume(vm)
    assert api.VM.get_power_state(vm) == "Running"
    api.VM.hard_shutdown(vm)
    api.VM.add_to_other_config(vm, "simulator.agent", "absent")
    running(api, xapid_server, vm)
    assert failure_of(api.VM.s3_suspend, vm) == ["VM_FAILED_SUSPEND_ACKNOWLEDGMENT", vm]


def test_a_guest_that_generalizes_itself_is_off_afterwards(xapid_server: Server, api: Any, vm: str) -> None:
    assert failure_of(api.VM.sysprep, vm, "<unattend/>", 60.0)[0] == "VM_BAD_POWER_STATE"
    running(api, xapid_server, vm)
    assert failure_of(api.VM.sysprep, vm, "<unattend/>", 60.0)[:2] == ["SYSPREP", vm]
    api.VM.hard_shutdown(vm)
    drive = {"VM": vm, "VDI": NULL, "userdevice": "3", "bootable": False, "mode": "RO", "type": "CD", "empty": True}
    api.VBD.create(drive | {"other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}})
    running(api, xapid_server, vm)
    assert failure_of(api.VM.sysprep, vm, " ", 60.0)[:2] == ["SYSPREP", vm]
    api.VM.sysprep(vm, "<unattend/>", 60.0)
    assert api.VM.get_power_state(vm) == "Halted"
    api.VM.add_to_other_config(vm, "simulator.shutdown", "hangs")
    running(api, xapid_server, vm)
    assert failure_of(api.VM.sysprep, vm, "<unattend/>", 60.0) == ["SYSPREP", vm, "the guest did not finish in time"]
    assert api.VM.get_power_state(vm) == "Running"


def test_a_vm_is_recovered_one_version_later(xapid_server: Server, api: Any, vm: str) -> None:
    """In its own place, with its disks; not while it runs, and not out of an appliance."""
    here = xapid_server.session()
    target, uuid = here.handle, here.xenapi.VM.get_uuid(vm)
    disks = {api.VBD.get_VDI(vbd) for vbd in api.VM.get_VBDs(vm)}
    srs = api.VM.get_SRs_required_for_recovery(vm, target)
    assert set(srs) == {api.VDI.get_SR(disk) for disk in disks}
    assert failure_of(api.VM.assert_can_be_recovered, vm, "OpaqueRef:x") == ["HANDLE_INVALID", "session", "OpaqueRef:x"]
    api.VM.assert_can_be_recovered(vm, target)
    api.VM.recover(vm, target, False)
    again = api.VM.get_by_uuid(uuid)
    assert (api.VM.get_version(again), api.VM.get_name_label(again)) == ("1", "it")
    assert {api.VBD.get_VDI(vbd) for vbd in api.VM.get_VBDs(again)} == disks
    assert len(api.VM.get_by_name_label("it")) == 1

    appliance = api.VM_appliance.create({"name_label": "all", "name_description": ""})
    api.VM.set_appliance(again, appliance)
    assert failure_of(api.VM.recover, again, target, False) == ["VM_IS_PART_OF_AN_APPLIANCE", again, appliance]
    api.VM_appliance.assert_can_be_recovered(appliance, target)
    assert api.VM_appliance.get_SRs_required_for_recovery(appliance, target) == srs
    api.VM_appliance.recover(appliance, target, False)
    last = api.VM.get_by_uuid(uuid)
    assert (api.VM.get_version(last), api.VM.get_appliance(last)) == ("2", appliance)
    api.VM.start(last, False, False)
    assert failure_of(api.VM_appliance.recover, appliance, target, False) == ["VM_BAD_POWER_STATE", last, "halted", "running"]


def test_what_the_server_cannot_get_for_itself_is_refused(xapid_server: Server, api: Any) -> None:
    """Addresses that are none or of other kinds, conversion without its plugin, ISO libraries."""
    library = next(ref for ref, sr in api.SR.get_all_records().items() if sr["content_type"] == "iso")
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    for url in ("file:///etc/passwd", "ftp://x/y", "gopher://x", "", "http://", "http://x:y/", "https:///no/host", "//x"):
        assert failure_of(api.VM.__getattr__("import"), url, sr, False, False)[0] == "IMPORT_ERROR"
    found = failure_of(api.VM.__getattr__("import"), "http://x/", library, False, False)
    assert found == ["SR_OPERATION_NOT_SUPPORTED", library]
    assert failure_of(api.VM.import_convert, "vmware", "u", "p", sr, {}) == ["XENAPI_MISSING_PLUGIN", "conversion"]
    assert failure_of(api.VM.import_convert, "vmware", "u", "p", library, {}) == ["SR_OPERATION_NOT_SUPPORTED", library]
