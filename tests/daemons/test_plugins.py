"""Host plugins and extensions, called with the stock client: at the coordinator, and on a host that another daemon runs."""

from __future__ import annotations

import json
import os
import urllib.request

import pytest
import XenAPI

from xapid.testing.processes import Daemons, session_of, unverified
from xapid.testing.waiting import until

PLUGIN = """#!/usr/bin/env python3
import os, sys, time, XenAPI, XenAPIPlugin
def tell(session, args):
    this = session.xenapi.session.get_this_host(session.handle)
    return " ".join([args["word"], os.environ["XENAPI_HOST_UUID"], session.handle, session.xenapi.host.get_name_label(this)])
def vm(session, args):
    return session.xenapi.VM.get_name_label(session.xenapi.VM.get_by_uuid(args["vm_uuid"]))
def hang(session, args):
    with open(args["report"], "w") as report:
        report.write(str(os.getpid()))
    time.sleep(600)
if __name__ == "__main__":
    XenAPIPlugin.dispatch({"tell": tell, "vm": vm, "hang": hang})
"""
EXTENSION = """#!/usr/bin/env python3
import sys, xmlrpc.client, XenAPI
params, name = xmlrpc.client.loads(sys.stdin.read())
session = XenAPI.xapi_local()
session._session = params[0]
if len(params) == 1:
    answer = {"Status": "Failure", "ErrorDescription": ["LAB_WANTS_MORE", name]}
else:
    hosts = len(session.xenapi.host.get_all())
    answer = {"Status": "Success", "Value": {"name": name, "hosts": hosts, "got": params[1:]}}
print(xmlrpc.client.dumps((answer,), methodresponse=True))
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    plugins, extensions = tmp_path_factory.mktemp("plugins"), tmp_path_factory.mktemp("extensions")
    for path, text in ((plugins / "lab.py", PLUGIN), (extensions / "Lab.look", EXTENSION)):
        path.write_text(text)
        path.chmod(0o755)
    return "--plugins", str(plugins), "--extensions", str(extensions)


@pytest.fixture(scope="module")
def pair(folders):
    with Daemons() as daemons:
        yield daemons.pool(2, *folders, "--max-body", str(20_000_000))


@pytest.fixture
def session(pair):
    with session_of(pair[0]) as session:
        yield session


@pytest.fixture
def hosts(pair, session):
    """References of the coordinator and of the member."""
    records = session.xenapi.host.get_all_records()
    return [next(ref for ref, record in records.items() if record["address"] == daemon.address) for daemon in pair]


def error(call, *args):
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    return caught.value.details


pytestmark = pytest.mark.daemon


def test_a_plugin_runs_on_the_host_that_is_named_and_calls_the_coordinator(session, hosts):
    api = session.xenapi
    for host in hosts:
        said = api.host.call_plugin(host, "lab.py", "tell", {"word": "hello"})
        expected = ["hello", api.host.get_uuid(host), session.handle, api.host.get_name_label(hosts[0])]
        assert said == " ".join(expected)
        assert error(api.host.call_plugin, host, "nonsuch", "tell", {}) == ["XENAPI_MISSING_PLUGIN", "nonsuch"]
        assert error(api.host.call_plugin, host, "lab.py", "nonsuch", {}) == ["UNKNOWN_XENAPI_PLUGIN_FUNCTION", "nonsuch"]
        assert error(api.host.call_plugin, host, "lab.py", "tell", {}) == [
            "XENAPI_PLUGIN_FAILURE", "tell", "KeyError", "'word'",
        ]  # fmt: skip


def test_a_vm_s_plugin_runs_where_the_vm_does(session, hosts):
    api = session.xenapi
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "somewhere")
    api.VM.provision(vm)
    assert error(api.VM.call_host_plugin, vm, "lab.py", "vm", {})[0] == "VM_BAD_POWER_STATE"
    api.VM.start_on(vm, hosts[1], False, False)
    assert api.VM.call_host_plugin(vm, "lab.py", "vm", {}) == "somewhere"
    assert api.VM.call_host_plugin(vm, "lab.py", "tell", {"word": "x"}).split()[1] == api.host.get_uuid(hosts[1])


@pytest.mark.parametrize("where", [0, 1])
def test_a_plugin_is_killed_where_it_runs_when_its_task_is_cancelled(session, hosts, tmp_path, where):
    api, report = session.xenapi, tmp_path / "report"
    task = api.Async.host.call_plugin(hosts[where], "lab.py", "hang", {"report": str(report)})
    until(lambda: report.exists() and report.read_text())
    pid = int(report.read_text())
    api.task.cancel(task)
    until(lambda: api.task.get_status(task) == "cancelled")
    until(lambda: not os.path.exists(f"/proc/{pid}"))


def test_an_extension_answers_by_its_name_or_through_the_host(pair, session, hosts):
    api = session.xenapi
    (pool,) = api.pool.get_all()
    for host in hosts:
        assert (api.host.has_extension(host, "Lab.look"), api.host.has_extension(host, "Lab.nonsuch")) == (True, False)
        asked = {"method": "Lab.look", "params": [session.handle, "deep", 2], "id": 1}
        assert json.loads(api.host.call_extension(host, json.dumps(asked))) == {
            "name": "Lab.look", "hosts": 2, "got": ["deep", 2],
        }  # fmt: skip
    assert (api.pool.has_extension(pool, "Lab.look"), api.pool.has_extension(pool, "Lab.nonsuch")) == (True, False)
    assert api.Lab.look("deep", ["a", True]) == {"name": "Lab.look", "hosts": 2, "got": ["deep", ["a", True]]}
    assert error(api.Lab.look) == ["LAB_WANTS_MORE", "Lab.look"]
    assert error(api.Lab.nonsuch, "deep") == ["MESSAGE_METHOD_UNKNOWN", "Lab.nonsuch"]
    assert error(api.host.call_extension, hosts[0], '{"method": "Lab.nonsuch"}') == ["MESSAGE_METHOD_UNKNOWN", "Lab.nonsuch"]
    assert error(api.host.call_extension, hosts[0], "rubbish")[0] == "INTERNAL_ERROR"
    assert error(api.host.call_extension, hosts[0], '{"method": "Lab.look", "params": {}}')[0] == "INTERNAL_ERROR"
    stolen = "OpaqueRef:stolen"
    assert session.Lab.look(stolen)["ErrorDescription"] == ["SESSION_INVALID", stolen]


@pytest.mark.parametrize(
    "name", ["../plugins/lab.py", "/bin/true", "lab.py/", "..", ".", "", "lab.py\n", "LAB.PY", "x" * 100_000]
)
def test_a_name_that_leads_elsewhere_is_a_missing_plugin(session, hosts, name):
    for host in hosts:
        assert error(session.xenapi.host.call_plugin, host, name, "tell", {}) == ["XENAPI_MISSING_PLUGIN", name]


def test_ten_megabytes_are_too_much_for_a_plugin_and_not_for_an_extension(session, hosts):
    api, much = session.xenapi, "x" * 10_000_000
    for host in hosts:
        code, status, output, errors = error(api.host.call_plugin, host, "lab.py", "tell", {"word": much})
        assert (code, status, output) == ("XENAPI_PLUGIN_FAILURE", "not started", "")
        assert "bytes long, and a program takes at most" in errors
    assert api.Lab.look(much)["got"] == [much]
    assert api.host.call_plugin(hosts[0], "lab.py", "tell", {"word": "still there"}).startswith("still there")


def in_json(daemon, method, *params):
    """The answer to a call in JSON, which can say what XML cannot."""
    body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 3})
    request = urllib.request.Request(f"{daemon.url}/jsonrpc", body.encode())
    with urllib.request.urlopen(request, context=unverified(), timeout=20) as answer:
        return json.load(answer)


def test_the_value_of_an_extension_comes_as_json_to_those_who_ask_in_json(pair, session):
    answer = in_json(pair[0], "Lab.look", session.handle, {"a": 1.5})
    assert answer["result"] == {"name": "Lab.look", "hosts": 2, "got": [{"a": 1.5}]}


def test_what_xml_cannot_say_reaches_no_program(pair, session, hosts):
    for host in hosts:
        refusal = in_json(pair[0], "host.call_plugin", session.handle, host, "lab.py\0", "tell", {})["error"]
        assert refusal["message"] == "XENAPI_MISSING_PLUGIN"
        refusal = in_json(pair[0], "host.call_plugin", session.handle, host, "lab.py", "tell", {"word": "\0"})["error"]
        assert (refusal["message"], refusal["data"][0]) == ("XENAPI_PLUGIN_FAILURE", "not started")
