"""Daemons die at every stage of a join, an ejection and a change of coordinator, and start again: which way it went is decided.

The pool ends in one of two states, and both sides agree on which. A stage is a message between the two: whoever dies does so
when the message is on its way, so it was sent, and is not received by anyone who is dead.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet import defer

from xapid.testing.neighbours import Neighbour, Street, Wire

SETTLED = 100.0
"""Seconds after which everything is decided."""


def dies_at(street: Street, victim: Neighbour, stage: str) -> Callable[[], bool]:
    """Have one die when the first message of this kind is sent; returns whether that happened."""
    kind, _, path = stage.partition(" ")
    happened: list[str] = []

    def watch(wire: Wire | None, data: bytes) -> None:
        if not happened and f" {kind} {path}".encode() in (b" " + data if wire is None else data):
            happened.append(stage)
            victim.die()

    street.watch = watch
    return lambda: bool(happened)


def attempt(street: Street, at: Neighbour, message: str, *args: object) -> None:
    """Carry out a message that may be cut short, and let time pass."""
    defer.ensureDeferred(at.pool.dispatcher.by_itself(message, *args)).addErrback(lambda _: None)
    street.clock.pass_time(30)
    street.watch = lambda wire, data: None


def hosts(daemon: Neighbour) -> set[str]:
    return {row.uuid for row in daemon.pool.db.table("host")}


def all_live(coordinator: Neighbour) -> bool:
    return all(row.live for row in coordinator.pool.db.table("host_metrics"))


def healthy(*daemons: Neighbour) -> bool:
    return all(daemon.federation.common.role.emergency is None for daemon in daemons)


# Joining ----------------------------------------------------------------------------------------------------------------

JOIN = [
    ("ask pool.exchange_certificates_on_join", "apart", "apart"),
    ("answer pool.exchange_certificates_on_join", "apart", "apart"),
    ("answer pool.initial_auth", "apart", "apart"),
    ("ask /pool/greet", "apart", "apart"),
    ("ask /pool/adopt", "apart", "apart"),
    ("ask /pool/beat", "together", "together"),
    ("answer /pool/adopt", "together", "together"),
    ("ask /pool/hello", "together", "together"),
    ("answer /pool/hello", "together", "together"),
]
"""A stage, and how it ends when the joiner dies at it, or the coordinator."""


@pytest.mark.parametrize(
    ("victim", "stage", "end"),
    [("joiner", stage, end) for stage, end, _ in JOIN] + [("coordinator", stage, end) for stage, _, end in JOIN],
)
def test_a_join_that_is_cut_short(street: Street, victim: str, stage: str, end: str) -> None:
    pool, joiner = street.add(), street.add()
    doomed = pool if victim == "coordinator" else joiner
    happened = dies_at(street, doomed, stage)
    attempt(street, joiner, "pool.join", pool.address, "root", pool.config.root_password)
    assert happened()
    doomed.live_again()
    street.clock.pass_time(SETTLED)
    assert healthy(pool, joiner)
    if end == "together":
        assert joiner.coordinator_address == pool.address
        assert hosts(pool) == {pool.host, joiner.host}
        assert all_live(pool)
    else:
        assert joiner.coordinator_address is None
        assert (hosts(pool), hosts(joiner)) == ({pool.host}, {joiner.host})
        attempt(street, joiner, "pool.join", pool.address, "root", pool.config.root_password)
        assert hosts(pool) == {pool.host, joiner.host}


# Ejecting ---------------------------------------------------------------------------------------------------------------

EJECT = [
    ("ask /agent/", "stays", "stays"),
    ("answer /agent/", "stays", "stays"),
    ("ask /pool/release", "gone", "gone"),
    ("answer /pool/release", "gone", "gone"),
]
"""A stage, and how it ends when the member dies at it, or the coordinator."""


@pytest.mark.parametrize(
    ("victim", "stage", "end"),
    [("member", stage, end) for stage, end, _ in EJECT] + [("coordinator", stage, end) for stage, _, end in EJECT],
)
def test_an_ejection_that_is_cut_short(street: Street, victim: str, stage: str, end: str) -> None:
    pool, member = street.pool(2)
    street.clock.pass_time(60)
    was, doomed = member.host, pool if victim == "coordinator" else member
    happened = dies_at(street, doomed, stage)
    attempt(street, pool, "pool.eject", pool.pool.db.table("host").by_uuid(was).ref)
    assert happened()
    doomed.live_again()
    street.clock.pass_time(SETTLED)
    assert healthy(pool, member)
    if end == "stays":
        assert member.coordinator_address == pool.address
        assert hosts(pool) == {pool.host, was}
        assert all_live(pool)
        attempt(street, pool, "pool.eject", pool.pool.db.table("host").by_uuid(was).ref)
    assert hosts(pool) == {pool.host}
    assert member.coordinator_address is None
    assert was not in hosts(member)
    assert member.session().xenapi.pool.get_all()
    street.join(member, pool)


# Designating --------------------------------------------------------------------------------------------------------------

DESIGNATE = {
    "A": [
        ("ask /pool/propose", "A"),
        ("ask /pool/copy/begin", "A"),
        ("answer /pool/copy/end", "A"),
        ("ask /pool/commit", "A"),
        ("answer /pool/commit", "B"),
        ("ask /pool/reset", "B"),
    ],
    "B": [
        ("answer /pool/propose", "A"),
        ("ask /pool/copy/end", "A"),
        ("ask /pool/commit", "A"),
        ("answer /pool/commit", "B"),
        ("ask /pool/reset", "B"),
    ],
    "C": [("ask /pool/propose", "A"), ("ask /pool/commit", "B"), ("ask /pool/reset", "B"), ("answer /pool/reset", "B")],
}
"""Who dies, A (who leads), B (who is to lead) or C (who is told), at which stage, and who leads in the end."""


@pytest.mark.parametrize(
    ("victim", "stage", "end"),
    [(victim, stage, end) for victim, stages in DESIGNATE.items() for stage, end in stages],
)
def test_a_change_of_coordinator_that_is_cut_short(street: Street, victim: str, stage: str, end: str) -> None:
    daemons = dict(zip("ABC", street.pool(3), strict=True))
    a, b, _ = daemons.values()
    street.clock.pass_time(60)
    happened = dies_at(street, daemons[victim], stage)
    attempt(street, a, "pool.designate_new_master", a.pool.db.table("host").by_uuid(b.host).ref)
    assert happened()
    daemons[victim].live_again()
    street.clock.pass_time(SETTLED)
    leader = daemons[end]
    assert healthy(*daemons.values())
    assert [daemon.coordinator_address for daemon in daemons.values()] == [
        None if daemon is leader else leader.address for daemon in daemons.values()
    ]
    assert all_live(leader)
    assert len(hosts(leader)) == 3
