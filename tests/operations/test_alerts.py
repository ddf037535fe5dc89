"""Alerts that the system raises by itself, as a stock client finds them."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree

import pytest

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
    assert body.findtext("total") == "3"
    assert [(u.findtext("name"), u.findtext("number")) for u in body.iter("user")] == [("root", "2"), ("<mallory>", "1")]
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

    step("start", False, False)
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
