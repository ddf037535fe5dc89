"""Clients that wait for events: woken by what they want, and let go when their time, their session or their connection ends."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from xapid.database.event_log import WOKEN, EventLog
from xapid.testing.in_process import Server, config
from xapid.wire import xmlrpc as wire
from xapid.wire.call import Call, Origin

FOREVER = 3600.0


@pytest.fixture(params=[False, True], ids=["short way", "long way"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Clients cannot tell by which way their call was carried out."""
    server = Server(config(preset="standalone", event_batching=0, no_fast_path=request.param))
    yield server
    server.close()


@pytest.fixture
def session(server: Server) -> str:
    """Whose clients wait."""
    return str(server.session()._session)


@pytest.fixture
def listen(server: Server, session: str) -> Callable[..., Any]:
    """An answer of ``event.from``, or a Deferred of one."""

    def call(token: str, timeout: float = FOREVER, *, classes: tuple[str, ...] = ("vm",), origin: Origin | None = None) -> Any:
        parameters = [session, list(classes), token, timeout]
        return server.pool.dispatcher.dispatch(Call("event.from", parameters), wire.CODEC, origin or Origin())

    return call


@pytest.fixture
def now(server: Server) -> str:
    """The token of a client that has seen everything."""
    return str(server.session().xenapi.event.inject("VM", server.pool.db.table("VM").rows()[0].ref))


def read(answer: Any) -> Any:
    answer = answer.result if isinstance(answer, Deferred) else answer
    (envelope,), _ = xmlrpc.client.loads(b"".join(answer).decode())
    return envelope.get("Value", envelope.get("ErrorDescription"))


def rename(server: Server, name: str, cls: str = "VM") -> str:
    row = server.pool.db.table(cls).rows()[0]
    with server.pool.db.transaction() as tx:
        tx.update(row.ref, name_label=name)
    return str(row.ref)


def is_at_rest(server: Server) -> bool:
    """Whether nothing of those who waited is left."""
    services = server.pool.services
    return services.events.waiting == 0 and not any(session._watchers for session in services.sessions)


def test_a_change_wakes_those_who_want_it_and_tells_all_of_them_the_same(server, listen, now):
    token = read(listen(now))["token"]
    first, second, other = listen(token), listen(token), listen(token, classes=("network",))
    assert not first.called
    assert server.pool.services.events.waiting == 3
    ref = rename(server, "changed")
    server.clock.pass_time(0)
    answer = read(first)
    assert answer == read(second)
    assert [(event["operation"], event["ref"], event["snapshot"]["name_label"]) for event in answer["events"]] == [
        ("mod", ref, "changed")
    ]
    assert answer["token"] > token
    assert not other.called
    assert server.pool.services.events.waiting == 1


def test_listeners_of_whatever_number_are_woken_after_the_turn_in_which_things_changed(server, listen, now):
    token = read(listen(now))["token"]
    calls = [listen(token) for _ in range(2 * WOKEN + 1)]
    rename(server, "first")
    rename(server, "second")
    assert not any(call.called for call in calls)
    server.clock.advance(0)
    names = [[event["snapshot"]["name_label"] for event in read(call)["events"]] for call in calls]
    assert names == [["second"]] * (2 * WOKEN + 1)
    assert is_at_rest(server)


def test_when_the_time_is_over_the_answer_is_empty_and_the_token_stays(server, listen, now):
    token = read(listen(now))["token"]
    call = listen(token, 30.0)
    server.clock.pass_time(29.9)
    assert not call.called
    server.clock.pass_time(0.2)
    answer = read(call)
    assert (answer["events"], answer["token"]) == ([], token)
    assert answer["valid_ref_counts"]["vm"] == len(server.pool.db.table("VM"))
    assert read(listen(token, 0.0))["events"] == []
    assert is_at_rest(server)


def test_whose_session_ends_is_told_so(server, session, listen, now):
    token = read(listen(now))["token"]
    calls = [listen(token) for _ in range(2)]
    server.pool.services.sessions.destroy(session)
    server.clock.pass_time(0)
    assert [read(call)[0] for call in calls] == ["SESSION_INVALID"] * 2
    assert is_at_rest(server)


def test_nobody_waits_for_a_client_that_hung_up(server, listen, now):
    token = read(listen(now))["token"]
    origin = Origin()
    call, other = listen(token, origin=origin), listen(token)
    timers = len(server.clock.getDelayedCalls())
    origin.hangup.happen()
    assert read(call)[0] == "SESSION_INVALID"
    assert len(server.clock.getDelayedCalls()) == timers - 1
    assert server.pool.services.events.waiting == 1
    gone = listen(token, origin=origin)
    assert read(gone)[0] == "SESSION_INVALID"
    rename(server, "changed")
    server.clock.pass_time(0)
    assert other.called
    assert is_at_rest(server)


def test_who_is_due_and_hangs_up_is_not_woken(server, listen, now):
    token = read(listen(now))["token"]
    origin = Origin()
    calls = [listen(token) for _ in range(WOKEN)]
    late = listen(token, origin=origin)
    rename(server, "changed")
    origin.hangup.happen()
    assert read(late)[0] == "SESSION_INVALID"
    server.clock.pass_time(0)
    assert [len(read(call)["events"]) for call in calls] == [1] * WOKEN


def test_a_fault_of_ours_is_an_answer_to_those_who_wait(server, listen, now, xapid_logged, monkeypatch):
    token = read(listen(now))["token"]
    call = listen(token)

    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(EventLog, "since", fail)
    rename(server, "changed")
    server.clock.pass_time(0)
    assert read(call) == ["INTERNAL_ERROR", "ZeroDivisionError in event.from"]
    assert xapid_logged.flush(ZeroDivisionError)


def test_changes_within_the_batching_time_come_together():
    slow = Server(config(preset="standalone", event_batching=50))
    api = slow.session()
    ref = slow.pool.db.table("VM").rows()[0].ref
    token = api.xenapi.event.inject("VM", ref)
    call = slow.pool.dispatcher.dispatch(Call("event.from", [api._session, ["vm"], token, FOREVER]), wire.CODEC, Origin())
    assert not call.called
    rename(slow, "during")
    slow.clock.pass_time(0.06)
    (event,) = read(call)["events"]
    assert event["snapshot"]["name_label"] == "during"
    slow.close()
