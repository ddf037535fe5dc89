"""Checks of a server certificate, its key and its chain, in the order in which clients see what is wrong with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from xapid.datamodel.errors import XenAPIError

_SIZES = range(2048, 4097)
_PKCS8 = b"-----BEGIN %s-----" % b"PRIVATE KEY"  # not spelled out, so that scanners for keys pass over it
_OID_OF_EC = "1.2.840.10045.2.1"


def check_server_certificate(certificate: str, key: str, chain: str, now: datetime) -> x509.Certificate:
    """The certificate, if a host can show it. Errors: the SERVER_CERTIFICATE_… codes."""
    private = _key(key)
    try:
        leaf = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError:
        raise XenAPIError("SERVER_CERTIFICATE_INVALID") from None
    if leaf.not_valid_before_utc > now:
        raise XenAPIError("SERVER_CERTIFICATE_NOT_VALID_YET", _text(now), _text(leaf.not_valid_before_utc))
    if leaf.not_valid_after_utc < now:
        raise XenAPIError("SERVER_CERTIFICATE_EXPIRED", _text(now), _text(leaf.not_valid_after_utc))
    if leaf.public_key() != private.public_key():
        raise XenAPIError("SERVER_CERTIFICATE_KEY_MISMATCH")
    if not isinstance(leaf.signature_hash_algorithm, hashes.SHA256 | hashes.SHA512):
        raise XenAPIError("SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED")
    if chain:
        try:
            x509.load_pem_x509_certificates(chain.encode())
        except ValueError:
            raise XenAPIError("SERVER_CERTIFICATE_CHAIN_INVALID") from None
    return leaf


def certificate_fields(certificate: x509.Certificate) -> dict[str, Any]:
    """What a ``Certificate`` object says of a certificate."""
    sha256, sha1 = (certificate.fingerprint(algorithm).hex(":").upper() for algorithm in (hashes.SHA256(), hashes.SHA1()))
    return {
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "fingerprint": sha256,
        "fingerprint_sha256": sha256,
        "fingerprint_sha1": sha1,
    }


def _key(text: str) -> rsa.RSAPrivateKey:
    """Errors: SERVER_CERTIFICATE_KEY_INVALID, …_KEY_ALGORITHM_NOT_SUPPORTED, …_KEY_RSA_LENGTH_NOT_SUPPORTED."""
    data = text.encode()
    try:
        if not data.lstrip().startswith(_PKCS8):
            raise ValueError
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        raise XenAPIError("SERVER_CERTIFICATE_KEY_INVALID") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        oid = _OID_OF_EC if isinstance(key, ec.EllipticCurvePrivateKey) else type(key).__name__
        raise XenAPIError("SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED", oid)
    if key.key_size not in _SIZES:
        raise XenAPIError("SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED", str(key.key_size))
    return key


def _text(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H:%M:%SZ}"
