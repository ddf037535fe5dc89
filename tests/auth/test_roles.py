from __future__ import annotations

import pytest

from xapid.auth.roles import install, role_ref
from xapid.database.event_log import EventLog, Subscription, Token
from xapid.datamodel.roles import ROLES

KNOWN = {
    "pool-admin": "0165f154-ba3e-034e-6b27-5d271af109ba",
    "pool-operator": "b9ce9791-0604-50cd-0649-09b3284c7dfd",
    "vm-power-admin": "7955168d-7bec-10ed-105f-c6a7e6e63249",
    "vm-admin": "aaa00ab5-7340-bfbc-0d1b-7cf342639a6e",
    "vm-operator": "fb8d4ff9-310c-a959-0613-54101535d3d5",
    "read-only": "7233b8e3-eacb-d7da-2c95-f2e581cdbf4e",
    "client-cert": "2c42debf-c64a-2ecd-f674-3350f06409f7",
}


@pytest.mark.parametrize(("name", "uuid"), KNOWN.items())
def test_a_role_has_the_reference_that_every_pool_gives_it(db, name, uuid):
    row = db.get("role", f"OpaqueRef:{uuid}")
    assert (row.name_label, row.uuid, row.is_internal) == (name, uuid, name == "client-cert")
    assert row.name_description
    assert row.subroles
    assert all(not db.get("role", ref).subroles for ref in row.subroles)
    assert KNOWN.keys() == ROLES.keys()


def test_a_permission_is_named_in_lower_case_and_referred_to_by_its_name_on_the_wire(db):
    row = db.get("role", role_ref("VM.add_to_other_config/key:XenCenter.CustomFields.*"))
    assert row.name_label == "vm.add_to_other_config/key:xencenter.customfields.*"
    assert row.subroles == ()


def test_roles_are_no_events_and_no_commits(db):
    assert db.generation == 0
    events, _ = EventLog(db).since(Subscription.parse(["*"]), Token())
    assert events == []


def test_installing_again_changes_nothing(db):
    before = [row.record() for row in db.table("role")]
    install(db)
    assert [row.record() for row in db.table("role")] == before
