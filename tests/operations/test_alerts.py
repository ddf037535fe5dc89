"""Alerts that the system raises by itself, as a stock client finds them."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree

import pytest

from xapid.agent.values import AgentFailure
from xapid.operations.directory_start import DirectoryStart
from xapid.testing.virtual_time import EPOCH

pytestmark = pytest.mark.xapid(duration_profile="instant", vms_per_host=1)

DAY = 86400


@pytest.fixture
def about(api):
    """Name and priority of the messages about an object, the oldest first."""

    def find(uuid):
        records = [m for m in api.message.get_all_records().values() if m["obj_uuid"] == uuid]
        return [(m["name"], m["priority"], m["cls"]) for m in sorted(records, key=lambda m: str(m["timestamp"]))]

    return find


def test_logins_that_failed_are_told_every_hour(api, xapid_server, xapid_clock, refused, about):
    pool = api.pool.get_uuid(api.pool.get_all()[0])
    client = xapid_server.client()
    for user in ("root", "root", "<mallory>"):
        assert refused(client.xenapi.login_with_password, user, "wrong", "2.23", "x")[0] == "SESSION_AUTHENTICATION_FAILED"
    assert about(pool) == []
    xapid_clock.pass_time(3600)
    assert about(pool) == [("FAILED_LOGIN_ATTEMPTS", "3", "Pool")]
    (message,) = api.message.get_all_records().values()
    body = ElementTree.fromstring(message["body"])
    assert (body.findtext("total"), body.find("unknown")) == ("3", None)
    known = [tuple(each.findtext(name) for name in ("username", "number", "originator", "ip")) for each in body.iter("known")]
    assert known == [("root", "2", "x", "127.0.0.1"), ("<mallory>", "1", "x", "127.0.0.1")]
    assert all(each.findtext("date").endswith("Z") for each in body.iter("known"))
    xapid_clock.pass_time(3600)
    assert len(about(pool)) == 1


@pytest.mark.parametrize(("kind", "prefix"), [("host", "HOST_SERVER"), ("host_internal", "HOST_INTERNAL")])
def test_a_certificate_that_runs_out_is_told_in_stages(api, xapid_server, xapid_clock, about, kind, prefix):
    """The alert of one stage takes the place of the one before, and goes when the certificate is renewed."""
    host, uuid = api.host.get_all()[0], api.host.get_uuid(api.host.get_all()[0])
    with xapid_server.pool.db.transaction() as tx:
        new = tx.create("Certificate", type=kind, host=host, not_after=EPOCH + timedelta(days=33.5))
    seen = []
    for _ in range(36):
        xapid_clock.pass_time(DAY)
        seen += [about(uuid)] if about(uuid) not in seen else []
    assert seen == [
        [],
        [(f"{prefix}_CERTIFICATE_EXPIRING_30", "3", "Host")],
        [(f"{prefix}_CERTIFICATE_EXPIRING_14", "2", "Host")],
        [(f"{prefix}_CERTIFICATE_EXPIRING_07", "1", "Host")],
        [(f"{prefix}_CERTIFICATE_EXPIRED", "1", "Host")],
    ]
    with xapid_server.pool.db.transaction() as tx:
        tx.update(new, not_after=EPOCH + timedelta(days=900))
    xapid_clock.pass_time(DAY)
    assert about(uuid) == []


def test_a_certificate_that_the_pool_trusts_is_told_of_itself(api, xapid_server, xapid_clock, about):
    with xapid_server.pool.db.transaction() as tx:
        ref = tx.create("Certificate", type="ca", name="ours", not_after=EPOCH)
    xapid_clock.pass_time(DAY)
    assert about(api.Certificate.get_uuid(ref)) == [("POOL_CA_CERTIFICATE_EXPIRED", "1", "Certificate")]


def test_a_host_that_verifies_nobody_is_told_until_it_does(api, xapid_clock, about):
    host = api.host.get_all()[0]
    uuid = api.host.get_uuid(host)
    api.pool.enable_tls_verification()
    api.host.emergency_disable_tls_verification()
    xapid_clock.pass_time(1300)
    assert about(uuid) == [("TLS_VERIFICATION_EMERGENCY_DISABLED", "3", "Host")]
    api.host.emergency_reenable_tls_verification()
    xapid_clock.pass_time(600)
    assert about(uuid) == []


@pytest.mark.parametrize("call", ["clone", "copy"])
def test_only_what_the_reference_tells_is_told(api, about, call):
    vm = api.VM.get_by_name_label("vm-1-1")[0]
    getattr(api.VM, call)(vm, "new", *(["OpaqueRef:NULL"] if call == "copy" else []))
    assert about(api.VM.get_uuid(vm)) == []


def test_every_step_of_a_vm_is_told(api, about, xapid_clock):
    vm, steps = api.VM.get_by_name_label("vm-1-1")[0], []

    def step(name, *args):
        getattr(api.VM, name)(vm, *args)
        xapid_clock.pass_time(3)
        steps.append(name)

    bodies = []
    step("start", False, False)
    bodies += [m["body"] for m in api.message.get_all_records().values()]
    step("pause")
    step("unpause")
    step("suspend")
    step("resume", False, False)
    here = api.VM.get_resident_on(vm)
    step("pool_migrate", next(host for host in api.host.get_all() if host != here), {})
    step("clean_reboot")
    step("hard_reboot")
    step("snapshot", "s")
    step("checkpoint", "c")
    step("clean_shutdown")
    api.VM.revert(api.VM.get_snapshots(vm)[0])
    assert [name for name, priority, cls in about(api.VM.get_uuid(vm)) if (priority, cls) == ("5", "VM")] == [
        "VM_STARTED", "VM_PAUSED", "VM_UNPAUSED", "VM_SUSPENDED", "VM_RESUMED", "VM_MIGRATED", "VM_REBOOTED", "VM_REBOOTED",
        "VM_SNAPSHOTTED", "VM_CHECKPOINTED", "VM_SHUTDOWN", "VM_SNAPSHOT_REVERTED",
    ]  # fmt: skip
    host = next(host for host in api.host.get_all_records().values() if host["uuid"] in bodies[0])
    assert all(text in bodies[0] for text in ("'vm-1-1'", api.VM.get_uuid(vm), f"'{host['name_label']}'"))
    (shot,) = [m["body"] for m in api.message.get_all_records().values() if m["name"] == "VM_SNAPSHOTTED"]
    assert {api.VM.get_uuid(snapshot) in shot for snapshot in api.VM.get_snapshots(vm)} == {True, False}


def test_a_copy_of_the_database_that_cannot_be_written_is_told_where_that_is_wanted(
    api, xapid_server, xapid_clock, about, change, monkeypatch
):
    pool, sr = api.pool.get_all()[0], api.SR.get_by_name_label("Shared storage")[0]
    (driver,) = (ref for ref, sm in api.SM.get_all_records().items() if sm["type"] == api.SR.get_type(sr))
    change(driver, features=xapid_server.pool.db.find(driver).features.with_item("SR_METADATA", 1))
    api.SR.enable_database_replication(sr)
    xapid_clock.pass_time(120)
    storage = xapid_server.pool.services.agents.get(api.pool.get_master(pool)).storage
    write, is_away = storage.vdi_write, [True]

    async def maybe(*args):
        if is_away:
            raise AgentFailure("unreachable", ("the storage is away",))
        return await write(*args)

    monkeypatch.setattr(storage, "vdi_write", maybe)
    uuid, told = api.pool.get_uuid(pool), [("METADATA_LUN_BROKEN", "3", "Pool"), ("METADATA_LUN_HEALTHY", "4", "Pool")]
    for setting, wanted in (("false", []), ("true", told)):
        api.pool.set_other_config(pool, {"metadata_lun_alerts": setting})
        is_away.append(True)
        xapid_clock.pass_time(300)
        assert about(uuid) == wanted[:1]
        is_away.clear()
        xapid_clock.pass_time(120)
        assert about(uuid) == wanted


@pytest.mark.parametrize("heals", [True, False])
def test_a_directory_that_does_not_answer_after_a_start_is_told_after_two_minutes(
    api, xapid_server, xapid_clock, about, tmp_path, heals
):
    people = tmp_path / "people"
    people.write_text("")
    people.chmod(0o600)
    master = api.pool.get_master(api.pool.get_all()[0])
    api.pool.enable_external_auth(api.pool.get_all()[0], {"file": str(people)}, "lab", "file")
    people.unlink()
    start = DirectoryStart(xapid_server.pool.db, xapid_clock, xapid_server.pool.services)
    start.start()
    xapid_clock.pass_time(105)
    if heals:
        people.write_text("")
        people.chmod(0o600)
    xapid_clock.pass_time(60)
    assert about(api.host.get_uuid(master)) == ([] if heals else [("EXTAUTH_INIT_IN_HOST_FAILED", "2", "Host")])
    for message in api.message.get_all_records().values():
        assert message["body"].startswith("host_external_auth_type=file, host_external_auth_service_name=lab, error=")
        assert message["body"].endswith("No such file or directory")
    start.stop()
