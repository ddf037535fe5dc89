"""Where disks are served: at the addresses that hosts have on networks of the purpose ``nbd`` or ``insecure_nbd``.

The ports open and close as purposes and addresses change. With ``nbd``, clients have to use TLS; both together are refused by
``network.add_purpose``. An address that this machine has not, or whose port is taken, is passed over; the log says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from twisted.internet import defer
from twisted.internet.interfaces import IAddress, IListeningPort, IOpenSSLServerConnectionCreator, IReactorTime
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from xapid.database import Database
from xapid.database.database import Change
from xapid.nbd.exports import Exports
from xapid.nbd.protocol import NbdProtocol, Open
from xapid.operations.vdi_nbd import INSECURE, addresses

log = Logger()

MOST: Final = 256
"""Clients of one port."""
_WATCHED: Final[dict[str, tuple[str, ...]]] = {"network": ("purpose",), "PIF": ("network", "IP", "IPv6"), "host": ()}
"""What the addresses are made of: classes, whose objects come and go, and fields that change. Hosts change all the time."""

Listen = Callable[[str, ServerFactory], IListeningPort]
"""Listens at an address. Raises OSError."""


class Server(Protocol):
    """What else serves a host."""

    host: str
    """Its reference now."""


class NbdFactory(ServerFactory):
    """Serves the clients of one address."""

    noisy = False

    def __init__(self, open_: Open, tls: IOpenSSLServerConnectionCreator | None, clock: IReactorTime) -> None:
        self._open = open_
        self._tls = tls
        self._clock = clock
        self._clients: set[_Client] = set()

    def buildProtocol(self, addr: IAddress | None) -> NbdProtocol | None:
        """None for one client too many, who is hung up on."""
        return None if len(self._clients) >= MOST else _Client(self._clients, self._open, self._tls, self._clock)

    def end(self) -> None:
        """Hang up on everybody."""
        for client in list(self._clients):
            client.end()


class _Client(NbdProtocol):
    def __init__(
        self, among: set[_Client], open_: Open, tls: IOpenSSLServerConnectionCreator | None, clock: IReactorTime
    ) -> None:
        super().__init__(open_, tls, clock)
        self._among = among

    def connectionMade(self) -> None:
        self._among.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._among.discard(self)
        super().connectionLost(reason)


class NbdPorts:
    """The ports of the hosts of this process, which ``servers`` serve with TLS otherwise."""

    def __init__(
        self,
        db: Database,
        exports: Exports,
        servers: Sequence[tuple[Server, IOpenSSLServerConnectionCreator]],
        listen: Listen,
        clock: IReactorTime,
        idle: Callable[[], bool] = lambda: False,
    ) -> None:
        """Nothing is served while ``idle`` says so."""
        self._db = db
        self._exports = exports
        self._servers = servers
        self._listen = listen
        self._clock = clock
        self._idle = idle
        self._served: dict[tuple[str, bool], tuple[IListeningPort, NbdFactory]] = {}
        self._failed: set[tuple[str, bool]] = set()

    def start(self) -> None:
        """Open what is to be open, and follow what changes."""
        self._db.observers.append(self._committed)
        self._look()

    async def stop(self) -> None:
        """Close everything."""
        if self._committed in self._db.observers:
            self._db.observers.remove(self._committed)
        for place in list(self._served):
            closing = self._close(place)
            if closing is not None:
                await closing

    def _committed(self, generation: int, changes: Sequence[Change]) -> None:
        if any(_matters(change) for change in changes):
            self._look()

    def _look(self) -> None:
        wanted = {} if self._idle() else self._wanted()
        for place in self._served.keys() - wanted.keys():
            self._close(place)
        self._failed &= wanted.keys()
        for place, (host, tls) in wanted.items():
            if place not in self._served and place not in self._failed:
                self._open(place, NbdFactory(partial(self._exports.open, host), tls, self._clock))

    def _wanted(self) -> dict[tuple[str, bool], tuple[str, IOpenSSLServerConnectionCreator | None]]:
        """Addresses, with whether TLS is required there: their hosts, and the TLS."""
        db, found = self._db, {}
        for server, tls in self._servers:
            row = db.table("host").find(server.host)
            for address, purpose in addresses(db, row) if row is not None else ():
                with_tls = purpose != INSECURE
                found[address, with_tls] = server.host, tls if with_tls else None
        return found

    def _open(self, place: tuple[str, bool], factory: NbdFactory) -> None:
        address, _ = place
        try:
            port = self._listen(address, factory)
        except OSError as problem:
            self._failed.add(place)
            log.warn("disks are not served at {address}: {problem}", address=address, problem=problem.strerror)
            return
        self._served[place] = port, factory

    def _close(self, place: tuple[str, bool]) -> defer.Deferred[None] | None:
        port, factory = self._served.pop(place)
        factory.end()
        return port.stopListening()


def _matters(change: Change) -> bool:
    fields = _WATCHED.get(change.table.cls.name)
    if fields is None:
        return False
    before, after = change.before, change.after
    return before is None or after is None or any(getattr(before, name) != getattr(after, name) for name in fields)
