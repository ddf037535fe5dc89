"""Management controllers for tests: emulators of IPMI and of Redfish, with one user and one system each."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

USER, PASSWORD = "admin", "hush-hush-hush"
LIMIT = 30.0

CHASSIS = """#!/bin/sh
# Called by ipmi_sim with the address of the controller, and what to get or set.
cd "$(dirname "$0")"
echo "$@" >>calls
case "$2 $3" in
    "get power") echo "power:$(cat power)" ;;
    "set power") echo "$4" >power ;;
    "set shutdown") [ -e deaf ] || echo 0 >power ;;
esac
"""
LAN = """
name "bmc"
set_working_mc 0x20
startlan 1
  addr 127.0.0.1 {port}
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa123456789abcdef
endlan
chassis_control "{folder}/chassis 0x20"
user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
COMMANDS = """
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
mc_enable 0x20
"""


class Ipmi:
    """What ``ipmi_sim`` emulates; ``folder`` has its files."""

    def __init__(self, folder: Path, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._folder = folder

    @property
    def power(self) -> str:
        """``on`` or ``off``."""
        return {"0": "off", "1": "on"}[(self._folder / "power").read_text().strip()]

    @power.setter
    def power(self, state: str) -> None:
        (self._folder / "power").write_text({"off": "0", "on": "1"}[state])

    @property
    def calls(self) -> list[str]:
        """What it was told to do since this was last asked."""
        file = self._folder / "calls"
        calls = [line.removeprefix("0x20 ") for line in file.read_text().splitlines()] if file.exists() else []
        file.write_text("")
        return [call for call in calls if call.startswith("set")]

    def turn_deaf(self) -> None:
        """From now on the system does not shut down when it is asked to."""
        (self._folder / "deaf").touch()


@contextlib.contextmanager
def ipmi(program: str, folder: Path) -> Iterator[Ipmi]:
    """An IPMI controller of a system that is off."""
    port = _free_port(socket.SOCK_DGRAM)
    (folder / "chassis").write_text(CHASSIS)
    (folder / "chassis").chmod(0o755)
    (folder / "lan").write_text(LAN.format(port=port, folder=folder, user=USER, password=PASSWORD))
    (folder / "commands").write_text(COMMANDS)
    (folder / "state").mkdir()
    emulated = Ipmi(folder, port)
    emulated.power = "off"
    with _running([program, "-n", "-c", "lan", "-f", "commands", "-s", "state"], folder, lambda: _is_bound(port)):
        yield emulated


class Redfish:
    """What ``sushy-emulator`` emulates."""

    def __init__(self, address: str, fingerprint: str) -> None:
        self.address, self.fingerprint = address, fingerprint


SUSHY = """
import random
random.randint = lambda least, most: 0  # it takes up to eleven seconds to change state
SUSHY_EMULATOR_AUTH_FILE = "{folder}/users"
SUSHY_EMULATOR_STATE_DIR = "{folder}"
SUSHY_EMULATOR_FAKE_SYSTEMS = [
    {{"uuid": "27946b59-9e44-4fa7-8e91-f3527a1ef094", "name": "fake", "power_state": "On", "nics": []}},
]
"""


@contextlib.contextmanager
def redfish(program: str, folder: Path) -> Iterator[Redfish]:
    """A Redfish service of a system that is on."""
    port = _free_port(socket.SOCK_STREAM)
    fingerprint = _certificate(folder)
    python = Path(program).with_name("python")
    hashing = f"import bcrypt; print(bcrypt.hashpw({PASSWORD.encode()!r}, bcrypt.gensalt(4)).decode())"
    hashed = subprocess.run([python, "-c", hashing], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "users").write_text(f"{USER}:{hashed}\n")
    (folder / "config").write_text(SUSHY.format(folder=folder))
    command = [program, "--fake", "--config", str(folder / "config"), "-i", "127.0.0.1", "-p", str(port)]
    command += ["--ssl-certificate", "certificate", "--ssl-key", "key"]
    with _running(command, folder, lambda: _answers(port)):
        yield Redfish(f"127.0.0.1:{port}", fingerprint)


@contextlib.contextmanager
def _running(command: list[str], folder: Path, is_up: Callable[[], bool]) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + LIMIT
            while not is_up():
                assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _certificate(folder: Path) -> str:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bmc")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - datetime.timedelta(1), now + datetime.timedelta(9))
    signed = builder.sign(key, hashes.SHA256())
    pem, form, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(pem, form, plain))
    (folder / "certificate").write_bytes(signed.public_bytes(pem))
    return signed.fingerprint(hashes.SHA256()).hex()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def _answers(port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", "/redfish/v1/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
