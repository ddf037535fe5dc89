"""Which operations drives, interfaces, disks, SRs, appliances, virtual TPMs and hosts allow, in the situations that occur."""

from __future__ import annotations

import pytest

from xapid.datamodel.types import frozenmap

pytestmark = pytest.mark.xapid(duration_profile="instant", vms_per_host=1, lock_patience=0)

TASK = "OpaqueRef:task"


def now(operation):
    return frozenmap({TASK: operation})


def drive(api, vm, kind):
    return next(vbd for vbd in api.VM.get_VBDs(vm) if api.VBD.get_type(vbd) == kind)


def iso(api):
    library = next(sr for sr in api.SR.get_all() if api.SR.get_content_type(sr) == "iso" and api.SR.get_VDIs(sr))
    return api.SR.get_VDIs(library)[0]


def record(api, vm, disk, **fields):
    """A drive with a disk in it, as ``VBD.create`` takes it."""
    return {
        "VM": vm, "VDI": disk, "userdevice": "autodetect", "bootable": False, "mode": "RW", "type": "Disk",
        "unpluggable": True, "empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    } | fields  # fmt: skip


@pytest.fixture
def disk(api, vm):
    """A disk on the SR of the VM's own, in no drive."""
    sr = api.VDI.get_SR(api.VBD.get_VDI(drive(api, vm, "Disk")))
    return api.VDI.create({
        "SR": sr, "virtual_size": str(8 << 20), "type": "user", "sharable": False, "read_only": False, "other_config": {},
        "name_label": "loose",
    })  # fmt: skip


# Drives -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("power", "agent", "attached", "expected"),
    [
        ("Halted", True, False, "attach"),
        ("Running", True, True, "attach unplug unplug_force pause unpause"),
        ("Running", True, False, "attach plug pause unpause"),
        ("Running", False, True, "attach pause unpause"),
        ("Suspended", True, True, "attach"),
        ("Paused", True, True, "attach pause unpause"),
    ],
)
def test_a_drive_with_a_disk(api, brought, change, power, agent, attached, expected):
    vbd = drive(api, brought(power, agent=agent), "Disk")
    if power == "Running" and not attached:
        change(vbd, currently_attached=False)
    assert set(api.VBD.get_allowed_operations(vbd)) == set(expected.split())


@pytest.mark.parametrize(
    ("power", "full", "expected"),
    [
        ("Halted", False, "attach insert"),
        ("Halted", True, "attach eject"),
        ("Running", False, "attach insert pause unpause"),
        ("Running", True, "attach eject pause unpause"),
        ("Suspended", True, "attach"),
        ("Suspended", False, "attach"),
    ],
)
def test_an_optical_drive(api, brought, power, full, expected):
    vm = brought("Halted")
    cd = drive(api, vm, "CD")
    if full:
        api.VBD.insert(cd, iso(api))
    if power != "Halted":
        brought(power)
    assert set(api.VBD.get_allowed_operations(cd)) == set(expected.split())


def test_drives_say_why_they_refuse(api, brought, refused, change):
    vm = brought("Halted")
    hd, cd = drive(api, vm, "Disk"), drive(api, vm, "CD")
    halted = ["VM_BAD_POWER_STATE", vm, "running", "halted"]
    assert refused(api.VBD.plug, hd) == refused(api.VBD.unplug, hd) == refused(api.VBD.unplug_force, hd) == halted
    assert refused(api.VBD.insert, hd, iso(api)) == ["VBD_NOT_REMOVABLE_MEDIA", hd]
    assert refused(api.VBD.eject, cd) == ["VBD_IS_EMPTY", cd]
    api.VBD.insert(cd, iso(api))
    assert refused(api.VBD.insert, cd, iso(api)) == ["VBD_NOT_EMPTY", cd]
    brought("Running")
    assert refused(api.VBD.plug, hd) == ["DEVICE_ALREADY_ATTACHED", hd]
    assert refused(api.VBD.unplug, cd)[0] == "OPERATION_NOT_ALLOWED"
    change(hd, currently_attached=False)
    assert refused(api.VBD.unplug, hd) == ["DEVICE_ALREADY_DETACHED", hd]
    change(hd, current_operations=now("plug"))
    assert refused(api.VBD.unplug, hd) == ["OTHER_OPERATION_IN_PROGRESS", "VBD", hd, "plug", TASK]
    change(hd, current_operations=frozenmap(), currently_attached=True, unpluggable=False)
    assert refused(api.VBD.unplug, hd) == ["VBD_NOT_UNPLUGGABLE", hd]


@pytest.mark.parametrize("operation", ["clean_shutdown", "hard_shutdown", "suspend", "pause"])
def test_nothing_is_plugged_while_a_vm_stops(api, brought, refused, change, operation):
    vm = brought("Running")
    vbd, vif = drive(api, vm, "Disk"), api.VM.get_VIFs(vm)[0]
    change(vm, current_operations=now(operation))
    assert refused(api.VBD.unplug, vbd)[0] == refused(api.VIF.unplug, vif)[0] == "OPERATION_NOT_ALLOWED"
    change(vm, current_operations=frozenmap())


def test_a_guest_without_drivers_has_nothing_plugged(api, brought, refused):
    vm = brought("Running", agent=False)
    assert refused(api.VBD.unplug, drive(api, vm, "Disk")) == ["VM_MISSING_PV_DRIVERS", vm]
    assert refused(api.VIF.unplug, api.VM.get_VIFs(vm)[0]) == ["VM_MISSING_PV_DRIVERS", vm]


@pytest.mark.parametrize(
    ("operation", "busy"),
    [(name, True) for name in ("resize", "destroy", "forget", "update", "force_unlock", "generate_config", "snapshot",
                               "resize_online", "blocked", "clone")] + [("mirror", False), ("copy", False)],
)  # fmt: skip
def test_a_disk_that_is_busy_is_not_plugged_unless_it_is_copied(api, brought, refused, change, disk, operation, busy):
    vm = brought("Running")
    vbd = api.VBD.create(record(api, vm, disk))
    change(disk, current_operations=now(operation))
    expected = ["OTHER_OPERATION_IN_PROGRESS", "VDI", disk, operation, TASK] if busy else []
    assert refused(api.VBD.plug, vbd) == expected


@pytest.mark.parametrize(
    ("other", "mode", "sharable", "refusal"),
    [
        ("RW", "RW", False, "VDI_IN_USE"),
        ("RW", "RO", False, "VDI_IN_USE"),
        ("RO", "RW", False, "VDI_IN_USE"),
        ("RO", "RO", False, None),
        ("RW", "RW", True, None),
    ],
)
def test_a_disk_has_one_writer_or_many_readers(api, brought, refused, change, disk, other, mode, sharable, refusal):
    vm = brought("Running", domain_type="pv")
    change(disk, sharable=sharable)
    first, second = (api.VBD.create(record(api, vm, disk)) for _ in range(2))
    change(first, mode=other)
    change(second, mode=mode)
    api.VBD.plug(first)
    assert refused(api.VBD.plug, second) == ([refusal, disk] if refusal else [])


def test_a_write_protected_disk_is_read_only(api, brought, refused, change, disk):
    vbd = api.VBD.create(record(api, brought("Running"), disk))
    change(disk, read_only=True)
    assert refused(api.VBD.plug, vbd) == ["VDI_READONLY", disk]


# Interfaces ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("power", "attached", "expected"),
    [
        ("Halted", False, "attach"),
        ("Running", True, "attach unplug"),
        ("Running", False, "attach plug"),
        ("Suspended", True, "attach"),
    ],
)
def test_an_interface(api, brought, power, attached, expected):
    vif = api.VM.get_VIFs(brought(power))[0]
    if power == "Running" and not attached:
        api.VIF.unplug(vif)
    assert set(api.VIF.get_allowed_operations(vif)) == set(expected.split())


def test_interfaces_say_why_they_refuse(api, brought, refused, change):
    vm = brought("Halted")
    (vif,) = api.VM.get_VIFs(vm)
    assert refused(api.VIF.plug, vif) == ["VM_BAD_POWER_STATE", vm, "running", "halted"]
    brought("Running")
    assert refused(api.VIF.plug, vif) == ["DEVICE_ALREADY_ATTACHED", vif]
    assert refused(api.VIF.destroy, vif)[0] == "OPERATION_NOT_ALLOWED"
    api.VIF.unplug_force(vif)
    assert refused(api.VIF.unplug, vif) == ["DEVICE_ALREADY_DETACHED", vif]
    change(vif, current_operations=now("plug"))
    assert refused(api.VIF.plug, vif) == ["OTHER_OPERATION_IN_PROGRESS", "VIF", vif, "{plug}", f"{{{TASK}}}"]
    change(vif, current_operations=frozenmap())


# Disks and SRs ------------------------------------------------------------------------------------------------------------


def features(api, disk):
    kind = api.SR.get_type(api.VDI.get_SR(disk))
    return {name for sm in api.SM.get_all_records().values() if sm["type"] == kind for name in sm["features"]}


NEEDS = {
    "clone": "VDI_CLONE", "copy": "", "resize": "VDI_RESIZE", "resize_online": "VDI_RESIZE_ONLINE", "snapshot": "VDI_SNAPSHOT",
    "destroy": "VDI_DELETE", "forget": "", "update": "VDI_UPDATE", "generate_config": "VDI_GENERATE_CONFIG",
}  # fmt: skip
"""Operation that a disk may advertise → what its backend has to be able to do."""


@pytest.mark.parametrize(
    ("modes", "without"),
    [
        ((), ""),
        (("RW",), "copy resize destroy forget update generate_config"),
        (("RO",), "resize destroy forget update generate_config"),
        (("RO", "RO"), "resize destroy forget update generate_config"),
    ],
)
def test_a_disk_in_drives(api, brought, change, disk, modes, without):
    vm = brought("Running", domain_type="pv")
    for mode in modes:
        vbd = api.VBD.create(record(api, vm, disk))
        change(vbd, mode=mode)
        api.VBD.plug(vbd)
    able = features(api, disk)
    expected = {name for name, feature in NEEDS.items() if not feature or feature in able} - set(without.split())
    assert set(api.VDI.get_allowed_operations(disk)) == expected


def test_disks_say_why_they_refuse(api, brought, refused, change, disk):
    vm = brought("Running")
    vbd = api.VBD.create(record(api, vm, disk))
    api.VBD.plug(vbd)
    other = api.VDI.get_SR(disk)
    assert refused(api.VDI.destroy, disk) == ["VDI_IN_USE", disk, "destroy"]
    assert refused(api.VDI.forget, disk) == ["VDI_IN_USE", disk, "forget"]
    assert refused(api.VDI.resize, disk, str(16 << 20)) == ["VDI_IN_USE", disk, "resize"]
    assert refused(api.VDI.copy, disk, other) == ["VDI_IN_USE", disk, "copy"]
    api.VBD.unplug(vbd)
    change(disk, current_operations=now("copy"))
    assert refused(api.VDI.snapshot, disk)[0] == "OPERATION_NOT_ALLOWED"
    change(disk, current_operations=now("snapshot"))
    assert refused(api.VDI.destroy, disk) == ["OTHER_OPERATION_IN_PROGRESS", "VDI", disk, "snapshot", TASK]
    change(disk, current_operations=frozenmap(), sharable=True)
    assert refused(api.VDI.snapshot, disk) == ["VDI_IS_SHARABLE", disk]
    change(disk, sharable=False, type="rrd")
    assert refused(api.VDI.destroy, disk) == refused(api.VDI.forget, disk) == ["VDI_HAS_RRDS", disk]
    change(disk, type="user", on_boot="reset")
    assert refused(api.VDI.snapshot, disk) == ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]


def test_a_vm_whose_disk_forgets_keeps_no_state(api, brought, refused, change):
    vm = brought("Running")
    change(api.VBD.get_VDI(drive(api, vm, "Disk")), on_boot="reset")
    for call in (api.VM.suspend, lambda ref: api.VM.checkpoint(ref, "c"), lambda ref: api.VM.snapshot(ref, "s")):
        assert refused(call, vm) == ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]


def test_an_sr_is_let_go_in_order(api, refused, disk):
    sr = api.VDI.get_SR(disk)
    assert refused(api.SR.forget, sr) == refused(api.SR.destroy, sr) == ["SR_HAS_PBD", sr]
    new = api.SR.create(api.host.get_all()[0], {}, str(1 << 30), "n", "", "dummy", "", False, {})
    extra = api.VDI.create(api.VDI.get_record(disk) | {"SR": new})
    (pbd,) = api.SR.get_PBDs(new)
    api.PBD.unplug(pbd)
    assert refused(api.SR.destroy, new) == ["SR_NOT_EMPTY"]
    api.PBD.plug(pbd)
    api.VDI.destroy(extra)
    api.PBD.unplug(pbd)
    api.PBD.destroy(pbd)
    assert refused(api.SR.destroy, new) == ["SR_HAS_NO_PBDS", new]
    api.SR.forget(new)


def test_an_sr_does_one_thing_at_a_time(api, refused, change, disk):
    sr = api.VDI.get_SR(disk)
    change(sr, current_operations=now("scan"))
    assert refused(api.SR.scan, sr) == ["OTHER_OPERATION_IN_PROGRESS", "SR", sr, "scan", TASK]
    assert refused(api.VDI.clone, disk) == ["OTHER_OPERATION_IN_PROGRESS", "SR", sr, "scan", TASK]
    assert api.SR.get_allowed_operations(sr) == []
    change(sr, current_operations=frozenmap())


# Appliances, virtual TPMs, hosts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("powers", "expected"),
    [
        ([], ""),
        (["Halted"], "start"),
        (["Running"], "clean_shutdown hard_shutdown shutdown"),
        (["Paused"], "hard_shutdown shutdown"),
        (["Halted", "Running"], "start clean_shutdown hard_shutdown shutdown"),
    ],
)
def test_an_appliance(api, refused, change, powers, expected):
    appliance = api.VM_appliance.create({"name_label": "group", "name_description": ""})
    for number, power in enumerate(powers, 1):
        vm = api.VM.get_by_name_label(f"vm-{number}-1")[0]
        api.VM.set_appliance(vm, appliance)
        if power != "Halted":
            api.VM.start(vm, power == "Paused", False)
    assert set(api.VM_appliance.get_allowed_operations(appliance)) == set(expected.split())
    for operation in {"start", "clean_shutdown", "hard_shutdown", "shutdown"} - set(expected.split()):
        arguments = (appliance, False) if operation == "start" else (appliance,)
        assert refused(getattr(api.VM_appliance, operation), *arguments)[0] == "OPERATION_NOT_ALLOWED"
    change(appliance, current_operations=now("start"))
    expected_refusal = ["OTHER_OPERATION_IN_PROGRESS", "VM_appliance", appliance, "start", TASK]
    assert refused(api.VM_appliance.shutdown, appliance) == expected_refusal


def test_a_virtual_tpm_is_destroyed_while_its_vm_is_off(api, brought):
    vtpm = api.VTPM.create(brought("Halted"), False)
    assert api.VTPM.get_allowed_operations(vtpm) == ["destroy"]
    brought("Running")
    assert api.VTPM.get_allowed_operations(vtpm) == []


def test_an_idle_host_takes_vms_and_can_be_emptied(api):
    host = api.host.get_all()[0]
    expected = {"provision", "evacuate", "vm_start", "vm_resume", "vm_migrate", "enable"}
    assert set(api.host.get_allowed_operations(host)) == expected
    api.host.disable(host)
    assert set(api.host.get_allowed_operations(host)) == expected | {"reboot", "shutdown", "apply_updates"}


@pytest.mark.parametrize(
    ("current", "excluded"),
    [
        ("provision", "provision evacuate reboot shutdown"),
        ("vm_resume", "evacuate reboot shutdown"),
        ("vm_migrate", "evacuate reboot shutdown"),
        ("evacuate", "provision vm_resume vm_migrate"),
        ("reboot", "provision vm_resume vm_migrate shutdown apply_updates"),
        ("shutdown", "provision vm_resume vm_migrate reboot apply_updates"),
        ("apply_updates", "reboot shutdown enable"),
        ("vm_start", ""),
    ],
)
def test_a_host_does_not_fill_while_it_empties(api, change, current, excluded):
    host = api.host.get_all()[1]
    api.host.disable(host)
    before = set(api.host.get_allowed_operations(host))
    change(host, current_operations=now(current))
    assert set(api.host.get_allowed_operations(host)) == before - set(excluded.split())
    change(host, current_operations=frozenmap())


def test_networks_and_interfaces_of_hosts_advertise_nothing(api):
    assert {tuple(row["allowed_operations"]) for row in api.network.get_all_records().values()} == {()}
