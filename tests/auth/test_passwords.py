from __future__ import annotations

import stat
import threading

import pytest
import pytest_twisted
from argon2 import PasswordHasher, extract_parameters
from twisted.internet import defer, reactor

from xapid.auth.initial_password import InitialPassword
from xapid.auth.passwords import HASHER, Passwords, Threads
from xapid.datamodel.errors import XenAPIError

CHEAP = PasswordHasher(1, 8, 1)


def test_the_password_is_kept_as_the_argon2id_hash_that_was_promised():
    parameters = extract_parameters(HASHER.hash("x"))
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == ("ID", 19456, 2, 1)


def test_only_the_password_is_right(passwords, result):
    assert result(passwords.verify("right"))
    for wrong in ("", "wrong", "right ", "right and more"):
        assert not result(passwords.verify(wrong))


def test_no_password_is_right_while_there_is_none(db, result):
    passwords = Passwords(db, defer.maybeDeferred, CHEAP)
    assert passwords.hash is None
    assert not result(passwords.verify(""))


def test_a_refusal_costs_one_hash_with_and_without_a_user(db, result):
    calls: list[object] = []

    def run(function):
        calls.append(function)
        return defer.maybeDeferred(function)

    passwords = Passwords(db, run, CHEAP)
    passwords.initialise("right")
    result(passwords.verify("wrong"))
    result(passwords.refuse("wrong"))
    assert len(calls) == 2


def test_a_changed_password_takes_the_place_of_the_old_one(passwords, db, result):
    told: list[str] = []
    passwords.observers.append(told.append)
    result(passwords.change("other"))
    assert result(passwords.verify("other"))
    assert not result(passwords.verify("right"))
    assert told == [passwords.hash] == [db.meta["root-password"]]


def test_a_check_that_is_under_way_while_the_password_changes_goes_by_the_new_one(db):
    waiting: list[tuple[object, defer.Deferred]] = []

    def run(function):
        done: defer.Deferred = defer.Deferred()
        waiting.append((function, done))
        return done

    passwords = Passwords(db, run, CHEAP)
    passwords.set_hash(CHEAP.hash("old"))
    outcome: list[bool] = []
    defer.ensureDeferred(passwords.verify("old")).addCallback(outcome.append)
    passwords.set_hash(CHEAP.hash("new"))
    while waiting:
        function, done = waiting.pop(0)
        done.callback(function())
    assert outcome == [False]


@pytest.mark.parametrize("password", ["", "x" * 513, "pässword", "line\nbreak", "nul\0"])
def test_an_unfit_password_is_rejected_and_changes_nothing(passwords, result, password):
    before = passwords.hash
    with pytest.raises(XenAPIError, match="CHANGE_PASSWORD_REJECTED"):
        result(passwords.change(password))
    assert passwords.hash == before


def test_the_first_start_makes_a_password_up_and_later_ones_keep_it(db, result):
    passwords = Passwords(db, defer.maybeDeferred, CHEAP)
    made_up = passwords.initialise()
    assert made_up is not None
    assert len(made_up) == 20
    assert result(passwords.verify(made_up))
    assert Passwords(db, defer.maybeDeferred, CHEAP).initialise() is None
    assert result(passwords.verify(made_up))


def test_a_given_password_replaces_a_kept_one_only_if_it_differs(passwords, result):
    before = passwords.hash
    assert passwords.initialise("right") is None
    assert passwords.hash == before
    passwords.initialise("given")
    assert result(passwords.verify("given"))


def test_only_hashes_of_the_right_kind_are_taken_over(passwords):
    with pytest.raises(ValueError, match="argon2id"):
        passwords.set_hash("$6$salt$hash")


@pytest_twisted.ensureDeferred
async def test_hashing_happens_in_threads_of_its_own_and_never_more_than_two():
    run = Threads(reactor, "passwords")
    lock, both = threading.Lock(), threading.Barrier(2, timeout=10)
    names, busy, most = set(), 0, 0

    def work(meet: bool) -> None:
        nonlocal busy, most
        with lock:
            busy, most = busy + 1, max(most, busy + 1)
            names.add(threading.current_thread().name)
        if meet:
            both.wait()
        with lock:
            busy -= 1

    try:
        await defer.gatherResults([run(lambda meet=number < 2: work(meet)) for number in range(8)])
    finally:
        run.stop()
    assert most == 2
    assert all("passwords" in name for name in names)


def test_the_initial_password_is_for_its_owner_alone_and_goes_when_it_no_longer_holds(tmp_path):
    file = InitialPassword(tmp_path / "initial-password")
    file.write("first")
    file.write("second")
    assert file.path.read_text() == "second\n"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.forget("$argon2id$…")
    file.forget()
    assert not file.path.exists()
