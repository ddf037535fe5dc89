"""What the server shows of itself: figures, health, readiness; and who sees it."""

from __future__ import annotations

import http.client
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from http_in_memory import SESSION, WEAK
from xapid.http.gate import Gate
from xapid.http.measures import Measures
from xapid.http.own_view import OwnView


@pytest.fixture
def measures(xapid_server):
    pool = xapid_server.pool
    return Measures(pool.db, pool.services, pool.dispatcher, lambda: 3)


@pytest.fixture
def problem():
    return []


@pytest.fixture
def view(measures, problem, authenticator, clock):
    return OwnView(measures, lambda: problem[0] if problem else None, clock, gate=Gate(authenticator))


def samples(text):
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items(), reverse=True))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_the_page_tells_of_calls_sessions_tasks_objects_and_the_journal(xapid_server, api, refused, measures):
    api.VM.get_all()
    refused(api.VM.get_uuid, "OpaqueRef:NULL")
    api.task.create("a task", "")
    found = samples(b"".join(measures.page()))
    assert found["xapid_calls_total", "success", "VM.get_all"] == 1
    assert found["xapid_calls_total", "HANDLE_INVALID", "VM.get_uuid"] == 1
    assert found["xapid_call_seconds_count", "VM.get_all"] == found["xapid_call_seconds_bucket", "VM.get_all", "+Inf"] == 1
    assert found["xapid_sessions",] == 1
    assert found["xapid_connections",] == 3
    assert found["xapid_journal_queue",] == 0
    assert found["xapid_tasks", "pending"] == 1
    assert found["xapid_objects", "host"] == len(api.host.get_all())
    assert found["xapid_commits_total",] == xapid_server.pool.db.generation - xapid_server.pool.db.began
    assert found["process_resident_memory_bytes",] > 0


def test_hosts_and_vms_are_told_of_on_request(xapid_server, api, measures):
    (first, *_) = (row for row in xapid_server.pool.db.table("VM").rows() if row.power_state == "Running")
    api.VM.set_name_label(first.ref, 'a "b"\\\nc')
    stats = xapid_server.pool.services.stats
    stats.take("vm", first.uuid, "host", 5.0, {"cpu0": 0.25, "odd": float("inf")})
    stats.take("vm", "forgotten", "host", 5.0, {"cpu0": 0.5})
    assert b"xapid_vm_measured" not in b"".join(measures.page())
    shown = Measures(measures.db, measures.services, measures.dispatcher, lambda: 0, objects=True)
    found = samples(b"".join(shown.page()))
    assert found["xapid_vm_measured", first.uuid, "cpu0", 'a "b"\\\nc'] == 0.25
    assert found["xapid_vm_measured", first.uuid, "odd", 'a "b"\\\nc'] == float("inf")
    assert not any("forgotten" in key for key in found)


def test_figures_are_for_those_who_may_read_statistics(site, view):
    site.serve(actions={"get_root": view.serve})
    assert site.client().ask("GET /metrics HTTP/1.1\r\n\r\n").status == 401
    assert site.client().ask(f"GET /metrics?session_id={WEAK} HTTP/1.1\r\n\r\n").status == 403
    answer = site.client().ask(f"GET /metrics?session_id={SESSION} HTTP/1.1\r\n\r\n")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")


def test_health_and_readiness_are_for_everybody(site, view, problem):
    site.serve(actions={"get_root": view.serve})
    client = site.client()
    assert client.ask("GET /healthz HTTP/1.1\r\n\r\n").status == 200
    assert client.ask("GET /readyz HTTP/1.1\r\n\r\n").status == 200
    problem.append("HOST_BROKEN")
    answer = client.ask("GET /readyz HTTP/1.1\r\n\r\n")
    assert (answer.status, answer.body) == (503, b"HOST_BROKEN\n")
    assert client.ask("GET /healthz HTTP/1.1\r\n\r\n").status == 200
    assert site.client().ask("GET /other HTTP/1.1\r\n\r\n").status == 404


def test_where_monitors_look_nothing_else_is_served(site, measures, clock):
    site.serve(only=OwnView(measures, lambda: None, clock).serve)
    assert site.client().ask("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n").status == 200
    for request in ("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "PUT /import HTTP/1.1\r\nContent-Length: 0\r\n\r\n"):
        assert site.client().ask(request).status == 501
    assert site.client().ask(f"GET /export?session_id={SESSION} HTTP/1.1\r\nHost: h\r\n\r\n").status == 404


def test_without_the_library_the_page_says_what_to_install(site, view, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    site.serve(actions={"get_root": view.serve})
    answer = site.client().ask(f"GET /metrics?session_id={SESSION} HTTP/1.1\r\n\r\n")
    assert answer.status == 501
    assert b"xapid[metrics]" in answer.body


def test_a_daemon_shows_itself_to_monitors_and_logs_json(xapid_daemons, free_port):
    daemon = xapid_daemons.start(
        "--preset", "standalone", "--monitor", f"127.0.0.1:{free_port}", "--log-format", "json", "--log-level", "debug"
    )
    daemon.session().xenapi.VM.get_all()
    connection = http.client.HTTPConnection("127.0.0.1", free_port, timeout=30)
    try:
        pages = {}
        for path in ("/readyz", "/metrics"):
            connection.request("GET", path)
            pages[path] = connection.getresponse().read()
    finally:
        connection.close()
    assert pages["/readyz"] == b"ready\n"
    assert samples(pages["/metrics"])["xapid_calls_total", "success", "VM.get_all"] == 1
    lines = [json.loads(line) for line in daemon.log.splitlines()]
    (login,) = (line for line in lines if line.get("call") == "session.login_with_password" and "succeeded" in line["message"])
    assert login["request"]
