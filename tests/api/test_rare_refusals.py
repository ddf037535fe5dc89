"""Refusals that take some doing: each with its code, its parameters, and what it leaves as it was."""

from __future__ import annotations

import io
import tarfile

import pytest

from archives_over_https import vms_of
from http_in_memory import Web
from reference_xva import VERSION, archive, objects, value
from xapid.agent.values import AgentFailure

NULL = "OpaqueRef:NULL"
MIB = 1 << 20


@pytest.fixture
def vm(api):
    """A VM without disks and interfaces."""
    made = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "rare")
    api.VM.provision(made)
    return made


@pytest.fixture
def sr(api):
    return api.pool.get_default_SR(api.pool.get_all()[0])


@pytest.fixture
def disk(api, sr):
    def make(vm=None, **fields):
        record = {"SR": sr, "virtual_size": str(4 * MIB), "type": "user", "sharable": False, "read_only": False}
        vdi = api.VDI.create({**record, "other_config": {}, "name_label": "rare", **fields})
        if vm is not None:
            vbd = {"VM": vm, "VDI": vdi, "userdevice": "autodetect", "bootable": False, "mode": "RW", "type": "Disk"}
            more = {"empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}}
            api.VBD.create({**vbd, **more})
        return vdi

    return make


@pytest.fixture
def pifs(api):
    """The physical interfaces of the coordinator's host, by device."""
    host = api.pool.get_master(api.pool.get_all()[0])
    found = [ref for ref in api.host.get_PIFs(host) if api.PIF.get_physical(ref)]
    return {api.PIF.get_device(ref): ref for ref in found}


def test_an_interface_is_introduced_only_if_the_host_has_it(api, refused, pifs):
    host = api.PIF.get_host(pifs["eth0"])
    code = "COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS"
    assert refused(api.PIF.introduce, host, "02:00:00:00:00:77", "eth7", True) == [code, "eth7", "02:00:00:00:00:77"]


def test_an_interface_that_got_no_address_receives_no_vms(api, refused, pifs, change):
    pif, host = pifs["eth1"], api.PIF.get_host(pifs["eth1"])
    change(pif, ip_configuration_mode="DHCP", IP="")
    assert refused(api.host.migrate_receive, host, api.PIF.get_network(pif), {}) == ["INTERFACE_HAS_NO_IP", pif]


def test_an_sr_that_a_host_caches_on_stays(api, refused, sr, change):
    host = api.host.get_all()[0]
    change(host, local_cache_sr=sr)
    for pbd in api.SR.get_PBDs(sr):
        change(pbd, currently_attached=False)
    change(sr)
    assert refused(api.SR.forget, sr) == ["SR_IS_CACHE_SR", host]
    assert sr in api.SR.get_all()


def test_an_image_of_memory_is_replaced_by_the_same_alone(api, refused, vm, disk, xapid_clock):
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(60)
    api.VM.suspend(vm)
    image, other = api.VM.get_suspend_VDI(vm), disk()
    sums = api.VDI.checksum(image), api.VDI.checksum(other)
    code = "SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL"
    assert refused(api.VM.set_suspend_VDI, vm, other) == [code, image, sums[0], other, sums[1]]
    copy = api.VDI.copy(image, NULL, NULL, NULL)
    api.VM.set_suspend_VDI(vm, copy)
    assert api.VM.get_suspend_VDI(vm) == copy


def test_three_vms_leave_a_host_with_their_storage_at_a_time(api, refused, vm, disk, change):
    moving, host = disk(vm), api.host.get_all()[0]
    others = [api.VM.clone(vm, f"other {number}") for number in range(3)]
    for number, other in enumerate(others):
        change(other, current_operations={f"OpaqueRef:{number}": "migrate_send"})
    target = next(ref for ref in api.SR.get_all() if api.SR.get_name_label(ref) == "Local storage" and on(api, ref, host))
    dest = api.host.migrate_receive(host, api.PIF.get_network(api.host.get_management_interface(host)), {})
    assert refused(api.VM.assert_can_migrate, vm, dest, True, {moving: target}, {}, {}) == ["TOO_MANY_STORAGE_MIGRATES", "3"]
    change(others[0], current_operations={})
    api.VM.assert_can_migrate(vm, dest, True, {moving: target}, {}, {})
    change(moving, sm_config={"key_hash": "x"})
    assert refused(api.VM.assert_can_migrate, vm, dest, True, {moving: target}, {}, {}) == ["VDI_IS_ENCRYPTED", moving]


def on(api, sr, host):
    return any(api.PBD.get_host(pbd) == host and api.PBD.get_currently_attached(pbd) for pbd in api.SR.get_PBDs(sr))


def test_a_disk_that_no_vm_has_stays_where_it_is_and_so_does_one_that_is_none(api, refused, disk, sr):
    stale = "OpaqueRef:00000000-0000-4000-8000-000000000001"
    for vdi in (disk(), stale):
        assert refused(api.VDI.pool_migrate, vdi, stale, {}) == ["VDI_NEEDS_VM_FOR_MIGRATE", vdi]


@pytest.mark.parametrize(("step", "code"), [("put_to_sleep", "SUSPEND"), ("wake", "RESUME")])
def test_a_checkpoint_says_which_half_of_it_failed(api, refused, vm, xapid_clock, xapid_server, step, code):
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(60)
    if step == "put_to_sleep":
        api.VM.add_to_other_config(vm, "simulator.suspend", "ignored")
        api.VM.hard_reboot(vm)
        xapid_clock.pass_time(60)
    else:
        agent = xapid_server.pool.services.agents.get(api.VM.get_resident_on(vm))

        async def fails(*args):
            raise AgentFailure("boot_failed", (args[0]["uuid"], "out of order"))

        agent.hypervisor.resume = fails
    assert refused(api.VM.checkpoint, vm, "half") == [f"VM_CHECKPOINT_{code}_FAILED", vm]
    assert api.VM.get_power_state(vm) == ("Running" if step == "put_to_sleep" else "Suspended")
    assert api.VM.get_current_operations(vm) == {}


def test_a_revert_that_fails_leaves_the_vm_off_with_what_it_had(api, refused, vm, disk, xapid_server):
    disk(vm)
    snapshot = api.VM.snapshot(vm, "before")
    devices = api.VM.get_VBDs(vm)
    storage = xapid_server.pool.services.agents.get(api.pool.get_master(api.pool.get_all()[0])).storage

    async def fails(*args):
        raise AgentFailure("no_such_object", ("VDI", "it is broken"))

    storage.vdi_clone = fails
    assert refused(api.VM.revert, snapshot) == ["VM_REVERT_FAILED", snapshot, vm]
    assert (api.VM.get_power_state(vm), api.VM.get_VBDs(vm)) == ("Halted", devices)
    del storage.vdi_clone
    api.VM.revert(snapshot)
    assert api.VM.get_parent(vm) == snapshot


# Over HTTP --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def web(xapid_server):
    return Web(xapid_server)


@pytest.fixture
def put(api, xapid_session, web):
    """The task of an upload."""

    def put(path, data, query=""):
        task = api.task.create("import", "")
        answer = web.ask("PUT", f"{path}?session_id={xapid_session._session}&task_id={task}{query}", data)
        assert answer.status == 200
        return api.task.get_record(task)

    return put


def test_a_disk_too_large_for_a_vhd_leaves_in_another_format(api, xapid_session, web, disk):
    config = {"provider": "hba", "SCSIid": "36001"}
    host = api.pool.get_master(api.pool.get_all()[0])
    large = api.SR.create(host, config, str(64 << 40), "large", "", "gfs2", "user", False, {})
    vdi = disk(SR=large, virtual_size=str(3 << 40))
    task = api.task.create("export", "")
    path = f"/export_raw_vdi?session_id={xapid_session._session}&task_id={task}&vdi={vdi}"
    assert web.ask("GET", f"{path}&format=vhd").status == 500
    assert api.task.get_error_info(task) == ["VDI_TOO_LARGE", vdi, str(2040 << 30)]
    assert web.ask("GET", path.replace(f"&task_id={task}", "") + "&format=qcow2").status == 200


def test_an_older_vm_does_not_take_the_place_of_a_newer_one(api, put, change):
    (vm,) = vms_of(put("/import", archive(b"x" * MIB), "&restore=true"))
    change(vm, version=7)
    task = put("/import", archive(b"x" * MIB), "&restore=true")
    assert task["error_info"] == ["VM_TO_IMPORT_IS_NOT_NEWER_VERSION", vm, "7", "0"]
    assert api.VM.get_version(vm) == "7"
    assert vms_of(put("/import", archive(b"x" * MIB), "&restore=true&force=true")) != [vm]


def test_a_vm_that_was_started_while_disks_were_made_is_not_replaced(api, put, change, xapid_server, monkeypatch):
    (vm,) = vms_of(put("/import", archive(b"x" * MIB), "&restore=true"))
    before, disks = api.VM.get_all_records(), set(api.VDI.get_all())
    for _, agent in xapid_server.pool.services.agents.all():
        create = agent.storage.vdi_create

        async def starts(*args, create=create):
            change(vm, power_state="Running")
            return await create(*args)

        monkeypatch.setattr(agent.storage, "vdi_create", starts)
    task = put("/import", archive(b"x" * MIB), "&restore=true")
    assert task["error_info"] == ["VM_BAD_POWER_STATE", vm, "halted", "running"]
    assert (api.VM.get_all_records().keys(), set(api.VDI.get_all())) == (before.keys(), disks)
    assert api.VM.get_VBDs(vm) == before[vm]["VBDs"]


def test_metadata_whose_disks_and_networks_are_nowhere_make_no_vm(api, put):
    before = set(api.VM.get_all())
    document = objects(MIB)
    assert failure(put, document) == ["VDI_CONTENT_ID_MISSING"]
    without = [entry for entry in document if entry["class"] not in ("network", "VBD", "VDI")]
    assert failure(put, without) == ["IMPORT_ERROR_FAILED_TO_FIND_OBJECT", "Ref:7"]
    assert set(api.VM.get_all()) == before


@pytest.mark.parametrize(
    ("vm", "vbd", "error"),
    [
        ({"power_state": "Suspended"}, {}, ["IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND"]),
        ({"power_state": "Running"}, {}, ["IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND"]),
        ({"power_state": "Suspended"}, {"currently_attached": False}, []),
        ({"power_state": "Halted"}, {}, []),
        ({"power_state": "Suspended", "domain_type": "hvm"}, {"type": "CD", "mode": "RO"}, []),
        ({"power_state": "Suspended", "domain_type": "pv"}, {"type": "CD"}, ["IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND"]),
        ({"power_state": "Suspended", "domain_type": "pv"}, {"type": "CD", "empty": True}, []),
    ],
)
def test_a_vm_that_was_on_does_not_come_without_the_disks_that_it_had_attached(api, put, vm, vbd, error):
    """Not even by force: the image of its memory would speak of disks that are not there."""
    before, document = set(api.VM.get_all()), objects(MIB)
    fields = {"VM": vm, "VBD": {"currently_attached": True, **vbd}}
    for entry in document:
        entry["snapshot"] = {**entry["snapshot"], **fields.get(entry["class"], {})}
    assert failure(put, document, "&force=true") == error
    assert len(set(api.VM.get_all()) - before) == (0 if error else 1)


def failure(put, document, query=""):
    data, buffer = value({"version": VERSION, "objects": document}).encode(), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as out:
        info = tarfile.TarInfo("ova.xml")
        info.size = len(data)
        out.addfile(info, io.BytesIO(data))
    return put("/import_metadata", buffer.getvalue(), query)["error_info"]
