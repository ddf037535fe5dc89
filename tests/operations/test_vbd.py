from __future__ import annotations

import pytest

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import vbd
from xapid.wire.marshal import record_decoder

CD = {"type": "CD", "mode": "RO", "empty": True, "VDI": NULL_REF}
DISK = {"type": "Disk", "mode": "RW", "empty": False}


@pytest.fixture
def create(world):
    """VBD.create with a record as it comes off the wire."""
    decode = record_decoder(catalogue().classes["VBD"])

    def create(**fields):
        plain = {
            "userdevice": "autodetect",
            "bootable": False,
            "other_config": {},
            "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        }
        return vbd.create(world.context, decode({**plain, **fields}))

    create.error = lambda **fields: world.error(lambda context: create(**fields))
    return create


def test_an_empty_drive_gets_the_first_free_position_and_is_not_attached(world, create):
    vm = world.vm()
    world.vbd(vm, userdevice="3")
    row = world.row(create(VM=vm, **CD, currently_attached=True, device="sda"))
    assert (row.userdevice, row.device, row.currently_attached, row.VDI) == ("0", "", False, NULL_REF)
    assert row.allowed_operations == ("attach", "insert")
    assert row.metrics in world.db.table("VBD_metrics")


@pytest.mark.parametrize("userdevice", ["300", "xvdz", "hdb", "-1", "4"])
def test_odd_positions_are_kept_as_given(world, create, userdevice):
    assert world.row(create(VM=world.vm(), **CD, userdevice=userdevice)).userdevice == userdevice


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({**CD, "mode": "RW"}, ("VBD_CDS_MUST_BE_READONLY",)),
        ({**DISK, "empty": True, "VDI": NULL_REF}, ("VBD_NOT_REMOVABLE_MEDIA", "in constructor")),
        ({**CD, "type": "Floppy"}, ("VBD_NOT_REMOVABLE_MEDIA", "in constructor")),
        ({**DISK, "VDI": NULL_REF}, ("HANDLE_INVALID", "VDI", NULL_REF)),
        ({**CD, "empty": False, "VDI": "OpaqueRef:x"}, ("HANDLE_INVALID", "VDI", "OpaqueRef:x")),
        ({**CD, "VM": "OpaqueRef:x"}, ("HANDLE_INVALID", "VM", "OpaqueRef:x")),
        ({**CD, "userdevice": "x"}, ("INVALID_DEVICE", "x")),
        ({**CD, "userdevice": ""}, ("INVALID_DEVICE", "")),
        ({**CD, "userdevice": "3"}, ("DEVICE_ALREADY_EXISTS", "3")),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(world, create, fields, error):
    vm = world.vm()
    world.vbd(vm, userdevice="3")
    generation = world.db.generation
    assert create.error(**{"VM": vm, **fields}) == error
    assert world.db.generation == generation


def test_a_disk_must_fit_its_drive(world, create):
    statefile, locked = world.disk(type="ha_statefile"), world.disk(read_only=True)
    assert create.error(VM=world.vm(), VDI=statefile, **DISK) == ("VDI_INCOMPATIBLE_TYPE", statefile, "ha_statefile")
    assert create.error(VM=world.vm(), VDI=locked, **DISK) == ("VDI_READONLY", locked)


def test_a_vm_on_the_move_gets_no_drive(world, create):
    vm = world.vm(current_operations=frozenmap({"t": "migrate_send"}))
    assert create.error(VM=vm, **CD) == ("OTHER_OPERATION_IN_PROGRESS", "VM", vm, "migrate_send", "t")


def test_a_drive_of_a_suspended_vm_counts_as_attached(world, create):
    row = world.row(create(VM=world.vm("Suspended"), VDI=world.disk(), **DISK, userdevice="1"))
    assert (row.currently_attached, row.device) == (True, "xvdb")


def test_a_protected_vm_keeps_to_shared_storage(world, create):
    world.set(world.pool, ha_enabled=True)
    local = world.make("SR", type="nfs")
    vm = world.vm(ha_restart_priority="restart")
    assert create.error(VM=vm, VDI=world.disk(SR=local), **DISK) == ("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", local)
    create(VM=vm, VDI=world.disk(), **DISK)


def test_destroying_an_attached_or_busy_drive_is_refused(world):
    vm = world.vm("Running")
    attached = world.vbd(vm, world.disk(), currently_attached=True)
    busy = world.vbd(vm, world.disk(), current_operations=frozenmap({"t": "attach"}))
    assert world.error(vbd.destroy, attached)[0] == "OPERATION_NOT_ALLOWED"
    assert world.error(vbd.destroy, busy) == ("OTHER_OPERATION_IN_PROGRESS", "VBD", busy, "attach", "t")


def test_destroying_a_drive_frees_its_disk(world, create):
    disk = world.disk()
    ref = create(VM=world.vm(), VDI=disk, **DISK)
    vbd.destroy(world.context, ref)
    assert world.row(ref) is None
    assert len(world.db.table("VBD_metrics")) == 0
    assert world.row(disk).VBDs == ()


def test_plugging_and_unplugging_reach_the_hypervisor(world):
    vm = world.vm("Running", guest=world.DRIVERS)
    disk = world.disk()
    ref = world.vbd(vm, disk)
    world.run(vbd.plug(world.context, ref))
    assert (world.row(ref).currently_attached, world.row(ref).device) == (True, "xvda")
    world.run(vbd.unplug(world.context, ref))
    assert world.row(ref).currently_attached is False
    uuids = [world.row(r).uuid for r in (vm, disk, vm, ref)]
    assert world.hypervisor.calls == [("plug_disk", *uuids[:2]), ("unplug_disk", *uuids[2:])]


def test_a_guest_may_hold_on_to_a_drive_unless_forced(world):
    ref = world.vbd(world.vm("Running"), world.disk(), currently_attached=True)
    world.hypervisor.stuck.add(world.row(ref).uuid)
    assert world.error(vbd.unplug, ref) == ("DEVICE_DETACH_REJECTED", "VBD", ref, "mounted")
    assert world.row(ref).currently_attached is True
    world.run(vbd.unplug_force(world.context, ref))
    assert world.row(ref).currently_attached is False


def test_a_fully_virtualized_vm_gets_no_write_protected_disk(world):
    ref = world.vbd(world.vm("Running"), world.disk(), mode="RO")
    assert world.error(vbd.plug, ref) == ("DISK_VBD_MUST_BE_READWRITE_FOR_HVM", ref)


def test_the_control_domain_opens_disks_without_a_hypervisor(world):
    dom0 = world.vm("Running", domain_type="pv", is_control_domain=True)
    ref = world.vbd(dom0, world.disk(), mode="RO")
    world.run(vbd.plug(world.context, ref))
    assert (world.row(ref).currently_attached, world.row(ref).device) == (True, "xvda")
    world.run(vbd.unplug(world.context, ref))
    assert world.row(ref).currently_attached is False
    assert world.hypervisor.calls == []


@pytest.mark.parametrize(("power", "told"), [("Halted", False), ("Running", True)])
def test_media_are_changed_in_the_database_and_in_a_running_guest(world, power, told):
    vm = world.vm(power)
    ref, disk = world.vbd(vm), world.disk(read_only=True)
    world.run(vbd.insert(world.context, ref, disk))
    assert (world.row(ref).VDI, world.row(ref).empty) == (disk, False)
    assert "eject" in world.row(ref).allowed_operations
    world.run(vbd.eject(world.context, ref))
    assert (world.row(ref).VDI, world.row(ref).empty) == (NULL_REF, True)
    expected = [("insert", world.row(vm).uuid, world.row(disk).uuid), ("insert", world.row(vm).uuid, "")]
    assert world.hypervisor.calls == (expected if told else [])


def test_a_medium_must_exist_and_not_be_written_to(world):
    ref, disk = world.vbd(world.vm()), world.disk()
    world.vbd(world.vm("Running"), disk, currently_attached=True)
    assert world.error(vbd.insert, ref, world.STALE) == ("HANDLE_INVALID", "VDI", world.STALE)
    assert world.error(vbd.insert, ref, NULL_REF) == ("HANDLE_INVALID", "VDI", NULL_REF)
    assert world.error(vbd.insert, ref, disk) == ("VDI_IN_USE", disk)


def test_asking_whether_a_drive_is_attachable_gives_the_reason(world):
    vbd.assert_attachable(world.context, world.vbd(world.vm()))
    disk = world.disk(read_only=True)
    assert world.error(vbd.assert_attachable, world.vbd(world.vm(), disk)) == ("VDI_READONLY", disk)


def test_the_mode_is_set_while_the_vm_is_off(world):
    off, vm = world.vbd(world.vm()), world.vm("Running")
    vbd.set_mode(world.context, off, "RW")
    assert world.row(off).mode == "RW"
    assert world.error(vbd.set_mode, world.vbd(vm), "RW") == ("VM_BAD_POWER_STATE", vm, "halted", "running")


@pytest.mark.parametrize("name", ["destroy", "plug", "unplug", "unplug_force", "eject", "assert_attachable"])
def test_a_null_reference_is_an_invalid_handle(world, name):
    assert world.error(getattr(vbd, name), NULL_REF) == ("HANDLE_INVALID", "VBD", NULL_REF)
