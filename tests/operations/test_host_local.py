"""What hosts keep, attach and reserve on behalf of the pool."""

from __future__ import annotations

import pytest

GIB = 1 << 30


@pytest.fixture
def member(api):
    master = api.pool.get_master(api.pool.get_all()[0])
    return next(ref for ref in api.host.get_all() if ref != master)


@pytest.fixture
def inside(xapid_server):
    """Calls as another host of the pool makes them."""
    session = xapid_server.client()
    session._session = session.session.slave_login("OpaqueRef:NULL", xapid_server.pool.services.pool.secret)["Value"]
    return session.xenapi


@pytest.fixture
def attached(xapid_server, member):
    """What is attached to the host, noted from now on."""
    storage, seen = xapid_server.pool.services.agents.get(member).storage, []
    attach, detach = storage.vdi_attach, storage.vdi_detach

    async def note_attach(sr, vdi, read_only):
        seen.append(("attach", vdi))
        return await attach(sr, vdi, read_only)

    async def note_detach(sr, vdi):
        seen.append(("detach", vdi))
        return await detach(sr, vdi)

    storage.vdi_attach, storage.vdi_detach = note_attach, note_detach
    return seen


def disk(api, **fields):
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    record = {
        "name_label": "d", "name_description": "", "SR": sr, "virtual_size": str(GIB), "type": "user", "sharable": False,
        "read_only": False, "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": [],
    }  # fmt: skip
    return api.VDI.create({**record, **fields})


def test_only_hosts_of_the_pool_may_call_them(api, member, refused):
    assert refused(api.host.set_localdb_key, member, "a", "b")[0] == "INTERNAL_ERROR"
    assert refused(api.host.attach_static_vdis, member, {})[0] == "INTERNAL_ERROR"
    assert refused(api.host.notify, "a", "b")[0] == "INTERNAL_ERROR"


def test_a_local_key_that_keeps_a_host_disabled_does(api, inside, member, xapid_clock):
    api.host.disable(member)
    inside.host.set_localdb_key(member, "host_auto_enable", "false")
    api.host.reboot(member)
    xapid_clock.pass_time(120)
    assert not api.host.get_enabled(member)
    api.host.enable(member)
    assert api.host.get_enabled(member)


def test_the_granularity_of_scheduling_is_kept(api, inside, member, refused):
    assert api.host.get_sched_gran(member) == "cpu"
    api.host.set_sched_gran(member, "core")
    assert api.host.get_sched_gran(member) == "core"
    assert refused(api.host.set_sched_gran, member, "thread") != []
    assert api.host.get_sched_gran(member) == "core"


def test_memory_is_kept_for_a_vm(api, member, refused):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    before = int(api.host.compute_free_memory(member))
    api.host.allocate_resources_for_vm(member, vm, False)
    assert int(api.host.compute_free_memory(member)) < before
    assert api.VM.get_possible_hosts(vm) == [member]
    assert refused(api.host.allocate_resources_for_vm, member, vm, True) == ["VM_BAD_POWER_STATE", vm, "running", "halted"]
    big = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "big")
    api.VM.set_memory(big, str(100 * GIB))
    assert refused(api.host.allocate_resources_for_vm, member, big, False)[0] == "HOST_NOT_ENOUGH_FREE_MEMORY"
    api.VM.start(vm, False, False)
    api.VM.hard_shutdown(vm)
    assert int(api.host.compute_free_memory(member)) == before


def test_static_disks_are_attached_now_and_at_every_start(api, inside, member, attached, refused, xapid_clock):
    vdi, local = disk(api), disk(api, name_label="other")
    uuid = api.VDI.get_uuid(vdi)
    for _ in range(2):
        inside.host.attach_static_vdis(member, {vdi: "HA statefile"})
    assert attached == [("attach", uuid)]
    api.host.disable(member)
    api.host.reboot(member)
    xapid_clock.pass_time(120)
    assert attached == [("attach", uuid), ("detach", uuid), ("attach", uuid)]
    inside.host.detach_static_vdis(member, [vdi, local])
    inside.host.detach_static_vdis(member, [vdi])
    assert attached[3:] == [("detach", uuid)]


def test_a_disk_that_needs_the_database_is_not_attached_statically(api, inside, member, make, attached, refused):
    sr = make("SR", type="rare", shared=True)
    vdi = make("VDI", SR=sr, managed=True)
    assert refused(inside.host.attach_static_vdis, member, {vdi: "why"}) == ["SR_OPERATION_NOT_SUPPORTED", sr]
    assert attached == []


def test_what_scripts_tell_and_datapaths_that_nobody_needs_change_nothing(api, inside, member, xapid_server):
    before = xapid_server.pool.db.generation
    inside.host.notify("backup", "done")
    inside.host.update_firewalld_service_status()
    api.host.sm_dp_destroy(member, "vbd/1/xvda", False)
    assert xapid_server.pool.db.generation == before
