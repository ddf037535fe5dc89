"""The certificates of a daemon: which its hosts show, where they are kept, and the TLS that uses them.

Clients see the certificate of the host that they call. One that a daemon makes itself names all of its hosts, so these share it
until one of them gets another. Members of the pool see another one, which a daemon has once, for all its hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from xapid.agent.certificates import HostCertificates, Verification
from xapid.agent.values import Neighbour
from xapid.certificates import pair
from xapid.certificates.shown import Shown
from xapid.certificates.trusted import TrustStore
from xapid.config import Config
from xapid.database import Database
from xapid.database.database import Change
from xapid.http.tls import AGENT_PROTOCOL, PinnedClient, TlsPolicy
from xapid.pool.reaching import reaches
from xapid.state import StateDirectory, certificate
from xapid.state.directory import HOSTS, INTERNAL, TRUSTED, VERIFICATION_OFF


class Showing:
    """All of them."""

    first: Shown
    """What the first host shows."""
    internal: Shown
    """What members of the pool see."""

    def __init__(self, config: Config, state: StateDirectory | None, reactor: Any, former: Showing | None = None) -> None:
        """``former`` was that of a daemon without a state directory, which this one follows."""
        self._config = config
        self._state = state
        self._reactor = reactor
        self._shown: dict[str, Shown] = {}
        self._policies: list[TlsPolicy] = []
        self._names: Sequence[str] = ()
        self._authorities: list[x509.Certificate] | None = None
        self.trusted = TrustStore(None if state is None else state.path / TRUSTED)
        self.verification = Verification(not self._off.exists() if self._off is not None else True, self._verification_set)
        if former is not None and state is None:
            self._shown, self.first, self.internal = former._shown, former.first, former.internal
            self.trusted, self.verification = former.trusted, former.verification
            for shown in (self.first, self.internal, *self._shown.values()):
                shown.watchers.clear()

    def open(self, names: Sequence[str]) -> None:
        """Get ready to show certificates; one that has to be made is for these names. Raises ConfigError."""
        self._names = names
        if not hasattr(self, "first"):
            path = None if self._state is None else self._state.path / INTERNAL
            kept = self._state is not None and self._state.certificate.exists() and path is not None and not path.exists()
            given = certificate(self._config, self._state, names, self._now())
            host = None if self._state is None else self._state.certificate
            self.first = Shown(lambda: pair.self_signed(self._names, self._now()), host, given)
            self.internal = Shown(lambda: pair.internal(self._names[0], self._now()), path)
            if kept:  # made when there was only one, which is what other daemons have pinned
                self.internal.show(given)

    def of(self, host: str, address: str) -> Shown:
        """What the host with this uuid shows, which answers at ``address``."""
        if address == self._names[0]:
            return self.first
        if host not in self._shown:
            path = None if self._state is None else self._state.path / HOSTS / f"{host}.pem"
            shared = None if path is not None and path.exists() else self.first.current
            shown = Shown(lambda: pair.self_signed([address, "localhost"], self._now()), path, shared)
            if shared is not None:
                self.first.shared_by.append(shown)
            self._shown[host] = shown
        return self._shown[host]

    def certificates(self, host: str, address: str) -> HostCertificates:
        """For the agent of that host."""
        return HostCertificates(self.of(host, address), self.internal, self.trusted, self.verification, self._reaches)

    async def _reaches(self, neighbour: Neighbour) -> bool:
        """Hosts of this daemon are where it is, and may answer at no address of their own."""
        own = self.internal.current.leaf.fingerprint(SHA256()).hex()
        if neighbour["fingerprint"] == own:
            return True
        tls = PinnedClient(lambda: self.internal.current, lambda fingerprint: fingerprint == neighbour["fingerprint"])
        return await reaches(self._reactor, neighbour, tls)

    def policy(self, host: str, address: str, is_pinned: Callable[[str], bool]) -> TlsPolicy:
        """The TLS of that host."""
        shown = self.of(host, address)
        made = TlsPolicy(shown.current, is_pinned, self.internal.current)
        made.ask_clients(self._authorities)
        shown.watchers.append(made.use)
        self.internal.watchers.append(made.use_internal)
        self._policies.append(made)
        return made

    def ask_clients(self, authorities: list[x509.Certificate] | None) -> None:
        """Ask clients for certificates of one of these from now on; do not, without a list."""
        self._authorities = authorities
        for policy in self._policies:
            policy.ask_clients(authorities)

    def watch(self, db: Database) -> None:
        """Ask clients for certificates while the pool wants that, and name the authorities that it trusts now."""

        def look() -> None:
            pool = db.table("pool").first()
            wanted = pool is not None and pool.client_certificate_auth_enabled
            self.ask_clients(self.trusted.authorities() if wanted else None)

        def committed(generation: int, changes: Sequence[Change]) -> None:
            if any(change.table.cls.name in ("pool", "Certificate") for change in changes):
                look()

        db.observers.append(committed)
        look()

    def client_tls(self, known: Callable[[str], bool], protocol: bytes = AGENT_PROTOCOL) -> PinnedClient:
        """The client's side of TLS, towards daemons whose certificates are ``known``, or any while verification is off."""
        return PinnedClient(
            lambda: self.internal.current,
            lambda fingerprint: not self.verification.is_on or known(fingerprint),
            protocol,
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._reactor.seconds(), UTC)

    @property
    def _off(self) -> Path | None:
        return None if self._state is None else self._state.path / VERIFICATION_OFF

    def _verification_set(self, is_on: bool) -> None:
        if self._off is not None and is_on:
            self._off.unlink(missing_ok=True)
        elif self._off is not None:
            self._off.touch(mode=0o600)
