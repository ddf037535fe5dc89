"""The certificates of a host: what it shows to clients and to the other hosts, and what it trusts beside those."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from zope.interface import implementer

from xapid.agent.interface import ICertificates
from xapid.agent.values import AgentFailure, CertificateState, Neighbour
from xapid.certificates.pair import Certificate
from xapid.certificates.shown import Shown
from xapid.certificates.trusted import KINDS, Trusted, TrustStore

Reach = Callable[[Neighbour], Awaitable[bool]]
"""Whether a host answers at a place, and shows the certificate that it should."""
TRUSTED: Final[frozenset[str]] = frozenset(KINDS)


class Verification:
    """Whether this daemon checks whom it calls. Off only in an emergency."""

    def __init__(self, is_on: bool = True, changed: Callable[[bool], None] = lambda is_on: None) -> None:
        self.is_on = is_on
        self._changed = changed

    def set(self, is_on: bool) -> None:
        """From now on, also after a restart."""
        self.is_on = is_on
        self._changed(is_on)


@implementer(ICertificates)
class HostCertificates:
    """``server`` is what clients see, ``internal`` what the other daemons see; the latter all hosts of a daemon share.

    So are ``trusted`` and ``verification``. ``reach`` is how neighbours are tried; without it, all are in this process.
    """

    def __init__(
        self,
        server: Shown,
        internal: Shown,
        trusted: TrustStore,
        verification: Verification,
        reach: Reach | None = None,
    ) -> None:
        self._server = server
        self._internal = internal
        self._trusted = trusted
        self._verification = verification
        self._reach = reach

    async def list_certificates(self) -> list[CertificateState]:
        return [
            CertificateState(name="", type="host", pem=self._server.current.leaf_pem),
            CertificateState(name="", type="host_internal", pem=self._internal.current.leaf_pem),
            *await self.list_trusted(),
        ]

    async def list_trusted(self) -> list[CertificateState]:
        return [CertificateState(name=each.name, type=each.kind, pem=each.pem) for each in self._trusted.all()]

    async def install_server(self, certificate: str, key: str, chain: str) -> CertificateState:
        try:
            pair = Certificate.from_pem("\n".join((key, certificate, chain)).encode())
        except ValueError as problem:
            raise AgentFailure("failed", (str(problem),)) from problem
        self._server.show(pair)
        return CertificateState(name="", type="host", pem=pair.leaf_pem)

    async def renew_server(self) -> CertificateState:
        return CertificateState(name="", type="host", pem=self._server.renew().leaf_pem)

    async def prepare_internal(self) -> CertificateState:
        return CertificateState(name="", type="host_internal", pem=self._internal.prepare().leaf_pem)

    async def follow_internal(self) -> CertificateState:
        return CertificateState(name="", type="host_internal", pem=self._internal.follow().leaf_pem)

    async def trust(self, name: str, type: str, pem: str) -> None:
        self._trusted.put(_trusted(name, type, pem).kind, name, pem)

    async def distrust(self, name: str, type: str) -> None:
        self._trusted.remove(_trusted(name, type, "").kind, name)

    async def replace_trusted(self, wanted: list[CertificateState]) -> None:
        self._trusted.replace([_trusted(each["name"], each["type"], each["pem"]) for each in wanted])

    async def verifies(self) -> bool:
        return self._verification.is_on

    async def set_verification(self, is_on: bool) -> None:
        self._verification.set(is_on)

    async def unreached(self, neighbours: list[Neighbour]) -> list[str]:
        if self._reach is None:
            return []
        return [neighbour["host"] for neighbour in neighbours if not await self._reach(neighbour)]


def _trusted(name: str, type: str, pem: str) -> Trusted:
    if type not in TRUSTED:
        raise AgentFailure("not_supported", (type,))
    return Trusted(type, name, pem)  # type: ignore[arg-type]  # just looked at
