"""Each requirement of a host's certificate, violated alone: the table of what clients are told."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from certificates_by_openssl import Maker
from xapid.certificates.checks import certificate_fields, check_server_certificate, check_trusted
from xapid.datamodel.errors import XenAPIError

RSA = ("-algorithm", "RSA", "-pkeyopt")
Make = Callable[[Maker], tuple[str, ...]]


def refusal(*parts: str) -> tuple[str, ...]:
    certificate, key, *chain = parts
    try:
        check_server_certificate(certificate, key, chain[0] if chain else "", datetime.now(UTC))
    except XenAPIError as error:
        return error.description
    return ()


def good(openssl: Maker) -> tuple[str, str]:
    key = openssl.key("good")
    return openssl.certificate("good", "good"), key


def with_key(name: str, *how: str) -> Make:
    """A key of another kind; the certificate is not looked at."""
    return lambda openssl: (good(openssl)[0], openssl.key(name, *how))


def with_certificate(name: str, *how: str, **options) -> Make:
    """Another certificate for the good key."""
    return lambda openssl: (good(openssl) and openssl.certificate(name, "good", *how, **options), good(openssl)[1])


def changed(change: Callable[[Maker, str, str], tuple[str, ...]]) -> Make:
    return lambda openssl: change(openssl, *good(openssl))


def traditional(openssl: Maker, key: str) -> str:
    return openssl.run("pkey", "-traditional", say=key)


def encrypted(openssl: Maker, key: str) -> str:
    return openssl.run("pkcs8", "-topk8", "-passout", "pass:x", say=key)


def certificate_of_curve(openssl: Maker) -> str:
    openssl.key("curve", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    return openssl.certificate("curve", "curve")


def other_chain(openssl: Maker) -> str:
    openssl.key("stranger")
    return openssl.certificate("stranger", "stranger")


def issued(openssl: Maker) -> tuple[str, str, str]:
    key = openssl.key("good")
    openssl.key("ca")
    ca = openssl.certificate("ca", "ca")
    return openssl.certificate("issued", "good", by="ca"), key, ca


def very_long(openssl: Maker) -> str:
    """A key that takes no time to make, since its numbers are made up."""
    (openssl.folder / "long").write_text(
        "asn1=SEQUENCE:key\n[key]\nversion=INTEGER:0\nkind=SEQUENCE:kind\ninner=OCTWRAP,SEQUENCE:rsa\n"
        f"[kind]\noid=OID:rsaEncryption\nnothing=NULL\n[rsa]\nversion=INTEGER:0\nmodulus=INTEGER:0x{'f' * 2048}\n"
    )
    openssl.run("asn1parse", "-genconf", "long", "-noout", "-out", "long.der")
    return armour("PRIVATE KEY", (openssl.folder / "long.der").read_bytes())


def armour(label: str, data: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n"


UNSOUND: dict[str, tuple[Make, str]] = {
    "no key": (changed(lambda o, c, k: (c, "")), "KEY_INVALID"),
    "a key in the form of PKCS#1": (changed(lambda o, c, k: (c, traditional(o, k))), "KEY_INVALID"),
    "an encrypted key": (changed(lambda o, c, k: (c, encrypted(o, k))), "KEY_INVALID"),
    "a key in DER": (changed(lambda o, c, k: (c, o.der("pkey", k).decode("latin-1"))), "KEY_INVALID"),
    "a key with its certificate in one file": (changed(lambda o, c, k: (c, k + c)), "KEY_INVALID"),
    "two keys in one file": (changed(lambda o, c, k: (c, k + o.key("second"))), "KEY_INVALID"),
    "a key that is cut off": (changed(lambda o, c, k: (c, k[:400])), "KEY_INVALID"),
    "a key of bytes that mean nothing": (changed(lambda o, c, k: (c, armour("PRIVATE KEY", b"\x30\x82\xff"))), "KEY_INVALID"),
    "an RSA key whose numbers do not fit": (
        changed(lambda o, c, k: (c, armour("PRIVATE KEY", o.der("pkey", k)[:-8] + bytes(8)))), "KEY_INVALID",
    ),
    "a key on a curve": (
        with_key("p256", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        "KEY_ALGORITHM_NOT_SUPPORTED 1.2.840.10045.2.1",
    ),
    "a key of Edwards": (with_key("ed25519", "-algorithm", "ED25519"), "KEY_ALGORITHM_NOT_SUPPORTED 1.3.101.112"),
    "a key for PSS alone": (
        with_key("pss", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"),
        "KEY_ALGORITHM_NOT_SUPPORTED 1.2.840.113549.1.1.10",
    ),
    "a key of three primes": (
        with_key("three", *RSA, "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_primes:3"), "KEY_RSA_MULTI_NOT_SUPPORTED",
    ),
    "a key of 512 bits": (with_key("512", *RSA, "rsa_keygen_bits:512"), "KEY_RSA_LENGTH_NOT_SUPPORTED 512"),
    "a key of 1,024 bits": (with_key("1024", *RSA, "rsa_keygen_bits:1024"), "KEY_RSA_LENGTH_NOT_SUPPORTED 1024"),
    "a key of 2,047 bits": (with_key("2047", *RSA, "rsa_keygen_bits:2047"), "KEY_RSA_LENGTH_NOT_SUPPORTED 2047"),
    "a key of 8,192 bits": (changed(lambda o, c, k: (c, very_long(o))), "KEY_RSA_LENGTH_NOT_SUPPORTED 8192"),
    "no certificate": (changed(lambda o, c, k: ("", k)), "INVALID"),
    "a certificate in DER": (changed(lambda o, c, k: (o.der("x509", c).decode("latin-1"), k)), "INVALID"),
    "a certificate with others in one file": (changed(lambda o, c, k: (c + other_chain(o), k)), "INVALID"),
    "a certificate with its key in one file": (changed(lambda o, c, k: (c + k, k)), "INVALID"),
    "a request in place of a certificate": (changed(lambda o, c, k: ((o.folder / "good.csr").read_text(), k)), "INVALID"),
    "a certificate of bytes that mean nothing": (changed(lambda o, c, k: (armour("CERTIFICATE", b"\x30\x01"), k)), "INVALID"),
    "a certificate that holds later": (with_certificate("early", days=(1, 2)), "NOT_VALID_YET *"),
    "a certificate that has run out": (with_certificate("late", days=(-2, -1)), "EXPIRED *"),
    "a certificate for another key": (changed(lambda o, c, k: (other_chain(o), k)), "KEY_MISMATCH"),
    "a certificate for a key on a curve": (changed(lambda o, c, k: (certificate_of_curve(o), k)), "KEY_MISMATCH"),
    "a signature with MD5": (with_certificate("md5", "-md", "md5"), "SIGNATURE_NOT_SUPPORTED"),
    "a signature with SHA-1": (with_certificate("sha1", "-md", "sha1"), "SIGNATURE_NOT_SUPPORTED"),
    "a signature with SHA-384": (with_certificate("sha384", "-md", "sha384"), "SIGNATURE_NOT_SUPPORTED"),
    "a signature with PSS": (
        with_certificate("by-pss", "-md", "sha256", "-sigopt", "rsa_padding_mode:pss"), "SIGNATURE_NOT_SUPPORTED",
    ),
    "a signature with a key on a curve": (
        lambda o: (certificate_of_curve(o) and o.certificate("by-curve", "good", by="curve"), good(o)[1]),
        "SIGNATURE_NOT_SUPPORTED",
    ),
    "a chain that is none": (changed(lambda o, c, k: (c, k, "nonsense")), "CHAIN_INVALID"),
    "an empty chain": (changed(lambda o, c, k: (c, k, "\n")), "CHAIN_INVALID"),
    "a chain of others": (lambda o: (*issued(o)[:2], other_chain(o)), "CHAIN_INVALID"),
    "a chain that has the key": (lambda o: (*issued(o)[:2], issued(o)[1]), "CHAIN_INVALID"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNSOUND)
def test_each_requirement_that_is_violated_alone_has_a_code_of_its_own(openssl: Maker, what: str) -> None:
    make, expected = UNSOUND[what]
    code, *params = refusal(*make(openssl))
    wanted, *values = expected.split()
    assert code == f"SERVER_CERTIFICATE_{wanted}"
    if values == ["*"]:
        now, then = (datetime.strptime(each, "%Y%m%dT%H:%M:%SZ").replace(tzinfo=UTC) for each in params)
        assert (then > now) == ("YET" in wanted)
    else:
        assert params == values


def test_what_is_sound_passes(openssl: Maker) -> None:
    certificate, key = good(openssl)
    assert refusal(certificate, key) == ()
    assert refusal(certificate, key, certificate) == ()
    assert refusal(openssl.run("x509", "-text", say=certificate), key) == ()
    assert refusal(openssl.certificate("sha512", "good", "-md", "sha512"), key) == ()
    leaf, key, ca = issued(openssl)
    assert refusal(leaf, key, other_chain(openssl) + ca) == ()
    for bits in ("4096",):
        key = openssl.key(bits, *RSA, f"rsa_keygen_bits:{bits}")
        assert refusal(openssl.certificate(bits, bits), key) == ()


def test_the_key_is_looked_at_first_then_the_certificate_then_the_chain(openssl: Maker) -> None:
    _, key = good(openssl)
    late = openssl.certificate("late-curve", "curve", days=(-2, -1)) if certificate_of_curve(openssl) else ""
    assert refusal("", "", "x") == ("SERVER_CERTIFICATE_KEY_INVALID",)
    assert refusal("", key, "x") == ("SERVER_CERTIFICATE_INVALID",)
    assert refusal(late, key, "x")[0] == "SERVER_CERTIFICATE_EXPIRED"
    assert refusal(certificate_of_curve(openssl), key, "x") == ("SERVER_CERTIFICATE_KEY_MISMATCH",)
    assert refusal(openssl.certificate("sha1", "good", "-md", "sha1"), key, "x") == (
        "SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED",
    )


def test_what_a_pool_is_to_trust_must_be_one_certificate_that_holds_now(openssl: Maker) -> None:
    now = datetime.now(UTC)
    certificate, key = good(openssl)
    for pem, code in (
        ("x", "INVALID"), (certificate + key, "INVALID"), (certificate * 2, "INVALID"),
        (openssl.certificate("early", "good", days=(1, 2)), "NOT_VALID_YET"),
        (openssl.certificate("late", "good", days=(-2, -1)), "EXPIRED"),
    ):  # fmt: skip
        with pytest.raises(XenAPIError) as caught:
            check_trusted(pem, now, "TRUSTED_CERTIFICATE")
        assert caught.value.code == f"TRUSTED_CERTIFICATE_{code}"
    assert check_trusted(certificate_of_curve(openssl), now, "TRUSTED_CERTIFICATE") is not None


def test_the_record_of_a_certificate_has_both_fingerprints_as_openssl_shows_them(openssl: Maker) -> None:
    certificate, _ = good(openssl)
    fields = certificate_fields(check_trusted(certificate, datetime.now(UTC), "CA_CERTIFICATE"))
    for name, algorithm in (("sha256", SHA256()), ("sha1", SHA1())):
        shown = openssl.run("x509", "-noout", "-fingerprint", f"-{name}", say=certificate).strip().partition("=")[2]
        assert fields[f"fingerprint_{name}"] == shown
        assert len(shown) == 3 * algorithm.digest_size - 1
    assert fields["fingerprint"] == fields["fingerprint_sha256"]
