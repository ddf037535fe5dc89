"""Where a daemon answers: the servers of its hosts, and the ports that lead to them. They open when the pool is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import defer
from twisted.internet.interfaces import IListeningPort

from xapid.actions import actions
from xapid.assembly import Pool
from xapid.config import Config
from xapid.database import Row
from xapid.dispatch.http_credentials import HttpAuthenticator
from xapid.http.exchange import Serve
from xapid.http.files import WebRoot
from xapid.http.gate import Gate
from xapid.http.measures import Measures
from xapid.http.on_behalf import OnBehalf
from xapid.http.own_view import OwnView
from xapid.http.relay import Relay, UnixServer
from xapid.http.resource_report import ResourceReport
from xapid.http.server import HttpServer, Limits
from xapid.http.tls import HTTP_PROTOCOL
from xapid.http.web_console import WebConsole
from xapid.listening import Sockets, adopt, bind
from xapid.nbd.exports import Exports
from xapid.nbd.ports import NbdPorts
from xapid.operations import vdi_nbd
from xapid.pool.neighbours import Neighbours
from xapid.showing import Showing


class Listeners:
    """All ports of a daemon. ``problem`` says why the daemon cannot do its work now, None if it can."""

    def __init__(
        self,
        config: Config,
        reactor: Any,
        pool: Pool,
        showing: Showing,
        sockets: Sockets,
        files: WebRoot | None,
        problem: Callable[[], str | None],
    ) -> None:
        self._config = config
        self._reactor = reactor
        self._pool = pool
        self._showing = showing
        self._sockets = sockets
        self._files = files
        self._problem = problem
        self._ports: list[IListeningPort] = []
        self._servers: list[HttpServer] = []
        membership = pool.services.pool.membership
        self._neighbours = Neighbours(reactor, membership, lambda known: showing.client_tls(known, HTTP_PROTOCOL))
        self._hosts = [self._server(host) for host in pool.hosts()]
        self._policies = [showing.policy(host.uuid, host.address, membership.is_pinned) for host in pool.hosts()]
        self._disks = NbdPorts(
            pool.db,
            Exports(pool.db, pool.services, pool.dispatcher),
            list(zip(self._hosts, self._policies, strict=True)),
            lambda address, factory: adopt(reactor, bind(address, vdi_nbd.PORT), factory),
            reactor,
            lambda: membership.leader is not None,
        )

    def open(self) -> None:
        """Answer from now on. Raises OSError for a port that cannot be had."""
        config, reactor, hosts = self._config, self._reactor, self._pool.hosts()
        for host, server, tls in zip(hosts, self._hosts, self._policies, strict=True):
            bound = self._sockets.take(config.bind if host is hosts[0] else host.address)
            if bound is not None:
                self._ports.append(tls.listen(bound, server, reactor))
        first = self._hosts[0]
        for address, port in config.listen:
            self._ports.append(self._policies[0].listen(bind(address, port), first, reactor))
        if config.http_port is not None:
            self._ports.append(adopt(reactor, bind(config.bind, config.http_port), first))
        if config.monitor is not None:
            self._ports.append(adopt(reactor, bind(*config.monitor), self._monitor(first.host)))
        if config.unix_socket is not None:
            self._ports.append(reactor.listenUNIX(str(config.unix_socket), self._unix(hosts[0]), mode=0o600))
        self._disks.start()

    def serve_as(self, host: str) -> None:
        """What answered for the coordinator's host answers for this one now."""
        for server in (self._hosts[0], *(each for each in self._servers if isinstance(each, UnixServer))):
            server.become(host)

    async def close(self) -> None:
        """Let nobody in any more; those who read disks go. Others are answered what they asked for."""
        for port in self._ports:
            await defer.maybeDeferred(port.stopListening)
        await self._disks.stop()
        for server in self._servers:
            server.stop()

    def abort(self) -> None:
        """End every connection that is left."""
        for server in self._servers:
            server.abort()

    # Servers ------------------------------------------------------------------------------------------------------------

    def _server(self, host: Row, relay: Relay | None = None) -> HttpServer:
        pool, db = self._pool, self._pool.db
        authenticator = HttpAuthenticator(pool.services)
        server = (HttpServer if relay is None else UnixServer)(
            relay or pool.dispatcher,
            host.ref,
            authenticator,
            clock=self._reactor,
            actions=OnBehalf(db, self._neighbours).wrap(
                actions(pool, authenticator, self._reactor, lambda: self._sockets.port, self._root(authenticator), relay)
            ),
            https_only=lambda: (row := db.table("host").find(server.host)) is not None and bool(row.https_only),
            https_port=self._sockets.port,
            agents=pool.services.pool.accept,
            limits=Limits(body_size=self._config.max_body),
            fast=not self._config.no_fast_path,
            has_file=lambda path: self._files is not None and self._files.has(path),
            thumbprints=lambda: pool.services.role.thumbprints,
        )
        self._servers.append(server)
        return server

    def _unix(self, host: Row) -> HttpServer:
        pool = self._pool
        relay = Relay(pool.dispatcher, pool.services, lambda: self._neighbours.coordinator, lambda: str(pool.hosts()[0].uuid))
        return self._server(host, relay)

    def _monitor(self, host: str) -> HttpServer:
        only = OwnView(self._measures, self._problem, self._reactor).serve
        monitor = HttpServer(
            self._pool.dispatcher, host, HttpAuthenticator(self._pool.services), clock=self._reactor, only=only
        )
        self._servers.append(monitor)
        return monitor

    def _root(self, authenticator: HttpAuthenticator) -> Serve:
        pool, reactor = self._pool, self._reactor
        files = WebConsole().serve if self._files is None else self._files.serve
        gate = Gate(authenticator)
        report = ResourceReport(pool.db, pool.services, reactor, gate, files)
        return OwnView(self._measures, self._problem, reactor, gate=gate, otherwise=report.serve).serve

    @property
    def _measures(self) -> Measures:
        pool = self._pool
        return Measures(
            pool.db,
            pool.services,
            pool.dispatcher,
            lambda: sum(server.connections for server in self._servers),
            self._config.metrics_of_objects,
        )
