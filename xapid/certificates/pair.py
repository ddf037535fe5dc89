"""Keys with their certificates: self-signed ones for a host's address or for the traffic inside a pool, a development
authority with servers under it, fingerprints.

What clients see has RSA keys of 2,048 bits and SHA-256 signatures, which every client of the XenAPI can check. Inside a pool,
where only other daemons look, keys are on the curve P-256: they are made in no time. Times are given, so that nothing here
looks at a clock.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from xapid.whole_files import write_whole

KEY_BITS: Final = 2048
LIFETIME: Final = timedelta(days=3650)
"""Of a certificate that nobody rotates."""
_LEEWAY: Final = timedelta(days=1)
"""A certificate holds from a little before it was made, for clients whose clocks are late."""


Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@attrs.frozen
class Certificate:
    """A private key and the certificate for it, with those that vouch for it behind."""

    key: Key = attrs.field(repr=False)
    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256, as upper-case hex with colons: the form in which people compare it."""
        return fingerprint(self.leaf)

    @property
    def leaf_pem(self) -> str:
        """The certificate alone."""
        return self.leaf.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def certificate_pem(self) -> bytes:
        """The certificate, then those behind it."""
        return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (self.leaf, *self.chain))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @classmethod
    def from_pem(cls, pem: bytes) -> Certificate:
        """A key and its certificates out of one text, in any order but leaf first; ValueError if it holds no such pair."""
        key = serialization.load_pem_private_key(pem, None)
        leaf, *chain = x509.load_pem_x509_certificates(pem)
        if not isinstance(key, Key):
            raise ValueError("the key is of a kind that nobody here uses")
        if leaf.public_key() != key.public_key():
            raise ValueError("the certificate is for another key")
        return cls(key, leaf, tuple(chain))

    @classmethod
    def load(cls, path: Path) -> Certificate:
        """From a file that :meth:`save` wrote, or one of the same form."""
        return cls.from_pem(path.read_bytes())

    def save(self, path: Path) -> None:
        """Writes key and certificates into one file that only its owner can read. Replaces the file whole."""
        write_whole(path, self.key_pem + self.certificate_pem)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of ``certificate``, as upper-case hex with colons."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def self_signed(names: Iterable[str], now: datetime, lifetime: timedelta = LIFETIME) -> Certificate:
    """A new certificate for a server reached under ``names`` (host names and IP addresses, the main one first)."""
    key = _new_key()
    names = list(names)
    subject = _subject(names[0])
    leaf = _server(names, key, subject, subject, now, lifetime).sign(key, hashes.SHA256())
    return Certificate(key, leaf)


def internal(name: str, now: datetime, lifetime: timedelta = LIFETIME) -> Certificate:
    """A new certificate for a daemon to show to the others of its pool, which know it by its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name)
    leaf = _server([name], key, subject, subject, now, lifetime).sign(key, hashes.SHA256())
    return Certificate(key, leaf)


def authority(name: str, now: datetime, lifetime: timedelta = LIFETIME) -> Certificate:
    """A new certificate authority, for development."""
    key = _new_key()
    subject = _subject(name)
    builder = (
        _builder(key, subject, subject, now, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return Certificate(key, builder.sign(key, hashes.SHA256()))


def issued(by: Certificate, names: Iterable[str], now: datetime, lifetime: timedelta = LIFETIME) -> Certificate:
    """A new certificate for a server reached under ``names``, vouched for by the authority ``by``."""
    key = _new_key()
    names = list(names)
    leaf = (
        _server(names, key, _subject(names[0]), by.leaf.subject, now, lifetime)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False)
        .sign(by.key, hashes.SHA256())
    )
    return Certificate(key, leaf, (by.leaf, *by.chain))


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _builder(key: Key, subject: x509.Name, issuer: x509.Name, now: datetime, lifetime: timedelta) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _server(
    names: list[str], key: Key, subject: x509.Name, issuer: x509.Name, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        _builder(key, subject, issuer, now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(both, critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in dict.fromkeys(names)]), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
