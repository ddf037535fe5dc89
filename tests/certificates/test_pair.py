"""Certificates that the server makes for itself."""

from __future__ import annotations

import ipaddress
import stat
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from xapid.certificates import pair as certificate
from xapid.certificates.pair import Certificate

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def made() -> Certificate:
    return certificate.self_signed(["host-1.example", "192.0.2.1", "::1", "192.0.2.1"], NOW)


@cache
def authority() -> Certificate:
    return certificate.authority("Development", NOW)


def test_a_self_signed_certificate_names_every_address_and_holds_from_before_now() -> None:
    leaf = made().leaf
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["host-1.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("::1")]
    assert isinstance(leaf.signature_hash_algorithm, SHA256)
    assert made().key.key_size == 2048
    assert leaf.not_valid_before_utc < NOW < leaf.not_valid_after_utc
    leaf.verify_directly_issued_by(leaf)


def test_an_authority_vouches_for_servers() -> None:
    issued = certificate.issued(authority(), ["localhost"], NOW, timedelta(days=30))
    issued.leaf.verify_directly_issued_by(authority().leaf)
    assert issued.chain == (authority().leaf,)
    assert authority().leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not issued.leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_saved_certificate_is_read_back_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    path.write_text("old")
    made().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["server.pem"]
    assert Certificate.load(path).fingerprint == made().fingerprint


@pytest.mark.parametrize("pem", [b"", b"nonsense", authority().certificate_pem, made().key_pem + authority().certificate_pem])
def test_what_is_no_pair_is_refused(pem: bytes) -> None:
    with pytest.raises(ValueError):  # the wording is OpenSSL's
        Certificate.from_pem(pem)


def test_the_fingerprint_is_the_one_that_people_compare() -> None:
    parts = made().fingerprint.split(":")
    assert len(parts) == 32
    assert made().fingerprint == made().fingerprint.upper()
