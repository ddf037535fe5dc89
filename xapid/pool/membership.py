"""Who belongs to the pool: the certificates of its daemons, where its hosts answer, and this daemon's own part.

Kept in the database's ``meta``, so a new start finds it. Trust is by certificate: a daemon is known by the SHA-256 of the
certificate that it presents. A daemon is named by the uuid of the first host that it ever ran; most run one host.

Changes of coordinator are numbered by *epochs*. Of two daemons that both believe to lead, the one with the later epoch does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import attrs
import orjson
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from xapid.database import Database, Transaction

PIN: Final = "pin:"
MEMBER: Final = "member:"
EXPECTED: Final = "expected:"
LEAVING: Final = "leaving:"
LEADER: Final = "leader"
SELF: Final = "self"
EPOCH: Final = "epoch"
BEGAN: Final = "began:"
PROPOSAL: Final = "proposal"
HANDING_OVER: Final = "handing-over"
JOINING: Final = "pool-secret-joining"
RELEASED: Final = "released"
OWN_KEYS: Final = (PIN, MEMBER, EXPECTED, LEAVING, LEADER, SELF, EPOCH, PROPOSAL, HANDING_OVER, JOINING, RELEASED)
"""Prefixes of facts that are each daemon's own and never come with a copy of the database."""


@attrs.frozen
class Place:
    """Where a host of the pool answers."""

    host: str
    """Its uuid."""
    address: str
    port: int
    daemon: str = ""
    """Which daemon answers there; empty: the one named like the host."""

    @property
    def who(self) -> str:
        """The daemon that answers there."""
        return self.daemon or self.host


class Membership:
    """The pool as this daemon knows it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # Certificates -------------------------------------------------------------------------------------------------------

    def pin(self, daemon: str, certificate: str) -> None:
        """Trust a daemon by its certificate, in PEM, or by either of two. Raises ValueError for what is none."""
        _fingerprints(certificate)
        with self._db.transaction() as tx:
            tx.set_meta(PIN + daemon, certificate)

    def expect(self, host: str, certificate: str) -> None:
        """Let a host knock that is about to join. Raises ValueError for what is no certificate."""
        _fingerprints(certificate)
        with self._db.transaction() as tx:
            tx.set_meta(EXPECTED + host, certificate)

    def expect_no_longer(self, host: str) -> None:
        """The host has joined, or will not."""
        with self._db.transaction() as tx:
            tx.set_meta(EXPECTED + host, None)

    def pins(self) -> dict[str, str]:
        """Certificates of the pool in PEM, by daemon."""
        return self._certificates(PIN)

    def expected(self) -> dict[str, str]:
        """Certificates of hosts that have said that they are about to join, by uuid."""
        return self._certificates(EXPECTED)

    def leaving(self) -> dict[str, str]:
        """Certificates of daemons that have left and may not know it."""
        return self._certificates(LEAVING)

    def _certificates(self, prefix: str) -> dict[str, str]:
        return {key.removeprefix(prefix): pem for key, pem in self._db.meta.items() if key.startswith(prefix)}

    def host_of(self, fingerprint: str) -> str | None:
        """The daemon that presents the certificate with this SHA-256 in lower-case hex, if it may speak to us at all."""
        joining = self.joining
        for known in (self.pins(), self.expected(), self.leaving(), {} if joining is None else joining["pins"]):
            for daemon, pem in known.items():
                if fingerprint in _fingerprints(pem):
                    return str(daemon)
        return None

    def is_pinned(self, fingerprint: str) -> bool:
        """Whether a daemon that may speak to us presents this certificate."""
        return self.host_of(fingerprint) is not None

    # Members ------------------------------------------------------------------------------------------------------------

    def add_member(self, place: Place) -> None:
        """Another daemon runs this host."""
        with self._db.transaction() as tx:
            tx.set_meta(MEMBER + place.host, _text(place))

    def members(self) -> Iterator[Place]:
        """The hosts that other daemons run."""
        for key, text in list(self._db.meta.items()):
            if key.startswith(MEMBER):
                yield Place(**orjson.loads(text))

    def find(self, host: str) -> Place | None:
        """Where a host that another daemon runs answers."""
        text = self._db.meta.get(MEMBER + host)
        return None if text is None else Place(**orjson.loads(text))

    def dismiss(self, host: str) -> None:
        """The host has left the pool, but does not know it yet: it may still come and ask."""
        place = self.find(host)
        if place is None:
            return
        with self._db.transaction() as tx:
            self._remove(tx, host)
            if not any(other.who == place.who for other in self.members()):
                tx.set_meta(LEAVING + place.who, self._db.meta.get(PIN + place.who))
                tx.set_meta(PIN + place.who, None)

    def forget(self, host: str) -> None:
        """Nobody knows the host any more. If it comes back all the same, it may ask, to be told just that."""
        place = self.find(host)
        if place is None:
            return
        with self._db.transaction() as tx:
            self._remove(tx, host)
            if not any(other.who == place.who for other in self.members()):
                tx.set_meta(EXPECTED + place.who, self._db.meta.get(PIN + place.who))
                tx.set_meta(PIN + place.who, None)

    @staticmethod
    def _remove(tx: Transaction, host: str) -> None:
        tx.set_meta(MEMBER + host, None)
        tx.set_meta(BEGAN + host, None)

    def forget_leaving(self, daemon: str) -> None:
        """The daemon knows that it has left."""
        with self._db.transaction() as tx:
            tx.set_meta(LEAVING + daemon, None)

    # This daemon --------------------------------------------------------------------------------------------------------

    @property
    def own(self) -> str:
        """This daemon's name."""
        kept = self._db.meta.get(SELF)
        if kept is not None:
            return kept
        pool = self._db.table("pool").first()
        host = None if pool is None else self._db.table("host").find(pool.master)
        return "" if host is None else str(host.uuid)

    @property
    def epoch(self) -> int:
        """How often, and when last, the coordinator changed: a later change has a larger number."""
        return int(self._db.meta.get(EPOCH, "0"))

    @property
    def leader(self) -> Place | None:
        """The coordinator that this daemon follows; None while it leads a pool itself."""
        text = self._db.meta.get(LEADER)
        return None if text is None else Place(**orjson.loads(text))

    @property
    def joining(self) -> dict[str, Any] | None:
        """The pool that this daemon is about to join: its leader, its certificates, its secret."""
        text = self._db.meta.get(JOINING)
        return None if text is None else dict(orjson.loads(text))

    def obeys(self, daemon: str) -> bool:
        """Whether that daemon leads this one, be it only because it is about to take this one in."""
        leader, joining = self.leader, self.joining
        if leader is not None:
            return leader.who == daemon
        if joining is None:
            return False
        pins, coordinator = joining["pins"], joining["leader"]["host"]
        return daemon in pins and pins[daemon] == pins.get(coordinator)

    def settle(self) -> None:
        """Keep this daemon's name, which must not change with the coordinator."""
        if SELF not in self._db.meta:
            with self._db.transaction() as tx:
                tx.set_meta(SELF, self.own)

    def note_release(self) -> None:
        """The pool has let this daemon go; it is to start afresh, be it after its next start."""
        with self._db.transaction() as tx:
            tx.set_meta(RELEASED, "yes")

    @property
    def is_released(self) -> bool:
        """Whether this daemon still has to start afresh."""
        return RELEASED in self._db.meta

    def forget_everything(self) -> None:
        """This daemon belongs to no pool but its own any more, and has a new name."""
        with self._db.transaction() as tx:
            for key in [key for key in self._db.meta if key.startswith((*OWN_KEYS, BEGAN))]:
                tx.set_meta(key, None)

    def follow(self, leader: Place, epoch: int | None = None) -> None:
        """From now on this daemon is a member."""
        if self.leader == leader and epoch in (None, self.epoch):
            return
        with self._db.transaction() as tx:
            tx.set_meta(LEADER, _text(leader))
            if epoch is not None:
                tx.set_meta(EPOCH, str(epoch))

    def lead(self, epoch: int | None = None) -> None:
        """From now on this daemon leads."""
        with self._db.transaction() as tx:
            tx.set_meta(LEADER, None)
            if epoch is not None:
                tx.set_meta(EPOCH, str(epoch))

    def next_epoch(self, now: float) -> int:
        """The number of a change of coordinator that happens now."""
        return max(self.epoch + 1, int(now))

    # What all daemons of a pool know alike --------------------------------------------------------------------------------

    def roster(self, own: list[Place]) -> dict[str, Any]:
        """Everyone, for the others. ``own`` are the hosts of this daemon."""
        return {
            "epoch": self.epoch,
            "places": [attrs.asdict(place) for place in (*own, *self.members())],
            "pins": self.pins(),
        }

    def take_roster(self, roster: dict[str, Any]) -> None:
        """Know everyone whom the coordinator knows, and nobody else."""
        others = [place for place in (Place(**place) for place in roster["places"]) if place.who != self.own]
        wanted = {EPOCH: str(roster["epoch"])}
        wanted |= {MEMBER + place.host: _text(place) for place in others}
        wanted |= {PIN + daemon: pem for daemon, pem in roster["pins"].items()}
        present = {key: value for key, value in self._db.meta.items() if key.startswith((MEMBER, PIN)) or key == EPOCH}
        if wanted == present:
            return
        with self._db.transaction() as tx:
            for key in present.keys() - wanted.keys():
                tx.set_meta(key, None)
            for key, value in wanted.items():
                tx.set_meta(key, value)


def _text(place: Place) -> str:
    return orjson.dumps(attrs.asdict(place)).decode()


@lru_cache(maxsize=256)
def _fingerprints(pem: str) -> tuple[str, ...]:
    """Of each certificate; there are two while one takes the place of the other. Raises ValueError."""
    return tuple(each.fingerprint(SHA256()).hex() for each in x509.load_pem_x509_certificates(pem.encode()))


def fingerprints(certificates: Iterable[str]) -> frozenset[str]:
    """The SHA-256 of certificates in PEM, in lower-case hex."""
    return frozenset(each for pem in certificates for each in _fingerprints(pem))
