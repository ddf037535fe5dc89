"""What simulated backends say of the places that SRs are to be at."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from xapid.agent.values import SrConfig
from xapid.datamodel.errors import XenAPIError

IQN = "iqn.2026-01.example:t"


def probed(place, type_, config):
    return place.now(place.host().storage.sr_probe(type_, config, {}))


def refused(place, type_, config):
    with pytest.raises(XenAPIError) as caught:
        probed(place, type_, config)
    return caught.value


@pytest.mark.parametrize(
    ("type_", "config", "number"),
    [
        ("ext", {}, 90),
        ("ext", {"device": "sdb"}, 91),
        ("lvm", {"device": ""}, 90),
        ("nfs", {}, 102),
        ("nfs", {"serverpath": "/x"}, 102),
        ("nfs", {"server": "s"}, 101),
        ("nfs", {"server": "s", "serverpath": "x"}, 103),
        ("nfs", {"server": "s", "serverpath": "/x", "nfsversion": "5"}, 72),
        ("nfs", {"server": "nowhere.invalid", "serverpath": "/x"}, 140),
        ("lvmoiscsi", {}, 95),
        ("lvmoiscsi", {"target": "t"}, 96),
        ("lvmoiscsi", {"target": "t", "targetIQN": "wrong"}, 96),
        ("lvmoiscsi", {"target": "t", "targetIQN": IQN}, 107),
        ("lvmoiscsi", {"target": "t.invalid", "targetIQN": IQN, "SCSIid": "3"}, 140),
        ("lvmohba", {}, 107),
        ("smb", {}, 102),
        ("smb", {"server": "share"}, 111),
        ("smb", {"server": "//nowhere.invalid/share"}, 140),
        ("file", {}, 94),
        ("iso", {}, 220),
        ("iso", {"location": "isos"}, 225),
        ("iso", {"location": "server:isos"}, 225),
        ("iso", {"location": "server:/isos", "type": "cifs"}, 225),
        ("iso", {"location": "//server/isos", "type": "nfs_iso"}, 225),
        ("iso", {"location": "isos", "legacy_mode": "true"}, 226),
        ("iso", {"location": "//server/isos", "type": "cifs", "vers": "2"}, 227),
        ("iso", {"location": "server:/isos", "type": "nfs_iso", "nfsversion": "2"}, 72),
        ("gfs2", {"provider": "floppy"}, 90),
        ("gfs2", {"provider": "iscsi"}, 95),
        ("gfs2", {"provider": "iscsi", "target": "t", "targetIQN": "wrong"}, 96),
        ("udev", {}, 94),
        ("shm", {}, 94),
        ("iscsi", {}, 95),
        ("iscsi", {"target": "t"}, 96),
        ("iscsi", {"target": "t", "targetIQN": "wrong"}, 96),
    ],
)
def test_each_missing_or_wrong_key_has_its_error(place, type_, config, number):
    error = refused(place, type_, config)
    assert error.code == f"SR_BACKEND_FAILURE_{number}"
    assert (error.params[0], len(error.params)) == ("", 3)


@pytest.mark.parametrize(
    ("type_", "config", "root", "path"),
    [
        ("nfs", {"server": "s"}, "nfs-exports", "Export/Path"),
        ("lvmoiscsi", {"target": "t"}, "iscsi-target-iqns", "TGT/TargetIQN"),
        ("lvmoiscsi", {"target": "t", "targetIQN": IQN}, "iscsi-target", "LUN/SCSIid"),
        ("lvmohba", {}, "iscsi-target", "LUN/SCSIid"),
    ],
)
def test_who_lacks_a_key_is_told_the_choices(place, type_, config, root, path):
    """With any of them, the next step is the one that a client expects."""
    document = ElementTree.fromstring(refused(place, type_, config).params[2])
    assert document.tag == root
    assert len({element.text for element in document.iterfind(path)}) == 2
    assert refused(place, type_, config).params == refused(place, type_, config).params


@pytest.mark.parametrize(
    ("type_", "config"),
    [
        ("iso", {"location": "server:/isos"}),
        ("iso", {"location": "//server/isos", "type": "cifs", "vers": "3.0"}),
        ("iso", {"location": "/opt/isos", "legacy_mode": "true"}),
        ("gfs2", {"provider": "hba", "SCSIid": "3"}),
        ("gfs2", {"provider": "iscsi", "target": "t", "targetIQN": IQN, "SCSIid": "3"}),
    ],
)
def test_a_complete_configuration_is_taken(place, type_, config):
    assert [found["complete"] for found in probed(place, type_, config)] == [True]


def test_a_backend_that_is_asked_step_by_step_shows_the_ways_that_there_are(place):
    """Each leads on to the next step, and in the end to a configuration that can be used."""
    config, steps = {}, []
    while not (found := probed(place, "gfs2", config))[0]["complete"]:
        assert len(found) == 2
        assert not any(way["complete"] or way["sr"] for way in found)
        (key,) = found[0]["device_config"].keys() - config.keys()
        steps.append(key)
        config = found[0]["device_config"] | ({"target": "t"} if key == "provider" else {})
    assert steps == ["provider", "targetIQN", "SCSIid"]


def test_an_sr_that_was_made_is_found_where_it_is(place):
    storage, config = place.host().storage, {"server": "s", "serverpath": "/disks"}
    sr = SrConfig(
        sr="sr-1", type="nfs", content_type="user", shared=True, device_config=config, sm_config={}, physical_size=0, known=[]
    )
    assert [found["sr"] for found in probed(place, "nfs", config)] == [""]
    assert place.now(storage.sr_create(sr))["physical_size"] > 0
    assert [found["sr"] for found in probed(place, "nfs", config)] == ["sr-1"]
    assert [found["sr"] for found in probed(place, "nfs", {**config, "serverpath": "/other"})] == [""]


def test_a_device_holds_one_sr(place):
    storage = place.host().storage
    sr = SrConfig(
        sr="sr-1", type="lvm", content_type="user", shared=False, device_config={"device": "/dev/sdb,/dev/sdc"}, sm_config={},
        physical_size=0, known=[],
    )  # fmt: skip
    place.now(storage.sr_create(sr))
    place.now(storage.sr_attach(sr))
    with pytest.raises(XenAPIError) as caught:
        place.now(storage.sr_create(SrConfig(**{**sr, "sr": "sr-2", "type": "ext", "device_config": {"device": "/dev/sdc"}})))
    assert caught.value.description == ("SR_DEVICE_IN_USE",)
