"""Who guesses passwords waits, and nobody else."""

from __future__ import annotations

import pytest
from twisted.internet import defer

from xapid.auth.backoff import AT_ONCE, FORGOTTEN_AFTER, FREE, LONGEST, BackOff, Turns
from xapid.datamodel.errors import XenAPIError

HOST = "OpaqueRef:host"
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def login(logins):
    """Begins to log in; what comes of it stands in the list: a session, or an error code."""

    def begin(password: str, address: str = HERE, user: str = "root") -> list[object]:
        outcome: list[object] = []
        done = defer.ensureDeferred(logins.with_password(user, password, HOST, address=address))
        done.addCallbacks(outcome.append, lambda failure: outcome.append(failure.trap(XenAPIError) and failure.value.code))
        return outcome

    return begin


def test_a_few_mistakes_cost_nothing_then_each_costs_twice_the_one_before_up_to_a_limit(login, clock):
    for _ in range(FREE):
        assert login("wrong") == ["SESSION_AUTHENTICATION_FAILED"]
    for seconds in (0.5, 1, 2, 4, LONGEST, LONGEST, LONGEST):
        outcome = login("wrong")
        clock.advance(seconds - 0.01)
        assert outcome == []
        clock.advance(0.02)
        assert outcome == ["SESSION_AUTHENTICATION_FAILED"]


def test_a_thousand_wrong_passwords_from_one_address_lock_nobody_out(login, clock, sessions):
    (working,) = login("right")
    guesses = [login(f"guess {number}") for number in range(1000)]
    assert login("right", THERE)[0].user == "root"
    assert login("wrong", THERE) == ["SESSION_AUTHENTICATION_FAILED"]
    assert sessions.get(working.ref) is working
    own = login("right")
    assert own == []
    clock.advance(LONGEST)
    assert own[0].user == "root"
    assert all(outcome == ["SESSION_AUTHENTICATION_FAILED"] for outcome in guesses)
    assert login("right")[0].user == "root"


def test_another_user_from_the_same_address_does_not_wait(login):
    for _ in range(2 * FREE):
        login("wrong")
    assert login("wrong", user="somebody") == ["SESSION_AUTHENTICATION_FAILED"]


def test_the_machine_itself_never_waits(login):
    for _ in range(3 * FREE):
        assert login("wrong", "") == ["SESSION_AUTHENTICATION_FAILED"]


def test_mistakes_are_forgotten_after_a_while_and_by_the_right_password(login, clock):
    for _ in range(FREE):
        login("wrong")
    late = login("right")
    clock.advance(0.5)
    assert late[0].user == "root"
    assert login("wrong") == ["SESSION_AUTHENTICATION_FAILED"]
    for _ in range(FREE):
        login("wrong")
    clock.advance(FORGOTTEN_AFTER + LONGEST)
    assert login("wrong") == ["SESSION_AUTHENTICATION_FAILED"]


def test_many_guessers_do_not_fill_the_memory(clock):
    back_off = BackOff(clock)
    for number in range(20_000):
        back_off._wrong((str(number), "root"))
    assert len(back_off._known) == 10_000


def test_addresses_take_turns():
    turns, order, holds = Turns(AT_ONCE), [], []

    async def take(address: str) -> None:
        async with turns.turn(address):
            order.append(address)
            hold: defer.Deferred[None] = defer.Deferred()
            holds.append(hold)
            await hold

    for _ in range(AT_ONCE + 4):
        defer.ensureDeferred(take("many"))
    defer.ensureDeferred(take("one"))
    while holds:
        holds.pop(0).callback(None)
    assert order.index("one") == AT_ONCE + 1
    assert len(order) == AT_ONCE + 5
