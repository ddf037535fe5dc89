"""Several pools in the test's own process, on one clock, that reach each other as daemons do: they join, follow, are cut off
from each other, die at a moment of the test's choice and start again on what they had kept.

Only sockets and TLS are missing: certificates are compared as TLS would, and everything above is the daemons' own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

import attrs
import orjson
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import defer
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from zope.interface import implementer

from xapid.assembly import Nowhere, assemble
from xapid.auth.passwords import META_KEY
from xapid.database.journal import Batch, Loaded, NoJournal
from xapid.datamodel.catalogue import Catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.http.blobs import BlobStore
from xapid.ids import Ids
from xapid.pool.dialling import CONNECT_TIMEOUT
from xapid.pool.membership import Place, fingerprints
from xapid.testing.in_process import Server, _at_once, _pristine, config
from xapid.testing.virtual_time import EPOCH, VirtualClock
from xapid.wire import jsonrpc
from xapid.wire.call import Origin

LATENCY: Final = 0.001
PORT: Final = 443


class ConnectionRefused(Exception):
    """Nobody there, or nobody who wants to speak to us."""


class KeptJournal(NoJournal):
    """Keeps what was committed, in memory; nothing more once it is closed."""

    def __init__(self, beginning: NoJournal, password: str = "") -> None:
        """``beginning`` has what a new pool holds; ``password`` is root's."""
        self._beginning: NoJournal | None = beginning
        self._password = password
        self._objects: dict[str, Loaded] = {}
        self._meta: dict[str, str] = {}
        self.is_closed = False
        self.commits = 0

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        if self._beginning is not None:
            self._objects = {each.ref: each for each in self._beginning.load(api)}
            self._meta = self._beginning.load_meta() | {META_KEY: cheap_hash(self._password)}
            self._beginning = None
        return iter(list(self._objects.values()))

    def load_meta(self) -> dict[str, str]:
        return dict(self._meta)

    def commit(self, batch: Batch) -> None:
        if self.is_closed:
            return
        self.commits += 1
        for _, ref in batch.deletes:
            self._objects.pop(ref, None)
        for put in batch.puts:
            self._objects.pop(put.ref, None)
            self._objects[put.ref] = put
        for key, value in batch.meta.items():
            if value is None:
                self._meta.pop(key, None)
            else:
                self._meta[key] = value


@attrs.frozen
class _Site(Nowhere):
    address: str = "127.0.0.1"

    def open(self, hosts: int) -> list[str]:
        first, last = self.address.rsplit(".", 1)
        return [f"{first}.{int(last) + 100 * number}" for number in range(hosts)]


class Neighbour(Server):
    """One daemon's pool; ``number`` makes its address, its seed and its certificate."""

    def __init__(self, street: Street, number: int, **settings: Any) -> None:
        self.street = street
        self.number = number
        self.address = f"10.0.0.{number}"
        self.port = int(settings.pop("port", PORT))
        self.certificate = certificate(number)
        self.fingerprint = next(iter(fingerprints([self.certificate])))
        self.is_alive = False
        chosen = config(**{"preset": "standalone", "seed": number, "duration_profile": "instant"} | settings)
        self.journal = KeptJournal(_pristine(chosen), chosen.root_password or "")
        super().__init__(chosen)

    def _start(self) -> None:
        self.clock = self.street.clock
        self.lives = getattr(self, "lives", 0) + 1
        site = _Site(port=self.port, address=self.address)
        ids = Ids(1000 * self.lives + self.number, repeatable_secrets=True)
        self.pool = self.clock.wait_for(
            assemble(self.config, self.clock, ids, run=_at_once, blobs=BlobStore(), site=site, journal=self.journal)
        )
        self.is_alive = True
        self.clock.wait_for(self.federation.start(self.certificate, _Network(self, self.lives)))
        self.pool.start()

    @property
    def federation(self) -> Any:
        """Its place among the others."""
        return self.pool.services.pool

    @property
    def coordinator_address(self) -> str | None:
        """Whom it follows; None: it leads."""
        leader = self.federation.membership.leader
        return None if leader is None else str(leader.address)

    @property
    def host(self) -> str:
        """The uuid of its own host."""
        return str(self.federation.common.peers.own_places()[0].host)

    def die(self) -> None:
        """End at once, as by SIGKILL: what is not committed is lost, and nobody is told but by broken connections."""
        self.is_alive = False
        self.journal.is_closed = True
        self.street.drop(self)
        self.close()

    def close(self) -> None:
        """Ends what happens by itself."""
        self.pool.stop()
        self.federation.stop()

    def live_again(self) -> None:
        """Start again on what was kept."""
        kept = self.journal
        self.journal = KeptJournal(NoJournal())
        self.journal._beginning, self.journal._objects, self.journal._meta = None, kept._objects, kept._meta
        self._start()

    def by_itself(self, message: str, *args: Any) -> Any:
        """The result of a message that nobody logged in for."""
        return self.clock.wait_for(self.pool.dispatcher.by_itself(message, *args))


class Street:
    """The network. ``watch`` is called with everything that is about to be delivered, and may have someone die of it.

    Calls of the XenAPI are ``ask`` or ``answer`` and the name, on no wire.
    """

    def __init__(self) -> None:
        self.clock = VirtualClock(EPOCH)
        self.neighbours: list[Neighbour] = []
        self.cuts: set[frozenset[str]] = set()
        self.wires: list[Wire] = []
        self.watch: Callable[[Wire | None, bytes], None] = lambda wire, data: None
        self.web_servers: set[str] = set()
        """Addresses at which something answers that is no XenAPI."""

    def add(self, *, number: int | None = None, **settings: Any) -> Neighbour:
        """One more, on the address after the last."""
        neighbour = Neighbour.__new__(Neighbour)
        self.neighbours.append(neighbour)
        neighbour.__init__(self, number or len(self.neighbours), **settings)  # type: ignore[misc]  # it looks for itself here
        return neighbour

    def pool(self, size: int, **settings: Any) -> list[Neighbour]:
        """A pool, the coordinator first."""
        coordinator, *others = [self.add(**settings) for _ in range(size)]
        for other in others:
            self.join(other, coordinator)
        return [coordinator, *others]

    def join(self, joiner: Neighbour, coordinator: Neighbour) -> None:
        """Have one join the pool of another, as an administrator would, and wait until it follows."""
        joiner.by_itself("pool.join", coordinator.address, "root", coordinator.config.root_password)
        self.clock.until(lambda: joiner.coordinator_address == coordinator.address and not joiner.pool.services.role.emergency)

    def at(self, address: str, port: int) -> Neighbour | None:
        """Who answers there."""
        return next((each for each in self.neighbours if each.address == address and each.port == port), None)

    def cut(self, one: Neighbour, other: Neighbour) -> None:
        """From now on nothing gets from one to the other."""
        self.cuts.add(frozenset((one.address, other.address)))

    def mend(self) -> None:
        """Everything gets through again."""
        self.cuts.clear()

    def is_cut(self, one: Neighbour, other: Neighbour) -> bool:
        """Whether nothing gets through."""
        return frozenset((one.address, other.address)) in self.cuts

    def drop(self, neighbour: Neighbour) -> None:
        """Break the connections of one that died."""
        for wire in [wire for wire in self.wires if neighbour in (wire.near, wire.far)]:
            wire.break_()

    def close(self) -> None:
        """Ends everything."""
        for neighbour in self.neighbours:
            if neighbour.is_alive:
                neighbour.close()


class Wire:
    """One end of a connection, as its protocol's transport."""

    def __init__(self, street: Street, near: Neighbour, far: Neighbour) -> None:
        self.street, self.near, self.far = street, near, far
        self.protocol: Protocol | None = None
        self.other: Wire
        self.is_open = True
        street.wires.append(self)

    def write(self, data: bytes) -> None:
        if self.is_open and not self.street.is_cut(self.near, self.far):
            self.street.clock.callLater(LATENCY, self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if self.is_open and self.far.is_alive:
            self.street.watch(self, data)
        if self.other.is_open and self.far.is_alive and self.other.protocol is not None:
            self.other.protocol.dataReceived(data)

    def writeSequence(self, pieces: list[bytes]) -> None:
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        self.abortConnection()

    def abortConnection(self) -> None:
        self.break_()

    def break_(self) -> None:
        """Both ends are told, unless they cannot be."""
        for end in (self, self.other):
            if end.is_open:
                end.is_open = False
                self.street.wires.remove(end)
                if end.protocol is not None and (end is self or not self.street.is_cut(self.near, self.far)):
                    self.street.clock.callLater(LATENCY, end.protocol.connectionLost, connectionDone)


@implementer(IStreamClientEndpoint)
class _Endpoint:
    def __init__(self, network: _Network, place: Place, knows: Callable[[str], bool]) -> None:
        self._network, self._near, self._place, self._knows = network, network.near, place, knows

    def connect(self, factory: Any) -> Any:
        street = self._near.street
        far = street.at(self._place.address, self._place.port)
        done: defer.Deferred[Any] = defer.Deferred()
        if far is not None and street.is_cut(self._near, far):
            street.clock.callLater(CONNECT_TIMEOUT, done.errback, defer.TimeoutError())
        elif far is None or not far.is_alive:
            street.clock.callLater(LATENCY, done.errback, ConnectionRefused())
        else:
            street.clock.callLater(LATENCY, self._connect, factory, far, done)
        return done

    def _connect(self, factory: Any, far: Neighbour, done: defer.Deferred[Any]) -> None:
        accepted = far.federation.accept(self._near.fingerprint) if far.is_alive and self._network.lives else None
        if accepted is None or not self._knows(far.fingerprint):
            done.errback(ConnectionRefused())
            return
        dialled = factory.buildProtocol(None)
        here, there = Wire(far.street, self._near, far), Wire(far.street, far, self._near)
        here.other, there.other = there, here
        here.protocol, there.protocol = dialled, accepted
        dialled.makeConnection(here)
        accepted.makeConnection(there)
        done.callback(dialled)


class _Client:
    """JSON-RPC to another pool."""

    def __init__(self, network: _Network, address: str, port: int) -> None:
        self._network, self._near, self._address, self._port = network, network.near, address, port

    async def call(self, method: str, *params: Any) -> Any:
        street = self._near.street
        if self._address in street.web_servers:
            raise XenAPIError("JOINING_HOST_SERVICE_FAILED")
        far = street.at(self._address, self._port)
        if far is None or not far.is_alive or not self._network.lives or street.is_cut(self._near, far):
            raise XenAPIError("JOINING_HOST_CONNECTION_FAILED")
        street.watch(None, b"ask " + method.encode())
        call, codec = jsonrpc.decode(orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}))
        host, life = far.pool.hosts()[0].ref, far.lives
        answer = far.pool.dispatcher.dispatch(call, codec, Origin(self._near.address, host=host))
        body: Any = answer if isinstance(answer, list) else await answer
        street.watch(None, b"answer " + method.encode())
        if far.lives != life or far.journal.is_closed or not self._network.lives:
            raise XenAPIError("JOINING_HOST_CONNECTION_FAILED")
        told = orjson.loads(b"".join(body))
        if "error" in told:
            raise XenAPIError.relayed(told["error"]["message"], *told["error"]["data"])
        return told["result"]


@attrs.frozen
class _Network:
    """What one life of a daemon reaches others with; what a former life still wants to do reaches nobody."""

    near: Neighbour
    life: int

    @property
    def lives(self) -> bool:
        return self.near.is_alive and self.near.lives == self.life

    def endpoint(self, place: Place, knows: Callable[[str], bool]) -> IStreamClientEndpoint:
        endpoint: IStreamClientEndpoint = _Endpoint(self, place, knows)
        return endpoint

    def client(self, address: str, port: int) -> _Client:
        return _Client(self, address, port)


@lru_cache
def cheap_hash(password: str) -> str:
    """A hash that is as quickly made by those who guess as by those who know; for tests."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


@lru_cache
def certificate(number: int) -> str:
    """A certificate in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"10.0.0.{number}")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(number + 1).not_valid_before(EPOCH).not_valid_after(EPOCH.replace(year=2036))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
