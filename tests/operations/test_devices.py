from __future__ import annotations

import pytest

from xapid.datamodel.errors import XenAPIError
from xapid.operations import devices


@pytest.mark.parametrize(
    ("userdevice", "position"),
    [
        ("0", ("disk", 0, 0)),
        ("300", ("disk", 300, 0)),
        ("-1", ("disk", -1, 0)),
        ("sda", ("disk", 0, 0)),
        ("sda0", ("disk", 0, 0)),
        ("sdp99", ("disk", 15, 99)),
        ("xvda", ("disk", 0, 0)),
        ("xvdp99", ("disk", 15, 99)),
        ("hda", ("disk", 0, 0)),
        ("hdp99", ("disk", 15, 99)),
        ("xvdaa", ("disk", 26, 0)),
        ("fda", ("floppy", 0, 0)),
        ("fdb", ("floppy", 1, 0)),
        ("x", None),
        ("", None),
        ("xvd", None),
        ("0x3", None),
    ],
)
def test_a_drive_is_placed_by_number_or_by_any_of_its_names(userdevice, position):
    assert devices.position_of(userdevice) == position


@pytest.mark.parametrize(
    ("position", "name"),
    [
        (("disk", 0, 0), "xvda"),
        (("disk", 25, 0), "xvdz"),
        (("disk", 26, 0), "xvdaa"),
        (("disk", 1, 2), "xvdb2"),
        (("floppy", 0, 0), "fda"),
    ],
)
def test_a_position_has_a_name_in_the_guest(position, name):
    assert devices.device_name(position) == name
    assert devices.position_of(name) == position


def test_positions_that_are_free_are_offered_in_order(world):
    vm = world.vm()
    assert devices.allowed_vbd_devices(world.db, world.row(vm)) == tuple(map(str, range(255)))
    assert devices.allowed_vif_devices(world.db, world.row(vm)) == tuple(map(str, range(16)))
    world.vbd(vm, userdevice="3")
    world.vbd(vm, userdevice="hda")
    world.vif(vm, device="0")
    assert devices.allowed_vbd_devices(world.db, world.row(vm))[:4] == ("1", "2", "4", "5")
    assert devices.allowed_vif_devices(world.db, world.row(vm))[0] == "1"


@pytest.mark.parametrize("userdevice", ["0", "hda", "sda", "xvda"])
def test_a_position_is_taken_under_all_its_names(world, userdevice):
    vm = world.vm()
    world.vbd(vm, userdevice="0")
    with pytest.raises(XenAPIError) as caught:
        devices.claim_vbd_device(world.db, world.row(vm), userdevice)
    assert caught.value.description == ("DEVICE_ALREADY_EXISTS", userdevice)


def test_detecting_a_free_position_fails_when_there_is_none(world):
    vm = world.vm()
    for number in range(255):
        world.vbd(vm, userdevice=str(number))
    with pytest.raises(XenAPIError) as caught:
        devices.claim_vbd_device(world.db, world.row(vm), "autodetect")
    assert caught.value.description == ("INVALID_DEVICE", "autodetect")


@pytest.mark.parametrize(("device", "mac"), [(0, "8e:52:68:50:65:3e"), (1, "ae:40:07:97:e1:0c"), (2, "56:b2:5a:6b:b3:35")])
def test_the_same_seed_gives_the_same_addresses_everywhere(device, mac):
    assert devices.mac_from_seed("c9a3d3f4-6d21-4a1b-9d3e-1a2b3c4d5e6f", device) == mac
