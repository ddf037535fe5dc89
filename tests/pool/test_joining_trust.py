"""A host that joins brings what it trusts, and gets what the pool trusts."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from xapid.certificates import pair
from xapid.testing.neighbours import Neighbour, Street
from xapid.testing.virtual_time import EPOCH


@cache
def authority(name: str) -> pair.Certificate:
    return pair.authority(name, EPOCH, timedelta(days=30))


def revocations(name: str) -> str:
    signer = authority(name)
    builder = x509.CertificateRevocationListBuilder().issuer_name(signer.leaf.subject)
    builder = builder.last_update(EPOCH).next_update(EPOCH + timedelta(days=30))
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def trusted_by(daemon: Neighbour) -> set[tuple[str, str, str]]:
    """Kind, name and text of everything that a daemon's host trusts."""

    async def ask() -> Any:
        return await daemon.federation.common.own_agent(daemon.host).certificates.list_trusted()

    return {(state["type"], state["name"], state["pem"]) for state in daemon.clock.wait_for(ask())}


def test_both_sides_trust_the_same_afterwards(street: Street) -> None:
    pool, joiner = street.add(), street.add()
    for daemon, name in ((pool, "pools"), (joiner, "joiners")):
        api = daemon.session().xenapi
        api.pool.install_ca_certificate(f"{name}.pem", authority(name).leaf_pem)
        api.pool.crl_install(f"{name}-list.pem", revocations(name))
        self = api.pool.get_all()[0]
        api.pool.install_trusted_certificate(self, True, authority(f"{name} root").leaf_pem, [])
        api.pool.install_trusted_certificate(self, False, authority(f"{name} server").leaf_pem, ["licensing"])
    before = trusted_by(pool) | trusted_by(joiner)
    assert len(before) == 8
    street.join(joiner, pool)
    assert trusted_by(pool) == before
    assert trusted_by(joiner) == before
    rows = [row for row in pool.pool.db.table("Certificate") if row.type in ("ca", "pinned")]
    assert sorted((row.type, row.name) for row in rows) == [
        ("ca", ""), ("ca", ""), ("ca", "joiners.pem"), ("ca", "pools.pem"), ("pinned", ""), ("pinned", ""),
    ]  # fmt: skip
    assert {row.purpose for row in rows if row.type == "pinned"} == {("licensing",)}
