"""The parts of this room, over an empty database, on a clock that stands still; hashing is cheap and at once."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from twisted.internet import defer
from twisted.internet.task import Clock

from xapid.auth import roles
from xapid.auth.logins import Logins
from xapid.auth.passwords import Passwords
from xapid.auth.rbac import Rbac
from xapid.auth.sessions import Sessions
from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.ids import Ids


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.advance(1_700_000_000)
    return clock


@pytest.fixture
def ids() -> Ids:
    return Ids(7)


@pytest.fixture
def db(ids: Ids) -> Database:
    db = Database(catalogue(), ids)
    roles.install(db)
    return db


@pytest.fixture
def sessions(db: Database, ids: Ids, clock: Clock) -> Sessions:
    return Sessions(db, ids, clock)


@pytest.fixture
def rbac(db: Database) -> Rbac:
    return Rbac(catalogue(), db)


@pytest.fixture
def passwords(db: Database) -> Passwords:
    passwords = Passwords(db, lambda function: defer.maybeDeferred(function), PasswordHasher(1, 8, 1))
    passwords.initialise("right")
    return passwords


@pytest.fixture
def logins(db: Database, sessions: Sessions, passwords: Passwords, rbac: Rbac, clock: Clock) -> Logins:
    return Logins(db, sessions, passwords, rbac, clock, lambda: ("old secret", "new secret"))


@pytest.fixture
def result():
    """What a coroutine that never has to wait comes to."""

    def of(coroutine):
        outcome: list[object] = []
        failure: list[BaseException] = []
        done = defer.ensureDeferred(coroutine)
        done.addCallbacks(outcome.append, lambda reason: failure.append(reason.value))
        if failure:
            raise failure[0]
        assert outcome, "it is still waiting"
        return outcome[0]

    return of
