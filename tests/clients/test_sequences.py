"""Clients that cannot be installed here, acted out: what each sends, in its order, spelling and types, and what it needs."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
import time
import xmlrpc.client
from urllib.parse import quote, urlsplit

import pytest

from xapid.testing.processes import PASSWORD, Daemon

PIB = 1 << 50


def connected(daemon: Daemon, address: str = "") -> ssl.SSLSocket:
    plain = socket.create_connection((address or daemon.address, daemon.port), 30)
    return ssl._create_unverified_context().wrap_socket(plain)


class Json:
    """Calls over one connection, as C#, Go, Java and TypeScript clients make them."""

    def __init__(self, daemon: Daemon, ids=None) -> None:
        context = ssl._create_unverified_context()
        self._connection = http.client.HTTPSConnection(daemon.address, daemon.port, context=context, timeout=60)
        self._ids = ids or itertools.count(1)
        self.session = ""

    def __call__(self, method, *params):
        """The result of a call with the session."""
        answer = self.raw(method, [self.session, *params])
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def raw(self, method, params):
        id_ = next(self._ids)
        body = json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
        self._connection.request("POST", "/jsonrpc", body, {"content-type": "application/json"})
        answer = self._connection.getresponse()
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        found = json.loads(answer.read())
        assert found["jsonrpc"] == "2.0" and found["id"] == id_ and type(found["id"]) is type(id_)
        return found

    def login(self, *params):
        self.session = self.raw("session.login_with_password", ["root", PASSWORD, *params])["result"]
        return self


# Graphical clients on JSON-RPC ---------------------------------------------------------------------------------------------


def test_a_client_of_the_c_sharp_sdk_reads_everything_and_then_follows_events(xapid_daemon):
    call = Json(xapid_daemon, itertools.count(0)).login("2.3", "XenCenter")
    assert call("session.get_this_host", call.session).startswith("OpaqueRef:")
    (pool,) = call("pool.get_all_records").values()
    assert all(value == "false" for name, value in pool["restrictions"].items() if name.startswith("restrict_"))
    for host in call("host.get_all_records").values():
        assert all(host["software_version"][name] for name in ("product_version", "build_number", "platform_version", "xapi"))
        assert host["license_params"]["expiry"] and host["edition"]
        assert all(value == "false" for name, value in host["license_params"].items() if name.startswith("restrict_"))
    roles = {role["name_label"]: role for role in call("role.get_all_records").values()}
    assert {"pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only"} <= roles.keys()
    assert call("session.get_is_local_superuser", call.session) is True
    first = call("event.from", ["*"], "", 30.0)
    assert {event["operation"] for event in first["events"]} == {"add"}
    assert {"vm", "host", "sr", "network", "pool"} <= {event["class"] for event in first["events"]}
    counts = first["valid_ref_counts"]
    assert all(name == name.lower() for name in counts) and counts["host"] == len(call("host.get_all"))
    call("pool.set_name_description", call("pool.get_all")[0], "renamed")
    (event,) = [each for each in call("event.from", ["*"], first["token"], 30.0)["events"] if each["class"] == "pool"]
    assert (event["operation"], event["snapshot"]["name_description"]) == ("mod", "renamed")
    assert call.raw("session.logout", [call.session])["result"] == ""


def test_numbers_are_taken_whichever_way_a_sdk_writes_them(xapid_daemon):
    """Go writes 30.0 as 30; XO Lite writes one number as text and the next as a number."""
    call = Json(xapid_daemon).login("1.0", "go")
    assert call("event.from", ["pool"], "", 30)["events"]
    (template,) = call("VM.get_by_name_label", "Other install media")
    vm = call("VM.clone", template, "numbers")
    call("VM.set_VCPUs_max", vm, "2")
    call("VM.set_VCPUs_at_startup", vm, 2)
    call("VM.set_memory", vm, 1 << 30)
    record = call("VM.get_record", vm)
    assert (record["VCPUs_max"], record["memory_static_max"]) == (2, 1 << 30)
    call("VM.destroy", vm)


def test_mistakes_of_clients_are_errors_and_never_more(xapid_daemon):
    call = Json(xapid_daemon).login()
    for method, params in (
        ("pool.get_license_state", [None]),
        ("VM.copy_bios_strings", [["OpaqueRef:x"], "OpaqueRef:y"]),
        ("VM.set_VCPUs_params", ["OpaqueRef:x"]),
        ("VM.set_memory_limits", ["OpaqueRef:x", 1, 2, 3]),
    ):
        error = call.raw(method, [call.session, *params])["error"]
        assert error["message"] and isinstance(error["data"], list), method
    assert call("pool.get_all")


def test_xo_lite_logs_in_makes_a_vm_and_shows_its_charts(xapid_daemon):
    call = Json(xapid_daemon).login()
    for cls in ("host_metrics", "host", "pool", "VM", "VBD", "VDI", "PBD", "SR", "VM_metrics", "task", "VTPM", "PGPU", "PCI"):
        assert isinstance(call(f"{cls}.get_all_records"), dict)
    pool = call("pool.get_all")[0]
    token = call("event.inject", "pool", pool)
    classes = ["vm", "host", "pool", "sr", "vdi", "vbd", "pbd", "task", "host_metrics", "vm_metrics"]
    host = call("pool.get_master", pool)
    assert json.loads(call("host.call_plugin", host, "updater.py", "check_update", {})) == []
    assert isinstance(call("session.get_all_subject_identifiers"), list)

    (template,) = call("VM.get_by_name_label", "Debian Bookworm 12")
    vm = call("VM.copy", template, "by xo lite", "")
    assert call("VM.get_domain_type", vm)
    call("VM.remove_from_other_config", vm, "disks")
    call("VM.provision", vm)
    call("VM.set_tags", vm, [])
    call("VM.set_affinity", vm, "OpaqueRef:NULL")
    for message, key, value in (
        ("platform", "cores-per-socket", "1"),
        ("platform", "device-model", "qemu-upstream-compact"),
        ("HVM_boot_params", "firmware", "bios"),
        ("other_config", "auto_poweron", "true"),
    ):
        call(f"VM.remove_from_{message}", vm, key)
        call(f"VM.add_to_{message}", vm, key, value)
    call("VM.set_HVM_boot_params", vm, {"order": "cdn"})
    network = call("network.get_all")[0]
    vif = {
        "device": call("VM.get_allowed_VIF_devices", vm)[0], "network": network, "VM": vm, "MAC": "", "other_config": {},
        "MTU": call("network.get_MTU", network), "qos_algorithm_type": "", "qos_algorithm_params": {},
    }  # fmt: skip
    call("VIF.create", vif)
    sr = call("pool.get_default_SR", pool)
    shared = {"sharable": False, "read_only": False, "other_config": {}}
    vdi = call("VDI.create", {"SR": sr, "name_label": "disk", "virtual_size": 1 << 30, "type": "user", **shared})
    vbd = {
        "VM": vm, "VDI": vdi, "userdevice": call("VM.get_allowed_VBD_devices", vm)[0], "bootable": True, "mode": "RW",
        "type": "Disk", "empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    }  # fmt: skip
    call("VBD.create", vbd)
    call("VM.start", vm, False, False)
    events = call("event.from", classes, token, 5.001)["events"]
    assert any(event["snapshot"]["name_label"] == "by xo lite" for event in events if event["class"] == "vm")

    location = call("console.get_location", call("VM.get_consoles", vm)[0])
    assert location.startswith("https://") and "/console?" in location and not location.startswith("https:///")
    query = f"cf=AVERAGE&host=true&interval=5&json=true&start={int(time.time()) - 600}&session_id={call.session}"
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection(xapid_daemon.address, xapid_daemon.port, context=context, timeout=60)
    connection.request("GET", f"/rrd_updates?{query}")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
    table = json.loads(answer.read())
    assert table["meta"]["step"] == 5 and set(table) == {"meta", "data"}
    connection.close()
    call("VM.hard_shutdown", vm)
    call("VM.destroy", vm)


# Xen Orchestra --------------------------------------------------------------------------------------------------------------


def test_xen_orchestra_connects_waits_at_its_barrier_and_imports_what_it_exports(xapid_daemon):
    call = Json(xapid_daemon, itertools.repeat(0)).login()
    pool = call("pool.get_all")[0]
    methods = call.raw("system.listMethods", [])["result"]
    assert "VM.get_all_records" in methods and "Bond.get_all_records" in methods
    for key, value in (("xo:clientInfo:abc", '{"lastConnected":1}'), ("xo:barrier:xyz", "1")):
        call("pool.remove_from_other_config", pool, key)
        token = call("event.inject", "pool", pool)
        call("pool.add_to_other_config", pool, key, value)
        events = call("event.from", ["VM", "pool", "task"], token, 60.1)["events"]
        assert any(event["snapshot"]["other_config"].get(key) == value for event in events if event["class"] == "pool")

    (template,) = call("VM.get_by_name_label", "Other install media")
    vm = call("VM.clone", template, "by xo")
    call("VM.provision", vm)
    task = call("task.create", "[XO] export", "")
    data = _got(xapid_daemon, f"/export/?ref={quote(vm)}&use_compression=false&session_id={quote(call.session)}&task_id={task}")
    assert _ended(call, task) == "success"

    sr = call("pool.get_default_SR", pool)
    where = f"/import/?sr_id={quote(sr)}&session_id={quote(call.session)}"
    # It asks first, with a length of 1 PiB and no body, and goes when it is answered.
    with connected(xapid_daemon) as probe:
        probe.sendall(f"PUT {where} HTTP/1.1\r\nHost: h\r\nContent-Length: {PIB}\r\n\r\n".encode())
        assert probe.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    task = call("task.create", "[XO] import", "")
    with connected(xapid_daemon) as upload:
        upload.sendall(f"PUT {where}&task_id={task} HTTP/1.1\r\nHost: h\r\nContent-Length: {PIB}\r\n\r\n".encode())
        assert upload.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
        upload.sendall(data)
    assert _ended(call, task) == "success"
    result = call("task.get_result", task)
    assert result.startswith("<value><array><data><value>OpaqueRef:") and result.endswith("</value></data></array></value>")
    made = result.removeprefix("<value><array><data><value>").partition("<")[0]
    assert call("VM.get_name_label", made) == "by xo"
    for ref in (vm, made):
        call("VM.set_is_a_template", ref, False)
        call("VM.destroy", ref)
    call("task.destroy", task)


def _got(daemon: Daemon, path: str) -> bytes:
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection(daemon.address, daemon.port, context=context, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200
    data = answer.read()
    connection.close()
    return data


def _ended(call: Json, task: str) -> str:
    token = ""
    while (status := call("task.get_status", task)) in ("pending", "cancelling"):
        token = call("event.from", [f"task/{task}"], token, 10.0)["token"]
    return str(status)


# Older ones on XML-RPC ------------------------------------------------------------------------------------------------------


class Xml:
    """Calls over XML-RPC."""

    def __init__(self, daemon: Daemon, path: str = "/") -> None:
        url = f"https://{daemon.address}:{daemon.port}{path}"
        self._proxy = xmlrpc.client.ServerProxy(url, context=ssl._create_unverified_context(), allow_none=True)
        self.session = ""

    def __call__(self, method, *params):
        answer = self.answer(method, self.session, *params)
        assert answer["Status"] == "Success", (method, answer)
        return answer["Value"]

    def answer(self, method, *params):
        return getattr(self._proxy, method)(*params)


OXM_CLASSES = (
    *("VM", "host", "pool", "SR", "task", "VBD", "VDI", "network", "PIF", "PIF_metrics", "PBD", "VIF"),
    *("Bond", "VM_guest_metrics", "VM_metrics", "host_metrics", "host_cpu", "pool_patch", "host_patch"),
    *("console", "subject", "role", "message"),
)


def test_openxenmanager_registers_for_events_on_a_second_connection_and_counts_bytes_of_consoles(xapid_daemon):
    first, second = Xml(xapid_daemon), Xml(xapid_daemon)
    failed = first.answer("session.login_with_password", "root", "wrong")
    assert failed["Status"] == "Failure" and len(failed["ErrorDescription"]) == 3
    first.session = first.answer("session.login_with_password", "root", PASSWORD)["Value"]
    second.session = second.answer("session.login_with_password", "root", PASSWORD)["Value"]
    second("event.register", ["*"])
    for cls in OXM_CLASSES:
        assert isinstance(first(f"{cls}.get_all_records"), dict)
    for cls in ("VBD_metrics", "VIF_metrics"):
        assert first.answer(f"{cls}.get_all_records", first.session)["ErrorDescription"] == ["MESSAGE_REMOVED"]
    (template,) = first("VM.get_by_name_label", "Other install media")
    vm = first("VM.clone", template, "by oxm")
    events = []
    while not any(event["class"] == "vm" and event["ref"] == vm for event in events):
        events += second("event.next")
    assert {"id", "timestamp", "class", "operation", "ref", "snapshot"} <= events[-1].keys()
    first("VM.provision", vm)
    first("VM.start", vm, False, False)
    (console,) = [each for each in first("console.get_all_records").values() if each["VM"] == vm and each["protocol"] == "rfb"]
    place = urlsplit(console["location"])
    with connected(xapid_daemon, place.hostname) as screen:
        screen.sendall(f"CONNECT {place.path}?{place.query}&session_id={first.session} HTTP/1.1\r\n\r\n".encode())
        expected = [
            b"HTTP/1.1 200 OK\r\n",
            b"Connection: keep-alive\r\n",
            b"Cache-Control: no-cache, no-store\r\n",
            b"\r\n",
            b"RFB 003.008\n",
        ]
        reader = screen.makefile("rb")
        assert [reader.read(len(piece)) for piece in expected] == expected
    first("VM.hard_shutdown", vm)
    first("VM.destroy", vm)
    second("event.unregister", ["*"])


def test_xsconsole_starts_and_shows_its_menus(xapid_daemon):
    call = Xml(xapid_daemon)
    call.session = call.answer("session.login_with_password", "root", PASSWORD, "", "XSConsole")["Value"]
    host = call("session.get_this_host", call.session)
    record = call("host.get_record", host)
    assert call("host_metrics.get_record", record["metrics"])
    for ref in record["host_CPUs"]:
        assert call("host_cpu.get_record", ref)["speed"]
    for ref in record["PIFs"]:
        pif = call("PIF.get_record", ref)
        assert call("PIF_metrics.get_record", pif["metrics"]) and call("network.get_record", pif["network"])
    for ref in record["PBDs"]:
        assert call("SR.get_record", call("PBD.get_record", ref)["SR"])
    domains = {vm: call("VM.get_domid", vm) for vm in record["resident_VMs"]}
    (control,) = [vm for vm, number in domains.items() if number == "0"]
    assert call("VM.get_record", control)["is_control_domain"] and isinstance(call("VM.get_allowed_VBD_devices", control), list)
    for name in ("suspend_image_sr", "crash_dump_sr"):
        answer = call.answer("SR.get_record", call.session, record[name])
        assert answer["Status"] == "Success" or answer["ErrorDescription"][0] == "HANDLE_INVALID"
    assert call("SR.get_all_records") and call("pool.get_all_records") and call("host.get_uuid", host)
    assert isinstance(call("Host_driver.get_all_records"), dict)
    assert "nfs" in call("SR.get_supported_types")


def test_underscores_and_both_transports_are_one(xapid_daemon):
    """watch-all-events.py says event_from; CloudStack and jclouds post XML to the root."""
    call = Xml(xapid_daemon, "/RPC2")
    call.session = call.answer("session_login_with_password", "root", PASSWORD, "1.0", "watch-all-events.py")["Value"]
    assert call("event_from", ["*"], "", 30.0)["events"]
    assert call("host.get_all_records") == Xml.__call__(_with(Xml(xapid_daemon), call.session), "host.get_all_records")


def _with(call: Xml, session: str) -> Xml:
    call.session = session
    return call


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_a_wrong_password_is_told_with_code_user_and_reason(xapid_daemon, user):
    error = Json(xapid_daemon).raw("session.login_with_password", [user, "wrong"])["error"]
    assert (error["message"], error["data"][0], len(error["data"])) == ("SESSION_AUTHENTICATION_FAILED", user, 2)
