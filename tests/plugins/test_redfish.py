"""The power mode ``Redfish``, and what the modes have in common, against services that a test makes up."""

from __future__ import annotations

import importlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from documents import ROOT


class Service(BaseHTTPRequestHandler):
    """A Redfish service with the systems in ``systems``, by Id, that closes every connection after ``patience`` answers."""

    protocol_version = "HTTP/1.1"
    systems: dict[str, dict[str, object]]
    special: dict[str, bytes]
    connections: int
    patience: int

    def setup(self):
        type(self).connections += 1
        self.answered = 0
        super().setup()

    def answer(self, status, body):
        body = self.special.get(self.path, body if isinstance(body, bytes) else json.dumps(body).encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.answered += 1
        self.close_connection = self.answered >= self.patience

    def do_GET(self):
        if self.headers["Authorization"] != "Basic YWRtaW46aHVzaA==":
            self.answer(401, {})
        elif self.path == "/redfish/v1/":
            self.answer(200, {"Systems": {"@odata.id": "/redfish/v1/Systems"}})
        elif self.path == "/redfish/v1/Systems":
            self.answer(200, {"Members": [{"@odata.id": f"/redfish/v1/Systems/{name}"} for name in self.systems]})
        else:
            name = self.path.rpartition("/")[2]
            self.answer(200, {"Id": name, **self.systems[name]})

    def do_POST(self):
        name = self.path.split("/")[-3]
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["ResetType"]
        self.systems[name]["asked"] = [*self.systems[name].get("asked", []), wanted]
        if self.systems[name].get("stuck"):
            self.answer(409, {"error": {"message": "the outlet is stuck"}})
            return
        self.systems[name]["PowerState"] = "On" if wanted == "On" else "Off"
        self.answer(204, b"")

    def log_message(self, *args):
        pass


def system(state, *types, **more):
    action = {"target": more.pop("target", "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset")}
    if types:
        action["ResetType@Redfish.AllowableValues"] = list(types)
    return {"PowerState": state, "Actions": {"#ComputerSystem.Reset": action}, **more}


@pytest.fixture
def service():
    handler = type("Made", (Service,), {"systems": {}, "special": {}, "connections": 0, "patience": 1000})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    handler.address = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def mode(monkeypatch):
    """The module, with controllers that settle at once."""
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    control = importlib.import_module("_control")
    monkeypatch.setattr(control, "LOOK_FIRST", 0.01)
    monkeypatch.setattr(control, "SETTLES_WITHIN", 0.1)
    return importlib.import_module("Redfish")


@pytest.fixture
def call(mode, service):
    """Calls a function of it; what it raises is returned as its class and its text."""
    secret = SimpleNamespace(get_by_uuid=lambda uuid: f"ref of {uuid}", get_value=lambda ref: "hush")
    session = SimpleNamespace(xenapi=SimpleNamespace(secret=secret))

    def call(function, **config):
        whole = {"power_on_ip": service.address, "power_on_user": "admin", "power_on_password_secret": "uuid"} | config
        try:
            return getattr(mode, function)(session, "OpaqueRef:host", whole)
        except Exception as problem:
            return type(problem).__name__, str(problem).replace(service.address, "HERE")

    return call


def test_one_connection_serves_as_long_as_the_service_keeps_it(service, call):
    service.systems["1"] = system("Off", "On", "ForceOff", "GracefulShutdown")
    assert call("custom").endswith("switched the host on")
    assert service.connections == 1
    service.patience = 2
    assert call("power_off").endswith("had the host shut down")
    assert service.connections > 2
    assert service.systems["1"]["asked"] == ["On", "GracefulShutdown"]


def test_what_is_so_already_is_left_alone(service, call):
    service.systems["1"] = system("On")
    assert call("custom").endswith("says that the host is on already")
    service.systems["1"] = system("Off")
    assert call("power_off").endswith("says that the host is off already")
    assert "asked" not in service.systems["1"]


def test_a_system_that_cannot_be_asked_to_shut_down_is_switched_off(service, call):
    service.systems["1"] = system("On", "On", "ForceOff")
    assert call("power_off").endswith("switched the host off")
    assert service.systems["1"]["asked"] == ["ForceOff"]
    service.systems["1"] = system("On", "On", "ForceOff", "GracefulShutdown")
    assert call("power_off", power_off_grace="0").endswith("switched the host off")
    assert service.systems["1"]["asked"] == ["ForceOff"]
    assert call("power_off", power_off_grace="soon") == "the Redfish service at HERE says that the host is off already".replace(
        "HERE", service.address
    )
    service.systems["1"]["PowerState"] = "On"
    assert call("power_off", power_off_grace="soon") == (
        "REDFISH_POWEROFF_FAILED", "power_off_grace is not a number of seconds: soon",
    )  # fmt: skip


def test_of_several_systems_the_one_that_is_meant_must_be_named(service, call):
    for name in ("1", "2"):
        target = f"/redfish/v1/Systems/{name}/Actions/ComputerSystem.Reset"
        service.systems[name] = system("Off", "On", target=target, Name=f"node {name}", UUID=f"uuid-{name}")
    kind, text = call("custom")
    assert (kind, text) == (
        "REDFISH_POWERON_FAILED", "power_on_system must be one of the systems of the Redfish service at HERE: 1, 2",
    )  # fmt: skip
    for wanted in ("2", "node 2", "uuid-2"):
        service.systems["2"]["PowerState"] = "Off"
        assert call("custom", power_on_system=wanted).endswith("switched the host on")
    assert "asked" not in service.systems["1"]


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/redfish/v1/", b"rubbish", "the Redfish service answered with something that is no JSON object"),
        ("/redfish/v1/", b"[]", "the Redfish service answered with something that is no JSON object"),
        ("/redfish/v1/", b"{}", "the Redfish service does not say where the list of systems is"),
        ("/redfish/v1/Systems", b'{"Members": [5]}', "the Redfish service does not say where a system is"),
        ("/redfish/v1/Systems", b"{}", "power_on_system must be one of the systems of the Redfish service at HERE: "),
    ],
)
def test_a_service_that_talks_rubbish_is_said_to(service, call, path, body, text):
    service.systems["1"] = system("Off")
    service.special[path] = body
    assert call("power_status") == ("REDFISH_POWERON_FAILED", text)


def test_refusals_are_told_in_the_words_of_the_service(service, call):
    service.systems["1"] = system("Off", stuck=True)
    kind, text = call("custom")
    assert kind == "REDFISH_POWERON_FAILED"
    assert text.endswith("answered 409 to POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset: the outlet is stuck")
    service.systems["1"] = system("Off", "Nmi")
    assert call("custom")[1] == "the Redfish service at HERE offers none of On, ForceOn, PushPowerButton"


@pytest.mark.parametrize("missing", ["power_on_ip", "power_on_user", "power_on_password_secret"])
def test_what_is_not_set_is_named(call, missing):
    assert call("custom", **{missing: ""}) == ("HOST_POWER_ON_NOT_CONFIGURED", f"{missing} is not set")


@pytest.mark.parametrize("address", ["a b", "ftp://here", "here:port", "http://"])
def test_what_is_no_address_is_said_to(call, address):
    assert call("custom", power_on_ip=address)[0] == "REDFISH_POWERON_FAILED"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 623)),
        ("192.0.2.1:7", ("192.0.2.1", 7)),
        ("::1", ("::1", 623)),
        ("[::1]:7", ("::1", 7)),
        ("bmc.example", ("bmc.example", 623)),
    ],
)
def test_addresses_may_have_a_port(mode, address, expected):
    assert importlib.import_module("_control").split_port(address, 623) == expected
