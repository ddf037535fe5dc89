"""Sessions that see a dump instead of the pool."""

from __future__ import annotations

import pytest

from xapid.database.dump import write
from xapid.dispatch import archives


@pytest.fixture
def dumped(xapid_server, api, tmp_path):
    """A session with a dump, made before the pool changed."""
    api.pool.set_name_label(api.pool.get_all()[0], "as it was")
    file = tmp_path / "dump.xml"
    file.write_bytes(b"".join(write(xapid_server.pool.db)))
    api.pool.set_name_label(api.pool.get_all()[0], "as it is")
    session = xapid_server.session()
    session._session = api.session.create_from_db_file(str(file))
    return session


def test_a_session_of_a_file_reads_what_is_in_it(api, dumped):
    (pool,) = dumped.xenapi.pool.get_all_records().values()
    assert pool["name_label"] == "as it was"
    assert dumped.xenapi.VM.get_all() == api.VM.get_all()
    assert dumped.xenapi.VM.get_by_name_label("nothing") == []
    own = dumped.xenapi.session.get_record(dumped._session)
    assert own["auth_user_name"] == "db-from-file"
    assert dumped.xenapi.network.get_all_records_where('field "bridge"="xenapi"') is not None
    (live,) = api.pool.get_all_records().values()
    assert live["name_label"] == "as it is"


def test_nothing_can_be_done_in_it_but_reading(dumped, refused):
    api = dumped.xenapi
    vm = api.VM.get_all()[0]
    for call, args in (
        (api.VM.set_name_label, (vm, "x")), (api.VM.start, (vm, False, False)), (api.host.dmesg, (api.host.get_all()[0],)),
        (api.VM.get_possible_hosts, (vm,)), (api.pool.get_license_state, (api.pool.get_all()[0],)),
    ):  # fmt: skip
        assert refused(call, *args)[0] == "RBAC_PERMISSION_DENIED"
    assert refused(api.nosuch.message)[0] == "MESSAGE_METHOD_UNKNOWN"
    assert refused(api.VM.get_uuid)[0] == "MESSAGE_PARAMETER_COUNT_MISMATCH"
    assert refused(api.VM.get_uuid, "OpaqueRef:NULL") == ["HANDLE_INVALID", "VM", "OpaqueRef:NULL"]


def is_open(server, ref):
    answer = server.client()._ServerProxy__request("VM.get_all", (ref,))
    return answer["Status"] == "Success" or answer["ErrorDescription"] != ["SESSION_INVALID", ref]


def test_logging_out_lets_the_file_go(xapid_server, dumped):
    ref = dumped._session
    assert is_open(xapid_server, ref)
    dumped.xenapi.session.logout()
    assert not is_open(xapid_server, ref)


def test_the_file_that_was_not_used_for_longest_makes_room(xapid_server, api, dumped, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST", 2)
    second = api.session.create_from_db_file(str(tmp_path / "dump.xml"))
    assert is_open(xapid_server, dumped._session)
    third = api.session.create_from_db_file(str(tmp_path / "dump.xml"))
    assert [is_open(xapid_server, ref) for ref in (dumped._session, second, third)] == [True, False, True]


def test_a_file_that_is_no_dump_is_refused(api, refused, tmp_path):
    (tmp_path / "text").write_text("no dump")
    assert refused(api.session.create_from_db_file, str(tmp_path / "text"))[0] == "COULD_NOT_IMPORT_DATABASE"
    assert refused(api.session.create_from_db_file, str(tmp_path / "absent"))[0] == "COULD_NOT_IMPORT_DATABASE"
    assert refused(api.session.create_from_db_file, "a" * 10_000)[0] == "COULD_NOT_IMPORT_DATABASE"
