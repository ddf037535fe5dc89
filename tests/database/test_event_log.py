"""What changed since when, and who is woken."""

from __future__ import annotations

import pytest

from xapid.database import Database
from xapid.database.event_log import EventLog, Subscription, Token
from xapid.database.event_queue import EventQueue
from xapid.datamodel.errors import XenAPIError

ALL = Subscription.parse(["*"])


def summary(log: EventLog, token: Token, *words: str) -> tuple[list[tuple[str, str, str]], Token]:
    events, latest = log.since(Subscription.parse(words or ["*"]), token)
    return [(event.operation, event.cls, event.ref) for event in events], latest


def test_the_beginning_has_an_add_for_every_object(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        vm = tx.create("VM")
        tx.create("secret")
    assert summary(log, Token())[0] == [("add", "vm", vm)]


def test_an_object_gets_one_event_however_often_it_changed(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        vm, net = tx.create("VM"), tx.create("network")
    _, token = summary(log, Token())
    for name in "abc":
        with db.transaction() as tx:
            tx.update(vm, name_label=name)
    with db.transaction() as tx:
        tx.destroy(net)
        new = tx.create("network")
    events, token = summary(log, token)
    assert events == [("add", "network", new), ("mod", "vm", vm), ("del", "network", net)]
    assert summary(log, token) == ([], token)


def test_what_came_and_went_is_no_event(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        ref = tx.create("VM")
    with db.transaction() as tx:
        tx.destroy(ref)
    assert summary(log, Token())[0] == []


def test_what_was_taken_back_hides_no_event(db: Database, log: EventLog) -> None:
    """Objects are told in the order of their last changes, among which one that was taken back is none."""
    with db.transaction() as tx:
        first, second = tx.create("VM"), tx.create("VM")
    _, token = summary(log, Token())
    with db.transaction() as tx:
        tx.update(second, name_label="changed")
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        tx.update(first, name_label="never")
        tx.create("VM", name_label="never")
        raise ZeroDivisionError
    assert summary(log, token)[0] == [("mod", "vm", second)]


def test_a_derived_set_without_events_hides_none_of_others(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        site, other = tx.create("PVS_site"), tx.create("PVS_site")
    _, token = summary(log, Token())
    with db.transaction() as tx:
        tx.update(other, name_label="changed")
    with db.transaction() as tx:
        storage = tx.create("PVS_cache_storage", site=site)
    assert summary(log, token)[0] == [("add", "pvs_cache_storage", storage), ("mod", "pvs_site", other)]


def test_both_ends_of_a_relation_change(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        vm = tx.create("VM")
    _, token = summary(log, Token())
    with db.transaction() as tx:
        vbd = tx.create("VBD", VM=vm)
    assert summary(log, token)[0] == [("add", "vbd", vbd), ("mod", "vm", vm)]


def test_classes_are_matched_in_any_case_and_references_exactly(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        net = tx.create("network")
    for words in (["NETWORK"], [f"Network/{net}"], [f"network/{net}", "network"]):
        assert summary(log, Token(), *words)[0] == [("add", "network", net)]
    for words in ([], [f"network/{net}/x"], [f"VM/{net}"], ["network/"], [" network"]):
        assert log.since(Subscription.parse(words), Token())[0] == []


def test_messages_have_a_token_of_their_own_and_come_first(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        vm, message = tx.create("VM"), tx.create("message")
    events, token = summary(log, Token())
    assert events == [("add", "message", message), ("add", "vm", vm)]
    assert str(token) == f"{db.generation:020d},{db.generation:020d}"


@pytest.mark.parametrize("text", ["junk", "1", "1,2,3", "a,b", ",", "1,", "x1,2"])
def test_a_token_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(XenAPIError) as caught:
        Token.parse(text)
    assert caught.value.description == ("EVENT_FROM_TOKEN_PARSE_FAILURE", text)


def test_injecting_makes_an_event_after_the_token_it_returns(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        pool = tx.create("pool")
    token = log.inject("pool", pool)
    assert summary(log, token)[0] == [("mod", "pool", pool)] or summary(log, token)[0] == [("add", "pool", pool)]
    with pytest.raises(XenAPIError) as caught:
        log.inject("Pool", pool)
    assert caught.value.description == ("HANDLE_INVALID", "Pool", pool)


def test_a_listener_wakes_for_what_it_wants_and_nothing_else(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        vm, net = tx.create("VM"), tx.create("network")
    woken: list[str] = []
    log.wait(Subscription.parse(["vm"])).addCallback(lambda _: woken.append("vm"))
    cancelled = log.wait(ALL)
    cancelled.addErrback(lambda _: None)
    cancelled.cancel()
    with db.transaction() as tx:
        tx.update(net, name_label="x")
    assert woken == []
    with db.transaction() as tx:
        tx.update(vm, name_label="x")
    assert woken == ["vm"]


def test_counts_are_of_every_table(db: Database, log: EventLog) -> None:
    with db.transaction() as tx:
        tx.create("session")
        tx.create("VM")
    counts = log.counts()
    assert (counts["session"], counts["vm"], counts["vm_metrics"]) == (1, 1, 0)
    assert "message" not in counts


def test_the_queue_keeps_every_change_and_the_last_record_of_what_is_gone(db: Database, log: EventLog) -> None:
    queue = EventQueue(log, lambda: 1718000000.0)
    queue.register("s", ("network",))
    with db.transaction() as tx:
        net = tx.create("network", name_label="n")
        tx.create("VM")
    with db.transaction() as tx:
        tx.destroy(net)
    taken = queue.take("s")
    assert [(item.event.operation, item.event.snapshot and item.event.snapshot.name_label) for item in taken] == [
        ("add", "n"),
        ("del", "n"),
    ]
    assert queue.take("s") == []
    queue.forget("s")
    with pytest.raises(XenAPIError):
        queue.take("s")


def test_a_listener_that_is_far_behind_is_told_so(db: Database, log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xapid.database.event_queue.KEPT", 3)
    queue = EventQueue(log, lambda: 0.0)
    queue.register("s", ("*",))
    for _ in range(5):
        with db.transaction() as tx:
            tx.create("VM")
    with pytest.raises(XenAPIError) as caught:
        queue.take("s")
    assert caught.value.description == ("EVENTS_LOST",)
    assert queue.take("s") == []
