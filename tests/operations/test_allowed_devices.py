from __future__ import annotations

import pytest

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import frozenmap
from xapid.operations.allowed.vbd import RULES as VBD_RULES

BUSY_DISK = [
    "resize",
    "destroy",
    "forget",
    "update",
    "force_unlock",
    "generate_config",
    "snapshot",
    "resize_online",
    "blocked",
    "clone",
]
ATTACHED = {"currently_attached": True}


def now(**operations):
    return frozenmap({f"OpaqueRef:{name}": name for name in operations})


def test_a_drive_advertises_every_operation_in_the_declared_order():
    assert VBD_RULES.advertised == tuple(catalogue().enums["vbd_operations"].values)


@pytest.mark.parametrize(
    ("power", "guest", "fields", "expected"),
    [
        ("Halted", False, {}, "attach"),
        ("Running", True, ATTACHED, "attach unplug unplug_force pause unpause"),
        ("Running", True, {}, "attach plug pause unpause"),
        ("Running", True, {"reserved": True}, "attach unplug unplug_force pause unpause"),
        ("Running", False, ATTACHED, "attach pause unpause"),
        ("Running", True, {**ATTACHED, "unpluggable": False}, "attach pause unpause"),
        ("Paused", True, ATTACHED, "attach pause unpause"),
        ("Suspended", False, ATTACHED, "attach"),
    ],
)
def test_a_disk_drive_allows_what_its_vm_and_guest_allow(world, power, guest, fields, expected):
    vm = world.vm(power, guest=world.DRIVERS if guest else None)
    assert world.row(world.vbd(vm, world.disk(), **fields)).allowed_operations == tuple(expected.split())


@pytest.mark.parametrize(
    ("power", "full", "expected"),
    [
        ("Halted", False, "attach insert"),
        ("Halted", True, "attach eject"),
        ("Running", True, "attach eject pause unpause"),
        ("Running", False, "attach insert pause unpause"),
        ("Suspended", True, "attach"),
    ],
)
def test_an_optical_drive_takes_and_gives_media(world, power, full, expected):
    vm = world.vm(power, guest=world.DRIVERS)
    medium = {"disk": world.disk(read_only=True), "type": "CD", "mode": "RO", "empty": False} if full else {}
    vbd = world.vbd(vm, **medium, currently_attached=power != "Halted")
    assert world.row(vbd).allowed_operations == tuple(expected.split())


@pytest.mark.parametrize(
    ("operation", "fields", "expected"),
    [
        ("insert", {"type": "Disk"}, ("VBD_NOT_REMOVABLE_MEDIA", "vbd")),
        ("eject", {}, ("VBD_IS_EMPTY", "vbd")),
        ("plug", {}, ("VM_BAD_POWER_STATE", "vm", "running", "halted")),
        ("unplug_force", {"unpluggable": False}, ("VBD_NOT_UNPLUGGABLE", "vbd")),
        (
            "unplug",
            {"current_operations": now(attach=1)},
            ("OTHER_OPERATION_IN_PROGRESS", "VBD", "vbd", "attach", "OpaqueRef:attach"),
        ),
    ],
)
def test_a_drive_of_a_halted_vm_refuses_with_the_recorded_errors(world, operation, fields, expected):
    vm = world.vm()
    vbd = world.vbd(vm, **fields)
    names = {"vbd": vbd, "vm": vm}
    assert world.refused(vbd, operation) == tuple(names.get(part, part) for part in expected)


def test_inserting_into_a_full_drive_is_refused(world):
    vbd = world.vbd(world.vm(), world.disk(), type="CD", mode="RO", empty=False)
    assert world.refused(vbd, "insert") == ("VBD_NOT_EMPTY", vbd)


@pytest.mark.parametrize(
    ("under_way", "pause", "unpause"), [("attach", False, True), ("pause", True, True), ("plug", False, False)]
)
def test_pausing_goes_beside_pausing(world, under_way, pause, unpause):
    vm = world.vm("Running", guest=world.DRIVERS)
    vbd = world.vbd(vm, world.disk(), **ATTACHED, current_operations=now(**{under_way: 1}))
    assert (world.refused(vbd, "pause") == ()) is pause
    assert (world.refused(vbd, "unpause") == ()) is unpause


@pytest.mark.parametrize("leaving", ["clean_shutdown", "hard_shutdown", "suspend", "pause"])
def test_nothing_is_plugged_into_a_vm_that_is_about_to_stop(world, leaving):
    vm = world.vm("Running", guest=world.DRIVERS, current_operations=now(**{leaving: 1}))
    disk, nic = world.vbd(vm, world.disk()), world.vif(vm)
    for device in (disk, nic):
        assert world.refused(device, "plug")[0] == "OPERATION_NOT_ALLOWED"
    assert "attach" in world.row(disk).allowed_operations


@pytest.mark.parametrize(
    ("guest", "expected"),
    [
        (None, "VM_MISSING_PV_DRIVERS"),
        ({}, "VM_MISSING_PV_DRIVERS"),
        ({"PV_drivers_version": frozenmap({"major": "8", "minor": "2"})}, None),
        ({"PV_drivers_detected": True}, None),
        ({"can_use_hotplug_vbd": "yes", "can_use_hotplug_vif": "yes"}, None),
        ({"can_use_hotplug_vbd": "no", "can_use_hotplug_vif": "no", "PV_drivers_detected": True}, "OPERATION_NOT_ALLOWED"),
    ],
)
def test_a_running_guest_says_whether_it_takes_devices(world, guest, expected):
    vm = world.vm("Running", guest=guest)
    for device in (world.vbd(vm, world.disk()), world.vif(vm)):
        refusal = world.refused(device, "plug")
        assert (refusal[0] if refusal else None) == expected


def test_a_paravirtual_guest_needs_no_announcement(world):
    vm = world.vm("Running", domain_type="pv")
    assert world.refused(world.vbd(vm, world.disk()), "plug") == ()


@pytest.mark.parametrize("operation", ["attach", "plug", "insert"])
@pytest.mark.parametrize("current", BUSY_DISK)
def test_a_busy_disk_cannot_be_attached(world, operation, current):
    vm = world.vm("Running", guest=world.DRIVERS)
    disk = world.disk(current_operations=now(**{current: 1}))
    drive = {"type": "CD", "mode": "RO", "empty": False} if operation == "insert" else {}
    vbd = world.vbd(vm, disk, **drive)
    refusal = world.refused(vbd, operation)
    if operation == "insert":
        assert refusal == ("VBD_NOT_EMPTY", vbd)
    else:
        assert refusal == ("OTHER_OPERATION_IN_PROGRESS", "VDI", disk, current, f"OpaqueRef:{current}")


@pytest.mark.parametrize("current", ["copy", "mirror"])
def test_a_disk_that_is_copied_can_still_be_plugged(world, current):
    vm = world.vm("Running", guest=world.DRIVERS)
    vbd = world.vbd(vm, world.disk(current_operations=now(**{current: 1})))
    assert world.refused(vbd, "plug") == ()


@pytest.mark.parametrize(
    ("other", "mine", "in_use"), [("RW", "RW", True), ("RW", "RO", True), ("RO", "RW", True), ("RO", "RO", False)]
)
def test_a_disk_has_one_writer_or_many_readers(world, other, mine, in_use):
    disk = world.disk()
    world.vbd(world.vm("Running"), disk, mode=other, **ATTACHED)
    vbd = world.vbd(world.vm(), disk, mode=mine)
    assert world.refused(vbd, "attach") == (("VDI_IN_USE", disk) if in_use else ())


@pytest.mark.parametrize("active", [{"reserved": True}, {"current_operations": now(attach=1)}])
def test_a_drive_that_is_about_to_use_a_disk_counts(world, active):
    disk = world.disk()
    world.vbd(world.vm(), disk, **active)
    assert world.refused(world.vbd(world.vm(), disk), "attach") == ("VDI_IN_USE", disk)


def test_sharable_disks_suspended_vms_and_the_system_do_not_count(world):
    sharable, asleep, seen = world.disk(sharable=True), world.disk(), world.disk()
    world.vbd(world.vm("Running"), sharable, **ATTACHED)
    world.vbd(world.vm("Suspended"), asleep, **ATTACHED)
    world.vbd(world.vm("Running", is_control_domain=True), seen, **ATTACHED)
    vm = world.vm()
    assert [world.refused(world.vbd(vm, disk), "attach") for disk in (sharable, asleep, seen)] == [(), (), ()]


def test_a_write_protected_disk_is_not_written_to(world):
    disk = world.disk(read_only=True)
    vm = world.vm()
    assert world.refused(world.vbd(vm, disk), "attach") == ("VDI_READONLY", disk)
    assert world.refused(world.vbd(vm, disk, mode="RO"), "attach") == ()


def test_a_disk_that_clients_may_not_use_is_refused(world):
    vbd = world.vbd(world.vm(), world.disk(managed=False))
    assert world.row(vbd).allowed_operations == ()
    assert world.refused(vbd, "attach") == ("VDI_NOT_MANAGED", vbd)


@pytest.mark.parametrize(
    ("power", "fields", "expected"),
    [
        ("Halted", {}, "attach"),
        ("Running", ATTACHED, "attach unplug"),
        ("Running", {}, "attach plug"),
        ("Suspended", {}, "attach"),
    ],
)
def test_an_interface_and_a_usb_port_allow_what_fits_their_vm(world, power, fields, expected):
    vm = world.vm(power, guest=world.DRIVERS)
    assert world.row(world.vif(vm, **fields)).allowed_operations == tuple(expected.split())
    assert world.row(world.make("VUSB", VM=vm, **fields)).allowed_operations == tuple(expected.split())


def test_an_interface_lists_all_that_is_under_way(world):
    vif = world.vif(world.vm(), current_operations=now(attach=1, plug=1))
    braced = ("{attach; plug}", "{OpaqueRef:attach; OpaqueRef:plug}")
    assert world.refused(vif, "unplug") == ("OTHER_OPERATION_IN_PROGRESS", "VIF", vif, *braced)


def test_interfaces_of_the_control_domain_and_on_sriov_networks_are_not_plugged(world):
    dom0 = world.vm("Running", domain_type="pv", is_control_domain=True)
    assert world.refused(world.vif(dom0), "plug")[0] == "OPERATION_NOT_ALLOWED"
    network = world.make("network")
    pif = world.make("PIF", network=network)
    world.make("network_sriov", logical_PIF=pif)
    vif = world.vif(world.vm("Running", guest=world.DRIVERS), network=network)
    assert world.refused(vif, "plug")[0] == "OPERATION_NOT_ALLOWED"


def test_a_vtpm_is_destroyed_only_while_its_vm_is_off(world):
    on, off = (world.make("VTPM", VM=world.vm(power)) for power in ("Running", "Halted"))
    assert (world.row(on).allowed_operations, world.row(off).allowed_operations) == ((), ("destroy",))
