from __future__ import annotations

from xml.etree import ElementTree

import pytest
import XenAPI
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from refusals import refused
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF

UUID = "5b1c2d3e-4f50-4a61-8b72-9c8d0e1f2a3b"


@pytest.fixture
def host(api):
    return api.pool.get_master(api.pool.get_all()[0])


def create(api, host, *, type="nfs", shared=True, device_config=None, size="1099511627776"):
    config = {"server": "192.0.2.1", "serverpath": "/disks"} if device_config is None else device_config
    return api.SR.create(host, config, size, "made", "", type, "user", shared, {})


def unplugged(api, sr):
    for pbd in api.SR.get_PBDs(sr):
        api.PBD.unplug(pbd)
    return sr


def test_a_shared_sr_is_plugged_on_every_host(api, host):
    sr = create(api, host)
    pbds = [api.PBD.get_record(pbd) for pbd in api.SR.get_PBDs(sr)]
    assert {pbd["host"] for pbd in pbds} == set(api.host.get_all())
    assert all(pbd["currently_attached"] for pbd in pbds)
    assert "vdi_create" in api.SR.get_allowed_operations(sr)


def test_a_local_sr_is_plugged_on_its_host_only(api, host):
    sr = create(api, host, type="EXT", shared=False, device_config={"device": "/dev/sdb"})
    assert api.SR.get_type(sr) == "ext"
    assert [api.PBD.get_host(pbd) for pbd in api.SR.get_PBDs(sr)] == [host]
    other = next(ref for ref in api.host.get_all() if ref != host)
    pbd = api.PBD.create({"host": other, "SR": sr, "device_config": {"device": "/dev/sdb"}})
    assert refused(api.PBD.plug, pbd) == ["SR_NOT_SHARABLE", sr, other]


def test_an_unknown_driver_leaves_nothing_behind(api, host):
    before = api.SR.get_all()
    with pytest.raises(XenAPI.Failure) as caught:
        create(api, host, type="nosuch")
    assert caught.value.details == ["SR_UNKNOWN_DRIVER", "nosuch"]
    assert api.SR.get_all() == before


def test_an_sr_that_cannot_be_made_leaves_nothing_behind(api, host, xapid_server, monkeypatch):
    async def fail(sr):
        raise XenAPIError.relayed("SR_BACKEND_FAILURE_73", "", "mount failed", "")

    storage = xapid_server.pool.services.agents.get(host).storage
    monkeypatch.setattr(storage, "sr_create", fail)
    counts = len(api.SR.get_all()), len(api.PBD.get_all()), len(api.secret.get_all())
    with pytest.raises(XenAPI.Failure) as caught:
        create(api, host, device_config={"server": "x", "password": "p"})
    assert caught.value.details[0] == "SR_BACKEND_FAILURE_73"
    assert (len(api.SR.get_all()), len(api.PBD.get_all()), len(api.secret.get_all())) == counts


def test_passwords_become_secrets_that_go_with_the_pbd(api, host):
    known = set(api.secret.get_all())
    lun = {"target": "t", "targetIQN": "iqn.2026-01.example:t", "SCSIid": "3600a0b80"}
    sr = create(api, host, type="lvmoiscsi", device_config={**lun, "chappassword": "hidden"})
    configs = [api.PBD.get_device_config(pbd) for pbd in api.SR.get_PBDs(sr)]
    assert all(set(config) == {*lun, "chappassword_secret"} for config in configs)
    assert len({config["chappassword_secret"] for config in configs}) == 3
    secret = api.secret.get_by_uuid(configs[0]["chappassword_secret"])
    assert api.secret.get_value(secret) == "hidden"
    api.SR.forget(unplugged(api, sr))
    assert set(api.secret.get_all()) == known


def test_an_introduced_sr_is_a_record_until_it_is_plugged(api, host):
    sr = api.SR.introduce(UUID, "known", "", "NFS", "user", True, {})
    row = api.SR.get_record(sr)
    assert (row["type"], row["physical_size"], row["physical_utilisation"], row["PBDs"]) == ("nfs", "-1", "-1", [])
    assert refused(api.SR.introduce, UUID, "again", "", "nfs", "", False, {}) == ["SR_UUID_EXISTS", UUID]
    assert refused(api.SR.scan, sr) == ["SR_HAS_NO_PBDS", sr]
    pbd = api.PBD.create({"host": host, "SR": sr, "device_config": {"server": "192.0.2.1", "serverpath": "/known"}})
    assert refused(api.PBD.create, {"host": host, "SR": sr, "device_config": {}}) == ["PBD_EXISTS", sr, host, pbd]
    api.PBD.plug(pbd)
    assert api.SR.get_physical_size(sr) == "0"
    assert refused(api.PBD.destroy, pbd)[0] == "OPERATION_NOT_ALLOWED"
    assert refused(api.SR.forget, sr) == ["SR_HAS_PBD", sr]
    api.PBD.unplug(pbd)
    api.PBD.unplug(pbd)
    api.PBD.destroy(pbd)
    api.SR.forget(sr)
    assert refused(api.SR.get_by_uuid, UUID) == ["UUID_INVALID", "SR", UUID]


def test_forgetting_takes_disks_and_drives_and_what_points_at_the_sr(api, host):
    sr = create(api, host)
    pool = api.pool.get_all()[0]
    api.pool.set_default_SR(pool, sr)
    disk = api.VDI.create({
        "SR": sr, "virtual_size": str(8 << 20), "type": "user", "sharable": False, "read_only": False, "other_config": {},
    })  # fmt: skip
    template = api.VM.get_by_name_label("Other install media")[0]
    vm = api.VM.clone(template, "v")
    vbd = api.VBD.create({
        "VM": vm, "VDI": disk, "userdevice": "0", "bootable": False, "mode": "RW", "type": "Disk", "empty": False,
        "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    assert refused(api.SR.destroy, sr) == ["SR_HAS_PBD", sr]
    unplugged(api, sr)
    assert refused(api.SR.destroy, sr) == ["SR_NOT_EMPTY"]
    api.SR.forget(sr)
    assert refused(api.VDI.get_uuid, disk)[0] == refused(api.VBD.get_uuid, vbd)[0] == "HANDLE_INVALID"
    assert api.pool.get_default_SR(pool) == "OpaqueRef:NULL"


def test_an_empty_unplugged_sr_is_destroyed(api, host):
    sr = unplugged(api, create(api, host))
    api.SR.destroy(sr)
    assert refused(api.SR.get_uuid, sr) == ["HANDLE_INVALID", "SR", sr]


def test_an_sr_that_is_marked_stays(api, host):
    sr = unplugged(api, create(api, host))
    api.SR.add_to_other_config(sr, "indestructible", "true")
    assert refused(api.SR.forget, sr) == ["SR_INDESTRUCTIBLE", sr]


def test_scanning_finds_and_loses_disks(api, host, xapid_server):
    sr = create(api, host)
    uuid = api.SR.get_uuid(sr)
    contents = xapid_server.pool.surroundings.srs[uuid].disks
    contents["d1"] = {
        "vdi": "11111111-2222-4333-8444-555555555555", "location": "found", "name": "found", "description": "", "type": "user",
        "virtual_size": 1 << 20, "physical_utilisation": 4096, "read_only": False, "is_a_snapshot": False, "snapshot_of": "",
        "sm_config": {},
    }  # fmt: skip
    api.SR.scan(sr)
    (disk,) = api.SR.get_VDIs(sr)
    assert (api.VDI.get_name_label(disk), api.VDI.get_location(disk)) == ("found", "found")
    assert (api.SR.get_virtual_allocation(sr), api.SR.get_physical_utilisation(sr)) == (str(1 << 20), "4096")
    contents.clear()
    api.SR.scan(sr)
    assert api.SR.get_VDIs(sr) == []


def test_the_coordinator_works_on_what_several_hosts_have(api):
    (sr,) = api.SR.get_by_name_label("Shared storage")
    record = {"SR": sr, "virtual_size": str(8 << 20), "type": "user", "sharable": False, "read_only": False, "other_config": {}}
    vdi = api.VDI.create(record)
    coordinator = api.pool.get_master(api.pool.get_all()[0])
    own = next(pbd for pbd in api.SR.get_PBDs(sr) if api.PBD.get_host(pbd) == coordinator)
    others = [pbd for pbd in api.SR.get_PBDs(sr) if pbd != own]
    calls = [
        (api.SR.scan, sr), (api.SR.update, sr), (api.VDI.create, record), (api.VDI.set_name_label, vdi, "x"),
        (api.VDI.snapshot, vdi), (api.VDI.destroy, vdi),
    ]  # fmt: skip
    api.PBD.unplug(own)
    for call, *args in calls:
        assert refused(call, *args) == ["SR_HAS_NO_PBDS", sr]
    api.PBD.plug(own)
    for pbd in others:
        api.PBD.unplug(pbd)
    for call, *args in calls:
        call(*args)


def test_scanning_the_iso_library_keeps_its_images(api):
    (library,) = api.SR.get_by_name_label("ISO library")
    before = set(api.SR.get_VDIs(library))
    api.SR.scan(library)
    assert set(api.SR.get_VDIs(library)) == before != set()


def test_probing_answers_with_a_list_of_srs(api, host):
    assert ElementTree.fromstring(api.SR.probe(host, {"device": "/dev/sdb"}, "lvm", {})).tag == "SRlist"
    assert refused(api.SR.probe, host, {}, "nosuch", {}) == ["SR_UNKNOWN_DRIVER", "nosuch"]
    assert refused(api.SR.probe_ext, host, {}, "nfs", {}) == ["SR_OPERATION_NOT_SUPPORTED"]
    assert [way["complete"] for way in api.SR.probe_ext(host, {"provider": "hba"}, "gfs2", {})] == [False, False]
    assert api.SR.probe_ext(host, {"provider": "hba", "SCSIid": "3"}, "gfs2", {})[0]["complete"] is True


@pytest.mark.parametrize(("kind", "config"), [("iscsi", {"target": "t", "targetIQN": "iqn.2026-01.example:t"}), ("hba", {})])
def test_where_each_disk_is_a_lun_disks_are_made_and_nothing_else(api, host, kind, config):
    sr = api.SR.create(host, config, "0", "luns", "", kind, "user", True, {})
    record = {"type": "user", "sharable": False, "read_only": False, "other_config": {}}
    vdi = api.VDI.create({"SR": sr, "virtual_size": str(8 << 20), **record})
    assert api.VDI.get_allowed_operations(vdi) == ["copy", "destroy", "forget"]
    assert int(api.VDI.get_physical_utilisation(vdi)) >= 8 << 20
    for call in (lambda: api.VDI.snapshot(vdi), lambda: api.VDI.resize(vdi, str(16 << 20))):
        assert refused(call) == ["SR_OPERATION_NOT_SUPPORTED", sr]
    api.VDI.destroy(vdi)


def test_an_sr_in_memory_has_no_disks_made(api, host):
    sr = api.SR.create(host, {"location": "/dev/shm/sr"}, "0", "memory", "", "shm", "user", False, {})
    assert "vdi_create" not in api.SR.get_allowed_operations(sr)


def test_supported_types_are_those_of_the_drivers(api):
    assert set(api.SR.get_supported_types()) == {row["type"] for row in api.SM.get_all_records().values()}


def test_sizes_are_the_backends_to_say(api, host):
    sr = create(api, host)
    for setter in (api.SR.set_physical_size, api.SR.set_virtual_allocation, api.SR.set_physical_utilisation):
        assert refused(setter, sr, "5") == ["PERMISSION_DENIED", ""]
    pbd = api.SR.get_PBDs(sr)[0]
    assert refused(api.PBD.set_device_config, pbd, {}) == ["PERMISSION_DENIED", ""]


def test_an_sr_with_several_pbds_is_shared(api, host):
    sr = create(api, host)
    assert refused(api.SR.set_shared, sr, False) == ["SR_HAS_MULTIPLE_PBDS", *api.SR.get_PBDs(sr)]


def test_a_pbd_does_not_let_clients_choose_the_master(api, host):
    sr = api.SR.introduce(UUID, "known", "", "nfs", "user", True, {})
    assert refused(api.PBD.create, {"host": host, "SR": sr, "device_config": {"SRmaster": "true"}})[:2] == [
        "VALUE_NOT_SUPPORTED", "device_config",
    ]  # fmt: skip


def test_an_sr_for_the_statefile_must_be_plugged_and_able(api, host):
    sr = create(api, host)
    api.SR.assert_can_host_ha_statefile(sr)
    assert refused(api.SR.assert_supports_database_replication, sr) == ["SR_OPERATION_NOT_SUPPORTED", sr]
    unplugged(api, sr)
    assert refused(api.SR.assert_can_host_ha_statefile, sr) == ["SR_NOT_ATTACHED", sr]


def test_live_hosts_are_enabled_hosts_that_have_it_plugged(api, host):
    sr = create(api, host)
    api.host.disable(host)
    assert set(api.SR.get_live_hosts(sr)) == set(api.host.get_all()) - {host}


@pytest.fixture
def copying(api, host, xapid_server, xapid_clock, monkeypatch):
    """An SR with one disk, and a copy of it under way: its task, and what lets it go on from ``step``."""

    def begin(owner, step):
        sr = create(api, host)
        record = {"virtual_size": "1048576", "type": "user", "sharable": False, "read_only": False, "other_config": {}}
        disk = api.VDI.create({**record, "name_label": "d", "SR": sr})
        gate, kept = Deferred(), getattr(owner, step)

        async def held(*args):
            await gate
            return await kept(*args)

        monkeypatch.setattr(owner, step, held)
        task = api.Async.VDI.copy(disk, sr, NULL_REF, NULL_REF)
        xapid_clock.pass_time(1)
        return sr, task, gate

    return begin


def test_a_search_does_not_find_a_disk_that_is_not_finished(api, copying, xapid_server, xapid_clock):
    sr, task, gate = copying(xapid_server.pool.surroundings.blocks, "in_thread")
    api.SR.scan(sr)
    assert len(api.SR.get_VDIs(sr)) == 1
    gate.callback(None)
    xapid_clock.pass_time(1)
    assert (api.task.get_status(task), api.task.get_error_info(task)) == ("success", [])
    api.SR.scan(sr)
    assert len(api.SR.get_VDIs(sr)) == 2


def test_a_search_does_not_miss_a_disk_that_came_while_it_went_on(api, host, copying, xapid_server, xapid_clock, monkeypatch):
    storage = xapid_server.pool.services.agents.get(host).storage
    sr, task, gate = copying(storage, "vdi_copy")
    stat = storage.sr_stat

    async def meanwhile(uuid):
        if not gate.called:
            gate.callback(None)
            await deferLater(xapid_clock, 1)
        return await stat(uuid)

    monkeypatch.setattr(storage, "sr_stat", meanwhile)
    api.SR.scan(sr)
    assert (api.task.get_status(task), len(api.SR.get_VDIs(sr))) == ("success", 2)
    api.SR.scan(sr)
    assert len(api.SR.get_VDIs(sr)) == 2
