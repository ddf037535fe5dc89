from __future__ import annotations

import pytest

from xapid.datamodel.types import frozenmap

WITH_EVERYTHING = frozenmap(dict.fromkeys(
    ("VDI_CREATE", "VDI_DELETE", "VDI_CLONE", "VDI_SNAPSHOT", "VDI_RESIZE", "VDI_RESIZE_ONLINE", "VDI_UPDATE", "VDI_MIRROR",
     "VDI_GENERATE_CONFIG", "VDI_RESET_ON_BOOT", "VDI_CONFIG_CBT", "VDI_INTRODUCE", "VDI_REVERT", "SR_UPDATE"), 1,
))  # fmt: skip
DETACHED = "clone copy resize resize_online snapshot destroy forget update generate_config"


def now(**operations):
    return frozenmap({f"OpaqueRef:{name}": name for name in operations})


@pytest.fixture
def disk(world):
    """Makes a disk on an SR whose backend can do everything, with drives of the given modes attached."""
    world.make("SM", type="able", features=WITH_EVERYTHING)
    sr = world.make("SR", type="able")
    world.make("PBD", SR=sr, host=world.host, currently_attached=True)

    def make(*modes, **fields):
        ref = world.disk(SR=sr, **fields)
        for mode in modes:
            world.vbd(world.vm("Running"), ref, mode=mode, currently_attached=True)
        world.set(ref)
        return ref

    return make


@pytest.mark.parametrize(
    ("modes", "fields", "expected"),
    [
        ((), {}, DETACHED),
        (("RW",), {}, "clone resize_online snapshot"),
        (("RO",), {}, "clone copy resize_online snapshot"),
        (("RO", "RO"), {}, "clone copy resize_online snapshot"),
        (("RO", "RW"), {}, "clone resize_online snapshot"),
        ((), {"type": "cbt_metadata"}, "destroy forget update generate_config"),
        ((), {"sharable": True}, DETACHED.replace("snapshot ", "")),
        ((), {"on_boot": "reset"}, DETACHED.replace("copy ", "").replace("snapshot ", "")),
        ((), {"type": "rrd"}, DETACHED.replace("destroy forget ", "")),
        ((), {"type": "redo_log"}, DETACHED.replace("copy ", "")),
        ((), {"current_operations": now(copy=1)}, DETACHED.replace("snapshot ", "")),
        ((), {"current_operations": now(clone=1)}, ""),
        ((), {"current_operations": now(mirror=1)}, "destroy"),
    ],
)
def test_a_disk_allows_what_it_is_and_who_uses_it_allow(world, disk, modes, fields, expected):
    assert world.row(disk(*modes, **fields)).allowed_operations == tuple(expected.split())


def test_a_disk_allows_what_its_backend_can_do(world):
    expected = ("clone", "copy", "resize", "snapshot", "destroy", "forget", "update")
    assert world.row(world.disk()).allowed_operations == expected


@pytest.mark.parametrize("fields", [{"currently_attached": True}, {"reserved": True}])
@pytest.mark.parametrize(
    "operation", ["update", "resize", "destroy", "forget", "set_on_boot", "generate_config", "revert_from"]
)
def test_a_disk_in_use_is_named_with_the_operation(world, disk, operation, fields):
    ref = disk()
    world.vbd(world.vm(), ref, **fields, current_operations=now(attach=1))
    assert world.refused(ref, operation) == ("VDI_IN_USE", ref, operation)


def test_a_drive_that_is_busy_makes_its_disk_busy(world, disk):
    ref = disk()
    world.vbd(world.vm(), ref, current_operations=now(attach=1))
    assert world.refused(ref, "update") == ("OTHER_OPERATION_IN_PROGRESS", "VDI", ref, "attach", "OpaqueRef:attach")


def test_copies_go_beside_copies(world, disk):
    ref = disk("RO", current_operations=now(copy=1))
    assert world.refused(ref, "copy") == world.refused(ref, "clone") == ()
    assert world.refused(ref, "snapshot")[0] == "OPERATION_NOT_ALLOWED"


def test_a_disk_is_not_resized_while_no_host_reaches_it(world, disk):
    ref = disk()
    sr = world.row(ref).SR
    world.set(world.row(sr).PBDs[0], currently_attached=False)
    assert world.refused(ref, "resize") == ("SR_HAS_NO_PBDS", sr)


def test_what_must_not_be_destroyed_says_why(world):
    world.make("SM", type="udev", features=frozenmap({"VDI_INTRODUCE": 1}))
    udev, tools = world.make("SR", type="udev"), world.make("SR", type="nfs", is_tools_sr=True)
    stick, iso = world.disk(SR=udev), world.disk(SR=tools)
    assert world.refused(stick, "destroy") == ("VDI_IS_A_PHYSICAL_DEVICE", stick)
    assert world.refused(iso, "destroy") == ("SR_OPERATION_NOT_SUPPORTED", tools)
    rrd = world.disk(type="rrd")
    assert world.refused(rrd, "forget") == ("VDI_HAS_RRDS", rrd)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"ha_enabled": True}, "HA_IS_ENABLED"),
        ({"current_operations": now(ha_enable=1)}, "HA_ENABLE_IN_PROGRESS"),
        ({"current_operations": now(ha_disable=1)}, "HA_DISABLE_IN_PROGRESS"),
    ],
)
def test_disks_that_ha_needs_stay(world, fields, code):
    statefile, plain = world.disk(type="ha_statefile"), world.disk()
    world.set(world.pool, **fields)
    assert world.refused(statefile, "destroy") == world.refused(statefile, "forget") == (code,)
    assert world.refused(plain, "destroy") == ()


@pytest.mark.parametrize(
    ("operation", "fields", "expected"),
    [
        ("enable_cbt", {}, ()),
        ("enable_cbt", {"is_a_snapshot": True}, ("OPERATION_NOT_ALLOWED",)),
        ("disable_cbt", {"type": "metadata"}, ("VDI_INCOMPATIBLE_TYPE", "vdi", "metadata")),
        ("enable_cbt", {"on_boot": "reset"}, ("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",)),
        ("data_destroy", {}, ("OPERATION_NOT_ALLOWED",)),
        ("data_destroy", {"is_a_snapshot": True}, ("VDI_NO_CBT_METADATA", "vdi")),
        ("data_destroy", {"is_a_snapshot": True, "cbt_enabled": True}, ()),
        ("data_destroy", {"is_a_snapshot": True, "type": "cbt_metadata"}, ()),
        ("mirror", {"cbt_enabled": True}, ("VDI_CBT_ENABLED", "vdi")),
        ("set_on_boot", {"cbt_enabled": True}, ("VDI_CBT_ENABLED", "vdi")),
        ("revert_to", {}, ("REVERT_ONLY_ALLOWED_ON_SNAPSHOT",)),
        ("snapshot", {"type": "cbt_metadata"}, ("VDI_INCOMPATIBLE_TYPE", "vdi", "cbt_metadata")),
    ],
)
def test_operations_that_are_not_advertised_are_judged_too(world, disk, operation, fields, expected):
    ref = disk(**fields)
    refusal = world.refused(ref, operation)
    if expected == ("OPERATION_NOT_ALLOWED",):
        assert refusal[0] == expected[0]
    else:
        assert refusal == tuple(ref if part == "vdi" else part for part in expected)


def test_changed_blocks_are_listed_while_only_snapshots_of_vms_use_the_disk(world, disk):
    ref = disk()
    world.vbd(world.vm(is_a_snapshot=True), ref, currently_attached=True)
    assert world.refused(ref, "list_changed_blocks") == ()
    world.vbd(world.vm("Running"), ref, currently_attached=True)
    assert world.refused(ref, "list_changed_blocks") == ("VDI_IN_USE", ref, "list_changed_blocks")


def test_hosts_of_different_versions_do_not_track_changed_blocks(world, disk):
    ref = disk()
    world.set(world.pool, other_config=frozenmap({"rolling_upgrade_in_progress": "true"}))
    assert world.refused(ref, "enable_cbt") == ("NOT_SUPPORTED_DURING_UPGRADE",)
    assert world.refused(world.row(ref).SR, "vdi_enable_cbt") == ("NOT_SUPPORTED_DURING_UPGRADE",)
    assert world.refused(ref, "clone") == ()


def test_an_sr_advertises_what_its_backend_can_do(world):
    expected = (
        "scan plug unplug vdi_create vdi_destroy vdi_resize vdi_clone vdi_snapshot vdi_introduce update pbd_create pbd_destroy"
    )
    world.set(world.sr)
    assert set(world.row(world.sr).allowed_operations) == set(expected.split())


def test_an_sr_is_destroyed_when_it_is_empty_and_unplugged(world):
    assert world.refused(world.sr, "destroy") == ("SR_HAS_PBD", world.sr)
    world.set(world.pbd, currently_attached=False)
    assert world.refused(world.sr, "destroy") == ()
    world.disk(type="rrd")
    assert world.refused(world.sr, "destroy") == ()
    world.disk()
    assert world.refused(world.sr, "destroy") == ("SR_NOT_EMPTY",)
    assert world.refused(world.sr, "forget") == ()
    lonely = world.make("SR", type="nfs")
    assert world.refused(lonely, "destroy") == ("SR_HAS_NO_PBDS", lonely)


def test_nothing_is_made_or_deleted_on_the_tools_sr(world):
    tools = world.make("SR", type="nfs", is_tools_sr=True)
    for operation in ("vdi_create", "vdi_destroy"):
        assert world.refused(tools, operation) == ("SR_OPERATION_NOT_SUPPORTED", tools)


@pytest.mark.parametrize(("current", "plug"), [("plug", True), ("scan", False)])
def test_an_sr_does_one_thing_at_a_time_but_is_plugged_on_many_hosts(world, current, plug):
    world.set(world.sr, current_operations=now(**{current: 1}))
    assert (world.refused(world.sr, "plug") == ()) is plug
    refusal = ("OTHER_OPERATION_IN_PROGRESS", "SR", world.sr, current, f"OpaqueRef:{current}")
    assert world.refused(world.sr, "vdi_create") == refusal
