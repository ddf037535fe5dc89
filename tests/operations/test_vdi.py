from __future__ import annotations

import pytest

from xapid.agent.values import AgentFailure
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EPOCH, NULL_REF, frozenmap
from xapid.operations import vdi
from xapid.wire.marshal import record_decoder

MIB = 1 << 20


@pytest.fixture
def create(world):
    """VDI.create with a record as it comes off the wire."""
    decode = record_decoder(catalogue().classes["VDI"])

    def create(**fields):
        plain = {"SR": world.sr, "virtual_size": str(8 * MIB), "type": "user", "sharable": False, "read_only": False}
        return world.run(vdi.create(world.context, decode({**plain, "other_config": {}, **fields})))

    create.error = lambda **fields: world.error(lambda context: create(**fields))
    return create


def introduced(world, **fields):
    """The parameters of VDI.introduce."""
    params = catalogue().messages["VDI.introduce"].message.params
    values = {param.name: param.type.empty if param.required else param.default for param in params}
    return {**values, "SR": world.sr, "type": "user", "virtual_size": 8 * MIB, **fields}.values()


def test_a_new_disk_is_as_storage_made_it(world, create):
    row = world.row(create(name_label="disk", virtual_size=str(3 * MIB), tags=["t"], sm_config={"a": "b"}))
    assert (row.name_label, row.virtual_size, row.tags, row.managed) == ("disk", 4 * MIB, ("t",), True)
    assert (row.is_a_snapshot, row.snapshot_of, row.snapshot_time, row.on_boot) == (False, NULL_REF, EPOCH, "persist")
    assert row.sm_config == {"a": "b"}
    assert row.location
    assert "content_id" in row.other_config
    assert "destroy" in row.allowed_operations
    assert world.row(world.sr).virtual_allocation == 4 * MIB


def test_a_disk_of_changed_blocks_is_not_made(world, create):
    assert create.error(type="cbt_metadata") == ("VDI_INCOMPATIBLE_TYPE", NULL_REF, "cbt_metadata")


def test_a_disk_needs_an_sr_that_some_host_reaches(world, create):
    assert create.error(SR=world.STALE) == ("HANDLE_INVALID", "SR", world.STALE)
    unplugged, lonely = world.make("SR", type="nfs"), world.make("SR", type="nfs")
    world.make("PBD", SR=unplugged, host=world.host)
    assert create.error(SR=unplugged) == ("SR_NOT_ATTACHED", unplugged)
    assert create.error(SR=lonely) == ("SR_HAS_NO_PBDS", lonely)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (AgentFailure("no_space", ("sr", "2", "1")), ("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")),
        (AgentFailure("not_supported", ("x",)), ("SR_OPERATION_NOT_SUPPORTED", "sr")),
        (AgentFailure("no_such_object", ("SR", "x")), ("SR_NOT_ATTACHED", "sr")),
        (XenAPIError.relayed("SR_BACKEND_FAILURE_79", "", "too big", ""), ("SR_BACKEND_FAILURE_79", "", "too big", "")),
    ],
)
def test_what_storage_cannot_do_is_told_and_leaves_nothing(world, create, monkeypatch, failure, error):
    async def fail(*args):
        raise failure

    monkeypatch.setattr(world.storage, "vdi_create", fail)
    assert create.error() == tuple(world.sr if part == "sr" else part for part in error)
    assert len(world.db.table("VDI")) == 0


def test_destroying_a_disk_takes_its_drives_and_suspend_images_along(world, create):
    ref = create(type="suspend")
    vm = world.vm(suspend_VDI=ref)
    drive = world.vbd(vm, ref)
    world.run(vdi.destroy(world.context, ref))
    assert (world.row(ref), world.row(drive), world.row(vm).suspend_VDI) == (None, None, NULL_REF)
    assert world.row(world.sr).virtual_allocation == 0


def test_a_disk_that_clients_may_not_use_is_not_destroyed(world):
    ref = world.disk(managed=False)
    assert world.error(vdi.destroy, ref) == ("VDI_NOT_MANAGED", ref)


def test_forgetting_a_disk_leaves_its_data(world, create):
    ref = create()
    uuid = world.row(ref).uuid
    world.run(vdi.forget(world.context, ref))
    assert world.row(ref) is None
    assert uuid in [state["vdi"] for state in world.run(world.storage.sr_scan(world.row(world.sr).uuid))]


def test_a_snapshot_points_at_its_disk(world, create):
    world.clock.advance(1000)
    ref = create(name_label="d", tags=["t"], other_config={"a": "b"})
    copy = world.run(vdi.snapshot(world.context, ref, frozenmap()))
    row = world.row(copy)
    assert (row.is_a_snapshot, row.snapshot_of, int(row.snapshot_time.timestamp())) == (True, ref, 1000)
    assert (row.name_label, row.tags, row.other_config) == ("d", ("t",), world.row(ref).other_config)
    assert row.uuid != world.row(ref).uuid
    assert world.row(ref).snapshots == (copy,)


def test_a_clone_of_a_snapshot_is_a_disk_again(world, create):
    kept = world.run(vdi.snapshot(world.context, create(name_label="d"), frozenmap()))
    row = world.row(world.run(vdi.clone(world.context, kept, frozenmap())))
    assert (row.name_label, row.is_a_snapshot, row.snapshot_of, row.read_only) == ("d", False, NULL_REF, False)


def test_a_copy_goes_to_its_own_sr_or_another(world, create):
    other = world.make("SR", type="nfs", physical_size=1 << 40)
    world.make("PBD", SR=other, host=world.host, currently_attached=True)
    ref = create(name_label="d", sm_config={"a": "b"})
    here = world.row(world.run(vdi.copy(world.context, ref, NULL_REF, NULL_REF, NULL_REF)))
    there = world.row(world.run(vdi.copy(world.context, ref, other, NULL_REF, NULL_REF)))
    assert (here.SR, there.SR, there.name_label, there.sm_config) == (world.sr, other, "d", {})
    assert world.row(other).virtual_allocation == 8 * MIB


def test_a_copy_into_a_disk_needs_room_and_the_right_to_write(world, create):
    ref, small, locked = create(), create(virtual_size=str(2 * MIB)), create(read_only=True)
    assert world.error(vdi.copy, ref, NULL_REF, NULL_REF, small) == ("VDI_TOO_SMALL", small, str(8 * MIB))
    assert world.error(vdi.copy, ref, NULL_REF, NULL_REF, locked) == ("VDI_READONLY", locked)
    into = create()
    assert world.run(vdi.copy(world.context, ref, NULL_REF, NULL_REF, into)) == into


def test_resizing_takes_the_size_that_storage_gives(world, create):
    ref = create()
    world.run(vdi.resize(world.context, ref, 11 * MIB))
    assert world.row(ref).virtual_size == world.row(world.sr).virtual_allocation == 12 * MIB
    world.run(vdi.resize_online(world.context, ref, 20 * MIB))
    assert world.row(ref).virtual_size == 20 * MIB
    assert world.error(vdi.resize, ref, MIB)[0].startswith("SR_BACKEND_FAILURE_")


def test_a_disk_that_is_there_is_introduced_once(world):
    params = introduced(world, uuid="C9A3D3F4-6D21-4A1B-9D3E-1A2B3C4D5E6F", location="here", name_label="found", read_only=True)
    row = world.row(world.run(vdi.introduce(world.context, *params)))
    assert (row.uuid, row.location, row.name_label) == ("c9a3d3f4-6d21-4a1b-9d3e-1a2b3c4d5e6f", "here", "found")
    assert (row.managed, row.read_only, row.virtual_size) == (True, True, 8 * MIB)
    assert world.error(vdi.introduce, *params) == ("LOCATION_NOT_UNIQUE", world.sr, "here")
    assert world.error(vdi.introduce, *introduced(world, uuid="x")) == ("UUID_INVALID", "VDI", "x")


def test_names_are_kept_on_storage_too(world, create):
    ref = create()
    world.run(vdi.set_name_label(world.context, ref, "n"))
    world.run(vdi.set_name_description(world.context, ref, "d"))
    assert (world.row(ref).name_label, world.row(ref).name_description) == ("n", "d")
    (state,) = world.run(world.storage.sr_scan(world.row(world.sr).uuid))
    assert (state["name"], state["description"]) == ("n", "d")


def test_updating_reads_the_disk_anew(world, create):
    ref = create()
    row = world.row(ref)
    world.run(world.storage.vdi_set_name(world.row(world.sr).uuid, row.uuid, "new", ""))
    world.run(vdi.update(world.context, ref))
    assert world.row(ref).name_label == "new"
    world.run(world.storage.vdi_destroy(world.row(world.sr).uuid, row.uuid))
    assert world.error(vdi.update, ref) == ("VDI_MISSING", world.sr, ref)


def test_forgetting_at_boot_shows_in_what_the_disk_and_its_vm_allow(world, create):
    ref, vm = create(), world.vm()
    world.vbd(vm, ref)
    vdi.set_on_boot(world.context, ref, "reset")
    assert "snapshot" not in world.row(ref).allowed_operations
    assert "snapshot" not in world.row(vm).allowed_operations
    vdi.set_allow_caching(world.context, ref, True)
    assert world.row(ref).allow_caching is True
    world.vbd(world.vm("Running"), ref, currently_attached=True)
    assert world.error(vdi.set_allow_caching, ref, False) == ("VDI_IN_USE", ref)


BACKEND = {
    "db_forget": (),
    "set_managed": (True,),
    "set_sharable": (True,),
    "set_read_only": (True,),
    "set_missing": (True,),
    "set_virtual_size": (1,),
    "set_physical_utilisation": (1,),
    "set_is_a_snapshot": (True,),
    "set_snapshot_of": (NULL_REF,),
    "set_snapshot_time": (EPOCH,),
    "set_metadata_of_pool": (NULL_REF,),
    "set_cbt_enabled": (True,),
}


@pytest.mark.parametrize("name", BACKEND)
def test_records_are_kept_by_backends_alone(world, name):
    ref = world.disk()
    before = world.row(ref)
    assert world.error(getattr(vdi, name), ref, *BACKEND[name])[0] == "PERMISSION_DENIED"
    assert world.row(ref) is before
    assert world.error(getattr(vdi, name), NULL_REF, *BACKEND[name]) == ("HANDLE_INVALID", "VDI", NULL_REF)


def test_joining_hosts_bring_their_disks_along(world):
    params = [*introduced(world, uuid=world.ids.uuid(), location="x"), True]
    assert world.row(vdi.pool_introduce(world.context, *params)).cbt_enabled is True


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("destroy", ()),
        ("forget", ()),
        ("snapshot", (frozenmap(),)),
        ("clone", (frozenmap(),)),
        ("copy", (NULL_REF, NULL_REF, NULL_REF)),
        ("resize", (0,)),
        ("update", ()),
        ("revert", ()),
        ("set_name_label", ("",)),
        ("set_on_boot", ("persist",)),
        ("set_allow_caching", (False,)),
    ],
)
def test_a_null_reference_is_an_invalid_handle(world, name, args):
    assert world.error(getattr(vdi, name), NULL_REF, *args) == ("HANDLE_INVALID", "VDI", NULL_REF)
