"""The connections to and from other daemons, and the greeting over each.

It says who is there, which coordinator it follows, and that it knows the pool's secret.

A certificate alone opens no door: until the greeting has shown a secret that holds, nothing else is answered. The greeting
also tells a coordinator that came back that another leads now.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, Final

import attrs
import orjson
from twisted.internet.interfaces import IReactorTime

from xapid.agent.values import AgentFailure
from xapid.database import Database
from xapid.datamodel.types import NULL_REF
from xapid.pool.dialling import Peer, Refused
from xapid.pool.link import HostLink
from xapid.pool.membership import Membership, Place
from xapid.pool.network import Network, NoNetwork
from xapid.pool.outcomes import Outcomes
from xapid.pool.secrets import PoolSecrets

GREET: Final = "/pool/greet"
READ_ONLY: Final = re.compile("/agent/[^/]*/(metrics/|storage/vdi_read)|/coordinator/|/pool/(beat|hello|copy)")
"""Requests that may be carried out as often as they are sent: nothing is remembered of them."""


@attrs.frozen
class Greeting:
    """What a daemon says of itself."""

    daemon: str
    epoch: int
    leader: Place
    """Whom it follows: the coordinator's host, which may be one of its own."""

    @property
    def leads(self) -> bool:
        """Whether it is the coordinator itself."""
        return self.leader.who == self.daemon


Ask = Callable[[str, str, bytes], Coroutine[Any, Any, bytes]]
"""Carries out a request of the daemon with this name. It raises nothing."""


class Peers:
    """Other daemons, by name. ``port`` is where this one answers."""

    def __init__(
        self,
        db: Database,
        clock: IReactorTime,
        membership: Membership,
        secrets: PoolSecrets,
        port: Callable[[], int],
        life: str,
    ) -> None:
        """``life`` is different each time that this daemon starts."""
        self._db = db
        self._clock = clock
        self._membership = membership
        self._secrets = secrets
        self._port = port
        self._keys = (f"{self.me}:{life}:{number}" for number in count(1))
        self._peers: dict[str, Peer] = {}
        self._doors: set[HostLink] = set()
        self._outcomes = Outcomes()
        self.network: Network = NoNetwork()
        self.carry_out: Ask = _refuse
        """What answers other daemons once they have been greeted."""
        self.met: Callable[[Greeting], None] = lambda greeting: None
        """Called with each greeting."""
        self.lost: Callable[[str], None] = lambda daemon: None
        """Called with a daemon when the connection to it is lost."""

    # Out ----------------------------------------------------------------------------------------------------------------

    def to(self, place: Place) -> Peer:
        """The daemon that answers at a place."""
        peer = self._peers.get(place.who)
        if peer is None:
            peer = self._peers[place.who] = self.stranger(
                place, lambda fingerprint: self._membership.host_of(fingerprint) == place.who
            )
        return peer

    def stranger(
        self,
        place: Place,
        knows: Callable[[str], bool],
        secret: str | None = None,
        met: Callable[[Greeting], None] = lambda greeting: None,
    ) -> Peer:
        """A daemon that is not of this pool yet, or whose name is not known; ``knows`` is asked about its certificate.

        ``secret`` is that of its pool, if it is not ours; ``met`` is told what it says of itself.
        """

        async def greet(link: HostLink) -> None:
            met(await self._greet(link, self._secrets.current if secret is None else secret))

        endpoint = self.network.endpoint(place, knows)
        peer = Peer(self._clock, endpoint, place.host, greet, _refuse_all, self._keys)
        peer.lost = lambda: self.lost(place.who)
        return peer

    async def meet(self, place: Place) -> Greeting | None:
        """What a daemon of the pool says of itself that answers at a place; None if none does."""
        heard: list[Greeting] = []
        peer = self.stranger(place, self._membership.is_pinned, met=heard.append)
        try:
            await peer.connect()
        except AgentFailure:
            return None
        finally:
            peer.close()
        return heard[0]

    async def _greet(self, link: HostLink, secret: str) -> Greeting:
        mine = attrs.asdict(self.greeting) | {"secret": secret}
        answer = orjson.loads(await link.ask(GREET, orjson.dumps(mine)))
        if "refused" in answer:
            raise Refused(answer["refused"])
        greeting = _greeting(answer)
        self.met(greeting)
        return greeting

    def forget(self, daemon: str) -> None:
        """Have nothing to do with a daemon any more."""
        peer = self._peers.pop(daemon, None)
        if peer is not None:
            peer.close()

    def hang_up(self) -> None:
        """End the connections that we made; those that are needed are made again, and greeted anew."""
        peers, self._peers = list(self._peers.values()), {}
        for peer in peers:
            peer.close()

    def close(self) -> None:
        """End all connections."""
        self.hang_up()
        for door in list(self._doors):
            door.close()

    # In -----------------------------------------------------------------------------------------------------------------

    def accept(self, fingerprint: str) -> HostLink | None:
        """The protocol for a daemon that has connected with this certificate; None for a stranger."""
        daemon = self._membership.host_of(fingerprint)
        if daemon is None:
            return None
        greeted = False

        async def answer(path: str, body: bytes) -> bytes:
            nonlocal greeted
            path, _, key = path.partition("?")
            if path == GREET:
                greeted, said = self._greeted(daemon, orjson.loads(body))
                return orjson.dumps(said)
            if not greeted:
                return failure("refused", "the greeting comes first")
            if not key or READ_ONLY.match(path):
                return await self.carry_out(daemon, path, body)
            return await self._outcomes.once(key, lambda: self.carry_out(daemon, path, body))

        link = HostLink(answer, self._doors.discard)
        self._doors.add(link)
        return link

    def _greeted(self, daemon: str, greeting: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        offered = str(greeting.pop("secret", "")).encode()
        joining = self._membership.joining
        good = self._secrets() if joining is None else (*self._secrets(), joining["secret"])
        holds = any(hmac.compare_digest(secret.encode(), offered) for secret in good)
        if daemon not in self._membership.leaving() and not holds:
            return False, {"refused": "secret"}
        self.met(_greeting(greeting | {"daemon": daemon}))
        return True, attrs.asdict(self.greeting)

    @property
    def port(self) -> int:
        """Where this daemon answers."""
        return self._port()

    # About this daemon ----------------------------------------------------------------------------------------------------

    @property
    def me(self) -> str:
        """The name of this daemon."""
        return self._membership.own

    @property
    def greeting(self) -> Greeting:
        """What this daemon says of itself."""
        return Greeting(self.me, self._membership.epoch, self._membership.leader or self.coordinator)

    @property
    def coordinator(self) -> Place:
        """Where the coordinator of this daemon's own database answers."""
        pool = self._db.table("pool").first()
        return self._place(NULL_REF if pool is None else pool.master)

    def own_places(self) -> list[Place]:
        """Where the hosts of this daemon answer."""
        elsewhere = {place.host for place in self._membership.members()}
        return [self._place(row.ref) for row in self._db.table("host") if row.uuid not in elsewhere]

    def _place(self, ref: str) -> Place:
        row = self._db.table("host").find(ref)
        if row is None:
            return Place("", "", self._port(), self.me)
        return self._membership.find(row.uuid) or Place(row.uuid, row.address, self._port(), self.me)


def failure(reason: str, *details: str) -> bytes:
    """An answer that is an :class:`~xapid.agent.values.AgentFailure` for who reads it."""
    return orjson.dumps({"failure": [reason, *details]})


def _greeting(said: dict[str, Any]) -> Greeting:
    return Greeting(said["daemon"], said["epoch"], Place(**said["leader"]))


async def _refuse(daemon: str, path: str, body: bytes) -> bytes:
    return failure("not_supported", path)


async def _refuse_all(path: str, body: bytes) -> bytes:
    return failure("not_supported", path)
