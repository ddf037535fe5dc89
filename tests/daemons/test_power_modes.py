"""The power modes that ship with xapid, against emulated management controllers and programs, with the stock client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import XenAPI

import bmc
from xapid.testing.processes import Daemons, session_of

pytestmark = pytest.mark.daemon


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A folder on the path of the daemon, empty at first."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def daemon(programs):
    with Daemons() as daemons:
        yield daemons.start(
            "--duration-profile", "instant", "--seed", "3", environ={"PATH": f"{programs}:{os.environ['PATH']}"}
        )


@pytest.fixture
def api(daemon):
    with session_of(daemon) as session:
        yield session.xenapi


@pytest.fixture
def ipmi(tool, tmp_path):
    with bmc.ipmi(tool("ipmi_sim"), tmp_path) as emulated:
        yield emulated


@pytest.fixture
def redfish(tool, tmp_path):
    with bmc.redfish(tool(os.environ.get("SUSHY") or "sushy-emulator"), tmp_path) as emulated:
        yield emulated


class Host:
    """A simulated host, and its power."""

    def __init__(self, api):
        (pool,) = api.pool.get_all()
        self.api, self.coordinator = api, api.pool.get_master(pool)
        self.ref = min(ref for ref in api.host.get_all() if ref != self.coordinator)
        self.uuid = api.host.get_uuid(self.ref)
        if not self.live:
            self.set("wake-on-lan")
            self.on()

    @property
    def live(self):
        return self.api.host_metrics.get_live(self.api.host.get_metrics(self.ref))

    def set(self, mode, password=None, **config):
        """Set its mode, with a new secret for the password."""
        if password is not None:
            secret = self.api.secret.create({"value": password, "other_config": {}})
            config |= {"power_on_user": bmc.USER, "power_on_password_secret": self.api.secret.get_uuid(secret)}
        self.api.host.set_power_on_mode(self.ref, mode, config)

    def on(self):
        self.api.host.power_on(self.ref)

    def off(self):
        self.api.host.disable(self.ref)
        self.api.host.shutdown(self.ref)

    def plugin(self, function):
        return self.api.host.call_plugin(self.coordinator, "power-on-host", function, {"remote_host_uuid": self.uuid})

    def alerts(self):
        """Messages about its power, which are destroyed."""
        found = self.api.message.get_all_records().items()
        about = [(ref, message) for ref, message in found if message["name"] == "HOST_POWER_OFF_FAILED"]
        for ref, _ in about:
            self.api.message.destroy(ref)
        return [message["body"].split("\n") for _, message in about]


@pytest.fixture
def host(api):
    host = Host(api)
    yield host
    host.set("")


def error(call, *args):
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    return caught.value.details


# IPMI -----------------------------------------------------------------------------------------------------------------


def test_ipmi_switches_a_host_on_and_off(host, ipmi):
    host.set("IPMI", bmc.PASSWORD, power_on_ip=ipmi.address)
    ipmi.power = "on"
    host.off()
    assert (host.live, ipmi.power, ipmi.calls) == (False, "off", ["set shutdown 1"])
    assert host.plugin("power_status") == "off"
    host.on()
    assert (host.live, ipmi.power, ipmi.calls) == (True, "on", ["set power 1"])
    assert host.plugin("power_status") == "on"
    host.api.host.disable(host.ref)
    ipmi.turn_deaf()
    host.set("IPMI", bmc.PASSWORD, power_on_ip=ipmi.address, power_off_grace="1")
    said = host.plugin("power_off")
    assert said == f"the IPMI controller at {ipmi.address} says that the host is off already"
    assert (host.live, ipmi.power, ipmi.calls) == (False, "off", ["set shutdown 1", "set power 0"])
    assert host.plugin("main") == "True"
    assert (host.live, ipmi.power, host.alerts()) == (True, "on", [])


def test_an_ipmi_controller_that_refuses_fails_the_call_alone(host, ipmi):
    host.set("IPMI", bmc.PASSWORD + "!", power_on_ip=ipmi.address)
    host.off()
    said = f"the IPMI controller at {ipmi.address}: Incorrect password provided"
    assert host.alerts() == [["XENAPI_PLUGIN_FAILURE", "main", "IPMI_POWEROFF_FAILED", said]]
    assert not host.live
    assert error(host.on) == ["XENAPI_PLUGIN_FAILURE", "main", "IPMI_POWERON_FAILED", said]
    assert error(host.plugin, "power_off") == ["XENAPI_PLUGIN_FAILURE", "main", "IPMI_POWEROFF_FAILED", said]
    assert error(host.plugin, "power_status") == ["XENAPI_PLUGIN_FAILURE", "main", "IPMI_POWERON_FAILED", said]
    host.set("IPMI", power_on_ip=ipmi.address)
    assert error(host.on) == ["XENAPI_PLUGIN_FAILURE", "main", "HOST_POWER_ON_NOT_CONFIGURED", "power_on_user is not set"]
    assert not host.live


# Redfish --------------------------------------------------------------------------------------------------------------


def test_redfish_switches_a_host_off_and_on(host, redfish):
    host.set("Redfish", bmc.PASSWORD, power_on_ip=redfish.address, power_on_fingerprint=redfish.fingerprint)
    assert host.plugin("power_status") == "on"
    host.off()
    assert (host.live, host.plugin("power_status"), host.alerts()) == (False, "off", [])
    host.on()
    assert (host.live, host.plugin("power_status")) == (True, "on")
    host.api.host.disable(host.ref)
    assert host.plugin("power_off") == f"the Redfish service at {redfish.address} says that the host is off already"

    wrong = {"power_on_ip": redfish.address, "power_on_fingerprint": "ab" * 32}
    host.set("Redfish", bmc.PASSWORD, **wrong)
    said = f"the Redfish service at {redfish.address} shows another certificate than power_on_fingerprint says: "
    assert error(host.on) == ["XENAPI_PLUGIN_FAILURE", "main", "REDFISH_POWERON_FAILED", said + redfish.fingerprint]
    host.set("Redfish", bmc.PASSWORD, power_on_ip=redfish.address)
    assert error(host.on)[-1].endswith(f"If it is the right one, set power_on_fingerprint to {redfish.fingerprint}")
    host.set("Redfish", "wrong", power_on_ip=redfish.address, power_on_fingerprint=redfish.fingerprint)
    assert error(host.on)[-1] == f"the Redfish service at {redfish.address} does not accept user and password"
    host.set(
        "Redfish", bmc.PASSWORD, power_on_ip=redfish.address, power_on_fingerprint=redfish.fingerprint, power_on_system="2"
    )
    assert error(host.on)[-1].startswith("power_on_system must be one of the systems of the Redfish service")
    assert not host.live


@pytest.mark.parametrize(
    ("mode", "unreachable", "failed"),
    [("DRAC", "DRAC_POWERON_FAILED", "DRAC_POWERON_FAILED"), ("iLO", "ILO_CONNECTION_ERROR", "ILO_POWERON_FAILED")],
)
def test_drac_and_ilo_speak_redfish_where_the_makers_programs_are_missing(host, redfish, mode, unreachable, failed):
    config = {"power_on_ip": redfish.address, "power_on_fingerprint": redfish.fingerprint, "power_off_grace": "0"}
    host.set(mode, bmc.PASSWORD, **config)
    host.off()
    assert (host.live, host.plugin("power_status"), host.alerts()) == (False, "off", [])
    host.set(mode, "wrong", **config)
    assert error(host.on)[1:3] == ["main", failed]
    host.set(mode, bmc.PASSWORD, **config | {"power_on_ip": "127.0.0.1:1"})
    assert error(host.on)[1:3] == ["main", unreachable]
    host.set(mode, bmc.PASSWORD, **config)
    host.on()
    assert (host.live, host.plugin("power_status")) == (True, "on")


# Programs of the makers -----------------------------------------------------------------------------------------------

RACADM = """#!/bin/sh
cd "$(dirname "$0")"
echo "racadm $@" >>calls
[ "$6" = "$(cat password)" ] || { echo "ERROR: Login failed with $6"; exit 0; }
case "$8" in
    powerstatus) echo "Server power status: $(cat power)" ;;
    powerup) echo ON >power ;;
    powerdown | graceshutdown) echo OFF >power ;;
    *) exit 2 ;;
esac
"""
ILOREST = """#!/bin/sh
cd "$(dirname "$0")"
shift 3
echo "ilorest $@" >>calls
case "$1 $2" in
    "login "*) [ "$6" = "$(cat password)" ] || { echo "cannot log in with $6" >&2; exit 32; } ;;
    "get "*) echo "PowerState=$(cat power)" ;;
    "reboot On") echo On >power ;;
    "reboot ForceOff" | "reboot PushPowerButton") echo Off >power ;;
    "logout ") ;;
    *) exit 2 ;;
esac
"""


@pytest.fixture
def maker(programs):
    """Puts a program on the path of the daemon, which controls a system that is on."""

    def put(name, text):
        for file, content in ((name, text), ("password", "it's a secret"), ("power", "ON"), ("calls", "")):
            (programs / file).write_text(content)
        (programs / name).chmod(0o755)

    yield put
    for file in programs.iterdir():
        file.unlink()


def calls(programs):
    said = (programs / "calls").read_text().splitlines()
    (programs / "calls").write_text("")
    return said


def test_drac_is_racadm_where_that_is_installed(host, programs, maker, daemon):
    maker("racadm", RACADM)
    host.set("DRAC", "it's a secret", power_on_ip="192.0.2.9")
    host.off()
    head = f"racadm -r 192.0.2.9 -u {bmc.USER} -p it's a secret serveraction"
    assert calls(programs) == [f"{head} powerstatus", f"{head} graceshutdown", f"{head} powerstatus"]
    host.on()
    assert (host.live, calls(programs)) == (True, [f"{head} powerstatus", f"{head} powerup", f"{head} powerstatus"])
    host.set("DRAC", "wrong secret", power_on_ip="192.0.2.9")
    host.off()
    said = "racadm: ERROR: Login failed with ********"
    assert host.alerts() == [["XENAPI_PLUGIN_FAILURE", "main", "DRAC_POWEROFF_FAILED", said]]
    assert error(host.on) == ["XENAPI_PLUGIN_FAILURE", "main", "DRAC_POWERON_FAILED", said]
    assert "wrong secret" not in daemon.log


def test_ilo_is_ilorest_where_that_is_installed(host, programs, maker, daemon):
    maker("ilorest", ILOREST)
    host.set("iLO", "it's a secret", power_on_ip="192.0.2.9")
    (programs / "power").write_text("On")
    host.off()
    said = [line for line in calls(programs) if not line.startswith(("ilorest login", "ilorest logout"))]
    status = "ilorest get PowerState --selector=ComputerSystem."
    assert said == [status, "ilorest reboot PushPowerButton", status]
    host.on()
    assert (host.live, "ilorest reboot On" in calls(programs), host.plugin("power_status")) == (True, True, "on")
    host.set("iLO", "wrong secret", power_on_ip="192.0.2.9")
    host.off()
    assert host.alerts()[0][2] == "ILO_CONNECTION_ERROR"
    said = "ilorest ended with status 32: cannot log in with ********"
    assert error(host.on) == ["XENAPI_PLUGIN_FAILURE", "main", "ILO_CONNECTION_ERROR", said]
    assert "wrong secret" not in daemon.log


# Wake-on-LAN ----------------------------------------------------------------------------------------------------------

IN_A_NAMESPACE = """
import json, socket, subprocess, sys
def ip(words):
    subprocess.run(["ip", *words.split()], check=True)
ip("link set lo up")
ip("link add lan0 type veth peer name lan1")
for number in (1, 2):
    ip(f"address add 10.123.0.{number}/24 broadcast 10.123.0.255 dev lan0")
for link in ("lan0", "lan1"):
    ip(f"link set {link} up")
from xapid.testing.processes import Daemon
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as wire:
    wire.bind(("lan1", 0))
    wire.settimeout(20)
    with Daemon("--bind", "10.123.0.1", "--port", "0", "--ephemeral", "--hosts", "2") as daemon:
        api = daemon.session().xenapi
        (pool,) = api.pool.get_all()
        (host,) = set(api.host.get_all()) - {api.pool.get_master(pool)}
        api.host.set_power_on_mode(host, "Wake-on-LAN", {})
        api.host.disable(host)
        api.host.shutdown(host)
        api.host.power_on(host)
        live = api.host_metrics.get_live(api.host.get_metrics(host))
        (pif,) = [pif for pif in api.PIF.get_all_records().values() if pif["host"] == host and pif["management"]]
        while True:
            frame = wire.recv(2000)
            if frame[23] == 17 and frame[36:38] == bytes([0, 9]):
                break
        print(json.dumps({"frame": frame.hex(), "mac": pif["MAC"], "live": live}))
"""


def test_a_magic_packet_goes_over_the_wire(tool):
    command = [tool("unshare"), "--net", sys.executable, "-c", IN_A_NAMESPACE]
    tool("ip")
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=root)
    if "Operation not permitted" in done.stderr:
        pytest.skip("network namespaces take root")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    frame, mac = bytes.fromhex(seen["frame"]), bytes.fromhex(seen["mac"].replace(":", ""))
    assert frame[:6] == b"\xff" * 6
    assert frame[30:34] == bytes([10, 123, 0, 255])
    assert frame[42:] == b"\xff" * 6 + mac * 16
    assert seen["live"] is True
