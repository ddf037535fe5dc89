from __future__ import annotations

from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher
from twisted.internet import defer
from twisted.internet.task import Clock

from xapid.auth import roles
from xapid.auth.logins import Logins
from xapid.auth.passwords import Passwords
from xapid.auth.rbac import Rbac
from xapid.auth.sessions import ROOT, Identity, Sessions
from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.ids import Ids
from xapid.operations import session as operations
from xapid.wire.call import Origin

HOST = "OpaqueRef:host"


@pytest.fixture
def context():
    api, clock, ids = catalogue(), Clock(), Ids(1)
    db = Database(api, ids)
    roles.install(db)
    sessions, rbac = Sessions(db, ids, clock), Rbac(api, db)
    passwords = Passwords(db, defer.maybeDeferred, PasswordHasher(1, 8, 1))
    passwords.initialise("right")
    logins = Logins(db, sessions, passwords, rbac, clock, lambda: ("secret",))
    services = SimpleNamespace(sessions=sessions, passwords=passwords, logins=logins, user_agents={})
    return SimpleNamespace(db=db, services=services, host=HOST, session=sessions.anonymous, origin=Origin())


def run(coroutine):
    outcome: list[object] = []
    defer.ensureDeferred(coroutine).addBoth(outcome.append)
    (value,) = outcome
    if hasattr(value, "raiseException"):
        value.raiseException()
    return value


def login(context, user="root", password="right", originator="tool"):
    return run(operations.login_with_password(context, user, password, "1.1", originator))


def test_login_opens_a_session_on_the_host_that_was_asked(context):
    row = context.db.get("session", login(context))
    assert (row.this_host, row.originator, row.is_local_superuser) == (HOST, "tool", True)


def test_a_wrong_password_opens_none(context):
    with pytest.raises(XenAPIError, match="SESSION_AUTHENTICATION_FAILED"):
        login(context, password="wrong")
    assert len(context.db.table("session")) == 0


def test_the_local_superuser_needs_no_password(context):
    context.session = context.services.sessions.local_superuser
    assert context.db.get("session", login(context, password="")).auth_user_name == "root"


def test_members_and_consoles_have_logins_of_their_own(context):
    sessions = context.services.sessions
    assert sessions.get(run(operations.slave_login(context, "OpaqueRef:member", "secret"))).pool
    for opening in (
        operations.slave_local_login(context, "secret"),
        operations.slave_local_login_with_password(context, "root", "right"),
    ):
        context.session = sessions.get_on_member(run(opening), HOST, "192.0.2.1")
        operations.local_logout(context)
        assert context.session.ended


def test_logout_ends_the_session_that_calls_and_no_other(context):
    sessions = context.services.sessions
    mine, other = login(context), login(context)
    context.session = sessions.get(mine)
    operations.logout(context)
    assert (sessions.find(mine), sessions.find(other) is None) == (None, False)


def test_a_superuser_changes_the_password_without_the_old_one(context):
    context.session = context.services.sessions.get(login(context))
    run(operations.change_password(context, "not the old one", "new"))
    context.session = context.services.sessions.anonymous
    with pytest.raises(XenAPIError, match="SESSION_AUTHENTICATION_FAILED"):
        login(context, password="right")
    assert login(context, password="new")


def test_nobody_else_changes_the_password(context):
    context.session = context.services.sessions.open(Identity(user="alice", auth_user_sid="S-1"), HOST)
    with pytest.raises(XenAPIError, match="USER_IS_NOT_LOCAL_SUPERUSER"):
        run(operations.change_password(context, "right", "new"))


def test_directory_users_are_listed_once_and_logged_out_save_the_caller(context):
    sessions = context.services.sessions
    alice = Identity(user="alice", auth_user_sid="S-1")
    root, first, second = sessions.open(ROOT, HOST), sessions.open(alice, HOST), sessions.open(alice, HOST)
    context.session = first
    assert operations.get_all_subject_identifiers(context) == ("S-1",)
    operations.logout_subject_identifier(context, "nobody")
    operations.logout_subject_identifier(context, "")
    assert not any(session.ended for session in (root, first, second))
    operations.logout_subject_identifier(context, "S-1")
    assert [session.ended for session in (root, first, second)] == [False, False, True]
