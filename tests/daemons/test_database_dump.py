"""Dumps of the database over HTTP: out of one pool, into another, and as the beginning of a new one."""

from __future__ import annotations

import http.client

import pytest

from archives_over_https import asked
from xapid.testing.processes import unverified
from xapid.testing.waiting import ended, starts_again


def dump_of(daemon, session):
    status, data = asked(daemon, "GET", "/pool/xmldbdump", session_id=session._session)
    assert status == 200
    return data


def restore(daemon, session, data, **query):
    """The task of a restore, when it has ended."""
    api = session.xenapi
    task = api.task.create("restore", "")
    status, _ = asked(daemon, "PUT", "/pool/xmldbdump", data, session_id=session._session, task_id=task, **query)
    return status, ended(api, task)


CHANGING = {
    "allowed_operations",
    "certificates",  # another daemon shows others
    "current_operations",
    "address",
    "location",
    "other_config",
    "last_updated",
    "live",
    "updated",
}


def records(api, *classes):
    return {
        cls: {
            ref: {name: value for name, value in record.items() if name not in CHANGING}
            for ref, record in getattr(api, cls).get_all_records().items()
        }
        for cls in classes
    }


CLASSES = ("VM", "VDI", "SR", "network", "host", "PIF", "pool", "PBD", "VBD", "VIF")


@pytest.mark.parametrize("keeps", [False, True])
def test_a_dump_restored_into_a_fresh_pool_gives_the_same_objects(xapid_daemon, xapid_daemons, tmp_path, keeps):
    one = xapid_daemon.session()
    template = one.xenapi.VM.get_by_name_label("Other install media")[0]
    vm = one.xenapi.VM.clone(template, "new")
    one.xenapi.VM.provision(vm)
    one.xenapi.VM.start(vm, False, False)
    one.xenapi.VM.set_name_label(vm, "it's  a <VM>")
    one.xenapi.network.create({"name_label": "made here", "name_description": "", "other_config": {"a b": "'c\\d'"}})
    data = dump_of(xapid_daemon, one)
    flags = ("--state", str(tmp_path / "state")) if keeps else ()
    other = xapid_daemons.start("--preset", "standalone", *flags)
    two = other.session()
    before = records(two.xenapi, *CLASSES)
    status, record = restore(other, two, data, dry_run="true")
    assert (status, record["status"]) == (200, "success")
    assert records(two.xenapi, *CLASSES) == before
    status, record = restore(other, two, data)
    assert (status, record["status"]) == (200, "success")
    starts_again(two)
    again = other.session()
    assert records(again.xenapi, *CLASSES) == records(one.xenapi, *CLASSES)
    again.xenapi.VM.hard_shutdown(vm)
    again.xenapi.VM.start(vm, False, False)
    (master,) = (pool["master"] for pool in again.xenapi.pool.get_all_records().values())
    member = next(host for ref, host in again.xenapi.host.get_all_records().items() if ref != master)
    assert other.address.rpartition(".")[0] == member["address"].rpartition(".")[0]
    if keeps:
        other.stop()
        third = xapid_daemons.start("--preset", "standalone", *flags, password=None)
        assert third.ready["state"] == str(tmp_path / "state")


def test_a_pool_that_is_put_back_keeps_what_is_on_its_disks(xapid_daemons):
    """And in its blobs, also where nothing is kept on any disk of the daemon's own."""
    daemon = xapid_daemons.start("--preset", "pool3", "--duration-profile", "instant")
    session = daemon.session()
    api = session.xenapi
    sr = next(ref for ref, each in api.SR.get_all_records().items() if each["shared"] and each["content_type"] != "iso")
    record = {"name_label": "d", "name_description": "", "SR": sr, "virtual_size": str(2 << 20), "type": "user"}
    rest = {"sharable": False, "read_only": False, "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": []}
    disk = api.VDI.create({**record, **rest})
    contents = bytes(range(256)) * 8192
    assert asked(daemon, "PUT", "/import_raw_vdi", contents, session_id=session._session, vdi=disk)[0] == 200
    pool = api.pool.get_all()[0]
    blob = api.pool.create_new_blob(pool, "b", "text/plain", True)
    assert asked(daemon, "PUT", "/blob", b"kept", session_id=session._session, ref=blob)[0] == 200
    data = dump_of(daemon, session)
    api.pool.set_name_label(pool, "changed")
    status, record = restore(daemon, session, data)
    assert (status, record["status"]) == (200, "success")
    starts_again(session)
    assert api.pool.get_name_label(pool) != "changed"
    status, body = asked(daemon, "GET", "/export_raw_vdi", session_id=session._session, vdi=disk)
    assert (status, body == contents) == (200, True)
    assert asked(daemon, "GET", "/blob", ref=blob) == (200, b"kept")


def test_a_new_pool_begins_with_a_dump(xapid_daemon, xapid_daemons, tmp_path):
    one = xapid_daemon.session()
    (tmp_path / "dump.xml").write_bytes(dump_of(xapid_daemon, one))
    other = xapid_daemons.start("--dump", str(tmp_path / "dump.xml"))
    assert records(other.session().xenapi, *CLASSES) == records(one.xenapi, *CLASSES)


def test_what_cannot_be_restored_changes_nothing(xapid_daemon):
    session = xapid_daemon.session()
    api = session.xenapi
    before = records(api, *CLASSES)
    good = dump_of(xapid_daemon, session)
    for data, error in (
        (b"rubbish", "COULD_NOT_IMPORT_DATABASE"),
        (good[:-100], "COULD_NOT_IMPORT_DATABASE"),
        (good.replace(b'value="909"', b'value="100000"'), "RESTORE_INCOMPATIBLE_VERSION"),
        (good.replace(b"master=", b"_master="), "COULD_NOT_IMPORT_DATABASE"),
    ):
        status, record = restore(xapid_daemon, session, data)
        assert (status, record["status"], record["error_info"][0]) == (200, "failure", error)
    assert records(api, *CLASSES) == before
    assert api.pool.get_all()


def test_a_dump_is_for_administrators_and_says_its_length(xapid_daemon):
    assert asked(xapid_daemon, "GET", "/pool/xmldbdump")[0] == 401
    assert asked(xapid_daemon, "PUT", "/pool/xmldbdump", b"x")[0] == 401
    session = xapid_daemon.session()
    connection = http.client.HTTPSConnection(xapid_daemon.address, xapid_daemon.port, timeout=60, context=unverified())
    connection.putrequest("PUT", f"/pool/xmldbdump?session_id={session._session}")
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()
