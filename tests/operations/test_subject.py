from __future__ import annotations

from types import SimpleNamespace

import pytest
from twisted.internet import defer
from twisted.internet.task import Clock

from xapid.auth.roles import install, role_ref
from xapid.auth.sessions import Identity, Sessions
from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.ids import Ids
from xapid.operations import auth
from xapid.operations import subject as operations

STALE = "OpaqueRef:00000000-0000-4000-8000-000000000001"


class Directory:
    async def get_subject_identifier(self, name):
        return f"S-{name}"

    async def get_subject_information(self, identifier):
        return {"subject-name": identifier.removeprefix("S-")}

    async def get_group_membership(self, identifier):
        return ["G-1", "G-2"]


@pytest.fixture
def context():
    ids = Ids(1)
    db = Database(catalogue(), ids)
    install(db)
    services = SimpleNamespace(logins=SimpleNamespace(directory=Directory()), sessions=Sessions(db, ids, Clock()))
    return SimpleNamespace(db=db, services=services)


def run(coroutine):
    outcome: list[object] = []
    defer.ensureDeferred(coroutine).addBoth(outcome.append)
    (value,) = outcome
    if hasattr(value, "raiseException"):
        value.raiseException()
    return value


def refused(function, *args):
    with pytest.raises(XenAPIError) as error:
        outcome = function(*args)
        if hasattr(outcome, "send"):
            run(outcome)
    return error.value.description


def create(context, identifier="S-alice"):
    return run(operations.create(context, {"subject_identifier": identifier, "other_config": {}}))


def test_without_a_directory_nothing_can_be_asked_or_created(context):
    context.services.logins.directory = None
    for function, argument in (
        (operations.create, {"subject_identifier": "golden", "other_config": {}}),
        (auth.get_subject_identifier, "golden"),
        (auth.get_subject_information_from_identifier, "golden"),
        (auth.get_group_membership, "golden"),
    ):
        assert refused(function, context, argument) == ("AUTH_IS_DISABLED",)


def test_the_directory_answers_questions(context):
    assert run(auth.get_subject_identifier(context, "alice")) == "S-alice"
    assert run(auth.get_subject_information_from_identifier(context, "S-alice")) == {"subject-name": "alice"}
    assert run(auth.get_group_membership(context, "S-alice")) == ("G-1", "G-2")


def test_a_new_subject_shows_what_the_directory_knows_and_has_no_role(context):
    row = context.db.get("subject", create(context))
    assert (row.subject_identifier, row.other_config, row.roles) == ("S-alice", {"subject-name": "alice"}, ())


def test_a_subject_exists_once(context):
    create(context)
    assert refused(operations.create, context, {"subject_identifier": "S-alice"}) == ("SUBJECT_ALREADY_EXISTS",)


def test_roles_are_given_and_taken(context):
    ref, role = create(context), role_ref("vm-operator")
    operations.add_to_roles(context, ref, role)
    assert context.db.get("subject", ref).roles == (role,)
    assert refused(operations.add_to_roles, context, ref, role) == ("ROLE_ALREADY_EXISTS",)
    names = operations.get_permissions_name_label(context, ref)
    assert "vm.start" in names
    assert len(names) == len(set(names))
    operations.remove_from_roles(context, ref, role)
    assert context.db.get("subject", ref).roles == ()
    assert refused(operations.remove_from_roles, context, ref, role) == ("ROLE_NOT_FOUND",)


@pytest.mark.parametrize("role", [NULL_REF, STALE, role_ref("VM.start"), role_ref("client-cert")])
def test_only_roles_for_users_can_be_given(context, role):
    assert refused(operations.add_to_roles, context, create(context), role) == ("ROLE_NOT_FOUND",)


def test_stale_subjects_are_refused_in_the_recorded_order(context):
    role = role_ref("vm-admin")
    for function in (operations.add_to_roles, operations.remove_from_roles):
        assert refused(function, context, STALE, role) == ("HANDLE_INVALID", "subject", STALE)
    assert refused(operations.add_to_roles, context, NULL_REF, NULL_REF) == ("ROLE_NOT_FOUND",)
    assert refused(operations.remove_from_roles, context, NULL_REF, NULL_REF) == ("HANDLE_INVALID", "subject", NULL_REF)
    for function in (operations.destroy, operations.get_permissions_name_label):
        assert refused(function, context, STALE) == ("HANDLE_INVALID", "subject", STALE)


def test_the_sessions_that_a_subject_admitted_end_with_it(context):
    ref, sessions = create(context), context.services.sessions
    admitted = sessions.open(Identity(user="alice", subject=ref, auth_user_sid="S-alice"), "OpaqueRef:host")
    other = sessions.open(Identity(user="bob", subject=STALE, auth_user_sid="S-bob"), "OpaqueRef:host")
    operations.destroy(context, ref)
    assert (admitted.ended, other.ended, ref in context.db.table("subject")) == (True, False, False)
