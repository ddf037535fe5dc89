"""What is counted of calls, and what that costs."""

from __future__ import annotations

import timeit

from xapid.dispatch.tally import BOUNDS, OTHER, Tally, now


def test_a_tally_knows_how_calls_ended_and_how_long_they_took(monkeypatch):
    tally = Tally()
    moments = iter([100.0003, 200.2, 300.0, 500.0])
    monkeypatch.setattr("xapid.dispatch.tally.perf_counter", lambda: next(moments))
    tally.ended(100.0)
    tally.failed(200.0, "HANDLE_INVALID")
    tally.failed(300.0, "MADE_UP_BY_A_PLUGIN")
    tally.failed(400.0, "HANDLE_INVALID")
    assert (tally.calls, tally.successes) == (4, 1)
    assert tally.failures == {"HANDLE_INVALID": 2, OTHER: 1}
    groups = dict(tally.groups())
    assert groups[0.00025] == 1
    assert groups[0.0005] == 2
    assert (groups[0.25], groups[BOUNDS[-1]], groups[float("inf")]) == (3, 3, 4)
    assert round(tally.seconds, 4) == 100.2003


def test_counting_a_call_costs_next_to_nothing():
    tally = Tally()
    # Half a microsecond on an idle machine, which this one need not be.
    best = min(timeit.repeat(lambda: tally.ended(now()), number=2_000, repeat=70)) / 2_000
    assert best < 3e-6


def test_every_call_is_counted_once(xapid_server, xapid_session, refused):
    dispatcher = xapid_server.pool.dispatcher
    api = xapid_session.xenapi
    before = {name: tally.calls for name, tally in dispatcher.tallies}
    api.VM.get_all()
    refused(api.VM.get_uuid, "OpaqueRef:NULL")
    refused(api.VM.start, "OpaqueRef:NULL", False, False)
    refused(api.nosuch.message)
    task = api.Async.host.set_iscsi_iqn(api.host.get_all()[0], "iqn.2000-01.test:x")
    xapid_server.clock.pass_time(1)
    assert api.task.get_status(task) == "success"
    counted = dict(dispatcher.tallies)
    gained = {name: tally.calls - before.get(name, 0) for name, tally in counted.items()}
    assert {name: number for name, number in gained.items() if number} == {
        "VM.get_all": 1, "VM.get_uuid": 1, "VM.start": 1, "host.get_all": 1, "host.set_iscsi_iqn": 1, "task.get_status": 1,
    }  # fmt: skip
    assert counted["VM.start"].failures == {"HANDLE_INVALID": 1}
    assert dispatcher.unknown.failures == {"MESSAGE_METHOD_UNKNOWN": 1}
