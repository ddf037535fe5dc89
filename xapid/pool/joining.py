"""How a daemon becomes a member, both sides, and how it stops being one.

The joiner keeps what it is about to do, and asks the coordinator to *adopt* its host. The coordinator's commit decides: from
then on the host is the pool's. A joiner that does not hear of it, because either side or the line between them died, says
hello as if it were a member, and learns from the answer what it is.

Leaving is decided by the coordinator's commit, too: the host is out of the database, and its daemon stands in a list of those
that do not know it yet. It is told, or else told when it says hello.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs
import orjson
from twisted.internet import defer
from twisted.internet.task import deferLater
from twisted.logger import Logger

from xapid.agent.remote import read_answer
from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed
from xapid.operations.alerts import raise_alert
from xapid.operations.host_settling import introduce_shared_storage
from xapid.operations.levelling import level_pool
from xapid.pool import adoption
from xapid.pool.client import split_address
from xapid.pool.common import HELLO, RELEASE, STILL_BOOTING, Common
from xapid.pool.membership import JOINING, Place, fingerprints
from xapid.pool.network import Client

log = Logger()

ADOPT: Final = "/pool/adopt/"
AGAIN: Final = 5.0


@attrs.frozen
class Visit:
    """A session at the coordinator of another pool."""

    client: Client
    session: str
    address: str
    port: int

    async def call(self, message: str, *args: Any) -> Any:
        """The result of a message there. Errors: those that it answers with."""
        return await self.client.call(message, self.session, *args)

    async def end(self) -> None:
        """Log out; what goes wrong with that is nobody's concern."""
        try:
            await self.client.call("session.logout", self.session)
        except XenAPIError as refusal:
            log.debug("logging out failed: {refusal}", refusal=refusal)


class Joining:
    """The joiner's side. ``become_member`` makes of a daemon that leads one that follows."""

    def __init__(self, common: Common, port: Callable[[], int], become_member: Callable[[], None]) -> None:
        self._common = common
        self._port = port
        self._become_member = become_member
        self.task: str | None = None
        """The task under which this daemon is joining a pool."""

    async def visit(self, address: str, user: str, password: str) -> Visit:
        """Log in at ``address``, which may carry a port; a member there says where its coordinator is.

        Errors: JOINING_HOST_CONNECTION_FAILED, JOINING_HOST_SERVICE_FAILED; what the login is refused with.
        """
        host, port = split_address(address, self._port())
        redirected = False
        while True:
            client = self._common.peers.network.client(host, port)
            try:
                session = await client.call("session.login_with_password", user, password, "2.23", "xapid")
            except XenAPIError as refusal:
                if refusal.code != "HOST_IS_SLAVE" or redirected:
                    raise
                host, port = split_address(refusal.params[0], port)
                redirected = True
            else:
                return Visit(client, session, host, port)

    async def join(self, visit: Visit) -> None:
        """Become a member of the pool that is visited. Errors: those of the calls there, and what it refuses the host with."""
        common = self._common
        own = common.membership.own
        pins = await visit.call("pool.exchange_certificates_on_join", own, common.certificate)
        secret = await visit.call("pool.initial_auth")
        (pool,) = (await visit.call("pool.get_all_records")).values()
        coordinator = await visit.call("host.get_uuid", pool["master"])
        if not pins:
            raise XenAPIError("POOL_JOINING_POOL_BUNDLE_EMPTY_AFTER_IMPORT", "xapi-pool-ca-bundle.pem")
        leader = Place(coordinator, visit.address, visit.port)
        if coordinator not in pins:
            raise XenAPIError("POOL_JOINING_MASTER_CERTIFICATE_NOT_IN_POOL_BUNDLE", coordinator)
        self._keep({"leader": attrs.asdict(leader), "pins": pins, "secret": secret})
        await common.db.durable()
        head = orjson.dumps([attrs.asdict(place) for place in common.peers.own_places()])
        body = zlib.compress(head + b"\n" + adoption.pack(common.db))
        try:
            answer = read_answer(await self._ask(f"{ADOPT}{own}", body))
        except AgentFailure as failure:
            if not await self.resolve():
                raise XenAPIError("JOINING_HOST_CONNECTION_FAILED") from failure
        except XenAPIError:
            self._keep(None)
            raise
        else:
            self._complete(answer)

    async def resolve(self) -> bool:
        """Find out what became of a join that was cut short; whether this host is a member now."""
        common = self._common
        while JOINING in common.db.meta:
            hosts = [attrs.asdict(place) for place in common.peers.own_places()]
            body = orjson.dumps({"hosts": hosts, "began": 0, "time": common.clock.seconds()})
            try:
                answer = read_answer(await self._ask(HELLO, body))
            except AgentFailure:
                answer = {"answer": "busy"}
            match answer["answer"]:
                case "ok" | "cannot_talk_back":
                    self._complete(answer)
                    return True
                case "busy":
                    common.role.emergency = STILL_BOOTING
                    await deferLater(common.clock, AGAIN)
                case _:
                    self._keep(None)
        common.role.emergency = None
        return False

    async def _ask(self, path: str, body: bytes) -> bytes:
        kept = self._common.membership.joining
        assert kept is not None
        good = fingerprints(kept["pins"].values())
        peer = self._common.peers.stranger(Place(**kept["leader"]), good.__contains__, kept["secret"])
        try:
            return await peer.send(path, body)
        finally:
            peer.close()

    def _complete(self, answer: dict[str, Any]) -> None:
        common = self._common
        kept = common.membership.joining
        assert kept is not None
        with common.db.transaction():
            common.secrets.use(kept["secret"])
            if answer.get("password"):
                common.passwords.set_hash(answer["password"])
            common.membership.take_roster(answer["roster"])
            common.membership.follow(Place(**answer["leader"]), answer["roster"]["epoch"])
            self._keep(None)
        common.clock.callLater(0, self._become_member)

    def _keep(self, value: dict[str, Any] | None) -> None:
        with self._common.db.transaction() as tx:
            tx.set_meta(JOINING, None if value is None else orjson.dumps(value).decode())


class Receiving:
    """The coordinator's side. ``changed`` is called when the pool has got or lost a daemon."""

    def __init__(self, common: Common, heard: Callable[[Place], Awaitable[None]], changed: Callable[[], None]) -> None:
        self._common = common
        self._heard = heard
        self._changed = changed
        self._adopting: set[str] = set()

    def exchange_certificates(self, host: str, certificate: str) -> dict[str, str]:
        """Let a host knock that is about to join; returns the certificates of the pool. Errors: INVALID_VALUE."""
        try:
            self._common.membership.expect(host, certificate)
        except ValueError:
            raise XenAPIError("INVALID_VALUE", "certificate", certificate) from None
        pins = self._common.membership.pins()
        leader = self._common.peers.coordinator
        return pins | {leader.host: pins[leader.who]}

    async def adopt(self, daemon: str, path: str, body: bytes) -> bytes:
        """A host that is about to join brings its objects: they become the pool's, and the host a member."""
        common = self._common
        head, _, packed = zlib.decompress(body).partition(b"\n")
        (place,) = (Place(**each) for each in orjson.loads(head))
        known = common.membership.find(place.host)
        if known is None or known.who != daemon:
            if place.host != daemon or daemon not in common.membership.expected():
                raise XenAPIError("INVALID_VALUE", "host", place.host)
            self._adopting.add(daemon)
            try:
                await self._take_in(place, packed)
            finally:
                self._adopting.discard(daemon)
        return self._welcome()

    async def _take_in(self, place: Place, packed: bytes) -> None:
        common, db = self._common, self._common.db
        with db.transaction() as tx:
            ref = adoption.unpack(db, packed)
            for pbd in introduce_shared_storage(tx, db, ref):
                tx.update(pbd, currently_attached=True)
            level_pool(tx, db)
            common.membership.pin(place.host, common.membership.expected()[place.host])
            common.membership.expect_no_longer(place.host)
            common.membership.add_member(place)
            for table in (db.table(cls) for cls in ("VM", "SR", "VBD", "VIF", "VDI", "host")):
                allowed.refresh(tx, db, *table.rows())
        await db.durable()
        common.reach(ref, place)
        try:
            await self._heard(place)
            await common.settle(ref)
        except (AgentFailure, XenAPIError) as problem:  # it is a member all the same; the next hello goes on from here
            log.warn("{host} did not get all that the pool has: {problem}", host=place.host, problem=problem)
        self._changed()

    def _welcome(self, answer: str = "ok") -> bytes:
        common = self._common
        welcome = {
            "answer": answer,
            "roster": common.membership.roster(common.peers.own_places()),
            "leader": attrs.asdict(common.peers.coordinator),
            "thumbprints": dict(common.role.thumbprints),
            "password": common.passwords.hash,
        }
        return orjson.dumps({"value": welcome})

    async def hello(self, daemon: str, path: str, body: bytes) -> bytes:
        """A member has started, or wants to know how things stand."""
        common = self._common
        if daemon in common.membership.leaving():
            return orjson.dumps({"value": {"answer": "released"}})
        if daemon in self._adopting:
            return orjson.dumps({"value": {"answer": "busy"}})
        said = orjson.loads(body)
        places = [Place(**told) for told in said["hosts"]]
        for place in places:
            known = common.membership.find(place.host)
            if known is None or known.who != daemon or common.ref_of(place.host) is None:
                common.membership.expect_no_longer(daemon)  # whoever hears this gives up joining
                return orjson.dumps({"value": {"answer": "unknown_host"}})
        if self._is_newer(daemon, places, str(said.get("version", ""))):
            return orjson.dumps({"value": {"answer": "newer"}})
        for place in places:
            known = common.membership.find(place.host)
            if known != place:
                self._move(place)
            try:
                await common.peers.to(place).connect()
                await self._heard(place)
            except AgentFailure:
                return self._welcome("cannot_talk_back")
        return self._welcome()

    def _is_newer(self, daemon: str, places: list[Place], version: str) -> bool:
        """Whether a member is of a later version than this daemon, which an alert about its host tells once."""
        common = self._common
        if _numbers(version) <= _numbers(common.version):
            common.newer.discard(daemon)
            return False
        if daemon not in common.newer:
            common.newer.add(daemon)
            host = common.db.table("host").by_uuid(places[0].host)
            text = f"Host '{host.name_label}' does not serve, since its version, {version}, is later than the coordinator's."
            raise_alert(common.db, common.now(), "XAPI_STARTUP_BLOCKED_AS_VERSION_HIGHER_THAN_COORDINATOR", host, text)
        return True

    async def greet(self, host: str, address: str) -> str:
        """What a host that says it starts at an address is told: ``ok``, ``unknown_host`` or ``cannot_talk_back``."""
        common = self._common
        known = common.membership.find(host)
        if known is None:
            return "ok" if host in {place.host for place in common.peers.own_places()} else "unknown_host"
        place = attrs.evolve(known, address=address)
        if place != known:
            self._move(place)
        try:
            await self._heard(place)
        except AgentFailure:
            return "cannot_talk_back"
        return "ok"

    def _move(self, place: Place) -> None:
        """A host answers somewhere else now: its record, and the consoles on it, are to say so."""
        common, db = self._common, self._common.db
        common.peers.forget(place.who)
        row = db.table("host").by_uuid(place.host)
        with db.transaction() as tx:
            common.membership.add_member(place)
            tx.update(row, address=place.address)
            for vm in (db.get("VM", ref) for ref in row.resident_VMs):
                for console in (db.get("console", ref) for ref in vm.consoles):
                    tx.update(console, location=console.location.replace(f"//{row.address}", f"//{place.address}", 1))
        common.reach(row.ref, place)
        self._changed()

    def dismiss(self, host: str, ref: str) -> None:
        """A host is out of the pool, in the transaction that is open; its daemon is told when that is durable."""
        common = self._common
        place = common.membership.find(host)
        common.agents.remove(ref)
        if place is not None:
            common.membership.dismiss(host)
            common.clock.callLater(0, lambda: defer.ensureDeferred(self._tell_released(place)))

    def forget(self, host: str, ref: str) -> None:
        """A host that is dead is out of the pool. Its daemon is not told; if it comes back, nobody knows it."""
        common = self._common
        place = common.membership.find(host)
        common.agents.remove(ref)
        if place is not None:
            common.membership.forget(host)
            common.peers.forget(place.who)
            common.clock.callLater(0, self._changed)

    async def _tell_released(self, place: Place) -> None:
        common = self._common
        await common.db.durable()
        self._changed()
        try:
            read_answer(await common.tell(place, RELEASE, b""))
        except AgentFailure as failure:
            log.warn("{host} will be told that it was ejected when it says hello: {failure}", host=place.host, failure=failure)
        else:
            common.membership.forget_leaving(place.who)
        common.peers.forget(place.who)


def _numbers(version: str) -> tuple[int, ...]:
    """A version such that the later of two is the greater one."""
    return tuple(map(int, re.findall(r"\d{1,9}", version)))
