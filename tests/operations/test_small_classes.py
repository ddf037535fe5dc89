from __future__ import annotations

from refusals import refused


def test_a_gpu_group_with_gpus_stays(api):
    (full,) = api.GPU_group.get_all()
    assert refused(api.GPU_group.destroy, full) == ["GPU_GROUP_CONTAINS_PGPU", *api.GPU_group.get_PGPUs(full)]
    empty = api.GPU_group.create("g", "d", {})
    api.GPU_group.destroy(empty)
    assert refused(api.GPU_group.get_uuid, empty) == ["HANDLE_INVALID", "GPU_group", empty]


def test_a_gpu_moves_to_an_empty_group_but_not_among_others(api, xapid_server):
    group, pgpu = api.GPU_group.create("g", "", {}), api.PGPU.get_all()[0]
    api.PGPU.set_GPU_group(pgpu, group)
    assert (api.GPU_group.get_PGPUs(group), api.GPU_group.get_GPU_types(group)) == ([pgpu], ["102b/0536"])
    db = xapid_server.pool.db
    with db.transaction() as tx:
        tx.update(db.get("GPU_group", group), GPU_types=("10de/1eb8",))
    other = api.PGPU.get_all()[1]
    assert refused(api.PGPU.set_GPU_group, other, group) == [
        "PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP", "102b/0536", "[10de/1eb8]",
    ]  # fmt: skip


def test_enabled_types_are_supported_types_and_count_down(api, xapid_server):
    db, pgpu = xapid_server.pool.db, api.PGPU.get_all()[0]
    with db.transaction() as tx:
        kind = tx.create("VGPU_type", model_name="t")
    assert refused(api.PGPU.add_enabled_VGPU_types, pgpu, kind) == ["VGPU_TYPE_NOT_SUPPORTED", kind]
    with db.transaction() as tx:
        row = db.get("PGPU", pgpu)
        tx.update(row, supported_VGPU_types=(kind,))
        tx.add_to(row.ref, "supported_VGPU_max_capacities", kind, 4)
    api.PGPU.add_enabled_VGPU_types(pgpu, kind)
    assert api.PGPU.get_remaining_capacity(pgpu, kind) == "4"
    assert api.GPU_group.get_enabled_VGPU_types(api.PGPU.get_GPU_group(pgpu)) == [kind]
    api.PGPU.remove_enabled_VGPU_types(pgpu, kind)
    assert api.PGPU.get_remaining_capacity(pgpu, kind) == "0"


def test_the_control_domain_loses_a_device_at_the_next_boot(api):
    pgpu, pci = api.PGPU.get_all()[0], api.PCI.get_all()[0]
    assert api.PGPU.disable_dom0_access(pgpu) == "disable_on_reboot"
    assert api.PGPU.enable_dom0_access(pgpu) == "enabled"
    assert api.PCI.disable_dom0_access(pci) == api.PCI.get_dom0_access_status(pci) == "disable_on_reboot"
    assert api.PCI.enable_dom0_access(pci) == "enabled"


def test_a_site_with_servers_stays(api):
    site = api.PVS_site.introduce("s", "", "u")
    server = api.PVS_server.introduce(["10.0.0.1"], "6910", "6930", site)
    assert refused(api.PVS_server.introduce, ["10.0.0.1"], "6910", "6930", site) == ["PVS_SERVER_ADDRESS_IN_USE", "10.0.0.1"]
    assert refused(api.PVS_server.introduce, ["name"], "6910", "6930", site) == ["INVALID_IP_ADDRESS_SPECIFIED", "addresses"]
    assert refused(api.PVS_site.forget, site) == ["PVS_SITE_CONTAINS_SERVERS", server]
    api.PVS_server.forget(server)
    api.PVS_site.forget(site)


def test_a_group_of_usb_devices_comes_and_goes(api):
    group = api.USB_group.create("g", "", {})
    api.USB_group.destroy(group)
    assert refused(api.USB_group.get_uuid, group) == ["HANDLE_INVALID", "USB_group", group]


def test_an_observer_is_set_up_in_parts(api):
    observer = api.Observer.create({"name_label": "o", "name_description": ""})
    api.Observer.set_components(observer, ["xapi"])
    api.Observer.set_endpoints(observer, ["bugtool"])
    api.Observer.set_enabled(observer, True)
    row = api.Observer.get_record(observer)
    assert (row["components"], row["endpoints"], row["enabled"]) == (["xapi"], ["bugtool"], True)
    stale = "OpaqueRef:00000000-0000-4000-8000-000000000001"
    assert refused(api.Observer.set_hosts, observer, [stale]) == ["HANDLE_INVALID", "host", stale]


def test_patches_and_updates_that_are_not_there_cannot_be_applied(api, xapid_server):
    db, host = xapid_server.pool.db, api.host.get_all()[0]
    with db.transaction() as tx:
        patch, update = tx.create("pool_patch", name_label="p"), tx.create("pool_update", name_label="u")
    assert refused(api.pool_patch.apply, patch, host) == ["CANNOT_FIND_PATCH"]
    assert refused(api.pool_update.precheck, update, host) == ["CANNOT_FIND_UPDATE"]
    api.pool_patch.destroy(patch)
    with db.transaction() as tx:
        tx.update(host, updates=(update,))
    assert refused(api.pool_update.destroy, update) == ["UPDATE_IS_APPLIED"]
    with db.transaction() as tx:
        tx.update(host, updates=())
    api.pool_update.destroy(update)
    disk = api.VDI.get_all()[0]
    assert refused(api.pool_update.introduce, disk)[0] == "INVALID_UPDATE"
