"""Traces of calls: what is in a span, where spans go, and that nobody pays for them who does not want them."""

from __future__ import annotations

import json
import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from taker import taking
from xapid.dispatch import tracing
from xapid.dispatch.tracing import address

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def observer(api):
    """Makes an observer that watches."""

    def make(**fields):
        record = {"name_label": "o", "name_description": "", "endpoints": ["bugtool"], "enabled": True, **fields}
        return api.Observer.create(record)

    return make


def spans(server):
    return [json.loads(line) for _, data in server.pool.services.tracing.files() for line in data.splitlines()]


def test_every_call_is_a_span_while_an_observer_is_enabled(xapid_server, api, observer, refused):
    api.VM.get_all()
    ref = observer(attributes={"site": "here"})
    host = api.host.get_all()[0]
    refused(api.host.set_hostname_live, host, "")
    api.Observer.set_enabled(ref, False)
    api.VM.get_all()
    found = spans(xapid_server)
    assert [span["name"] for span in found][:2] == ["host.get_all", "host.set_hostname_live"]
    assert {span["name"] for span in found[2:]} <= {"Observer.set_enabled"}
    read, failed = found[:2]
    assert (read["kind"], read["attributes"]["rpc.method"], read["status"]["status_code"]) == (
        "SpanKind.SERVER", "host.get_all", "UNSET",
    )  # fmt: skip
    assert failed["status"] == {"status_code": "ERROR", "description": "HOST_NAME_INVALID"}
    assert failed["attributes"]["error.type"] == "HOST_NAME_INVALID"
    about = read["resource"]["attributes"]
    assert (about["site"], about["service.name"], about["xs.observer.name"]) == ("here", "xapid", "o")
    assert about["xs.pool.uuid"] == api.pool.get_uuid(api.pool.get_all()[0])


def test_what_a_call_calls_is_below_it(xapid_server, api, observer):
    observer()
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "new")
    api.VM.provision(vm)
    api.VM.destroy(vm)
    found = {span["name"]: span for span in spans(xapid_server)}
    outer = found["VM.clone"]["context"]
    inner = [span for span in spans(xapid_server) if span["parent_id"] == outer["span_id"]]
    assert all(span["context"]["trace_id"] == outer["trace_id"] for span in inner)
    assert found["VM.destroy"]["parent_id"] is None


def test_a_clients_own_trace_goes_on(xapid_server, observer):
    observer()
    body = b"<methodCall><methodName>session.logout</methodName><params><param><value>x</value></param></params></methodCall>"
    login = (
        "<methodCall><methodName>session.login_with_password</methodName><params>"
        f"<param><value>root</value></param><param><value>{xapid_server.config.root_password}</value></param>"
        "</params></methodCall>"
    )
    xapid_server.post(login.encode(), headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "user-agent": "me"})
    xapid_server.post(body)
    (span,) = (span for span in spans(xapid_server) if span["name"] == "session.login_with_password")
    assert (span["context"]["trace_id"], span["parent_id"]) == (f"0x{TRACE}", f"0x{PARENT}")
    assert span["attributes"]["user_agent.original"] == "me"


def test_only_hosts_and_components_that_are_watched_are_traced(xapid_server, api, observer):
    hosts = api.host.get_all()
    master = api.pool.get_master(api.pool.get_all()[0])
    observer(name_label="other host", hosts=[host for host in hosts if host != master][:1])
    observer(name_label="other component", components=["smapi"])
    api.VM.get_all()
    assert spans(xapid_server) == []
    observer(name_label="this", hosts=[master], components=["xapi"])
    api.VM.get_all()
    assert [span["name"] for span in spans(xapid_server)] == ["VM.get_all"]


def test_calls_take_the_short_way_again_when_nobody_watches(xapid_server, api, observer):
    dispatcher = xapid_server.pool.dispatcher
    before = dispatcher._fast
    ref = observer()
    assert not dispatcher._fast
    api.Observer.destroy(ref)
    assert dispatcher._fast == before


def test_a_file_of_spans_is_bounded(xapid_server, api, observer, monkeypatch):
    monkeypatch.setattr(tracing, "FILE_SIZE", 20_000)
    observer()
    for _ in range(100):
        api.VM.get_all()
    ((_, data),) = xapid_server.pool.services.tracing.files()
    assert 0 < len(data) <= 20_000


def test_the_usual_path_is_taken_where_the_endpoint_says_none():
    assert address("http://collector:4318") == address("http://collector:4318/") == "http://collector:4318/v1/traces"
    assert address("https://collector/other/path") == "https://collector/other/path"


def test_without_the_library_nothing_is_traced_and_calls_go_on(xapid_server, api, observer, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.resources", None)
    observer()
    assert api.VM.get_all()
    assert spans(xapid_server) == []


@pytest.fixture
def collector():
    """Takes traces as collectors do."""
    with taking() as collecting:
        yield collecting


def test_spans_go_to_a_collector_by_otlp(xapid_daemons, collector):
    """From a daemon, while it runs and when it ends; one that is not there bothers nobody."""
    url, taken = collector
    daemon = xapid_daemons.start("--preset", "standalone")
    api = daemon.session().xenapi
    api.Observer.create({"name_label": "o", "name_description": "", "endpoints": [url, "http://127.0.0.1:1"], "enabled": True})
    api.VM.get_all()
    deadline = time.monotonic() + 20
    while not taken and time.monotonic() < deadline:
        time.sleep(0.05)
    api.host.get_all()
    daemon.stop()
    assert {(one.path, one.content_type) for one in taken} == {("/v1/traces", "application/x-protobuf")}
    names = []
    for one in taken:
        for resource in ExportTraceServiceRequest.FromString(one.body).resource_spans:
            assert any(
                each.key == "service.name" and each.value.string_value == "xapid" for each in resource.resource.attributes
            )
            names += [span.name for scope in resource.scope_spans for span in scope.spans]
    assert {"VM.get_all", "host.get_all"} <= set(names)
