from __future__ import annotations

import itertools

import pytest

from xapid.auth.rbac import ANY_TASK, permissions
from xapid.auth.sessions import ROOT, Identity
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap

HOST = "OpaqueRef:host"
api = catalogue()


@pytest.fixture
def user(sessions, rbac):
    """A session of a directory user with a role."""

    def open_(role: str):
        return sessions.open(Identity(user=role, auth_user_sid=role, permissions=rbac.granted({role})), HOST)

    return open_


def denial(rbac, session, name, *args):
    with pytest.raises(XenAPIError) as refused:
        rbac.check(session, api.messages[name], args)
    return refused.value.description


def test_each_permission_has_a_name_of_its_own():
    names = [permission.name for permission in permissions(api)]
    assert len(names) == len(set(names))
    assert {"VM.start", "http/get_export", "http/connect_console/host_console", "VM.add_to_other_config/key:folder"} < set(
        names
    )


def test_superusers_pool_and_local_sessions_may_do_anything(rbac, sessions):
    for session in (sessions.open(ROOT, HOST), sessions.open_pool(HOST), sessions.open_local(HOST)):
        rbac.check(session, api.messages["session.change_password"], ("a", "b"))
        rbac.check_http(session, "get_repository")


def test_each_role_may_do_what_the_roles_below_it_may(rbac):
    order = ["pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only"]
    granted = [rbac.granted({role}) - {role} for role in order]
    assert all(less < more for more, less in itertools.pairwise(granted))


def test_a_session_holds_its_role_names_and_permissions(rbac):
    granted = rbac.granted({"vm-operator", "read-only"})
    assert {"vm-operator", "read-only", "vm.start", "vm.get_record", "http/connect_console"} < granted
    assert "vm.create" not in granted


def test_a_refusal_names_the_permission_and_the_roles_that_have_it(rbac, user):
    assert denial(rbac, user("read-only"), "VM.start", "OpaqueRef:vm", False, False) == (
        "RBAC_PERMISSION_DENIED",
        "vm.start",
        "No permission in user session. (Roles with this permission: "
        "pool-admin, pool-operator, vm-power-admin, vm-admin, vm-operator)",
    )


def test_a_message_open_to_no_role_names_none(rbac, user):
    code, permission, text = denial(rbac, user("pool-admin"), "session.change_password", "a", "b")
    assert (code, permission) == ("RBAC_PERMISSION_DENIED", "session.change_password")
    assert text.endswith("(Roles with this permission: )")


def test_an_anonymous_session_may_nothing(rbac, sessions):
    denial(rbac, sessions.anonymous, "VM.get_all")


@pytest.mark.parametrize("key", ["folder", "Folder", "XenCenter.CustomFields.owner"])
@pytest.mark.parametrize("verb", ["add_to", "remove_from"])
def test_a_protected_key_may_be_open_to_lesser_roles(rbac, user, verb, key):
    session = user("vm-operator")
    rbac.check(session, api.messages[f"VM.{verb}_other_config"], ("OpaqueRef:vm", key, "x"))
    refused = denial(rbac, session, f"VM.{verb}_other_config", "OpaqueRef:vm", "something", "x")
    assert refused[1] == f"vm.{verb}_other_config"


def test_a_protected_key_may_be_closed_to_roles_that_may_set_others(rbac, user):
    session = user("vm-admin")
    rbac.check(session, api.messages["VM.add_to_other_config"], ("OpaqueRef:vm", "something", "x"))
    refused = denial(rbac, session, "VM.add_to_other_config", "OpaqueRef:vm", "pci", "x")
    assert refused == (
        "RBAC_PERMISSION_DENIED",
        "vm.add_to_other_config/key:pci",
        "No permission in user session. (Roles with this permission: pool-admin)",
    )


def test_setting_a_whole_map_needs_the_right_to_each_protected_key_that_changes(rbac, user, db):
    with db.transaction() as tx:
        vm = tx.create("VM", other_config=frozenmap({"pci": "0", "a": "1"}))
    session, entry = user("vm-admin"), api.messages["VM.set_other_config"]
    rbac.check(session, entry, (vm, frozenmap({"pci": "0", "b": "2"})))
    assert denial(rbac, session, entry.name, vm, frozenmap({"pci": "1"}))[1] == "vm.add_to_other_config/key:pci"
    assert denial(rbac, session, entry.name, vm, frozenmap())[1] == "vm.remove_from_other_config/key:pci"
    rbac.check(user("pool-admin"), entry, (vm, frozenmap()))
    rbac.check(session, entry, ("OpaqueRef:stale", frozenmap({"pci": "1"})))


def test_handlers_need_the_permission_of_their_action(rbac, user):
    rbac.check_http(user("read-only"), "get_audit_log")
    rbac.check_http(user("vm-operator"), "connect_console")
    with pytest.raises(XenAPIError) as refused:
        rbac.check_http(user("vm-operator"), "connect_console", "host_console")
    assert refused.value.params[0] == "http/connect_console/host_console"
    with pytest.raises(XenAPIError) as refused:
        rbac.check_http(user("read-only"), "get_export")
    assert refused.value.params[0] == "http/get_export"


def test_open_handlers_ask_nobody(rbac, sessions):
    rbac.check_http(sessions.anonymous, "post_RPC2")


def test_tasks_of_others_are_for_pool_operators(rbac, user):
    assert rbac.allows(user("pool-operator"), ANY_TASK)
    assert not rbac.allows(user("vm-power-admin"), ANY_TASK)
