"""Whether certificates may be installed, in the order in which clients are told what is wrong with them.

Serves ``host.install_server_certificate`` and the calls that install certificates which the pool trusts.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import SignatureAlgorithmOID

from xapid.datamodel.errors import XenAPIError

SIZES: Final = range(2048, 4097)
RSA: Final = "1.2.840.113549.1.1.1"
SIGNATURES: Final = (SignatureAlgorithmOID.RSA_WITH_SHA256, SignatureAlgorithmOID.RSA_WITH_SHA512)

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_BEGIN = "-----BEGIN "
_SEQUENCE, _INTEGER, _OCTETS, _IDENTIFIER = 0x30, 0x02, 0x04, 0x06
_SHORT, _LONGEST = 0x80, 4


def check_server_certificate(certificate: str, key: str, chain: str, now: datetime) -> x509.Certificate:
    """The certificate, if a host can show it. Errors: the SERVER_CERTIFICATE_… codes."""
    private = _key(key)
    leaf = _only(certificate)
    if leaf is None:
        raise XenAPIError("SERVER_CERTIFICATE_INVALID")
    check_dates(leaf, now, "SERVER_CERTIFICATE_NOT_VALID_YET", "SERVER_CERTIFICATE_EXPIRED")
    try:
        matches = leaf.public_key() == private.public_key()
    except (ValueError, UnsupportedAlgorithm):
        matches = False
    if not matches:
        raise XenAPIError("SERVER_CERTIFICATE_KEY_MISMATCH")
    if leaf.signature_algorithm_oid not in SIGNATURES:
        raise XenAPIError("SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED")
    if chain and not _vouches(chain, leaf):
        raise XenAPIError("SERVER_CERTIFICATE_CHAIN_INVALID")
    return leaf


def check_trusted(pem: str, now: datetime, kind: str) -> x509.Certificate:
    """A certificate that the pool is to trust. Errors: ``kind`` with _INVALID, _NOT_VALID_YET or _EXPIRED."""
    found = _only(pem)
    if found is None:
        raise XenAPIError(f"{kind}_INVALID")
    check_dates(found, now, f"{kind}_NOT_VALID_YET", f"{kind}_EXPIRED")
    return found


def check_dates(certificate: x509.Certificate, now: datetime, early: str, late: str) -> None:
    """Errors: ``early`` before the certificate holds, ``late`` when it does no longer."""
    if certificate.not_valid_before_utc > now:
        raise XenAPIError(early, _text(now), _text(certificate.not_valid_before_utc))
    if certificate.not_valid_after_utc < now:
        raise XenAPIError(late, _text(now), _text(certificate.not_valid_after_utc))


def certificate_fields(certificate: x509.Certificate) -> dict[str, Any]:
    """What a ``Certificate`` object says of a certificate."""
    algorithms = hashes.SHA256(), hashes.SHA1()  # noqa: S303 - the API has a field for it
    sha256, sha1 = (certificate.fingerprint(algorithm).hex(":").upper() for algorithm in algorithms)
    return {
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "fingerprint": sha256,
        "fingerprint_sha256": sha256,
        "fingerprint_sha1": sha1,
    }


def _only(pem: str) -> x509.Certificate | None:
    """The certificate in a text that holds nothing else; text around it does not matter."""
    if _der(pem, "CERTIFICATE") is None:
        return None
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None


def _vouches(chain: str, leaf: x509.Certificate) -> bool:
    """Whether these are certificates, and the issuer of ``leaf`` is among them."""
    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
    except ValueError:
        return False
    return any(_issued(leaf, by) for by in certificates)


def _issued(leaf: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _text(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H:%M:%SZ}"


# Keys: what is in them is looked at before a library that refuses most of it without saying why --------------------------


def _key(text: str) -> rsa.RSAPrivateKey:
    """The key in a text that holds nothing else. Errors: the SERVER_CERTIFICATE_KEY_… codes."""
    invalid = XenAPIError("SERVER_CERTIFICATE_KEY_INVALID")
    der = _der(text, "PRIVATE KEY")
    if der is None:
        raise invalid
    try:
        algorithm, inner = _private_key_info(der)
        if algorithm != RSA:
            raise XenAPIError("SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED", algorithm)
        version, modulus = _rsa_private_key(inner)
    except (ValueError, StopIteration):
        raise invalid from None
    if version:
        raise XenAPIError("SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED")
    if modulus.bit_length() not in SIZES:
        raise XenAPIError("SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED", str(modulus.bit_length()))
    try:
        key = serialization.load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise invalid from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise invalid
    return key


def _der(text: str, label: str) -> bytes | None:
    """What the only PEM block in ``text`` holds, if it has that label."""
    found = _BLOCK.findall(text)
    if text.count(_BEGIN) != 1 or [name for name, _ in found] != [label]:
        return None
    try:
        return base64.b64decode("".join(found[0][1].split()), validate=True)
    except binascii.Error:
        return None


def _private_key_info(der: bytes) -> tuple[str, bytes]:
    """The algorithm of a key in PKCS#8, and what is inside. Raises ValueError, StopIteration."""
    ((tag, body),) = _values(der)
    _expect(tag, _SEQUENCE)
    parts = _values(body)
    _expect(next(parts)[0], _INTEGER)
    tag, algorithm = next(parts)
    _expect(tag, _SEQUENCE)
    kind, identifier = next(_values(algorithm))
    _expect(kind, _IDENTIFIER)
    tag, inner = next(parts)
    _expect(tag, _OCTETS)
    return x509.ObjectIdentifier(_dotted(identifier)).dotted_string, inner


def _rsa_private_key(der: bytes) -> tuple[int, int]:
    """The version, which is 1 for keys of more than two primes, and the modulus. Raises ValueError, StopIteration."""
    ((tag, body),) = _values(der)
    _expect(tag, _SEQUENCE)
    parts = _values(body)
    (first, version), (second, modulus) = next(parts), next(parts)
    _expect(first, _INTEGER)
    _expect(second, _INTEGER)
    return int.from_bytes(version, "big"), int.from_bytes(modulus, "big")


def _values(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents, one after the other. Raises ValueError."""
    at = 0
    while at < len(der):
        header = der[at : at + 2]
        if len(header) != 2:
            raise ValueError
        tag, length = header
        at += 2
        if length >= _SHORT:
            size = length - _SHORT
            if not 0 < size <= _LONGEST:
                raise ValueError
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        body = der[at : at + length]
        if len(body) != length:
            raise ValueError
        yield tag, body
        at += length


def _expect(tag: int, wanted: int) -> None:
    if tag != wanted:
        raise ValueError


def _dotted(identifier: bytes) -> str:
    """An object identifier as people write it. Raises ValueError."""
    numbers, value = [], 0
    for byte in identifier:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers or identifier[-1] & 0x80:
        raise ValueError
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))
