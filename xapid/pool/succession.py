"""Changes of coordinator: handed over in phases, taken over in an emergency, and given up by one that finds another.

Handing over from A to B, with every other daemon C:

1. A *proposes* B to every daemon. Each keeps the proposal, or refuses; after a refusal all are told to *abort*.
2. A answers calls no more, waits for those under way, and gives B a last copy of the database.
3. A *commits* to B, having kept that it is about to. B loads the copy, and leads: this is the one step that decides.
4. B commits to every C, for as long as it takes, and A follows B.

If A does not hear of step 3, it asks B to abort until B says which it was. A daemon that was away learns of the change from
whomever it greets: the later epoch wins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs
import orjson
from twisted.internet import defer
from twisted.internet.task import deferLater
from twisted.logger import Logger

from xapid.agent.remote import RemoteAgent, read_answer
from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed
from xapid.operations.alerts import raise_alert
from xapid.operations.cabling import the_pool
from xapid.operations.start_up import put_in_order
from xapid.pool.common import STILL_BOOTING, Common
from xapid.pool.copies import CopyStore, load, make
from xapid.pool.copying import Copying
from xapid.pool.following import Following
from xapid.pool.membership import HANDING_OVER, JOINING, PROPOSAL, Place
from xapid.pool.peers import Greeting

log = Logger()

PROPOSE: Final = "/pool/propose"
COMMIT: Final = "/pool/commit"
ABORT: Final = "/pool/abort"
RESET: Final = "/pool/reset"
FRESH: Final = 600.0
"""Seconds for which a proposal keeps others away."""
AGAIN: Final = 5.0


class Succession:
    """Who leads. ``serve`` begins what a coordinator does by itself, ``rest`` ends it."""

    def __init__(
        self,
        common: Common,
        following: Following,
        copying: Copying,
        store: CopyStore,
        serve: Callable[[], Awaitable[None]],
        rest: Callable[[], None],
    ) -> None:
        self._common = common
        self._following = following
        self._copying = copying
        self._store = store
        self._serve = serve
        self._rest = rest

    # Phases, on whoever is told ---------------------------------------------------------------------------------------------

    def propose(self, leader: Place, epoch: int) -> None:
        """Agree to a new coordinator. Errors: HA_ABORT_NEW_MASTER, when another was proposed in the last ten minutes."""
        kept = self._proposal
        now = self._common.clock.seconds()
        if kept is not None and kept["leader"]["host"] != leader.host and now - kept["time"] < FRESH:
            raise XenAPIError("HA_ABORT_NEW_MASTER", f"{kept['leader']['address']} was proposed a short time ago")
        if epoch <= self._common.membership.epoch:
            raise XenAPIError("HA_ABORT_NEW_MASTER", "a later change of coordinator is known here")
        self._keep(PROPOSAL, {"leader": attrs.asdict(leader), "epoch": epoch, "time": now})

    async def commit(self, leader: Place, epoch: int | None) -> None:
        """Follow the coordinator that was proposed, or be it. Errors: HA_ABORT_NEW_MASTER, when it was not proposed."""
        membership, kept = self._common.membership, self._proposal
        present = membership.leader or self._common.peers.coordinator
        if epoch is not None and present.host == leader.host and membership.epoch >= epoch:
            return
        if kept is None or kept["leader"]["host"] != leader.host:
            raise XenAPIError("HA_ABORT_NEW_MASTER", f"{leader.address} was not proposed")
        epoch = int(kept["epoch"]) if epoch is None else epoch
        if self._common.is_own(leader):
            await self.take_over(epoch)
        else:
            self.follow(leader, epoch)
        self._keep(PROPOSAL, None)

    def abort(self, leader: Place) -> bool:
        """Drop a proposal; whether it was too late for that: the change has been committed here."""
        kept = self._proposal
        if kept is not None and kept["leader"]["host"] == leader.host:
            self._keep(PROPOSAL, None)
            return False
        present = self._common.membership.leader or self._common.peers.coordinator
        return present.host == leader.host

    @property
    def _proposal(self) -> dict[str, Any] | None:
        text = self._common.db.meta.get(PROPOSAL)
        return None if text is None else dict(orjson.loads(text))

    def _keep(self, key: str, value: dict[str, Any] | None) -> None:
        with self._common.db.transaction() as tx:
            tx.set_meta(key, None if value is None else orjson.dumps(value).decode())

    # Handing over -------------------------------------------------------------------------------------------------------

    async def designate(self, ref: str) -> None:
        """Hand over to a host. Errors: HOST_OFFLINE, CANNOT_CONTACT_HOST, HA_ABORT_NEW_MASTER."""
        common = self._common
        leader = common.place_of(ref)
        if common.is_own(leader):
            self._lead_with(leader)
            return
        common.agents.get(ref)
        epoch = common.membership.next_epoch(common.clock.seconds())
        try:
            for place in common.others():
                await self._ask(place, PROPOSE, leader, epoch)
        except XenAPIError:
            await self._abort_everywhere(leader, epoch)
            raise
        common.role.emergency = STILL_BOOTING
        try:
            if not await common.drained():
                raise XenAPIError.relayed("OTHER_OPERATION_IN_PROGRESS", "pool", the_pool(common.db).ref)
            copy = await make(common.db, common.clock, epoch)
            await self._copying.give(leader, copy)
            self._keep(HANDING_OVER, {"leader": attrs.asdict(leader), "epoch": epoch})
            await common.db.durable()
        except (XenAPIError, AgentFailure) as problem:
            common.role.emergency = None
            await self._abort_everywhere(leader, epoch)
            if isinstance(problem, XenAPIError):
                raise
            raise XenAPIError("CANNOT_CONTACT_HOST", ref) from problem
        try:
            await self._ask(leader, COMMIT, leader, epoch)
        except XenAPIError:
            if not await self.resolve():
                raise
        else:
            self._keep(HANDING_OVER, None)
            self.follow(leader, epoch)

    async def resolve(self) -> bool:
        """Find out what became of a hand-over, however long it takes; whether it happened. Meanwhile no calls are answered."""
        common = self._common
        while (text := common.db.meta.get(HANDING_OVER)) is not None:
            kept = orjson.loads(text)
            leader, epoch = Place(**kept["leader"]), kept["epoch"]
            common.role.emergency = STILL_BOOTING
            try:
                answer = await common.tell(leader, ABORT, orjson.dumps({"leader": kept["leader"], "epoch": epoch}))
                is_done = bool(read_answer(answer))
            except (AgentFailure, XenAPIError):
                await deferLater(common.clock, AGAIN)
                continue
            self._keep(HANDING_OVER, None)
            if is_done:
                self.follow(leader, epoch)
                return True
            await self._abort_everywhere(leader, epoch)
            common.role.emergency = None
        return common.membership.leader is not None

    async def _ask(self, place: Place, step: str, leader: Place, epoch: int) -> None:
        """Errors: CANNOT_CONTACT_HOST for a daemon that does not answer, and what it refuses with."""
        try:
            body = orjson.dumps({"leader": attrs.asdict(leader), "epoch": epoch})
            read_answer(await self._common.tell(place, step, body))
        except AgentFailure as failure:
            raise XenAPIError("CANNOT_CONTACT_HOST", self._common.ref_of(place.host) or place.host) from failure

    async def _abort_everywhere(self, leader: Place, epoch: int) -> None:
        for place in self._common.others():
            try:
                await self._ask(place, ABORT, leader, epoch)
            except XenAPIError as failure:
                log.warn("{host} was not told of the abort: {failure}", host=place.host, failure=failure)

    def _lead_with(self, leader: Place) -> None:
        """Another host of this very daemon becomes the coordinator."""
        common = self._common
        ref = common.ref_of(leader.host)
        epoch = common.membership.next_epoch(common.clock.seconds())
        with common.db.transaction() as tx:
            tx.update(the_pool(common.db), master=ref)
            common.membership.lead(epoch)
        raise_alert(common.db, common.now(), "POOL_MASTER_TRANSITION", common.db.get("host", ref or ""))
        common.left()
        defer.ensureDeferred(self.announce())

    # Leading and following ------------------------------------------------------------------------------------------------

    async def take_over(self, epoch: int, *, in_emergency: bool = False) -> None:
        """Lead, with the newest copy of the database unless this daemon holds the database itself.

        Errors: INTERNAL_ERROR, when there is no copy that knows the hosts of this daemon, which then follows as before.
        """
        common = self._common
        membership, db = common.membership, common.db
        own = common.peers.own_places()
        led_by = membership.leader
        agents = {place.host: common.own_agent(place.host) for place in own}
        if led_by is not None:
            try:
                copy = self._store.newest
            except ValueError as problem:
                raise XenAPIError("INTERNAL_ERROR", f"The copy of the pool's database cannot be read: {problem}") from problem
            if copy is None:
                raise XenAPIError("INTERNAL_ERROR", "This host has no copy of the pool's database")
            with db.transaction() as tx:
                try:
                    load(db, copy)
                except ValueError as problem:
                    raise XenAPIError("INTERNAL_ERROR", f"The copy of the pool's database is damaged: {problem}") from problem
                missing = [place.host for place in own if common.ref_of(place.host) is None]
                if missing:
                    raise XenAPIError("INTERNAL_ERROR", "The copy of the pool's database is older than this host's joining")
                membership.lead(epoch)
                ref = common.ref_of(membership.own) or common.ref_of(own[0].host)
                tx.update(the_pool(db), master=ref)
                if in_emergency:
                    self._presume_dead(led_by)
            self._following.stop()
            common.role.emergency = STILL_BOOTING
        else:
            self._keep(HANDING_OVER, None)
            self._keep(JOINING, None)
            membership.lead(epoch)
        await db.durable()
        put_in_order(db)
        common.left()
        common.role.leader = None
        common.peers.hang_up()
        for host, agent in agents.items():
            ref = common.ref_of(host)
            if agent is not None and ref is not None:
                common.agents.add(ref, agent)
        with db.transaction() as tx:
            allowed.refresh(
                tx, db, *(row for table in db.tables.values() if "allowed_operations" in table.stored for row in table)
            )
        raise_alert(db, common.now(), "POOL_MASTER_TRANSITION", db.get("host", the_pool(db).master))
        await self._serve()
        common.role.emergency = None
        common.role_changed(True)
        if not in_emergency:
            defer.ensureDeferred(self.announce())

    def _presume_dead(self, place: Place) -> None:
        """The former coordinator counts as gone until it is heard of."""
        db = self._common.db
        for member in self._common.membership.members():
            row = db.table("host").find_uuid(member.host)
            if member.who == place.who and row is not None and row.metrics in db.table("host_metrics"):
                with db.transaction() as tx:
                    tx.update(row.metrics, live=False)

    def follow(self, leader: Place, epoch: int) -> None:
        """Be a member of the pool that ``leader`` leads, whatever this daemon was before."""
        common = self._common
        led = common.membership.leader is None
        if led:
            self._rest()
            for row in common.db.table("host"):
                if isinstance(common.agents.find(row.ref), RemoteAgent):
                    common.agents.remove(row.ref)
            self._forget_others()
        common.membership.follow(leader, epoch)
        self._keep(PROPOSAL, None)
        common.left()
        common.role.emergency = None
        common.clock.callLater(0, common.peers.hang_up)  # before a hello is said, which would be lost with its connection
        self._following.start()
        if led:
            common.role_changed(False)

    def _forget_others(self) -> None:
        """What is on record of hosts of other daemons is the new coordinator's: here, hosts on record are this daemon's own."""
        others = {member.host for member in self._common.membership.members()}
        with self._common.db.transaction() as tx:
            for row in [row for row in self._common.db.table("host") if row.uuid in others]:
                tx.destroy(row)

    async def announce(self) -> list[str]:
        """Tell everyone to follow this daemon; returns the references of the hosts that do."""
        common = self._common
        leader, epoch = common.peers.coordinator, common.membership.epoch
        followed = []
        for place in common.others():
            try:
                await self._ask(place, RESET, leader, epoch)
            except XenAPIError as refusal:
                log.warn("{host} was not told whom to follow: {refusal}", host=place.host, refusal=refusal)
            else:
                hosts = [member.host for member in common.membership.members() if member.who == place.who]
                followed += [ref for host in hosts if (ref := common.ref_of(host)) is not None]
        return followed

    def told(self, leader: Place, epoch: int) -> None:
        """A daemon of the pool leads, and says so. Errors: HA_ABORT_NEW_MASTER, when this one knows of a later change."""
        membership = self._common.membership
        if epoch < membership.epoch:
            raise XenAPIError("HA_ABORT_NEW_MASTER", "a later change of coordinator is known here")
        if membership.leader != leader or membership.epoch != epoch:
            self.follow(leader, epoch)

    def met(self, greeting: Greeting) -> None:
        """Somebody of the pool has said whom they follow: it may be another than this daemon thought."""
        membership, leader = self._common.membership, greeting.leader
        known = {place.who for place in membership.members()}
        if greeting.daemon not in known or leader.who == membership.own or greeting.epoch < membership.epoch:
            return
        present, later = membership.leader, greeting.epoch > membership.epoch
        if present is None:
            if later:
                self._common.clock.callLater(0, self._yield_to, leader, greeting.epoch)
        elif present.who == greeting.daemon and not greeting.leads:
            self._common.clock.callLater(0, self._yield_to, leader, greeting.epoch)
        elif present.who == greeting.daemon and (later or leader != present):
            membership.follow(leader, greeting.epoch)

    def _yield_to(self, leader: Place, epoch: int) -> None:
        membership = self._common.membership
        present = membership.leader
        if epoch > membership.epoch or (present is not None and present.who != leader.who and epoch == membership.epoch):
            log.warn("{address} leads the pool since a later change", address=leader.address)
            self.follow(leader, epoch)
