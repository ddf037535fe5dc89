"""Daemons that are one pool: a host joins, its calls go to it, and what it notices comes back.

The coordinator owns the database and dials its members; a member answers ``/agent/…`` for its host. A daemon knows the
others by the certificates that it has pinned; their connections use the public address and port, under an ALPN name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from twisted.internet import defer
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.logger import Logger
from zope.interface import implementer

from xapid.agent.interface import IAgentObserver, IHostAgent
from xapid.agent.remote import AGENT, OBSERVER, RemoteAgent, RemoteObserver, answer_agent, answer_observer
from xapid.agent.values import AgentFailure
from xapid.auth.passwords import Passwords
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed
from xapid.operations.adoption import take_up
from xapid.pool import adoption
from xapid.pool.agents import HostAgents
from xapid.pool.client import XenAPIClient
from xapid.pool.dialling import Peer
from xapid.pool.inquiry import INQUIRY, Coordinator
from xapid.pool.link import Answer, HostLink
from xapid.pool.liveness import Beat, Liveness
from xapid.pool.membership import Membership, Place
from xapid.pool.role import Role
from xapid.pool.secrets import PoolSecrets

log = Logger()

ADOPT: Final = "/pool/adopt/"
BEAT: Final = "/pool/beat"
RELEASE: Final = "/pool/release"
PASSWORD: Final = "/pool/password"

ClientTls = Callable[[Callable[[str], bool]], IOpenSSLClientConnectionCreator]
"""Makes the TLS of a connection to a host whose certificate the given function knows by its SHA-256."""


@implementer(IAgentObserver)
class Federation:
    """This daemon among the others of its pool (``context.services.pool``)."""

    def __init__(
        self,
        db: Database,
        reactor: Any,
        role: Role,
        agents: HostAgents,
        secrets: PoolSecrets,
        passwords: Passwords,
        observer: IAgentObserver,
        port: Callable[[], int],
    ) -> None:
        self.membership = Membership(db)
        self._db = db
        self._reactor = reactor
        self._role = role
        self._agents = agents
        self._secrets = secrets
        self._passwords = passwords
        self._observer = observer
        self._port = port
        self._peers: dict[str, Peer] = {}
        self._began = reactor.seconds()
        self.liveness = Liveness(db, reactor, self.membership.members, self._beat_of, self._take_up)
        self._certificate = ""
        self._tls: ClientTls | None = None
        self.left: Callable[[], None] = lambda: None
        """Called when this daemon has become a member: sessions of its former pool mean nothing any more."""
        self.start_afresh: Callable[[], Awaitable[None]] = _nothing
        """Called when this daemon has been ejected: its database is to hold a new pool of one host."""
        self.answer_inquiry: Answer | None = None
        """What answers questions of members (:meth:`xapid.pool.inquiry.Inquiries.answer`)."""
        passwords.observers.append(self._spread_password)

    # Beginning and end --------------------------------------------------------------------------------------------------

    async def start(self, certificate: str, tls: ClientTls) -> None:
        """Take up the part that was kept, and reach for the members. ``certificate`` is what this host presents, in PEM."""
        self._certificate = certificate
        self._tls = tls
        self.membership.pin(self._own_uuid(), certificate)
        leader = self.membership.leader
        if leader is not None:
            self._follow(leader)
            return
        for place in list(self.membership.members()):
            row = self._db.table("host").find_uuid(place.host)
            if row is not None:
                self._lead(row.ref, place)
        self.liveness.start()

    def stop(self) -> None:
        """Hang up."""
        self.liveness.stop()
        for peer in self._peers.values():
            peer.close()

    def accept(self, fingerprint: str) -> HostLink | None:
        """The protocol for a host that has connected with this certificate; None for a stranger."""
        host = self.membership.host_of(fingerprint)
        if host is None:
            return None

        async def answer(path: str, body: bytes) -> bytes:
            return await self._answer(host, path, body)

        return HostLink(answer)

    # Joining ------------------------------------------------------------------------------------------------------------

    async def join(self, address: str, user: str, password: str) -> None:
        """Become a member of the pool that answers at ``address``, which may carry a port.

        Errors: JOINING_HOST_CONNECTION_FAILED; what the coordinator refuses the login with.
        """
        host, port = split_address(address, self._port())
        own = self._own_uuid()
        client = XenAPIClient(self._reactor, host, port, lambda: XenAPIError("JOINING_HOST_CONNECTION_FAILED"))
        session = await client.call("session.login_with_password", user, password, "2.23", "xapid")
        pins = await client.call("pool.exchange_certificates_on_join", session, own, self._certificate)
        secret = await client.call("pool.initial_auth", session)
        pools = await client.call("pool.get_all_records", session)
        master = next(iter(pools.values()))["master"]
        leader = Place(await client.call("host.get_uuid", session, master), host, port)
        await client.call("session.logout", session)
        with self._db.transaction():
            for uuid, certificate in pins.items():
                self.membership.pin(uuid, certificate)
            self._secrets.use(secret)
        address = str(self._db.table("host").by_uuid(own).address)
        peer = self._peer(leader)
        place = Place(own, address, self._port())
        head = orjson.dumps({"host": place.host, "address": place.address, "port": place.port})
        answer = orjson.loads(await peer.send(f"{ADOPT}{own}", head + b"\n" + adoption.pack(self._db)))
        if "error" in answer:
            raise XenAPIError.relayed(*answer["error"])
        self._passwords.set_hash(answer["password"])
        self.membership.follow(leader)
        self._reactor.callLater(0, self._leave, leader)

    def exchange_certificates(self, host: str, certificate: str) -> dict[str, str]:
        """Pin the certificate of a host that is about to join; returns those of the pool. Errors: INVALID_VALUE."""
        try:
            self.membership.pin(host, certificate)
        except ValueError:
            raise XenAPIError("INVALID_VALUE", "certificate", certificate) from None
        return self.membership.pins()

    # Leaving ------------------------------------------------------------------------------------------------------------

    async def release(self, host: str) -> None:
        """Let a host go: its daemon starts afresh, and is trusted no longer. Errors: CANNOT_CONTACT_HOST."""
        place = next((place for place in self.membership.members() if place.host == host), None)
        if place is not None:
            await self._peers[host].send(RELEASE, b"")
            self._peers.pop(host).close()
            self.membership.remove_member(host)
            self.membership.unpin(host)
        row = self._db.table("host").find_uuid(host)
        if row is not None:
            self._agents.remove(row.ref)

    async def _released(self) -> None:
        """The coordinator has let this host go."""
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()
        await self.start_afresh()
        self._role.leader = None
        self.membership.pin(self._own_uuid(), self._certificate)
        self.liveness.start()

    # Passwords ----------------------------------------------------------------------------------------------------------

    def _spread_password(self, encoded: str) -> None:
        """Root's password is the same everywhere. A member that is away gets it with the next change."""

        async def tell(place: Place) -> None:
            try:
                await self._peers[place.host].send(PASSWORD, encoded.encode())
            except AgentFailure as failure:
                log.warn("a member was not told of the new password: {failure}", failure=failure)

        for place in list(self.membership.members()):
            defer.ensureDeferred(tell(place))

    @property
    def secret(self) -> str:
        """The pool's secret, for a host that joins."""
        return self._secrets.current

    def _leave(self, leader: Place) -> None:
        self.liveness.stop()
        self._follow(leader)
        self.left()

    async def _adopt(self, host: str, body: bytes) -> bytes:
        """A pinned host brings its objects: they become the pool's, and the host a member."""
        head, _, packed = body.partition(b"\n")
        place = Place(**orjson.loads(head))
        try:
            if place.host != host:
                raise XenAPIError("INVALID_VALUE", "host", place.host)
            with self._db.transaction() as tx:
                ref = adoption.unpack(self._db, packed)
                pbds = adoption.introduce_shared_storage(tx, self._db, ref)
                for pbd in pbds:
                    tx.update(pbd, currently_attached=True)
                self.membership.add_member(place)
                for table in (self._db.table(cls) for cls in ("VM", "SR", "VBD", "VIF", "VDI", "host")):
                    allowed.refresh(tx, self._db, *table.rows())
            agent = self._lead(ref, place)
            await take_up(self._db, agent, ref)
            self.liveness.heard(place.host, await self._beat_of(place))
        except XenAPIError as refusal:
            return orjson.dumps({"error": refusal.description})
        return orjson.dumps({"value": ref, "password": self._passwords.hash})

    async def _beat_of(self, place: Place) -> Beat:
        peer = self._peers.get(place.host) or self._peer(place)
        return Beat(**orjson.loads(await peer.send(BEAT, b"")))

    async def _take_up(self, host: str) -> None:
        agent = self._agents.find(host)
        if agent is not None:
            await take_up(self._db, agent, host)

    # Roles --------------------------------------------------------------------------------------------------------------

    def _follow(self, leader: Place) -> None:
        self._role.leader = leader.address

    def _lead(self, ref: str, place: Place) -> IHostAgent:
        agent = RemoteAgent(place.host, self._peer(place).send)
        self._agents.add(ref, agent)
        return agent

    def _peer(self, place: Place) -> Peer:
        assert self._tls is not None
        pins = self.membership

        async def answer(path: str, body: bytes) -> bytes:
            return await self._answer(place.host, path, body)

        tls = self._tls(lambda fingerprint: pins.host_of(fingerprint) == place.host)
        peer = Peer(self._reactor, place.address, place.port, tls, place.host, answer)
        self._peers[place.host] = peer
        return peer

    # What the agent of this host notices goes to the coordinator, wherever it is (IAgentObserver) ---------------------------

    def domain_changed(self, *args: Any) -> None:
        """See :class:`~xapid.agent.interface.IAgentObserver`."""
        self._told.domain_changed(*args)

    def guest_reported(self, *args: Any) -> None:
        """See :class:`~xapid.agent.interface.IAgentObserver`."""
        self._told.guest_reported(*args)

    def carrier_changed(self, *args: Any) -> None:
        """See :class:`~xapid.agent.interface.IAgentObserver`."""
        self._told.carrier_changed(*args)

    @property
    def coordinator(self) -> Coordinator | None:
        """Whom a member asks; None if this daemon is the coordinator."""
        leader = self.membership.leader
        if leader is None:
            return None
        return Coordinator((self._peers.get(leader.host) or self._peer(leader)).send)

    @property
    def _told(self) -> Any:
        leader = self.membership.leader
        if leader is None:
            return self._observer
        return RemoteObserver((self._peers.get(leader.host) or self._peer(leader)).send)

    async def _answer(self, host: str, path: str, body: bytes) -> bytes:
        """The answer to what another host of the pool asks for, when what it changed is durable."""
        answer = await self._carry_out(host, path, body)
        if self._db.pending:
            await self._db.durable()
        return answer

    async def _carry_out(self, host: str, path: str, body: bytes) -> bytes:
        leader = self.membership.leader
        if leader is not None and host == leader.host and path == RELEASE:
            self._reactor.callLater(0, lambda: defer.ensureDeferred(self._released()))
            return b"{}"
        if leader is not None and host == leader.host and path == PASSWORD:
            self._passwords.set_hash(body.decode())
            return b"{}"
        if path == BEAT:
            return orjson.dumps({"began": self._began, "time": self._reactor.seconds()})
        if path.startswith(ADOPT):
            return await self._adopt(host, body)
        if path.startswith(INQUIRY) and leader is None and self.answer_inquiry is not None:
            return await self.answer_inquiry(path, body)
        if path.startswith(OBSERVER) and leader is None:
            return await answer_observer(self._observer, path, body)
        if path.startswith(AGENT) and host != self._own_uuid() and host in self.membership.pins():
            own = self._agents.find(self._db.table("host").by_uuid(self._own_uuid()).ref)
            if own is not None:
                return await answer_agent(own, path, body)
        failure = AgentFailure("not_supported", (path,))
        return orjson.dumps({"failure": [failure.reason, *failure.details]})

    def _own_uuid(self) -> str:
        row = self._db.table("host").find(self._role.coordinator)
        return "" if row is None else str(row.uuid)


async def _nothing() -> None:
    """What an ejected daemon does that nobody told how to start afresh."""


def split_address(text: str, port: int) -> tuple[str, int]:
    """An address and a port, of which the text need not have one. IPv6 addresses with a port stand in brackets."""
    host, colon, number = text.rpartition(":")
    if colon and number.isdigit() and (":" not in host or host.endswith("]")):
        return host.removeprefix("[").removesuffix("]"), int(number)
    return text.removeprefix("[").removesuffix("]"), port
