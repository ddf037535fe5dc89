"""Log lines, for people and as JSON, and which request they tell of."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager

from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure

from xapid import logs
from xapid.logs import Doing, doing
from xapid.testing.in_process import Server, config


@contextmanager
def a_request(what="VM.start"):
    token = doing.set(Doing("r-1", what, "OpaqueRef:task"))
    yield
    doing.reset(token)


def event(message="the {what} is here", **more):
    return {
        "log_format": message, "what": "thing", "log_time": 1700000000.25, "log_level": LogLevel.info,
        "log_namespace": "xapid.x", "log_system": "-", **more,
    }  # fmt: skip


def test_a_line_of_json_says_when_how_bad_where_and_what():
    assert json.loads(logs.as_json(event())) == {
        "time": "2023-11-14T22:13:20.250Z", "level": "info", "logger": "xapid.x", "message": "the thing is here",
    }  # fmt: skip


def test_a_line_of_json_names_the_request_and_its_task():
    with a_request():
        line = json.loads(logs.as_json(event()))
    assert (line["request"], line["call"], line["task"]) == ("r-1", "VM.start", "OpaqueRef:task")


def test_a_failure_is_one_line_of_json_with_its_traceback():
    try:
        raise ZeroDivisionError("why")
    except ZeroDivisionError:
        text = logs.as_json(event("it failed", log_failure=Failure()))
    assert text.count("\n") == 1
    assert "ZeroDivisionError: why" in json.loads(text)["traceback"]


def test_a_line_for_people_ends_with_the_request():
    with a_request():
        first, rest = logs.as_text(event("two\nlines")).split("\n", 1)
    assert first.endswith("two [request r-1: VM.start OpaqueRef:task]")
    assert rest.strip() == "lines"


def test_nobody_forges_a_line_by_what_he_asks_for():
    with a_request("GET /a\nb\u2028"):
        assert "r-1: GET /a?b? " in logs.as_text(event())
        assert json.loads(logs.as_json(event()))["call"] == "GET /a\nb\u2028"
    assert logs.number("my-own.42") == "my-own.42"
    assert logs.number("a\nb") != "a\nb"
    assert logs.number(None) != logs.number(None)


def test_what_an_operation_logs_is_about_its_call(monkeypatch):
    """Also what calls in the background log, and nothing that is logged afterwards."""
    seen = []
    server = Server(config(log_level="debug"))
    try:
        api = server.session().xenapi
        monkeypatch.setattr("xapid.dispatch.pipeline.log.debug", lambda text, **facts: seen.append((facts, doing.get())))
        host = api.host.get_all()[0]
        api.host.set_iscsi_iqn(host, "iqn.2000-01.test:a")
        api.Async.host.set_iscsi_iqn(host, "iqn.2000-01.test:b")
        server.clock.pass_time(1)
        name = "host.set_iscsi_iqn"
        told = [(facts["message"], now.what, bool(now.task)) for facts, now in seen if facts["message"] == name]
        assert told == [(name, name, False), (name, name, True)]
        assert doing.get() is None
    finally:
        server.close()


def told(level, monkeypatch):
    """What is told at a level of what Twisted and xapid log."""
    stream = io.StringIO()
    begun = []
    monkeypatch.setattr(logs.globalLogBeginner, "beginLoggingTo", lambda observers, **_: begun.extend(observers))
    logs.begin(level, stream)
    publisher = LogPublisher(*begun)
    for namespace in ("twisted.internet.protocol.Factory", "log_legacy", "xapid.daemon"):
        for severity in (LogLevel.info, LogLevel.warn):
            Logger(namespace, observer=publisher).emit(severity, "text")
    return [line.split("[")[1].split("]")[0] for line in stream.getvalue().splitlines()]


def test_what_twisted_does_by_itself_is_told_to_those_who_debug(monkeypatch):
    twisted = ["twisted.internet.protocol.Factory", "log_legacy"]
    assert told("info", monkeypatch) == [*(f"{name}#warn" for name in twisted), "xapid.daemon#info", "xapid.daemon#warn"]
    assert len(told("debug", monkeypatch)) == 6
    assert told("warn", monkeypatch) == [f"{name}#warn" for name in [*twisted, "xapid.daemon"]]
    assert told("error", monkeypatch) == []
