from __future__ import annotations

import xmlrpc.client

import pytest

from refusals import refused
from xapid.operations import alerts

NEVER = xmlrpc.client.DateTime("19700101T00:00:00Z")


@pytest.fixture
def uuid(api):
    return api.pool.get_uuid(api.pool.get_all()[0])


def test_an_introduced_secret_keeps_its_uuid(api):
    uuid = "11111111-2222-4333-8444-555555555555"
    secret = api.secret.introduce(uuid, "v", {"a": "b"})
    assert api.secret.get_record(secret) == {"uuid": uuid, "value": "v", "other_config": {"a": "b"}}


def test_messages_come_newest_first(api, uuid, xapid_clock):
    refs = []
    for name in ("A", "B", "C"):
        refs.append(api.message.create(name, "3", "Pool", uuid, "body"))
        xapid_clock.pass_time(60)
    assert api.message.get_all() == refs[::-1]
    assert list(api.message.get("Pool", uuid, NEVER)) == refs[::-1]
    middle = api.message.get_record(refs[1])["timestamp"]
    assert list(api.message.get_since(middle)) == [refs[2]]


def test_a_message_is_about_something_that_is_there(api, uuid):
    assert refused(api.message.create, "X", "3", "SR", uuid, "") == ["UUID_INVALID", "SR", uuid]


def test_messages_are_destroyed_by_time_and_priority(api, uuid, xapid_clock):
    first = api.message.create("A", "1", "Pool", uuid, "")
    xapid_clock.pass_time(60)
    second = api.message.create("B", "2", "Pool", uuid, "")
    third = api.message.create("C", "1", "Pool", uuid, "")
    moment = str(api.message.get_record(second)["timestamp"])
    rfc3339 = f"{moment[:4]}-{moment[4:6]}-{moment[6:]}"
    api.message.destroy_all({"before": rfc3339, "priority": "1"})
    assert api.message.get_all() == [third, second]
    assert refused(api.message.destroy_all, {"nosuch": "1"}) == ["INVALID_VALUE", "filters", "nosuch"]
    assert refused(api.message.destroy_many, [second, first]) == ["HANDLE_INVALID", "message", first]
    assert api.message.get_all() == [third, second]
    api.message.destroy_all({})
    assert api.message.get_all() == []


def test_a_field_that_messages_do_not_have_has_no_value(api, uuid):
    ref = api.message.create("A", "1", "Pool", uuid, "")
    assert api.message.get_all_records_where('field "nosuch" = "x"') == {}
    assert list(api.message.get_all_records_where('field "name" = "A"')) == [ref]
    assert refused(api.message.get_all_records_where, "bad")[0] == "INVALID_VALUE"


def test_the_oldest_messages_give_way(api, uuid, monkeypatch):
    monkeypatch.setattr(alerts, "LIMIT", 3)
    refs = [api.message.create(str(number), "3", "Pool", uuid, "") for number in range(5)]
    assert api.message.get_all() == refs[:1:-1]


def test_a_vm_forgets_a_blob_that_is_gone(api):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    blob = api.VM.create_new_blob(vm, "first", "text/plain", False)
    api.blob.destroy(blob)
    assert api.VM.get_blobs(vm) == {}
    assert refused(api.blob.get_uuid, blob) == ["HANDLE_INVALID", "blob", blob]
