"""Daemons that are one pool: this one among the others (``context.services.pool``).

The coordinator owns the database and calls its members; a member answers ``/agent/…`` for its hosts. Daemons know each other
by the certificates that they have pinned and by the pool's secret; their connections use the public address and port, under an
ALPN name. This module puts the parts together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Final

import attrs
import orjson
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from xapid.agent.interface import IAgentObserver
from xapid.agent.remote import RemoteObserver, read_answer
from xapid.agent.values import AgentFailure
from xapid.auth.passwords import Passwords
from xapid.config import Config
from xapid.database import Database
from xapid.database.journal import Seal
from xapid.datamodel.errors import XenAPIError
from xapid.ids import Ids
from xapid.pool.agents import HostAgents
from xapid.pool.client import split_address
from xapid.pool.common import BEAT, PASSWORD, ROSTER, STAGE, STILL_BOOTING, Common
from xapid.pool.copies import CopyStore
from xapid.pool.copying import Copying
from xapid.pool.following import Following
from xapid.pool.inquiry import Coordinator
from xapid.pool.joining import Joining, Receiving, Visit
from xapid.pool.link import Answer, HostLink
from xapid.pool.liveness import Beat, Liveness
from xapid.pool.membership import HANDING_OVER, JOINING, Membership, Place
from xapid.pool.network import Network
from xapid.pool.peers import Peers
from xapid.pool.renewing import hosts_beside, renewing
from xapid.pool.requests import Requests
from xapid.pool.role import Role
from xapid.pool.secrets import PoolSecrets, new_secret
from xapid.pool.succession import RESET, Succession

log = Logger()

LOOK_AROUND: Final = 3.0
"""Seconds that a coordinator which starts waits for members to say whether another leads by now."""


@implementer(IAgentObserver)
class Federation:
    """See above."""

    def __init__(
        self,
        db: Database,
        clock: IReactorTime,
        config: Config,
        ids: Ids,
        role: Role,
        agents: HostAgents,
        secrets: PoolSecrets,
        passwords: Passwords,
        observer: IAgentObserver,
        port: Callable[[], int],
    ) -> None:
        membership = Membership(db)
        peers = Peers(db, clock, membership, secrets, port, ids.secret(8).hex())
        self.common = Common(
            db=db, clock=clock, config=config, role=role, agents=agents, secrets=secrets, passwords=passwords,
            membership=membership, peers=peers, observer=observer,
        )  # fmt: skip
        self.membership = membership
        self.began = clock.seconds()
        self.observer = observer
        self._store = CopyStore(config.state_directory)
        self.liveness = Liveness(db, clock, membership.members, self._beat_of, self._take_up)
        self.common.missed = self.liveness.miss
        self.copying = Copying(self.common, self._store)
        self.following = Following(self.common, self.began, self.released)
        self.succession = Succession(self.common, self.following, self.copying, self._store, self._serve, self._rest)
        self.joining = Joining(self.common, port, self._become_member)
        self.receiving = Receiving(self.common, self._hear, self._changed)
        self._released: set[str] = set()
        """Hosts whose storage does nothing for former coordinators any more, by reference, as long as this daemon leads."""
        self.is_rotating = False
        """Whether the secret is being rotated by a call that goes on."""
        self._ids = ids
        self.answer_inquiry: Answer | None = None
        """What answers questions of members (:meth:`xapid.pool.inquiry.Inquiries.answer`)."""
        passwords.observers.append(self._spread_password)
        peers.met = self.succession.met
        peers.lost = self.following.lost
        peers.carry_out = Requests(self).answer

    def seal_copies(self, seal: Seal) -> None:
        """What copies of the database are sealed with that lie on disk."""
        self._store.seal = seal

    # Beginning and end --------------------------------------------------------------------------------------------------

    async def start(self, certificate: str, network: Network) -> None:
        """Take up the part that was kept. ``certificate`` is what this daemon presents, in PEM."""
        common = self.common
        common.certificate, common.peers.network = certificate, network
        self.membership.settle()
        self.membership.pin(self.membership.own, certificate)
        if self.membership.is_released:
            await self.released()
            return
        if self.membership.leader is not None:
            common.role.emergency = STILL_BOOTING
            answered = self.following.answered()
            self.following.start()
            await answered
            return
        meta = common.db.meta
        if JOINING in meta:
            common.role.emergency = STILL_BOOTING
            defer.ensureDeferred(self._resume(self.joining.resolve)).addErrback(lambda fault: log.failure("Joining", fault))
            return
        if HANDING_OVER in meta:
            common.role.emergency = STILL_BOOTING
            defer.ensureDeferred(self._resume(self.succession.resolve)).addErrback(
                lambda fault: log.failure("Handing over", fault)
            )
            return
        if any(True for _ in self.membership.members()):
            await self._look_around()
        if self.membership.leader is None:
            await self._serve()

    async def _resume(self, resolve: Callable[[], Awaitable[bool]]) -> None:
        """Go on from what a restart cut short, which says whether this daemon follows another now."""
        if not await resolve():
            await self._serve()

    async def _look_around(self) -> None:
        """Ask everyone whom they follow, before anyone is answered: this daemon may lead no more."""
        common = self.common
        common.role.emergency = STILL_BOOTING

        async def knock(place: Place) -> None:
            try:
                await common.peers.to(place).connect()
            except (AgentFailure, defer.CancelledError) as problem:
                log.info("{host} does not answer: {problem}", host=place.host, problem=problem)

        everyone = defer.DeferredList([defer.ensureDeferred(knock(place)) for place in common.others()])
        await everyone.addTimeout(LOOK_AROUND, common.clock, lambda *_: None)
        common.role.emergency = None

    @property
    def stands_alone(self) -> bool:
        """Whether there is no other daemon in the pool."""
        return self.membership.leader is None and not self.common.others()

    def stop(self) -> None:
        """Hang up."""
        self._rest()
        self.following.stop()
        self.common.peers.close()

    def accept(self, fingerprint: str) -> HostLink | None:
        """The protocol for a daemon that has connected with this certificate; None for a stranger."""
        return self.common.peers.accept(fingerprint)

    # What a coordinator does by itself ------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        common = self.common
        self._released.clear()
        for place in list(self.membership.members()):
            ref = common.ref_of(place.host)
            if ref is not None:
                common.reach(ref, place)
        for place in () if self.stands_alone else common.peers.own_places():
            ref = common.ref_of(place.host)
            if ref is not None:
                await self._take_up(ref, self.began)
        self.liveness.start()
        self.copying.start()
        self._changed()

    def _rest(self) -> None:
        self.liveness.stop()
        self.copying.stop()

    def _become_member(self) -> None:
        self._rest()
        self.common.left()
        self.following.start()
        self.common.role_changed(False)

    async def released(self) -> None:
        """The coordinator has let this daemon go."""
        self.following.stop()
        self._store.forget()
        self.common.peers.close()
        await self.common.start_afresh()
        self.common.role.leader, self.common.role.emergency = None, None
        self.membership.settle()
        self.membership.pin(self.membership.own, self.common.certificate)
        await self._serve()
        self.common.role_changed(True)

    def _changed(self) -> None:
        """The pool has got or lost a daemon: everyone is told, and gets a copy of the database."""
        roster = orjson.dumps(self.membership.roster(self.common.peers.own_places()))

        async def tell(place: Place) -> None:
            try:
                read_answer(await self.common.tell(place, ROSTER, roster))
            except AgentFailure as problem:
                log.info("{host} will learn of the roster with its next hello: {problem}", host=place.host, problem=problem)

        for place in self.common.others():
            defer.ensureDeferred(tell(place))
        self.copying.soon()

    async def _beat_of(self, place: Place) -> Beat:
        if place.who in self.common.newer:
            raise AgentFailure("unreachable", (place.host,))
        return Beat(**read_answer(await self.common.tell(place, BEAT, b"")))

    async def _take_up(self, ref: str, began: float) -> None:
        """See :meth:`Common.take_up`. At first, what the host has open for a former coordinator is let go."""
        agent = self.common.agents.find(ref)
        if agent is not None and ref not in self._released:
            await agent.storage.release_all()
            self._released.add(ref)
        await self.common.take_up(ref, began)

    async def _hear(self, place: Place) -> None:
        """A member is there: find out how it is at once. Raises AgentFailure."""
        await self.liveness.listen_to(place)

    def _spread_password(self, encoded: str) -> None:
        """Root's password is the same everywhere. A member that is away gets it with its next hello."""

        async def tell(place: Place) -> None:
            try:
                read_answer(await self.common.tell(place, PASSWORD, encoded.encode()))
            except AgentFailure as problem:
                log.warn("a member was not told of the new password: {problem}", problem=problem)

        if self.membership.leader is None:
            for place in self.common.others():
                defer.ensureDeferred(tell(place))

    # For operations -----------------------------------------------------------------------------------------------------

    @property
    def secret(self) -> str:
        """The pool's secret, for a host that joins."""
        return self.common.secrets.current

    @property
    def port(self) -> int:
        """Where this daemon answers."""
        return self.common.peers.port

    @contextmanager
    def only_join(self, task: str) -> Iterator[None]:
        """While this daemon joins a pool, under a task. Errors: OTHER_OPERATION_IN_PROGRESS, if it joins one already."""
        if self.joining.task is not None:
            pool = self.common.db.table("pool").rows()[0]
            raise XenAPIError("OTHER_OPERATION_IN_PROGRESS", "pool", pool.ref, "join", self.joining.task)
        self.joining.task = task
        try:
            yield
        finally:
            self.joining.task = None

    def new_secret(self) -> str:
        """A secret that nobody has yet."""
        return new_secret(self._ids)

    async def visit(self, address: str, user: str, password: str) -> Visit:
        """See :meth:`xapid.pool.joining.Joining.visit`."""
        return await self.joining.visit(address, user, password)

    async def join(self, visit: Visit) -> None:
        """See :meth:`xapid.pool.joining.Joining.join`."""
        await self.joining.join(visit)

    def exchange_certificates(self, host: str, certificate: str) -> dict[str, str]:
        """See :meth:`xapid.pool.joining.Receiving.exchange_certificates`.

        Errors: OPERATION_NOT_ALLOWED, while this daemon is about to join a pool itself.
        """
        if self.joining.task is not None:
            raise XenAPIError("OPERATION_NOT_ALLOWED", "The coordinator of this pool is about to join another pool")
        return self.receiving.exchange_certificates(host, certificate)

    def dismiss(self, host: str, ref: str) -> None:
        """See :meth:`xapid.pool.joining.Receiving.dismiss`."""
        self.receiving.dismiss(host, ref)

    def renewing(self, ref: str, certificate: str) -> AbstractAsyncContextManager[None]:
        """See :func:`xapid.pool.renewing.renewing`."""
        return renewing(self.common, ref, certificate)

    def hosts_beside(self, ref: str) -> list[str]:
        """See :func:`xapid.pool.renewing.hosts_beside`."""
        return hosts_beside(self.common, ref)

    def forget(self, host: str, ref: str) -> None:
        """See :meth:`xapid.pool.joining.Receiving.forget`."""
        self.receiving.forget(host, ref)

    async def secret_stage(self, ref: str, stage: str, old: str, new: str) -> None:
        """Have a host go through a stage of a rotation of the secret. Raises AgentFailure, ValueError."""
        place = self.common.place_of(ref)
        if self.common.is_own(place):
            self.common.secrets.stage(stage, old, new)
        else:
            read_answer(await self.common.tell(place, STAGE, orjson.dumps([stage, old, new])))

    async def back_up_to(self, ref: str, generation: int, force: bool) -> None:
        """Give the daemon of a host a copy of the database, unless it has that of ``generation``.

        Errors: CANNOT_CONTACT_HOST.
        """
        place = self.common.place_of(ref)
        wanted = force or self.copying.sent_to(place) != generation
        if wanted and not self.common.is_own(place) and await self.copying.send_to([place], True):
            raise XenAPIError("CANNOT_CONTACT_HOST", ref)

    async def back_up_to_all(self) -> list[str]:
        """Give every daemon a copy; returns hosts of those that could not be reached."""
        failed = await self.copying.send_to(self.common.others(), True)
        return [ref for place in failed if (ref := self.common.ref_of(place.host)) is not None]

    async def sync_settings(self, ref: str, digest: str) -> None:
        """Give the daemon of a host the settings that all share, unless it has those with this hash. Raises AgentFailure."""
        place, encoded = self.common.place_of(ref), self.common.passwords.hash
        if not self.common.is_own(place) and encoded is not None and digest != encoded:
            read_answer(await self.common.tell(place, PASSWORD, encoded.encode()))

    async def take_over(self) -> None:
        """Lead the pool in an emergency; nothing happens where this daemon leads already. Errors: INTERNAL_ERROR."""
        if self.membership.leader is not None or self.common.role.emergency is not None:
            epoch = self.membership.next_epoch(self.common.clock.seconds())
            await self.succession.take_over(epoch, in_emergency=True)

    async def follow(self, address: str) -> None:
        """Follow the coordinator at an address, be it the one that this daemon follows, which has moved there.

        Errors: INVALID_VALUE, for an address where nobody of the pool is known to be, and for a member's own.
        """
        place, leader = await self._whoever_is_at(address), self.membership.leader
        if self.common.is_own(place):
            if leader is not None:
                raise XenAPIError("INVALID_VALUE", "master_address", address)
        elif leader is None or (leader.who, leader.address, leader.port) != (place.who, place.address, place.port):
            self.succession.follow(place, self.membership.epoch)

    async def _whoever_is_at(self, address: str) -> Place:
        place = self._place_at(address)
        if place is None:
            host, port = split_address(address, self.port)
            greeting = await self.common.peers.meet(Place("", host, port))
            if greeting is None:
                raise XenAPIError("INVALID_VALUE", "master_address", address)
            place = Place(greeting.leader.host if greeting.leads else greeting.daemon, host, port, greeting.daemon)
        return place

    def _place_at(self, address: str) -> Place | None:
        host, port = split_address(address, 0)
        places = [*self.common.peers.own_places(), *self.membership.members()]
        return next((place for place in places if place.address == host and port in (0, place.port)), None)

    def _known_at(self, address: str) -> Place:
        place = self._place_at(address)
        if place is None:
            raise XenAPIError("INVALID_VALUE", "address", address)
        return place

    def propose(self, address: str) -> None:
        """Agree to the coordinator at an address. Errors: INVALID_VALUE, HA_ABORT_NEW_MASTER."""
        self.succession.propose(self._known_at(address), self.membership.next_epoch(self.common.clock.seconds()))

    async def commit(self, address: str) -> None:
        """Follow it, or be it. Errors: INVALID_VALUE, HA_ABORT_NEW_MASTER."""
        await self.succession.commit(self._known_at(address), None)

    def abort(self, address: str) -> None:
        """Drop that proposal. Errors: INVALID_VALUE."""
        self.succession.abort(self._known_at(address))

    async def redirect(self, ref: str, address: str) -> None:
        """Have a host follow the coordinator at an address. Raises AgentFailure. Errors: INVALID_VALUE."""
        place, leader = self.common.place_of(ref), self._known_at(address)
        if self.common.is_own(place):
            await self.follow(address)
        else:
            change = {"leader": attrs.asdict(leader), "epoch": self.membership.epoch}
            read_answer(await self.common.tell(place, RESET, orjson.dumps(change)))

    # What the agents of this daemon notice goes to the coordinator, wherever it is (IAgentObserver) -------------------------

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
        return None if leader is None else Coordinator(self.common.peers.to(leader).send)

    @property
    def _told(self) -> Any:
        leader = self.membership.leader
        return self.observer if leader is None else RemoteObserver(self.common.peers.to(leader).send)
