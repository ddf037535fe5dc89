from __future__ import annotations

import pytest
from twisted.internet import defer
from zope.interface import implementer
from zope.interface.verify import verifyObject

from xapid.auth.checkers import DIRECTORY_DELAY
from xapid.auth.directory import IDirectory, NotAuthenticated
from xapid.auth.roles import role_ref
from xapid.datamodel.errors import XenAPIError

HOST = "OpaqueRef:host"


@implementer(IDirectory)
class Directory:
    """Alice, who is in the group of admins."""

    def __init__(self) -> None:
        self.groups = {"S-alice": ["G-admins"]}

    async def authenticate(self, username, password):
        if (username, password) != ("alice", "wonder"):
            raise NotAuthenticated
        return "S-alice"

    async def get_subject_identifier(self, name):
        return f"S-{name}"

    async def get_subject_information(self, identifier):
        return {"subject-name": identifier}

    async def get_group_membership(self, identifier):
        if identifier not in self.groups:
            raise XenAPIError("SUBJECT_CANNOT_BE_RESOLVED")
        return self.groups[identifier]


@pytest.fixture
def directory(logins):
    logins.directory = Directory()
    assert verifyObject(IDirectory, logins.directory)
    return logins.directory


def subject(db, identifier, *roles):
    with db.transaction() as tx:
        return tx.create("subject", subject_identifier=identifier, roles=tuple(role_ref(role) for role in roles))


def refusal(result, coroutine):
    with pytest.raises(XenAPIError) as refused:
        result(coroutine)
    return refused.value.description


def test_root_logs_in_with_the_password(logins, sessions, result):
    session = result(logins.with_password("root", "right", HOST, "tool"))
    assert sessions.get(session.ref) is session
    assert (session.user, session.originator, session.is_local_superuser) == ("root", "tool", True)


@pytest.mark.parametrize(
    ("user", "password"), [("root", "wrong"), ("root", ""), ("nobody", "right"), ("", ""), ("Root", "right")]
)
def test_wrong_credentials_are_refused_with_the_name_and_a_sentence(logins, db, result, user, password):
    refused = refusal(result, logins.with_password(user, password, HOST))
    assert refused == ("SESSION_AUTHENTICATION_FAILED", user, "Authentication failure")
    assert len(db.table("session")) == 0


@pytest.mark.parametrize("secret", ["old secret", "new secret"])
def test_members_log_in_with_any_pool_secret_that_holds(logins, sessions, result, secret):
    session = result(logins.with_pool_secret(secret, HOST))
    assert session.pool
    assert sessions.get_on_member(session.ref, "OpaqueRef:member", "x") is session


def test_a_wrong_pool_secret_is_refused_with_the_host(logins, result):
    refused = refusal(result, logins.with_pool_secret("wrong", HOST))
    assert refused[:2] == ("SESSION_AUTHENTICATION_FAILED", HOST)
    assert refused[2]
    refused = refusal(result, logins.local_with_pool_secret("wrong", HOST))
    assert refused[:2] == ("SESSION_AUTHENTICATION_FAILED", "localhost")


def test_local_logins_hold_on_their_host(logins, sessions, result):
    for session in (
        result(logins.local_with_password("root", "right", HOST)),
        result(logins.local_with_pool_secret("new secret", HOST)),
    ):
        assert sessions.get_on_member(session.ref, HOST, "x") is session
    refused = refusal(result, logins.local_with_password("root", "wrong", HOST))
    assert refused == ("SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure")


def test_a_directory_user_gets_the_roles_of_every_subject_that_covers_it(logins, directory, db, result):
    subject(db, "G-admins", "vm-admin")
    own = subject(db, "S-alice", "read-only")
    session = result(logins.with_password("alice", "wonder", HOST))
    assert (session.user, session.subject, session.auth_user_sid) == ("alice", own, "S-alice")
    assert {"vm-admin", "read-only", "vm.create"} < session.permissions
    assert not session.is_local_superuser


def test_a_directory_user_without_a_subject_is_not_authorized(logins, directory, result):
    refused = refusal(result, logins.with_password("alice", "wonder", HOST))
    assert refused[:2] == ("SESSION_AUTHORIZATION_FAILED", "alice")


def test_a_directory_user_without_roles_lacks_the_right_to_log_in(logins, directory, db, result):
    subject(db, "S-alice")
    refused = refusal(result, logins.with_password("alice", "wonder", HOST))
    assert refused[:2] == ("RBAC_PERMISSION_DENIED", "session.login_with_password")


def test_root_is_never_the_directorys(logins, directory, result):
    assert result(logins.with_password("root", "right", HOST)).is_local_superuser


def test_a_refusal_by_the_directory_comes_late(logins, directory, clock):
    outcome: list[object] = []
    defer.ensureDeferred(logins.with_password("alice", "guess", HOST)).addErrback(
        lambda failure: outcome.append(failure.value.description)
    )
    assert outcome == []
    clock.advance(DIRECTORY_DELAY)
    assert outcome == [("SESSION_AUTHENTICATION_FAILED", "alice", "Authentication failure")]


def test_directory_users_cannot_log_in_locally(logins, directory, db, result):
    subject(db, "S-alice", "pool-admin")
    refused = refusal(result, logins.local_with_password("alice", "wonder", HOST))
    assert refused[0] == "SESSION_AUTHENTICATION_FAILED"


def test_revalidation_brings_a_session_up_to_date(logins, directory, db, result):
    ref = subject(db, "S-alice", "vm-admin")
    session = result(logins.with_password("alice", "wonder", HOST))
    with db.transaction() as tx:
        tx.update(ref, roles=(role_ref("read-only"),))
    defer.ensureDeferred(logins.revalidate())
    assert "vm.create" not in session.permissions
    assert "read-only" in db.get("session", session.ref).rbac_permissions


def test_revalidation_ends_sessions_of_users_who_lost_their_subject_role_or_account(logins, directory, db, result, clock):
    for lose in ("subject", "role", "account", "directory"):
        logins.directory = directory
        directory.groups = {"S-alice": []}
        ref = subject(db, "S-alice", "vm-admin")
        session = result(logins.with_password("alice", "wonder", HOST))
        root = result(logins.with_password("root", "right", HOST))
        logins.start()
        with db.transaction() as tx:
            if lose == "role":
                tx.update(ref, roles=())
            if lose == "subject":
                tx.destroy(ref)
        if lose == "account":
            directory.groups = {}
        if lose == "directory":
            logins.directory = None
        clock.advance(300)
        logins.stop()
        assert (session.ended, root.ended) == (True, False), lose
        with db.transaction() as tx:
            for row in db.table("subject"):
                tx.destroy(row)


def test_sessions_outlive_a_directory_that_does_not_answer(logins, directory, db, result):
    subject(db, "S-alice", "vm-admin")
    session = result(logins.with_password("alice", "wonder", HOST))

    async def broken(identifier):
        raise XenAPIError("AUTH_SERVICE_ERROR", "no answer")

    directory.get_group_membership = broken
    defer.ensureDeferred(logins.revalidate())
    assert not session.ended


def test_whoever_is_root_already_needs_no_password(logins, sessions):
    session = logins.as_root(HOST, "xsconsole")
    assert sessions.get(session.ref).originator == "xsconsole"
