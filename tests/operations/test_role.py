from __future__ import annotations

from types import SimpleNamespace

import pytest

from xapid.auth.roles import install, role_ref
from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.roles import ROLES
from xapid.datamodel.types import NULL_REF
from xapid.ids import Ids
from xapid.operations import role as operations

COMPOSITE = {role_ref(name) for name in ROLES}


@pytest.fixture(scope="module")
def context():
    db = Database(catalogue(), Ids(1))
    install(db)
    return SimpleNamespace(db=db)


def test_permissions_of_a_role_are_its_subroles(context):
    refs = operations.get_permissions(context, role_ref("read-only"))
    assert role_ref("VM.get_record") in refs
    assert not COMPOSITE.intersection(refs)
    names = operations.get_permissions_name_label(context, role_ref("read-only"))
    assert {"vm.get_record", "session.logout", "event.from"} < set(names)
    assert "vm.start" not in names


def test_a_permission_gives_itself(context):
    assert operations.get_permissions_name_label(context, role_ref("VM.start")) == ("vm.start",)


def test_permissions_of_no_role_are_an_error(context):
    with pytest.raises(XenAPIError) as refused:
        operations.get_permissions(context, NULL_REF)
    assert refused.value.description == ("HANDLE_INVALID", "role", NULL_REF)


def test_the_roles_with_a_permission_are_found_by_reference_and_by_name(context):
    expected = tuple(role_ref(name) for name in ("pool-admin", "pool-operator"))
    assert operations.get_by_permission(context, role_ref("task.destroy/any")) == expected
    assert operations.get_by_permission_name_label(context, "task.destroy/any") == expected
    assert operations.get_by_permission(context, NULL_REF) == ()
    assert operations.get_by_permission_name_label(context, "no such permission") == ()


def test_roles_and_permissions_are_told_apart_by_two_expressions_and_others_mean_nothing(context):
    everything = len(context.db.table("role"))
    assert set(operations.get_all_where(context, "subroles<>[]")) == COMPOSITE
    leaves = operations.get_all_records_where(context, "subroles=[]")
    assert len(leaves) == everything - len(COMPOSITE)
    assert len(operations.get_all_where(context, "whatever ((")) == everything
