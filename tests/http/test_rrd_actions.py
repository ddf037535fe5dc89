"""Statistics over HTTP, of a pool in this process that is measured on a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import XenAPI
from lxml import etree

from http_in_memory import Answered, Client
from measured import measured_server
from xapid.dispatch.http_credentials import HttpAuthenticator
from xapid.http.rrd_actions import RrdActions
from xapid.http.server import HttpServer
from xapid.testing.in_process import Server

Get = Callable[..., Answered]


@pytest.fixture
def server() -> Iterator[Server]:
    """Three hosts, measured for three minutes."""
    with measured_server("pool3") as server:
        yield server


@pytest.fixture
def session(server: Server) -> XenAPI.Session:
    return server.session()


@pytest.fixture
def get(server: Server, session: XenAPI.Session) -> Get:
    def ask(target: str, *, host: str | None = None, headers: str = "", credentials: bool = True) -> Answered:
        pool = server.pool
        ref = host or pool.services.role.coordinator
        actions = RrdActions(pool.db, pool.services, server.clock).actions
        http = HttpServer(pool.dispatcher, ref, HttpAuthenticator(pool.services), clock=server.clock, actions=actions)
        mark = "&" if "?" in target else "?"
        login = f"{mark}session_id={quote(session._session)}" if credentials else ""
        client = Client(http, server.clock)
        client.send(f"GET {target}{login} HTTP/1.1\r\n{headers}\r\n")
        server.clock.advance(1)
        answer = client.answer()
        client.lose(cleanly=True)
        return answer

    return ask


def running_vm(session: XenAPI.Session) -> tuple[str, str, str]:
    """A VM that runs, its uuid and its host."""
    (template,) = session.xenapi.VM.get_by_name_label("Other install media")
    vm = session.xenapi.VM.clone(template, "measured")
    session.xenapi.VM.provision(vm)
    session.xenapi.VM.start(vm, False, False)
    return vm, session.xenapi.VM.get_uuid(vm), session.xenapi.VM.get_resident_on(vm)


def table(answer: Answered) -> dict[str, Any]:
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_updates_come_as_clients_read_them(server: Server, session: XenAPI.Session, get: Get) -> None:
    """Steps as asked, rows newest first, values as text, and for pages of any origin."""
    vm, uuid, host = running_vm(session)
    server.clock.pass_time(60)
    now = int(server.clock.seconds())
    answer = get(f"/rrd_updates?cf=AVERAGE&host=true&interval=5&json=true&start={now - 30}", host=host)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert int(answer.headers["content-length"]) == len(answer.body)
    found = table(answer)
    legend = found["meta"]["legend"]
    host_uuid = session.xenapi.host.get_uuid(host)
    for name in ("memory_total_kib", "memory_free_kib", "cpu0", "loadavg", "pif_eth0_rx"):
        assert f"AVERAGE:host:{host_uuid}:{name}" in legend
    for name in ("cpu0", "memory", "memory_internal_free"):
        assert f"AVERAGE:vm:{uuid}:{name}" in legend
    assert found["meta"]["step"] == 5
    assert found["meta"]["columns"] == len(legend)
    times = [row["t"] for row in found["data"]]
    assert times == sorted(times, reverse=True)
    assert all(now - 30 < time <= now + 5 for time in times)
    assert len(times) == found["meta"]["rows"] >= 5
    memory = legend.index(f"AVERAGE:vm:{uuid}:memory")
    assert found["data"][0]["values"][memory] == session.xenapi.VM.get_memory_dynamic_max(vm)


@pytest.mark.parametrize("interval", [5, 60, 3600, 86400])
def test_the_step_is_the_one_that_was_asked_for(server: Server, get: Get, interval: int) -> None:
    start = int(server.clock.seconds()) - 120 * interval
    assert table(get(f"/rrd_updates?host=true&json=true&interval={interval}&start={start}"))["meta"]["step"] == interval


def test_xml_is_the_rule_and_json_on_request(get: Get) -> None:
    for target, headers, kind in (
        ("/rrd_updates?start=-60", "", "text/xml"),
        ("/rrd_updates?start=-60&json=true", "", "application/json"),
        ("/rrd_updates?start=-60&json=true", "Accept: */*\r\n", "application/json"),
        ("/rrd_updates?start=-60", "Accept: application/json\r\n", "application/json"),
        ("/rrd_updates?start=-60&json=true", "Accept: text/xml\r\n", "text/xml"),
        ("/host_rrd", "", "text/xml"),
        ("/host_rrds?json=true", "", "application/json"),
    ):
        assert get(target, headers=headers).headers["content-type"] == kind, (target, headers)
    assert etree.fromstring(get("/rrd_updates?start=-60").body).findtext("meta/step") == "5"


def test_only_what_is_asked_for_is_told(session: XenAPI.Session, server: Server, get: Get) -> None:
    """The host on request, all VMs on it or the ones named, SRs only if named."""
    _, uuid, host = running_vm(session)
    server.clock.pass_time(10)
    sr = next(iter(server.pool.services.stats.on(session.xenapi.host.get_uuid(host), "sr", server.clock.seconds()))).uuid
    kinds = lambda query: {  # noqa: E731  # one line says it all
        entry.split(":")[1] for entry in table(get(f"/rrd_updates?start=-60&json=true{query}", host=host))["meta"]["legend"]
    }
    assert kinds("") == {"vm"}
    assert kinds("&host=true&vm_uuid=none") == {"host"}
    assert kinds(f"&vm_uuid=none&sr_uuid={sr}") == {"sr"}
    named = table(get(f"/rrd_updates?start=-60&json=true&vm_uuid=none&vm_uuid={uuid}", host=host))["meta"]["legend"]
    assert {entry.split(":")[2] for entry in named} == {uuid}


@pytest.mark.parametrize("query", ["", "?start=", "?start=soon", "?start=5&interval=often", "?start=1e999"])
def test_updates_since_no_moment_are_refused(get: Get, query: str) -> None:
    assert get(f"/rrd_updates{query}").status == 500


def test_statistics_of_a_vm_are_where_it_runs(server: Server, session: XenAPI.Session, get: Get) -> None:
    """Other hosts send clients there; when it is halted, what was measured is still to be had."""
    vm, uuid, host = running_vm(session)
    server.clock.pass_time(10)
    other = next(ref for ref in session.xenapi.host.get_all() if ref != host)
    sent = get(f"/vm_rrd?uuid={uuid}", host=other)
    assert sent.status == 302
    address = session.xenapi.host.get_address(host)
    assert sent.header_list[2][0] == "Location"
    assert sent.headers["location"].startswith(f"https://{address}/vm_rrd?uuid={uuid}&session_id=")
    assert etree.fromstring(get(f"/vm_rrd?uuid={uuid}", host=host).body).tag == "rrd"
    session.xenapi.VM.hard_shutdown(vm)
    server.clock.pass_time(60)
    assert get(f"/vm_rrds?uuid={uuid}").status == 200
    session.xenapi.VM.destroy(vm)
    server.clock.pass_time(60)
    assert get(f"/vm_rrd?uuid={uuid}").status == 404


def test_what_nobody_has_is_not_found_and_who_is_meant_must_be_said(get: Get) -> None:
    for path in ("/vm_rrd", "/sr_rrd"):
        missing, unknown = get(path), get(f"{path}?uuid=unknown")
        assert (missing.status, unknown.status) == (400, 404)
        assert missing.body == unknown.body == b""


def test_statistics_of_an_sr(server: Server, session: XenAPI.Session, get: Get) -> None:
    ref = next(ref for ref in session.xenapi.SR.get_all() if session.xenapi.SR.get_type(ref) == "ext")
    answer = get(f"/sr_rrd?uuid={session.xenapi.SR.get_uuid(ref)}&json=true")
    if answer.status == 302:
        host = next(
            h for h in session.xenapi.host.get_all() if session.xenapi.host.get_address(h) in answer.headers["location"]
        )
        answer = get(f"/sr_rrd?uuid={session.xenapi.SR.get_uuid(ref)}&json=true", host=host)
    assert "physical_utilisation" in [source["name"] for source in json.loads(answer.body)["ds"]]


def test_a_task_that_is_named_is_ended(session: XenAPI.Session, get: Get) -> None:
    task = session.xenapi.task.create("poll", "")
    get(f"/rrd_updates?start=-60&task_id={quote(task)}")
    assert session.xenapi.task.get_status(task) == "success"
    assert get(f"/rrd_updates?start=-60&task_id={quote('OpaqueRef:none')}").status == 200


def test_strangers_get_nothing(get: Get) -> None:
    for path in ("/rrd_updates?start=-60", "/host_rrd", "/vm_rrd?uuid=x", "/sr_rrd?uuid=x"):
        assert get(path, credentials=False).status == 401


def test_metrics_objects_follow_what_is_measured(server: Server, session: XenAPI.Session) -> None:
    """Memory that a VM takes is not free on its host; a change of its target shows in its metrics."""
    vm, _, host = running_vm(session)
    server.clock.pass_time(10)
    metrics = session.xenapi.host_metrics.get_record(session.xenapi.host.get_metrics(host))
    memory = int(session.xenapi.VM_metrics.get_memory_actual(session.xenapi.VM.get_metrics(vm)))
    others = sum(
        int(session.xenapi.VM_metrics.get_memory_actual(session.xenapi.VM.get_metrics(other)))
        for other in session.xenapi.host.get_resident_VMs(host)
    )
    assert memory > 0
    overhead = int(session.xenapi.host.get_memory_overhead(host))
    assert int(metrics["memory_free"]) == int(metrics["memory_total"]) - overhead - others


def test_nothing_changes_while_nothing_happens(server: Server, session: XenAPI.Session) -> None:
    """Measuring makes no events of its own."""
    server.clock.pass_time(10)
    generation = server.pool.db.generation
    server.clock.pass_time(120)
    assert server.pool.db.generation == generation


def test_data_sources_of_a_vm(session: XenAPI.Session, server: Server) -> None:
    """They are listed, asked, kept and forgotten; a VM that does not run has none to ask."""
    vm, _, _ = running_vm(session)
    server.clock.pass_time(10)
    sources = {source["name_label"]: source for source in session.xenapi.VM.get_data_sources(vm)}
    assert sources["memory"]["units"] == "B"
    assert sources["memory"]["enabled"]
    assert not sources["runnable_any"]["enabled"]
    assert session.xenapi.VM.query_data_source(vm, "memory") == sources["memory"]["value"]
    session.xenapi.VM.record_data_source(vm, "runnable_any")
    kept = {source["name_label"]: source for source in session.xenapi.VM.get_data_sources(vm)}
    assert kept["runnable_any"]["enabled"]
    session.xenapi.VM.forget_data_source_archives(vm, "runnable_any")
    with pytest.raises(XenAPI.Failure) as unknown:
        session.xenapi.VM.query_data_source(vm, "moon_phase")
    assert unknown.value.details == ["INVALID_VALUE", "data_source", "moon_phase"]
    session.xenapi.VM.hard_shutdown(vm)
    with pytest.raises(XenAPI.Failure) as halted:
        session.xenapi.VM.query_data_source(vm, "memory")
    assert halted.value.details == ["VM_BAD_POWER_STATE", vm, "running;paused", "halted"]


def test_data_sources_of_hosts_and_srs(session: XenAPI.Session, server: Server) -> None:
    (pool,) = session.xenapi.pool.get_all()
    host = session.xenapi.pool.get_master(pool)
    names = {source["name_label"] for source in session.xenapi.host.get_data_sources(host)}
    assert {"cpu0", "cpu_avg", "loadavg", "memory_total_kib", "running_domains", "pif_aggr_rx"} <= names
    assert session.xenapi.host.query_data_source(host, "memory_total_kib") > 0
    sr = next(ref for ref in session.xenapi.SR.get_all() if session.xenapi.SR.get_type(ref) == "ext")
    assert session.xenapi.SR.query_data_source(sr, "size") > 0
    with pytest.raises(XenAPI.Failure) as unknown:
        session.xenapi.SR.record_data_source(sr, "moon_phase")
    assert unknown.value.details == ["INVALID_VALUE", "data_source", "moon_phase"]
