"""What the parts of this room share: the database, this daemon's place in the pool, and the ways to everything around."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime

from xapid import __version__
from xapid.agent.interface import IAgentObserver, IHostAgent
from xapid.agent.remote import RemoteAgent
from xapid.agent.values import AgentFailure
from xapid.auth.passwords import Passwords
from xapid.config import Config
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.operations.adoption import take_up
from xapid.operations.certificate_rows import catch_up
from xapid.pool.agents import HostAgents
from xapid.pool.membership import BEGAN, Membership, Place
from xapid.pool.peers import Peers
from xapid.pool.role import Role
from xapid.pool.secrets import PoolSecrets

HELLO: Final = "/pool/hello"
BEAT: Final = "/pool/beat"
LEAVING: Final = "/pool/farewell"
ROSTER: Final = "/pool/roster"
RELEASE: Final = "/pool/release"
PASSWORD: Final = "/pool/password"
STAGE: Final = "/pool/secret"


async def _nothing(*args: Any) -> None:
    """What nobody said what to do about."""


@attrs.define(eq=False, kw_only=True)
class Common:
    """Made once, by :class:`xapid.pool.federation.Federation`."""

    db: Database
    clock: IReactorTime
    config: Config
    role: Role
    agents: HostAgents
    secrets: PoolSecrets
    passwords: Passwords
    membership: Membership
    peers: Peers
    observer: IAgentObserver
    """What puts into the database what agents notice."""
    certificate: str = ""
    """What this daemon presents, in PEM."""
    version: str = __version__
    """Of this daemon."""
    newer: set[str] = attrs.field(factory=set)
    """As the coordinator: the members that are of a later version, and may not serve."""
    role_changed: Callable[[bool], None] = lambda leads: None
    """Told when this daemon begins to lead a pool, or leads none any more."""
    left: Callable[[], None] = lambda: None
    """Called when sessions of this daemon mean nothing any more."""
    start_afresh: Callable[[], Awaitable[None]] = _nothing
    """Makes the database that of a new pool of one host."""
    settle: Callable[[str], Awaitable[None]] = _nothing
    """Gives a host that has just joined what the pool has: networks, storage."""
    missed: Callable[[str], None] = lambda host: None
    """Told the uuid of a host of another daemon that did not answer its agent's requests."""
    drained: Callable[[], Awaitable[bool]] = _nothing  # type: ignore[assignment]
    """Waits until no call is under way any more; whether that came to be."""

    def now(self) -> datetime:
        """The time in UTC, in whole seconds."""
        return datetime.fromtimestamp(int(self.clock.seconds()), UTC)

    def ref_of(self, host: str) -> str | None:
        """The reference of the host with this uuid."""
        row = self.db.table("host").find_uuid(host)
        return None if row is None else str(row.ref)

    def place_of(self, ref: str) -> Place:
        """Where a host answers. Errors: HANDLE_INVALID."""
        uuid = self.db.get("host", ref).uuid
        found = self.membership.find(uuid)
        return found or next(place for place in self.peers.own_places() if place.host == uuid)

    def is_own(self, place: Place) -> bool:
        """Whether this daemon runs that host."""
        return place.who == self.membership.own

    def own_agent(self, host: str) -> IHostAgent | None:
        """The agent of a host of this daemon, by uuid."""
        ref = self.ref_of(host)
        agent: Any = None if ref is None else self.agents.find(ref)
        return None if isinstance(agent, RemoteAgent) else agent

    def reach(self, ref: str, place: Place) -> IHostAgent:
        """A host of another daemon: it has an agent from now on."""

        async def send(path: str, body: bytes) -> bytes:
            try:
                return await self.peers.to(place).send(path, body, patiently=True)
            except (AgentFailure, defer.CancelledError):
                self.missed(place.host)
                raise

        agent = RemoteAgent(place.host, send)
        self.agents.add(ref, agent)
        return agent

    async def take_up(self, ref: str, began: float) -> None:
        """A host is there again: the database follows what it really runs, or a new life of it what the database says."""
        agent, key = self.agents.find(ref), BEGAN + self.db.get("host", ref).uuid
        if agent is None:
            return
        known = self.db.meta.get(key)
        is_new = known is None or float(known) != began
        await take_up(self.db, agent, ref, self.now(), is_new=is_new, agents=self.agents.all())
        host = self.db.table("host").find(ref)
        if host is not None:
            for pif in await agent.network.scan_pifs():
                self.observer.carrier_changed(host.uuid, pif["device"], pif["carrier"])
        if ref in self.db.table("host"):
            await catch_up(self.db, agent, ref, self.agents.find(self.role.coordinator))
        if ref in self.db.table("host") and known != str(began):
            with self.db.transaction() as tx:
                tx.set_meta(key, str(began))

    async def tell(self, place: Place, path: str, body: bytes) -> bytes:
        """Ask the daemon that answers at a place. Raises AgentFailure ``unreachable``."""
        return await self.peers.to(place).send(path, body)

    def others(self) -> list[Place]:
        """One place of each other daemon."""
        return list({place.who: place for place in self.membership.members()}.values())


STILL_BOOTING: Final = XenAPIError("HOST_STILL_BOOTING")
