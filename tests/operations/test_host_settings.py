"""Settings of hosts: what old clients see of them, what takes effect later, and what is told of the server."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import pytest

from xapid.agent.values import AgentFailure
from xapid.operations.host_devices import UEFI, write_uefi_certificates_to_disk
from xapid.testing.in_process import Server, config


@pytest.fixture
def host(api):
    return api.host.get_all()[0]


def test_what_old_clients_write_into_other_config_is_a_field_too(api, host, xapid_clock):
    api.host.set_other_config(host, {"multipathing": "true", "iscsi_iqn": "iqn.2000-01.test:old"})
    xapid_clock.pass_time(1)
    assert api.host.get_multipathing(host) is True
    assert api.host.get_iscsi_iqn(host) == "iqn.2000-01.test:old"
    api.host.set_iscsi_iqn(host, "iqn.2000-01.test:new")
    api.host.set_multipathing(host, False)
    xapid_clock.pass_time(1)
    assert api.host.get_other_config(host)["iscsi_iqn"] == "iqn.2000-01.test:new"
    assert api.host.get_other_config(host)["multipathing"] == "false"
    assert api.host.get_iscsi_iqn(host) == "iqn.2000-01.test:new"


def test_what_is_no_value_changes_no_field(api, host, xapid_clock):
    before = api.host.get_iscsi_iqn(host)
    api.host.set_other_config(host, {"multipathing": "perhaps", "iscsi_iqn": ""})
    xapid_clock.pass_time(1)
    assert (api.host.get_multipathing(host), api.host.get_iscsi_iqn(host)) == (False, before)


def test_ssh_closes_when_its_time_is_over(api, host, xapid_clock):
    api.host.set_ssh_enabled_timeout(host, 600)
    api.host.enable_ssh(host)
    xapid_clock.pass_time(590)
    assert api.host.get_ssh_enabled(host)
    xapid_clock.pass_time(120)
    assert not api.host.get_ssh_enabled(host)
    api.host.set_ssh_enabled_timeout(host, 0)
    api.host.enable_ssh(host)
    xapid_clock.pass_time(5_000)
    assert api.host.get_ssh_enabled(host)


def test_displays_and_drivers_that_were_chosen_take_effect_with_a_reboot(api, make, change, xapid_clock):
    pool = api.pool.get_all()[0]
    host = next(ref for ref in api.host.get_all() if ref != api.pool.get_master(pool))
    change(host, display="enabled")
    assert api.host.disable_display(host) == "disable_on_reboot"
    driver = make("Host_driver", host=host, name="igb")
    old, new = (make("Driver_variant", driver=driver, hardware_present=True, name=name) for name in ("old", "new"))
    change(driver, active_variant=old, selected_variant=old)
    api.Host_driver.select(driver, new)
    assert api.Host_driver.get_active_variant(driver) == old
    api.host.disable(host)
    api.host.reboot(host)
    xapid_clock.pass_time(3600)
    assert api.host.get_display(host) == "disabled"
    assert api.Host_driver.get_active_variant(driver) == new


def test_drivers_are_those_that_the_agent_tells_of(api, host, make):
    stale = make("Host_driver", host=host, name="gone", type="network")
    api.host.rescan_drivers(host)
    drivers = {each["type"]: each for each in api.Host_driver.get_all_records().values()}
    assert stale not in api.Host_driver.get_all()
    for kind, driver in drivers.items():
        assert driver["name"], kind
        assert driver["variants"] == [driver["active_variant"]]
    api.Host_driver.rescan(host)
    assert {each["type"]: each for each in api.Host_driver.get_all_records().values()} == drivers


def test_cards_are_split_into_virtual_functions(api, host, make, xapid_server, refused):
    db = xapid_server.pool.db
    nvidia = make("PCI", host=host, vendor_id="10de", device_id="2235", pci_id="0000:81:00.0")
    other = make("PCI", host=host, vendor_id="8086", pci_id="0000:82:00.0")
    amd = make("PCI", host=host, vendor_id="1002", pci_id="0000:83:00.0")
    make("PGPU", host=host, PCI=amd)
    pool_session = xapid_server.session()
    pool_session._session = xapid_server.pool.services.sessions.open_pool(host).ref
    call = pool_session.xenapi.host
    for _ in range(2):
        call.nvidia_vf_setup(host, nvidia, True)
        call.mxgpu_vf_setup(host)
    ids = [db.get("PCI", ref).pci_id for ref in db.get("PCI", nvidia).virtual_functions]
    assert ids == [f"0000:81:00.{number}" for number in (1, 2, 3, 4)]
    assert len(db.get("PCI", amd).virtual_functions) == 4
    function = db.get("PCI", nvidia).virtual_functions[0]
    assert db.get("PCI", function).device_id == "2235"
    assert refused(call.nvidia_vf_setup, host, other, True)[0] == "OPERATION_NOT_ALLOWED"
    with db.transaction() as tx:
        tx.update(function, attached_VMs=(api.VM.get_all()[0],))
    assert refused(call.nvidia_vf_setup, host, nvidia, False)[0] == "OPERATION_NOT_ALLOWED"
    with db.transaction() as tx:
        tx.update(function, attached_VMs=())
    call.nvidia_vf_setup(host, nvidia, False)
    assert db.get("PCI", nvidia).virtual_functions == ()


def test_the_server_tells_how_long_calls_took_and_who_calls(api, host):
    api.VM.get_all()
    counts = api.host.get_diagnostic_timing_stats(host, True)
    assert counts["VM.get_all"] == "1"
    assert 0 < float(api.host.get_diagnostic_timing_stats(host)["VM.get_all"]) < 10
    assert "MainThread" in json.loads(api.host.get_thread_diagnostics(host))
    assert "Python-xmlrpc" in api.host.get_tracked_user_agents(host)


def test_there_is_a_copy_of_the_database_on_storage_that_supports_it(api, xapid_server, xapid_clock, change, refused):
    sr = next(ref for ref, sr in api.SR.get_all_records().items() if sr["shared"] and sr["content_type"] != "iso")
    assert refused(api.SR.enable_database_replication, sr) == ["SR_OPERATION_NOT_SUPPORTED", sr]
    (driver,) = (ref for ref, sm in api.SM.get_all_records().items() if sm["type"] == api.SR.get_type(sr))
    change(driver, features=xapid_server.pool.db.find(driver).features.with_item("SR_METADATA", 1))
    pool = api.pool.get_all()[0]
    api.pool.set_name_label(pool, "first")
    api.SR.enable_database_replication(sr)
    api.SR.enable_database_replication(sr)
    (disk,) = api.pool.get_metadata_VDIs(pool)
    assert (api.VDI.get_type(disk), api.VDI.get_SR(disk), api.VDI.get_metadata_latest(disk)) == ("metadata", sr, True)
    assert api.VDI.read_database_pool_uuid(disk) == api.pool.get_uuid(pool)
    opened = xapid_server.session()
    opened._session = api.VDI.open_database(disk)
    assert opened.xenapi.pool.get_name_label(pool) == "first"
    api.pool.set_name_label(pool, "second")
    xapid_clock.pass_time(120)
    generation = xapid_server.pool.db.generation
    xapid_clock.pass_time(180)
    assert xapid_server.pool.db.generation - generation < 20
    opened._session = api.VDI.open_database(disk)
    assert opened.xenapi.pool.get_name_label(pool) == "second"
    assert opened.xenapi.VM.get_all() == api.VM.get_all()
    api.SR.disable_database_replication(sr)
    assert api.pool.get_metadata_VDIs(pool) == []
    api.SR.disable_database_replication(sr)


def test_the_copy_catches_up_with_what_changed_while_it_was_written_and_with_hosts_that_were_away(
    api, xapid_server, xapid_clock, change, monkeypatch
):
    sr = next(ref for ref, sr in api.SR.get_all_records().items() if sr["shared"] and sr["content_type"] != "iso")
    (driver,) = (ref for ref, sm in api.SM.get_all_records().items() if sm["type"] == api.SR.get_type(sr))
    change(driver, features=xapid_server.pool.db.find(driver).features.with_item("SR_METADATA", 1))
    pool = api.pool.get_all()[0]
    api.SR.enable_database_replication(sr)
    (disk,) = api.pool.get_metadata_VDIs(pool)
    storage = xapid_server.pool.services.agents.get(api.pool.get_master(pool)).storage
    write, names = storage.vdi_write, ["while it was written"]

    async def renamed(*args):
        for name in names:
            change(pool, name_label=name)
        names.clear()
        return await write(*args)

    async def away(*args):
        raise AgentFailure("unreachable", (api.host.get_uuid(api.pool.get_master(pool)),))

    monkeypatch.setattr(storage, "vdi_write", renamed)
    change(pool, name_label="before")
    xapid_clock.pass_time(60)
    assert not names
    with monkeypatch.context() as patch:
        patch.setattr(storage, "vdi_write", away)
        xapid_clock.pass_time(60)
    xapid_clock.pass_time(60)
    opened = xapid_server.session()
    opened._session = api.VDI.open_database(disk)
    assert opened.xenapi.pool.get_name_label(pool) == "while it was written"


def test_a_disk_without_a_database_is_refused(api, make, refused):
    sr = next(ref for ref, sr in api.SR.get_all_records().items() if sr["shared"] and sr["content_type"] != "iso")
    record = {
        "name_label": "m", "name_description": "", "SR": sr, "virtual_size": str(1 << 20), "type": "metadata",
        "sharable": False, "read_only": False, "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": [],
    }  # fmt: skip
    disk = api.VDI.create(record)
    assert refused(api.VDI.open_database, disk)[0] == "COULD_NOT_IMPORT_DATABASE"
    assert api.VDI.read_database_pool_uuid(disk) == ""
    user = api.VDI.create({**record, "type": "user"})
    assert refused(api.VDI.open_database, user) == ["VDI_INCOMPATIBLE_TYPE", user, "user"]


def test_certificates_of_firmware_are_a_file_of_the_state_directory(tmp_path):
    server = Server(config(preset="standalone"))
    try:
        db = server.pool.db
        host, pool = db.table("host").first(), db.table("pool").first()
        context = SimpleNamespace(db=db, config=SimpleNamespace(state_directory=tmp_path))
        with db.transaction() as tx:
            tx.update(pool, uefi_certificates=base64.b64encode(b"certificates").decode())
        write_uefi_certificates_to_disk(context, host.ref)
        assert (tmp_path / UEFI).read_bytes() == b"certificates"
        with db.transaction() as tx:
            tx.update(pool, uefi_certificates="")
        write_uefi_certificates_to_disk(context, host.ref)
        assert not (tmp_path / UEFI).exists()
    finally:
        server.close()


def test_in_automatic_mode_ssh_is_off_while_the_agent_is_there(api, host):
    api.host.enable_ssh(host)
    api.host.set_ssh_auto_mode(host, True)
    assert (api.host.get_ssh_enabled(host), api.host.get_ssh_auto_mode(host)) == (False, True)
    api.host.enable_ssh(host)
    assert (api.host.get_ssh_enabled(host), api.host.get_ssh_auto_mode(host)) == (True, False)
    api.host.disable_ssh(host)
    assert (api.host.get_ssh_enabled(host), api.host.get_ssh_auto_mode(host)) == (False, False)


def test_ssh_is_automatic_again_when_the_time_is_over_for_which_it_was_enabled(api, host, xapid_clock):
    api.host.set_ssh_auto_mode(host, True)
    api.host.set_ssh_enabled_timeout(host, 600)
    for _ in range(2):
        api.host.enable_ssh(host)
        assert (api.host.get_ssh_enabled(host), api.host.get_ssh_auto_mode(host)) == (True, False)
        xapid_clock.pass_time(300)
    xapid_clock.pass_time(400)
    assert (api.host.get_ssh_enabled(host), api.host.get_ssh_auto_mode(host)) == (False, True)
    api.host.set_ssh_auto_mode(host, False)
    api.host.enable_ssh(host)
    xapid_clock.pass_time(700)
    assert (api.host.get_ssh_enabled(host), api.host.get_ssh_auto_mode(host)) == (False, False)
