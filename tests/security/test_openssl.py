"""TLS of a running daemon as ``openssl s_client`` sees it: version, suites and their order, groups, resumption, the end."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from xapid.testing.processes import Daemon

SUITES = ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA384", "AES256-SHA256", "AES128-SHA256"]
REQUEST = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}"
CALL = "<methodCall><methodName>system.listMethods</methodName><params></params></methodCall>"

Handshake = Callable[..., str]


@pytest.fixture(scope="module")
def openssl(request: pytest.FixtureRequest) -> str:
    done = subprocess.run(["sh", "-c", "command -v openssl"], capture_output=True, text=True, check=False)
    if done.returncode != 0 and request.config.getoption("--no-skips"):
        pytest.fail("openssl is not installed", pytrace=False)
    if done.returncode != 0:
        pytest.skip("openssl is not installed")
    return done.stdout.strip()


@pytest.fixture
def handshake(xapid_daemon: Daemon, openssl: str) -> Handshake:
    def run(*options: str, say: str = "") -> str:
        command = [openssl, "s_client", "-connect", f"{xapid_daemon.address}:{xapid_daemon.port}", *options]
        done = subprocess.run(command, input=say, capture_output=True, text=True, timeout=20, check=False, errors="replace")
        return done.stdout + done.stderr

    return run


def suite(output: str) -> str:
    """The one that was agreed on, or ``(NONE)``."""
    found = re.search(r"^New, \S+, Cipher is (\S+)$|^Reused, \S+, Cipher is (\S+)$", output, re.MULTILINE)
    assert found is not None, output
    return found[1] or found[2]


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1", "-tls1_3"])
def test_no_other_version_than_tls_1_2_is_spoken(handshake: Handshake, version: str) -> None:
    assert suite(handshake(version, "-cipher", "ALL:@SECLEVEL=0")) == "(NONE)"


def test_a_client_of_today_gets_tls_1_2_and_the_first_suite(handshake: Handshake) -> None:
    output = handshake()
    assert f"New, TLSv1.2, Cipher is {SUITES[0]}" in output
    assert re.search(r"^ *Protocol *: TLSv1.2$", output, re.MULTILINE)
    assert "Secure Renegotiation IS supported" in output


def test_exactly_four_suites_are_spoken(handshake: Handshake, openssl: str) -> None:
    listed = subprocess.run(
        [openssl, "ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True, check=True
    ).stdout
    others = [name for name in listed.strip().split(":") if name not in SUITES]
    assert len(others) > 50
    assert suite(handshake("-tls1_2", "-cipher", ":".join(others) + ":@SECLEVEL=0")) == "(NONE)"
    assert [suite(handshake("-tls1_2", "-cipher", name)) for name in SUITES] == SUITES


@pytest.mark.parametrize("groups", [(), ("-groups", "P-256"), ("-groups", "P-384")], ids=["any", "P-256", "P-384"])
def test_the_servers_order_counts_whatever_the_clients_is_and_whichever_curve_it_has(
    handshake: Handshake, groups: tuple[str, ...]
) -> None:
    for first in range(len(SUITES)):
        offered = list(reversed(SUITES[first:]))
        output = handshake("-tls1_2", "-cipher", ":".join(offered), *groups)
        assert suite(output) == SUITES[first]
        if groups and SUITES[first].startswith("ECDHE"):
            assert f"Server Temp Key: ECDH, {'prime256v1' if groups[1] == 'P-256' else 'secp384r1'}" in output


def test_a_session_is_resumed_by_ticket(handshake: Handshake, tmp_path: Path) -> None:
    kept = str(tmp_path / "session")
    first = handshake("-sess_out", kept)
    assert "TLS session ticket:" in first
    assert f"Reused, TLSv1.2, Cipher is {SUITES[0]}" in handshake("-sess_in", kept)
    assert f"Reused, TLSv1.2, Cipher is {SUITES[0]}" in handshake("-sess_in", kept, "-servername", "other")


def test_an_odd_server_name_is_passed_over(handshake: Handshake) -> None:
    for name in ("not.this.host", "a_b", "x" * 200, "127.0.0.1"):
        assert suite(handshake("-servername", name)) == SUITES[0]


def test_the_end_is_announced_with_close_notify(handshake: Handshake) -> None:
    output = handshake("-msg", "-quiet", say=REQUEST.format(len(CALL), CALL))
    assert "HTTP/1.1 200 OK" in output
    assert re.search(r"<<< TLS 1\.2, Alert \[length 0002\], warning close_notify", output), output[-2000:]


def test_renegotiation_is_refused(handshake: Handshake) -> None:
    output = handshake("-tls1_2", "-msg", say="R\n")
    assert re.search(r"<<< TLS 1\.2, Alert \[length 0002\], warning no_renegotiation", output), output[-2000:]


def test_the_certificate_names_the_address_and_is_rsa_with_sha_256(
    handshake: Handshake, openssl: str, xapid_daemon: Daemon
) -> None:
    output = handshake("-showcerts")
    pem = output[output.index("-----BEGIN CERT") : output.index("-----END CERT") + 25]
    shown = subprocess.run([openssl, "x509", "-noout", "-text"], input=pem, capture_output=True, text=True, check=True).stdout
    assert "Signature Algorithm: sha256WithRSAEncryption" in shown
    assert "Public-Key: (2048 bit)" in shown
    assert f"IP Address:{xapid_daemon.address}" in shown
