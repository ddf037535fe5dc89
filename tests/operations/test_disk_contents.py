"""Disks with contents, through the API: what copies of all kinds hold, what is tracked, moved, measured and refused."""

from __future__ import annotations

import base64
import hashlib
from types import SimpleNamespace

import pytest

from refusals import refused
from xapid.operations.disk_contents import making, reading, writing

MIB, GIB = 1 << 20, 1 << 30
LARGE = 2040 * GIB
"""The largest disk that there can be as a VHD."""


@pytest.fixture
def sr(api):
    return api.pool.get_default_SR(api.pool.get_all()[0])


@pytest.fixture
def make(api, sr):
    def make(size=8 * MIB, sr=sr, **fields):
        record = {
            "SR": sr,
            "virtual_size": str(size),
            "type": "user",
            "sharable": False,
            "read_only": False,
            "other_config": {},
        }
        return api.VDI.create({**record, "name_label": "a disk", **fields})

    return make


@pytest.fixture
def write(xapid_server):
    """Puts bytes on a disk."""
    pool = xapid_server.pool

    def write(vdi, *writes):
        async def work():
            async with writing(pool.db, pool.services.agents, pool.db.get("VDI", vdi)) as writer:
                for offset, data in writes:
                    await writer.write(offset, data)
                await writer.commit()

        xapid_server.clock.wait_for(work())

    return write


@pytest.fixture
def read(xapid_server):
    """The first bytes of a disk."""
    pool = xapid_server.pool

    def read(vdi, length=5):
        async def work():
            async with reading(pool.db, pool.services.agents, pool.db.get("VDI", vdi)) as reader:
                return await reader.read(0, length)

        return xapid_server.clock.wait_for(work())

    return read


@pytest.fixture
def extents(xapid_server):
    """Where a disk differs from another."""
    pool = xapid_server.pool

    def extents(vdi, base=None):
        async def work():
            row = None if base is None else pool.db.get("VDI", base)
            async with reading(pool.db, pool.services.agents, pool.db.get("VDI", vdi), row) as reader:
                return [extent async for extent in reader.extents()]

        return xapid_server.clock.wait_for(work())

    return extents


def test_clones_snapshots_and_copies_hold_what_their_source_held(api, make, write, read):
    disk = make()
    write(disk, (0, b"first"))
    copies = [api.VDI.snapshot(disk), api.VDI.clone(disk), api.VDI.copy(disk, api.VDI.get_SR(disk))]
    write(disk, (0, b"later"))
    assert [read(copy) for copy in copies] == [b"first"] * 3
    assert [read(api.VDI.clone(copies[0])), read(disk)] == [b"first", b"later"]


def test_a_disk_takes_what_nobody_shares_and_its_sr_counts_everything_once(api, make, write, sr):
    before = int(api.SR.get_physical_utilisation(sr))
    disk = make()
    empty = int(api.VDI.get_physical_utilisation(disk))
    write(disk, (0, b"x" * 4 * MIB))
    assert int(api.VDI.get_physical_utilisation(disk)) == empty + 4 * MIB
    clone = api.VDI.clone(disk)
    assert int(api.VDI.get_physical_utilisation(disk)) == int(api.VDI.get_physical_utilisation(clone)) == empty
    assert int(api.SR.get_physical_utilisation(sr)) == before + 2 * empty + 4 * MIB
    api.VDI.destroy(disk)
    assert int(api.SR.get_physical_utilisation(sr)) == before + empty + 4 * MIB
    api.VDI.update(clone)
    assert int(api.VDI.get_physical_utilisation(clone)) == empty + 4 * MIB
    api.VDI.destroy(clone)
    assert int(api.SR.get_physical_utilisation(sr)) == before
    api.SR.update(sr)
    assert int(api.SR.get_physical_utilisation(sr)) == before


def test_a_vast_empty_disk_costs_nothing(api, make, extents, xapid_server, sr):
    disk = make(LARGE)
    assert int(api.VDI.get_virtual_size(disk)) == LARGE
    assert int(api.VDI.get_physical_utilisation(disk)) < 8 * MIB
    assert extents(disk) == []
    assert xapid_server.pool.surroundings.blocks.stored(api.SR.get_uuid(sr)) == 0


def test_a_disk_grows_with_its_contents(api, make, write, read):
    disk = make()
    write(disk, (0, b"first"))
    api.VDI.resize(disk, str(16 * MIB))
    assert read(disk, 16 * MIB) == b"first".ljust(16 * MIB, b"\0")
    assert refused(api.VDI.resize, disk, str(8 * MIB))[0] == "SR_BACKEND_FAILURE_79"
    assert refused(make, -1)[0] == refused(make, LARGE + 1)[0] == "SR_BACKEND_FAILURE_79"


def test_a_copy_against_a_base_holds_only_the_sectors_that_differ(api, make, write, read, extents):
    disk = make()
    write(disk, (0, b"a" * 65536))
    before = api.VDI.snapshot(disk)
    write(disk, (1024, b"b" * 512), (4096, bytes(512)))
    delta = api.VDI.copy(disk, api.VDI.get_SR(disk), before)
    assert extents(delta) == extents(disk, before) == [(1024, 512), (4096, 512)]
    copy = api.VDI.copy(before)
    assert api.VDI.copy(delta, "OpaqueRef:NULL", "OpaqueRef:NULL", copy) == copy
    assert read(copy, 65536) == read(disk, 65536)


def test_copies_go_only_into_disks_that_can_take_them(api, make):
    disk, small, shut = make(), make(2 * MIB), make(read_only=True)
    null = "OpaqueRef:NULL"
    assert refused(api.VDI.copy, disk, null, null, small) == ["VDI_TOO_SMALL", small, str(8 * MIB)]
    assert refused(api.VDI.copy, disk, null, null, shut) == ["VDI_READONLY", shut]


def test_the_checksum_is_that_of_all_bytes(api, make, write):
    disk = make()
    write(disk, (MIB, b"contents"))
    data = (bytes(MIB) + b"contents").ljust(8 * MIB, b"\0")
    assert api.VDI.checksum(disk) == hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_the_checksum_of_a_large_disk_costs_what_was_written_and_follows_from_what_it_holds(api, make, write):
    """Where zeroes were written or never anything, also where they end, makes no difference; the size does."""
    one, other, moved, longer = make(LARGE), make(LARGE), make(LARGE), make((LARGE) - 2 * MIB)
    write(one, (1 << 40, b"contents"), (5 << 30, bytes(4 * MIB)))
    write(other, ((1 << 40) - 100_000, b"x" * 300_000))
    write(other, ((1 << 40) - 100_000, bytes(300_000)))
    write(other, (1 << 40, b"contents"))
    write(moved, ((1 << 40) + 512, b"contents"))
    write(longer, (1 << 40, b"contents"))
    sums = [api.VDI.checksum(disk) for disk in (one, other, moved, longer)]
    assert sums[0] == sums[1]
    assert len(set(sums)) == 3
    write(one, (1 << 40, b"Contents"))
    assert api.VDI.checksum(one) not in sums


def test_a_disk_that_is_written_to_is_neither_destroyed_nor_written_to_by_others(api, make, xapid_server):
    pool, disk = xapid_server.pool, make()

    async def work():
        return await pool.services.agents.get(api.pool.get_master(api.pool.get_all()[0])).storage.vdi_begin(
            api.SR.get_uuid(api.VDI.get_SR(disk)), api.VDI.get_uuid(disk)
        )

    xapid_server.clock.wait_for(work())
    assert refused(api.VDI.destroy, disk)[:2] == ["VDI_IN_USE", disk]
    assert refused(api.VDI.data_destroy, disk)[0] == "OPERATION_NOT_ALLOWED"


def test_an_upload_that_does_not_fit_on_the_sr_is_refused(api, make, write, xapid_server, sr):
    disk = make(64 * MIB)
    contents = xapid_server.pool.surroundings.srs[api.SR.get_uuid(sr)]
    contents.physical_size = int(api.SR.get_physical_utilisation(sr)) + 3 * MIB
    with pytest.raises(Exception, match="SR_BACKEND_FAILURE_44"):
        write(disk, (0, b"x" * 8 * MIB))
    assert refused(make, 4 * GIB)[0] == "SR_BACKEND_FAILURE_44"
    write(disk, (0, b"fits"))


def test_a_disk_that_is_made_by_an_upload_shows_when_it_is_whole(api, xapid_server, sr):
    pool = xapid_server.pool
    before = api.SR.get_VDIs(sr)

    async def work(commit):
        context = SimpleNamespace(db=pool.db, ids=pool.ids, services=pool.services)
        async with making(context, pool.db.get("SR", sr), 8 * MIB, name_label="made", type="user") as writer:
            await writer.write(0, b"x")
            assert api.SR.get_VDIs(sr) == before
            if commit:
                return await writer.commit()
        return None

    assert xapid_server.clock.wait_for(work(False)) is None
    assert api.SR.get_VDIs(sr) == before
    assert api.VDI.get_name_label(xapid_server.clock.wait_for(work(True))) == "made"


# Changed blocks ---------------------------------------------------------------------------------------------------------


def blocks(api, before, after):
    bits = base64.b64decode(api.VDI.list_changed_blocks(before, after))
    return [n for n in range(len(bits) * 8) if bits[n // 8] << n % 8 & 0x80]


def test_changed_blocks_are_those_written_since_also_when_the_data_are_gone(api, make, write):
    disk = make()
    api.VDI.enable_cbt(disk)
    api.VDI.enable_cbt(disk)
    write(disk, (0, b"x" * 200_000))
    first = api.VDI.snapshot(disk)
    assert (api.VDI.get_cbt_enabled(first), blocks(api, first, disk)) == (True, [])
    write(disk, (65536 * 2, b"y"), (65536 * 100, b"z"))
    second = api.VDI.snapshot(disk)
    api.VDI.data_destroy(first)
    api.VDI.data_destroy(first)
    assert (api.VDI.get_type(first), api.VDI.get_cbt_enabled(first)) == ("cbt_metadata", True)
    assert blocks(api, first, second) == blocks(api, first, disk) == [2, 100]
    assert refused(api.VDI.clone, first) == ["VDI_INCOMPATIBLE_TYPE", first, "cbt_metadata"]
    api.VDI.disable_cbt(disk)
    assert refused(api.VDI.list_changed_blocks, first, disk)[0] == "SR_BACKEND_FAILURE_460"


def test_disks_without_a_common_past_are_not_compared(api, make):
    one, other = make(), make()
    for disk in (one, other):
        api.VDI.enable_cbt(disk)
    assert refused(api.VDI.list_changed_blocks, one, other)[0] == "SR_BACKEND_FAILURE_460"


def test_tracking_is_refused_where_it_cannot_be(api, make):
    disk = make()
    snapshot = api.VDI.snapshot(disk)
    metadata = make(type="metadata")
    assert refused(api.VDI.enable_cbt, snapshot)[0] == "OPERATION_NOT_ALLOWED"
    assert refused(api.VDI.enable_cbt, metadata) == ["VDI_INCOMPATIBLE_TYPE", metadata, "metadata"]
    assert refused(api.VDI.data_destroy, snapshot) == ["VDI_NO_CBT_METADATA", snapshot]


# Where disks are read from, and go ----------------------------------------------------------------------------------------


def test_disks_can_be_read_on_networks_that_are_for_that(api, make, xapid_session):
    disk = make()
    assert api.VDI.get_nbd_info(disk) == []
    network = next(ref for ref in api.network.get_all() if api.network.get_bridge(ref) == "xenbr0")
    api.network.add_purpose(network, "nbd")
    found = api.VDI.get_nbd_info(disk)
    assert {entry["address"] for entry in found} == {api.host.get_address(host) for host in api.host.get_all()}
    assert {(entry["exportname"], entry["port"]) for entry in found} == {
        (f"/{api.VDI.get_uuid(disk)}?session_id={xapid_session._session}", "10809")
    }


@pytest.fixture
def used(api, make, write, xapid_clock):
    """A VM, its disk, and another SR that its host has."""
    disk = make()
    write(disk, (0, b"moved"))
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "user")
    api.VM.provision(vm)
    api.VBD.create({
        "VM": vm, "VDI": disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False,
        "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    api.VM.start(vm, False, True)
    xapid_clock.advance(60)
    host = api.VM.get_resident_on(vm)
    (local,) = [sr for sr in (api.PBD.get_SR(pbd) for pbd in api.host.get_PBDs(host)) if api.SR.get_type(sr) == "ext"]
    return vm, disk, local


def test_a_disk_moves_to_another_sr_while_its_vm_runs(api, used, read):
    vm, disk, local = used
    snapshot = api.VDI.snapshot(disk)
    new = api.VDI.pool_migrate(disk, local, {})
    assert (api.VDI.get_SR(new), read(new)) == (local, b"moved")
    assert refused(api.VDI.get_uuid, disk)[0] == "HANDLE_INVALID"
    (vbd,) = [ref for ref in api.VM.get_VBDs(vm) if api.VBD.get_type(ref) == "Disk"]
    assert (api.VBD.get_VDI(vbd), api.VBD.get_currently_attached(vbd)) == (new, True)
    assert api.VDI.get_snapshot_of(snapshot) == new


def test_disks_do_not_move_to_where_they_cannot_be(api, make, used, sr):
    vm, disk, local = used
    loose = make()
    assert refused(api.VDI.pool_migrate, loose, local, {}) == ["VDI_NEEDS_VM_FOR_MIGRATE", loose]
    (library,) = api.SR.get_by_name_label("ISO library")
    assert refused(api.VDI.pool_migrate, disk, library, {})[:2] == ["SR_DOES_NOT_SUPPORT_MIGRATION", library]
    elsewhere = next(ref for ref in api.SR.get_all() if api.SR.get_type(ref) == "ext" and ref != local)
    assert refused(api.VDI.pool_migrate, disk, elsewhere, {}) == ["VM_REQUIRES_SR", vm, elsewhere]
    api.VDI.enable_cbt(disk)
    assert refused(api.VDI.pool_migrate, disk, local, {}) == ["VDI_CBT_ENABLED", disk]


# The rest ---------------------------------------------------------------------------------------------------------------


def test_only_metadata_disks_are_asked_for_databases(api, make):
    disk, metadata = make(), make(type="metadata")
    for call in (api.VDI.open_database, api.VDI.read_database_pool_uuid):
        assert refused(call, disk) == ["VDI_INCOMPATIBLE_TYPE", disk, "user"]
    assert refused(api.VDI.open_database, metadata)[0] == "COULD_NOT_IMPORT_DATABASE"
    assert api.VDI.read_database_pool_uuid(metadata) == ""


def test_a_disk_can_be_described_for_a_host(api, make):
    disk = make()
    assert api.VDI.get_uuid(disk) in api.VDI.generate_config(api.pool.get_master(api.pool.get_all()[0]), disk)


def test_a_forgotten_disk_is_found_again_with_what_is_on_it(api, make, write, read, sr):
    disk = make()
    write(disk, (0, b"first"))
    uuid = api.VDI.get_uuid(disk)
    api.VDI.forget(disk)
    api.SR.scan(sr)
    assert read(api.VDI.get_by_uuid(uuid)) == b"first"


def test_an_sr_that_is_forgotten_and_introduced_again_has_its_disks(api, make, write, read):
    host = api.pool.get_master(api.pool.get_all()[0])
    config = {"server": "192.0.2.7", "serverpath": "/kept"}
    sr = api.SR.create(host, config, "0", "kept", "", "nfs", "user", True, {})
    assert int(api.SR.get_physical_size(sr)) > 0
    disk = make(sr=sr)
    write(disk, (0, b"first"))
    uuids = api.SR.get_uuid(sr), api.VDI.get_uuid(disk)
    for pbd in api.SR.get_PBDs(sr):
        api.PBD.unplug(pbd)
    api.SR.forget(sr)
    assert uuids[0] in api.SR.probe(host, config, "nfs", {})
    again = api.SR.introduce(uuids[0], "kept", "", "nfs", "user", True, {})
    api.PBD.plug(api.PBD.create({"host": host, "SR": again, "device_config": config}))
    api.SR.scan(again)
    assert read(api.VDI.get_by_uuid(uuids[1])) == b"first"


def test_probing_without_a_key_says_what_could_stand_there(api):
    host = api.pool.get_master(api.pool.get_all()[0])
    code, stdout, _, choices = refused(api.SR.probe, host, {"server": "192.0.2.1"}, "nfs", {})
    assert (code, stdout, choices[:5]) == ("SR_BACKEND_FAILURE_101", "", "<?xml")
    assert "<Version>4.1</Version>" in api.SR.probe(host, {"server": "s", "serverpath": "/x", "probeversion": ""}, "nfs", {})
    before = api.SR.get_all()
    assert refused(api.SR.create, host, {}, "0", "x", "", "ext", "user", False, {})[0] == "SR_BACKEND_FAILURE_90"
    assert api.SR.get_all() == before
