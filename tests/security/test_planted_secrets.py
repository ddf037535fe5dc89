"""Secrets are given to a daemon in every way that it takes them, and then looked for everywhere that others can read."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import subprocess
import tarfile
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path

import pytest
import XenAPI

from cli.thin_client import ThinClient
from xapid.testing.processes import Daemon, Daemons, unverified
from xapid.testing.waiting import ended

PLUGIN = """#!/usr/bin/env python3
import XenAPIPlugin
def quiet(session, args):
    return "done"
def stumble(session, args):
    raise ValueError("it does not say what it was given")
XenAPIPlugin.dispatch({"quiet": quiet, "stumble": stumble})
"""
MODE = """
import sys
def custom(session, remote_host, config):
    value = session.xenapi.secret.get_value(session.xenapi.secret.get_by_uuid(config["power_on_password_secret"]))
    print("printed: " + value)
    sys.stderr.write("said: " + value + "\\n")
    if config["how"] == "raise":
        raise ValueError("raised: " + value)
    if config["how"] == "exit":
        raise SystemExit("exits: " + value)
    return "returned: " + value
"""


class Plants:
    """Texts that must not be found again."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def __call__(self, what: str) -> str:
        """A new one."""
        text = f"pl4nted-{len(self._texts)}-{what.replace(' ', '-')}-s3cret"
        self._texts[text] = what
        return text

    def add(self, what: str, text: str) -> None:
        """One that is there already."""
        self._texts[text] = what

    def found_in(self, where: bytes) -> set[str]:
        """What can be read there, plainly or in base64."""
        return {what for text, what in self._texts.items() if any(form in where for form in _forms(text))}


def _forms(text: str) -> list[bytes]:
    plain = text.encode()
    whole = base64.b64encode(plain).rstrip(b"=")[:-1]
    return [plain, whole, base64.b64encode(b"root:" + plain).rstrip(b"=")[:-1], plain.hex().encode()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "lab").write_text(PLUGIN)
    (folder / "lab").chmod(0o755)
    (folder / "talkative.py").write_text(MODE)
    return folder


class Gardener:
    """Plants secrets in a daemon."""

    def __init__(self, daemon: Daemon, plants: Plants) -> None:
        self.daemon, self.plant = daemon, plants
        self.session = daemon.session()
        self.api = self.session.xenapi
        (pool,) = self.api.pool.get_all()
        self.pool, self.coordinator = pool, self.api.pool.get_master(pool)
        self.member = min(ref for ref in self.api.host.get_all() if ref != self.coordinator)
        plants.add("the session", self.session.handle)
        plants.add("the password of root", daemon.password or "")
        self.answers: list[object] = []

    def ask(self, call: Callable[..., object], *args: object) -> None:
        """Make a call that may fail; what it answers is looked through as well."""
        try:
            call(*args)
        except XenAPI.Failure as failure:
            self.answers.append(failure.details)

    def leave(self, call: Callable[..., str], *args: object) -> None:
        """Make a call in the background and wait for its end. The record of its task stays."""
        with contextlib.suppress(XenAPI.Failure):
            task = call(*args)
            ended(self.api, task)

    def log_in(self) -> None:
        stranger = xmlrpc.client.ServerProxy(self.daemon.url, context=unverified(), allow_none=True)
        plant = self.plant
        self.answers += [
            stranger.session.login_with_password("root", plant("wrong password"), "2.23", "x"),
            stranger.session.login_with_password("someone", plant("password of a stranger"), "2.23", "x"),
            stranger.session.login_with_password("root", plant("password in a call with too many"), "2", "x", "y"),
            stranger.session.login_with_password("root", [plant("password of the wrong type")], "2.23", "x"),
            stranger.session.slave_login(self.coordinator, plant("pool secret")),
            stranger.session.slave_local_login_with_password("root", plant("local password")),
            stranger.host.get_all(plant("invented session")),
        ]
        new = plant("new password")
        self.api.session.change_password(plant("old password"), new)
        self.daemon.session(password=new)
        self.api.session.change_password(new, self.daemon.password)
        self.ask(self.api.session.change_password, "", plant("password that is not ASCII") + "\u20ac")

    def keep_secrets(self) -> None:
        plant, api = self.plant, self.api
        kept = api.secret.create({"value": plant("secret"), "other_config": {}})
        api.secret.set_value(kept, plant("changed secret"))
        api.secret.introduce("11111111-2222-3333-4444-555555555555", plant("introduced secret"), {})
        self.ask(api.secret.create, {"value": {plant("secret of the wrong type"): ""}, "other_config": {}})
        self.ask(api.secret.set_value, kept, [plant("value of the wrong type")])
        self.ask(api.secret.set_value, "OpaqueRef:none", plant("value for nobody"))
        self.ask(api.secret.set_value, kept, plant("value"), plant("value too many"))
        self.leave(api.Async.secret.create, {"value": plant("secret in a task"), "other_config": {}})
        api.secret.destroy(api.secret.create({"value": plant("destroyed secret"), "other_config": {}}))

    def run_plugins(self) -> None:
        plant, api = self.plant, self.api
        for function in ("quiet", "stumble", "nonsuch"):
            args = {"password": plant(f"argument of {function}"), plant(f"name of an argument of {function}"): ""}
            self.ask(api.host.call_plugin, self.coordinator, "lab", function, args)
            self.leave(api.Async.host.call_plugin, self.coordinator, "lab", function, args)
        self.ask(api.host.call_plugin, self.coordinator, "nonsuch", "quiet", {"a": plant("argument for nothing")})
        vm = next(ref for ref, record in api.VM.get_all_records().items() if record["power_state"] == "Running")
        script = {"username": "Administrator", "password": plant("password in a guest"), "script": plant("script")}
        api.pool.add_to_other_config(self.pool, "allow_guest_agent_run_script", "true")
        self.ask(api.VM.call_plugin, vm, "guest-agent-operation", "run-script", script)
        self.ask(api.host.call_extension, self.coordinator, json.dumps({"method": "no", "params": [plant("parameter")]}))
        self.ask(api.Lab.nonsuch, plant("parameter of an unknown message"))

    def switch_hosts(self) -> None:
        plant, api = self.plant, self.api
        api.host.disable(self.member)
        api.host.shutdown(self.member)
        for how in ("raise", "exit", "return"):
            secret = api.secret.create({"value": plant(f"power-on password {how}"), "other_config": {}})
            config = {"power_on_password_secret": api.secret.get_uuid(secret), "how": how}
            api.host.set_power_on_mode(self.member, "talkative", config)
            self.ask(api.host.power_on, self.member)
            self.leave(api.Async.host.power_on, self.member)
        for mode in ("IPMI", "Redfish", "DRAC", "iLO"):
            secret = api.secret.create({"value": plant(f"password for {mode}"), "other_config": {}})
            where = {"power_on_ip": "127.0.0.1:1", "power_on_user": "admin", "power_off_grace": "0"}
            api.host.set_power_on_mode(self.member, mode, where | {"power_on_password_secret": api.secret.get_uuid(secret)})
            if mode != "IPMI":  # it takes seconds to find nobody
                self.ask(api.host.power_on, self.member)

    def attach_storage(self) -> None:
        plant, api = self.plant, self.api
        for number, key in enumerate(("chappassword", "password", "cifspassword")):
            config = {"target": "192.0.2.1", "targetIQN": "iqn.2020-01.a:b", "SCSIid": "1"}
            made = (self.coordinator, config | {key: plant(key)}, "0", "a", "b", "lvmoiscsi", "user", True, {})
            self.ask(api.SR.create, *made)
            self.leave(api.Async.SR.create, *made)
            self.ask(api.SR.probe, self.coordinator, config | {key: plant(f"{key} of a probe")}, "lvmoiscsi", {})
            sr = api.SR.introduce(f"99999999-2222-3333-4444-55555555555{number}", "a", "b", "lvmoiscsi", "user", True, {})
            mine = config | {key: plant(f"{key} of a PBD")}
            self.ask(api.PBD.create, {"host": self.coordinator, "SR": sr, "device_config": mine, "other_config": {}})

    def join_others(self) -> None:
        plant, api = self.plant, self.api
        self.ask(api.pool.join, "127.0.0.1:1", "root", plant("password of another pool"))
        self.ask(api.pool.join_force, "127.0.0.1:1", "root", plant("password of yet another pool"))
        config = {"user": "Administrator", "pass": plant("password of a domain")}
        self.ask(api.pool.enable_external_auth, self.pool, config, "example.invalid", "AD")
        self.ask(api.pool.enable_external_auth, self.pool, config, "example.invalid", "nonsuch")
        self.ask(api.host.enable_external_auth, self.coordinator, config, "example.invalid", "AD")
        self.ask(api.pool.disable_external_auth, self.pool, {"user": "a", "pass": plant("password to leave a domain")})
        balancer = plant("password of a balancer"), "root", plant("password for a balancer")
        self.ask(api.pool.initialize_wlb, "127.0.0.1:1", "user", *balancer)
        self.ask(api.pool.configure_repository_proxy, self.pool, "http://proxy.invalid", "user", plant("password of a proxy"))
        vm = next(ref for ref, record in api.VM.get_all_records().items() if not record["is_a_template"])
        address = f"http://user:{plant('password in an address')}@127.0.0.1:1/"
        self.ask(getattr(api.VM, "import"), address, "OpaqueRef:NULL", False, False)
        there = {"host": "OpaqueRef:a", "session_id": plant("session elsewhere"), "master": "https://127.0.0.1:1/"}
        for call in (self.ask, self.leave):
            migrate = api.VM.migrate_send if call == self.ask else api.Async.VM.migrate_send
            call(migrate, vm, there | {"SM": "x", "xenops": "x"}, True, {}, {}, {}, {})

    def install_keys(self) -> None:
        key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA"], capture_output=True, text=True, check=True).stdout
        self.plant.add("a private key", key.splitlines()[5])
        self.ask(self.api.host.install_server_certificate, self.coordinator, "no certificate", key, "")
        self.leave(self.api.Async.host.install_server_certificate, self.coordinator, "no certificate", key, "")

    def use_http(self) -> None:
        plant = self.plant
        token = base64.b64encode(f"root:{plant('password in a header')}".encode()).decode()
        broken = json.dumps({"method": "session.login_with_password", "params": plant("broken JSON-RPC"), "id": 1})
        for method, path, headers, body in (
            ("GET", f"/rrd_updates?session_id={plant('session in an address')}&start=0", {}, ""),
            ("GET", "/audit_log", {"Authorization": f"Basic {token}"}, ""),
            ("GET", "/audit_log", {"Cookie": f"session_id={plant('session in a cookie')}"}, ""),
            ("GET", f"/export?pool_secret={plant('pool secret in an address')}&uuid=x", {}, ""),
            ("POST", "/", {}, f"<methodCall><methodName>{plant('broken XML-RPC')}"),
            ("POST", "/jsonrpc", {}, broken),
        ):
            self.answers.append(self.fetch(method, path, headers, body))

    def type_commands(self) -> None:
        plant, url = self.plant, self.daemon.url
        xe, wrong = ThinClient(url, self.daemon.password), ThinClient(url, plant("wrong password of a command line"))
        self.answers.append(wrong("host-list"))
        for words in (
            ("secret-create", f"value={plant('secret on a command line')}"),
            ("secret-create", f"val={plant('secret on a wrong command line')}"),
            ("user-password-change", f"old={plant('old password on a command line')}", f"new={self.daemon.password}"),
            ("host-call-plugin", f"host-uuid={self.api.host.get_uuid(self.coordinator)}", "plugin=lab", "fn=stumble",
             f"args:a={plant('argument on a command line')}"),
            ("pool-join", "master-address=127.0.0.1", "master-username=root", f"master-password={plant('password on one')}"),
            ("sr-create", "type=lvmoiscsi", "name-label=x", "shared=true",
             f"device-config:chappassword={plant('chappassword on one')}"),
            ("nonsuch-command", f"password={plant('password of an unknown command')}"),
        ):  # fmt: skip
            self.answers.append(xe(*words))

    def fetch(self, method: str, path: str, headers: dict[str, str], body: str) -> object:
        """Status, headers and body of an answer, if there is one."""
        daemon = self.daemon
        connection = http.client.HTTPSConnection(daemon.address, daemon.port, timeout=20, context=unverified())
        try:
            connection.request(method, path, body.encode(), headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


ECHOED = {"invented session", "password of the wrong type", "secret of the wrong type", "value of the wrong type"}
"""What errors repeat to the one who sent it."""
CLASSES = (
    "task", "message", "host", "pool", "PBD", "SR", "VM", "subject", "VDI", "network", "Certificate", "role",
)  # fmt: skip


def readable(gardener: Gardener) -> dict[str, bytes]:
    """What users of the API can read, secrets themselves and their own sessions apart."""
    api = gardener.api
    found = {f"records of {cls}": repr(getattr(api, cls).get_all_records()).encode() for cls in CLASSES}
    found["events"] = repr(getattr(api.event, "from")(["*"], "", 1.0)).encode()
    found["answers"] = repr(gardener.answers).encode()
    status, _, lines = gardener.fetch("GET", f"/audit_log?session_id={gardener.session.handle}", {}, "")
    assert (status, b"secret.create" in lines) == (200, True)
    found["audit log"] = lines
    for path in ("system-status", "host_logs_download"):
        status, _, archive = gardener.fetch("GET", f"/{path}?session_id={gardener.session.handle}&output=tar", {}, "")
        assert status == 200
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            found |= {f"{path}: {member.name}": files.extractfile(member).read() for member in files if member.isfile()}
    return found


def kept(state: Path) -> dict[str, bytes]:
    """The files of the state directory, as far as they are not keys."""
    files = (file for file in state.rglob("*") if file.is_file() and file.name not in ("secrets.key", "host.pem"))
    return {f"file {file.relative_to(state)}": file.read_bytes() for file in files}


def test_what_is_secret_is_found_nowhere(xapid_daemons: Daemons, folder: Path, tmp_path: Path) -> None:
    state, plants = tmp_path / "state", Plants()
    flags = ("--log-level", "debug", "--plugins", str(folder), "--plugin-time-limit", "20")
    daemon = xapid_daemons.start("--state", str(state), *flags, password="r00t-password-7d1")
    gardener = Gardener(daemon, plants)
    gardener.log_in()
    gardener.keep_secrets()
    gardener.run_plugins()
    gardener.switch_hosts()
    gardener.attach_storage()
    gardener.join_others()
    gardener.install_keys()
    gardener.use_http()
    gardener.type_commands()
    places = readable(gardener) | kept(state)
    daemon.stop()
    places |= {f"{name}, afterwards": data for name, data in kept(state).items()}
    places["log"] = daemon.log.encode()
    assert b"said: ********" in places["log"]
    found = {place: plants.found_in(data) for place, data in places.items()}
    found["answers"] -= ECHOED
    assert {place: what for place, what in found.items() if what} == {}


def test_what_is_planted_would_be_found(tmp_path: Path) -> None:
    plants = Plants()
    text = plants("something")
    for form in (text, base64.b64encode(text.encode()).decode(), base64.b64encode(f"root:{text}".encode()).decode()):
        assert plants.found_in(f"before {form} after".encode()) == {"something"}
    assert plants.found_in(b"nothing") == set()
