"""Who calls how often, and how calls wait for their turn."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from twisted.internet.task import Clock

from xapid.auth import callers
from xapid.auth.callers import Bucket, Callers
from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.ids import Ids


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def db():
    return Database(catalogue(), Ids(1))


def make(db, cls, **fields):
    with db.transaction() as tx:
        return tx.create(cls, **fields)


def test_a_bucket_gives_a_burst_and_then_what_flows_in(clock):
    bucket = Bucket(clock, 3.0, 0.5)
    assert [bucket.take(1.0) for _ in range(3)] == [None, None, None]
    turn = bucket.take(1.0)
    clock.advance(1.9)
    assert not turn.called
    clock.advance(0.2)
    assert turn.called


def test_calls_of_one_bucket_go_in_the_order_in_which_they_came(clock):
    bucket, order = Bucket(clock, 10.0, 1.0), []
    assert bucket.take(10.0) is None
    for number, cost in enumerate((5.0, 1.0, 1.0)):
        bucket.take(cost).addCallback(lambda _, number=number: order.append(number))
    clock.advance(4.9)
    assert order == []
    clock.advance(0.2)
    assert order == [0]
    clock.pump([0.5] * 5)
    assert order == [0, 1, 2]


def test_a_call_that_costs_more_than_the_bucket_holds_waits_for_a_full_one_and_overdraws_it(clock):
    bucket = Bucket(clock, 2.0, 1.0)
    assert bucket.take(10.0) is None
    turn = bucket.take(1.0)
    clock.advance(8.5)
    assert not turn.called
    clock.advance(1.0)
    assert turn.called


def test_who_gives_up_makes_room_and_no_timer_is_left(clock):
    bucket = Bucket(clock, 1.0, 1.0)
    bucket.take(1.0)
    first, second = bucket.take(1.0), bucket.take(0.1)
    first.addErrback(lambda failure: None)
    first.cancel()
    clock.advance(0.15)
    assert second.called
    assert (bucket.waiting, clock.getDelayedCalls()) == (0, [])
    last = bucket.take(1.0)
    bucket.close()
    assert last.called
    assert clock.getDelayedCalls() == []


def test_a_call_counts_for_every_caller_that_it_matches(db, clock):
    pairs = [("XenCenter", "192.0.2.1"), ("XenCenter", ""), ("", "192.0.2.*"), ("Xen*", "*"), ("other", "")]
    refs = [make(db, "Caller", user_agent=agent, client_ip=address) for agent, address in pairs]
    counted = Callers(db, clock)
    assert counted.active
    counted.turn("XenCenter", "192.0.2.1", 1.0)
    counted.turn("XenCenter", "192.0.2.7", 10.0)
    counted.turn("xe", "198.51.100.1", 1.0)
    assert [(counted.usage(ref).calls, counted.usage(ref).tokens) for ref in refs] == [
        (1, 1.0), (2, 11.0), (2, 11.0), (2, 11.0), (0, 0.0),
    ]  # fmt: skip


def test_the_limit_of_the_most_specific_caller_that_has_one_holds(db, clock):
    narrow, wide = (make(db, "Rate_limit", burst_size=size, fill_rate=1.0) for size in (1.0, 100.0))
    make(db, "Caller", user_agent="a", client_ip="192.0.2.1")
    make(db, "Caller", user_agent="a", rate_limit=narrow)
    make(db, "Caller", user_agent="*", client_ip="192.*", rate_limit=wide)
    counted = Callers(db, clock)
    assert counted.turn("a", "192.0.2.1", 1.0) is None
    assert counted.turn("a", "192.0.2.1", 1.0) is not None
    assert counted.turn("b", "192.0.2.1", 50.0) is None
    assert counted.turn("b", "198.51.100.1", 500.0) is None
    counted.stop()


def test_changes_hold_at_once(db, clock):
    counted = Callers(db, clock)
    assert not counted.active
    limit = make(db, "Rate_limit", burst_size=1.0, fill_rate=0.001)
    caller = make(db, "Caller", user_agent="a", rate_limit=limit)
    assert counted.active
    assert counted.turn("a", "", 1.0) is None
    turn = counted.turn("a", "", 1.0)
    with db.transaction() as tx:
        tx.update(limit, fill_rate=1000.0)
    clock.advance(0.01)
    assert turn.called
    with db.transaction() as tx:
        tx.update(limit, fill_rate=0.001)
    counted.turn("a", "", 1.0)
    turn = counted.turn("a", "", 1.0)
    assert not turn.called
    with db.transaction() as tx:
        tx.destroy(limit)
    assert turn.called
    with db.transaction() as tx:
        tx.destroy(caller)
    assert not counted.active


def test_when_a_caller_was_seen_is_written_down_now_and_then(db, clock):
    ref = make(db, "Caller", user_agent="a")
    counted = Callers(db, clock)
    clock.advance(100)
    counted.turn("a", "", 1.0)
    generation = db.generation
    clock.advance(5)
    counted.turn("a", "", 1.0)
    assert db.generation == generation
    assert db.find(ref).last_access == datetime.fromtimestamp(100, UTC)
    clock.advance(5)
    counted.turn("a", "", 1.0)
    assert db.find(ref).last_access == datetime.fromtimestamp(110, UTC)


def test_unknown_clients_get_callers_if_that_is_wanted_and_never_too_many(db, clock, monkeypatch):
    monkeypatch.setattr(callers, "REGISTERED", 2)
    counted = Callers(db, clock, register=True)
    make(db, "Caller", user_agent="known", client_ip="192.0.2.1")
    for number, agent in enumerate(("known", "a", "b", "a", "c", "")):
        clock.advance(20 + number)
        counted.turn(agent, "192.0.2.1", 1.0)
    made = [row.user_agent for row in db.table("Caller").rows() if row.auto_registered]
    assert made == ["a", "c"]


def test_a_program_that_calls_too_fast_waits_and_others_do_not(xapid_server, xapid_session):
    api = xapid_session.xenapi
    agent = "Python-xmlrpc*"
    caller = api.Caller.create({"user_agent": agent, "client_ip": "127.0.0.1", "name_label": "scripts"})
    assert api.Caller.create({"user_agent": agent, "client_ip": "127.0.0.1", "name_label": "all scripts"}) == caller
    api.Caller.add_group(caller, "slow")
    api.VM.get_all()
    assert api.Caller.query_call_count(caller) == "4"
    assert api.Caller.query_group_call_count("slow") == "5"
    assert api.Caller.query_token_usage(caller) == pytest.approx(16.0)
    limit = api.Rate_limit.create({"burst_size": 30.0, "fill_rate": 1.0})
    api.Rate_limit.add_caller(limit, caller)
    before = xapid_server.clock.seconds()
    for _ in range(50):
        api.VM.get_all()
    assert xapid_server.clock.seconds() - before == pytest.approx(20.0, abs=1.1)
    (usage,) = api.Caller.query_all_usage()
    assert usage[:2] == [api.Caller.get_uuid(caller), "all scripts"]
    assert api.Caller.query_group_token_usage("nobody") == 0.0


@pytest.mark.parametrize("record", [{}, {"user_agent": "*"}, {"user_agent": "*", "client_ip": "*"}])
def test_a_caller_does_not_stand_for_everybody(api, refused, record):
    assert refused(api.Caller.create, record)[:2] == ["INVALID_VALUE", "user_agent/client_ip"]
    assert refused(api.Caller.query_group_call_count, "")[:2] == ["INVALID_VALUE", "group"]
