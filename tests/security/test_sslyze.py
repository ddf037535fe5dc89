"""TLS as an independent scanner sees it. It lives in an environment of its own, since it pins older libraries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

SUITES = [
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    "TLS_RSA_WITH_AES_256_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
]
SCANS = [
    "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--certinfo",
    "--elliptic_curves", "--resum", "--reneg", "--heartbleed", "--openssl_ccs", "--compression", "--robot",
]  # fmt: skip


@pytest.fixture(scope="module")
def sslyze(request, tmp_path_factory) -> str:
    """``$SSLYZE``, or one on the path, or one that is installed for this test."""
    found = os.environ.get("SSLYZE") or shutil.which("sslyze")
    if found:
        return found
    environment = tmp_path_factory.mktemp("sslyze")
    venv.create(environment, with_pip=True)
    command = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "sslyze>=6.3"]
    if subprocess.run(command, check=False).returncode != 0:
        if request.config.getoption("--no-skips"):
            pytest.fail("sslyze cannot be installed", pytrace=False)
        pytest.skip("sslyze cannot be installed")
    return str(environment / "bin" / "sslyze")


@pytest.fixture(scope="module")
def scan(sslyze, xapid_daemon, tmp_path_factory) -> dict:
    """What sslyze found, by scan."""
    out: Path = tmp_path_factory.mktemp("scan") / "scan.json"
    target = f"{xapid_daemon.address}:{xapid_daemon.port}"
    command = [sslyze, "--json_out", str(out), "--mozilla_config", "disable", *SCANS, target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert out.exists(), done.stdout + done.stderr
    (result,) = json.loads(out.read_text())["server_scan_results"]
    assert result["connectivity_status"] == "COMPLETED", result
    return {name: scan["result"] for name, scan in result["scan_result"].items() if scan and scan["status"] == "COMPLETED"}


@pytest.mark.parametrize("version", ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_3"])
def test_no_other_version_is_spoken(scan, version):
    assert scan[f"{version}_cipher_suites"]["accepted_cipher_suites"] == []


def test_tls_1_2_is_spoken_with_exactly_the_four_suites(scan):
    accepted = [suite["cipher_suite"]["name"] for suite in scan["tls_1_2_cipher_suites"]["accepted_cipher_suites"]]
    assert sorted(accepted) == sorted(SUITES)


def test_curves_that_old_and_new_clients_insist_on_are_there(scan):
    curves = {curve["name"] for curve in scan["elliptic_curves"]["supported_curves"]}
    assert {"secp256r1", "secp384r1"} <= curves


def test_sessions_are_resumed_by_ticket(scan):
    assert scan["session_resumption"]["tls_ticket_resumption_result"] == "FULLY_SUPPORTED"


def test_no_known_weakness_is_found(scan):
    assert not scan["heartbleed"]["is_vulnerable_to_heartbleed"]
    assert not scan["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"]
    assert not scan["tls_compression"]["supports_compression"]
    assert not scan["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"]
    assert scan["robot"]["robot_result"].startswith("NOT_VULNERABLE")


def test_the_certificate_is_rsa_with_sha_256(scan):
    (deployment,) = scan["certificate_info"]["certificate_deployments"]
    leaf = deployment["received_certificate_chain"][0]
    assert leaf["signature_hash_algorithm"]["name"] == "sha256"
    assert (leaf["public_key"]["algorithm"], leaf["public_key"]["key_size"]) == ("RSAPublicKey", 2048)
