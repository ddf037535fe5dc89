"""Who belongs to the pool: the certificates of its hosts, the addresses of its members, and this daemon's own part.

Kept in the database's ``meta``, so a new start finds it. Trust is by certificate: a host is known by the SHA-256 of the
certificate that it presents, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs
import orjson
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from xapid.database import Database

PIN: Final = "pin:"
MEMBER: Final = "member:"
LEADER: Final = "leader"


@attrs.frozen
class Place:
    """Where a host of the pool answers."""

    host: str
    """Its uuid."""
    address: str
    port: int


class Membership:
    """The pool as this daemon knows it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # Certificates -------------------------------------------------------------------------------------------------------

    def pin(self, host: str, certificate: str) -> None:
        """Trust the host with this uuid by its certificate, in PEM. Raises ValueError for what is none."""
        x509.load_pem_x509_certificate(certificate.encode())
        with self._db.transaction() as tx:
            tx.set_meta(PIN + host, certificate)

    def unpin(self, host: str) -> None:
        """Trust a host no longer."""
        with self._db.transaction() as tx:
            tx.set_meta(PIN + host, None)

    def pins(self) -> dict[str, str]:
        """Certificates in PEM, by uuid of host."""
        return {key.removeprefix(PIN): pem for key, pem in self._db.meta.items() if key.startswith(PIN)}

    def host_of(self, fingerprint: str) -> str | None:
        """The uuid of the host that presents the certificate with this SHA-256 in lower-case hex."""
        return next((host for host, pem in self.pins().items() if _fingerprint(pem) == fingerprint), None)

    def is_pinned(self, fingerprint: str) -> bool:
        """Whether a host of the pool presents this certificate."""
        return self.host_of(fingerprint) is not None

    # Members ------------------------------------------------------------------------------------------------------------

    def add_member(self, place: Place) -> None:
        """Another daemon runs this host."""
        with self._db.transaction() as tx:
            tx.set_meta(MEMBER + place.host, _text(place))

    def remove_member(self, host: str) -> None:
        """The host has left."""
        with self._db.transaction() as tx:
            tx.set_meta(MEMBER + host, None)

    def members(self) -> Iterator[Place]:
        """The hosts that other daemons run."""
        for key, text in self._db.meta.items():
            if key.startswith(MEMBER):
                yield Place(**orjson.loads(text))

    # This daemon --------------------------------------------------------------------------------------------------------

    @property
    def leader(self) -> Place | None:
        """The coordinator that this daemon follows; None while it leads a pool itself."""
        text = self._db.meta.get(LEADER)
        return None if text is None else Place(**orjson.loads(text))

    def forget_everything(self) -> None:
        """This daemon belongs to no pool but its own any more."""
        with self._db.transaction() as tx:
            for key in [key for key in self._db.meta if key.startswith((PIN, MEMBER)) or key == LEADER]:
                tx.set_meta(key, None)

    def follow(self, leader: Place) -> None:
        """From now on this daemon is a member."""
        with self._db.transaction() as tx:
            tx.set_meta(LEADER, _text(leader))


def _text(place: Place) -> str:
    return orjson.dumps(attrs.asdict(place)).decode()


def _fingerprint(pem: str) -> str:
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(SHA256()).hex()
