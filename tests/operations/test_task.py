from __future__ import annotations

from types import SimpleNamespace

import pytest
from twisted.internet.task import Clock

from xapid.auth.rbac import Rbac
from xapid.auth.sessions import ROOT, Identity, Sessions
from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.ids import Ids
from xapid.operations import task as operations
from xapid.tasks import Tasks

HOST = "OpaqueRef:host"
STALE = "OpaqueRef:00000000-0000-4000-8000-000000000001"


@pytest.fixture
def context():
    api, ids, clock = catalogue(), Ids(1), Clock()
    db = Database(api, ids)
    tasks = Tasks(db, ids, clock, lambda type_, value: "")
    sessions = Sessions(db, ids, clock)
    services = SimpleNamespace(tasks=tasks, rbac=Rbac(api, db), sessions=sessions)
    root = sessions.open(ROOT, HOST)
    running = tasks.for_call(api.messages["task.cancel"], root, HOST)
    return SimpleNamespace(db=db, services=services, host=HOST, session=root, task=running)


@pytest.fixture
def login(context):
    """Makes a directory user the caller."""

    def as_(user: str, role: str) -> None:
        permissions = context.services.rbac.granted({role})
        context.session = context.services.sessions.open(Identity(user=user, auth_user_sid=user, permissions=permissions), HOST)

    return as_


CHANGES = {
    "set_status": ("success",),
    "set_progress": (0.5,),
    "set_result": ("<value>x</value>",),
    "set_error_info": (("SOME_CODE", "p1", ""),),
    "set_other_config": (frozenmap({"a": "b"}),),
    "add_to_other_config": ("applies_to", "v"),
    "remove_from_other_config": ("applies_to",),
    "cancel": (),
    "destroy": (),
}


@pytest.mark.parametrize(("name", "args"), [(name, args) for name, args in CHANGES.items() if name.startswith("set_")])
def test_a_setter_sets(context, name, args):
    ref = operations.create(context, "golden task", "d")
    getattr(operations, name)(context, ref, *args)
    assert getattr(context.db.get("task", ref), name.removeprefix("set_")) == args[0]


@pytest.mark.parametrize(("name", "args"), CHANGES.items())
def test_a_stale_task_is_refused(context, name, args):
    with pytest.raises(XenAPIError) as refused:
        getattr(operations, name)(context, STALE, *args)
    assert refused.value.description == ("HANDLE_INVALID", "task", STALE)


@pytest.mark.parametrize(("name", "args"), CHANGES.items())
def test_tasks_of_others_are_for_pool_operators(context, login, name, args):
    login("alice", "vm-admin")
    ref = operations.create(context, "hers", "")
    login("bob", "vm-power-admin")
    with pytest.raises(XenAPIError) as refused:
        getattr(operations, name)(context, ref, *args)
    assert refused.value.description[:2] == ("RBAC_PERMISSION_DENIED", "task.destroy/any")
    login("carol", "pool-operator")
    getattr(operations, name)(context, ref, *args)


@pytest.mark.parametrize(("name", "args"), CHANGES.items())
def test_a_user_may_change_the_tasks_of_each_of_his_sessions(context, login, name, args):
    login("alice", "vm-admin")
    ref = operations.create(context, "hers", "")
    login("alice", "vm-admin")
    getattr(operations, name)(context, ref, *args)


def test_roots_tasks_are_not_those_of_users_without_an_identifier(context, login):
    ref = operations.create(context, "roots", "")
    login("", "vm-admin")
    with pytest.raises(XenAPIError, match="RBAC_PERMISSION_DENIED"):
        operations.destroy(context, ref)


def test_a_key_can_be_added_once(context):
    ref = operations.create(context, "golden task", "d")
    operations.add_to_other_config(context, ref, "k1", "v1")
    operations.add_to_other_config(context, ref, "k2", "")
    with pytest.raises(XenAPIError) as refused:
        operations.add_to_other_config(context, ref, "k1", "v1")
    assert refused.value.description == ("MAP_DUPLICATE_KEY", "task", "other_config", ref, "k1")
    with pytest.raises(XenAPIError, match="INTERNAL_ERROR"):
        operations.add_to_other_config(context, ref, "", "v1")
    operations.remove_from_other_config(context, ref, "k1")
    operations.remove_from_other_config(context, ref, "absent")
    assert context.db.get("task", ref).other_config == {"k2": ""}


def test_cancelling_marks_the_task_with_the_call_that_asked(context):
    ref = operations.create(context, "golden task", "d")
    operations.cancel(context, ref)
    operations.cancel(context, ref)
    row = context.db.get("task", ref)
    assert (row.status, row.current_operations) == ("pending", {context.task.ref: "cancel"})
    assert context.task.ref.startswith("DummyRef:|")


def test_destroying_a_pending_task_marks_it_and_a_finished_one_goes(context):
    ref = operations.create(context, "golden task", "d")
    operations.destroy(context, ref)
    row = context.db.get("task", ref)
    assert (row.status, row.current_operations) == ("pending", {"task": "destroy"})
    operations.set_status(context, ref, "cancelled")
    operations.destroy(context, ref)
    assert ref not in context.db.table("task")
