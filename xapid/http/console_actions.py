"""``CONNECT /console``, its WebSocket form ``GET /console``, and ``GET /vncsnapshot``: the screens of VMs and of hosts.

A console is named by ``ref`` or ``uuid``, of itself or of its VM. It is served where its VM runs: agents draw it there.
After an answer whose every byte clients count on, the connection belongs to the VNC or terminal protocol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

import attrs
from twisted.internet.protocol import Protocol

from xapid.agent.interface import IConsoles
from xapid.agent.values import AgentFailure
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.http import pages
from xapid.http.exchange import Exchange, Serve
from xapid.http.task_of import task_of
from xapid.http.websocket import WebSocket, upgrade
from xapid.operations.console_lookup import FoundConsole, admits_one, find_console
from xapid.operations.services import Services

_CONNECTED: Final = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n\r\n"
_PROTOCOLS: Final[Mapping[str, Literal["rfb", "vt100"]]] = {"rfb": "rfb", "vt100": "vt100"}


@attrs.frozen
class Place:
    """A console and where it is drawn."""

    console: FoundConsole
    only_one: bool
    """Whether it takes only one connection at a time."""
    consoles: IConsoles | None
    """None: its host has none to show."""

    @property
    def key(self) -> str:
        """What the agent calls the VM."""
        return "" if self.console.is_control_domain else self.console.vm


class Full(Exception):
    """The console admits no more connections."""


class ConsoleActions:
    """Serves the consoles of one host's VMs."""

    def __init__(self, database: Database, services: Services) -> None:
        self._database = database
        self._services = services
        self._open: Counter[str] = Counter()

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {
            "connect_console": self._answering(self.connect),
            "connect_console_ws": self._answering(self.websocket),
            "get_vncsnapshot": self._answering(self.snapshot),
        }

    def _answering(self, serve: Serve) -> Serve:
        async def serve_or_refuse(exchange: Exchange) -> None:
            try:
                async with task_of(self._services, exchange):
                    await serve(exchange)
            except AgentFailure as failure:
                exchange.refuse(500, str(failure))
            except XenAPIError as error:
                exchange.refuse(403 if error.code == "RBAC_PERMISSION_DENIED" else 500, " ".join(error.description))
            except Full:
                exchange.started = True
                page = pages.page("HTTP/1.1", 503, "the console admits no more connections")
                exchange.write(page.replace(b"Service Unavailable", b"Connection Limit Exceeded", 1))

        return serve_or_refuse

    async def connect(self, exchange: Exchange) -> None:
        """Serves ``CONNECT /console``. 404 for a VM without such a console, 500 where there is no running VM here."""
        place = await self._place(exchange, "connect_console", "host_console")
        inner = self._opened(exchange, place)
        if inner is None:
            exchange.start(404, pages.BARE, "HTTP/1.1")
        else:
            exchange.started = True
            exchange.write(_CONNECTED)
            exchange.take_over(inner)

    async def websocket(self, exchange: Exchange) -> None:
        """Serves ``GET /console`` in the same way; a request that asks for no WebSocket gets 501."""
        answer = upgrade(exchange.head)
        if answer is None:
            exchange.refuse(501, "consoles are WebSockets here")
            return
        inner = self._opened(exchange, await self._place(exchange, "connect_console_ws", "host_console_ws"))
        if inner is None:
            exchange.start(404, pages.BARE, "HTTP/1.1")
        else:
            exchange.started = True
            exchange.write(answer)
            exchange.take_over(WebSocket(inner))

    async def snapshot(self, exchange: Exchange) -> None:
        """Serves ``GET /vncsnapshot``: the screen as a PNG picture."""
        place = await self._place(exchange, "get_vncsnapshot", "host_console")
        if place.consoles is None:
            exchange.start(404, pages.BARE, "HTTP/1.1")
            return
        picture = place.consoles.picture(place.key)
        exchange.start(
            200,
            [
                ("Connection", "close"),
                ("Content-Length", str(len(picture))),
                ("Cache-Control", pages.NO_CACHE),
                ("Content-Type", "image/png"),
            ],
            "HTTP/1.1",
        )
        exchange.write(picture)

    async def _place(self, exchange: Exchange, action: str, of_hosts: str) -> Place:
        """Which console is meant. Errors: those of :func:`find_console`, and RBAC_PERMISSION_DENIED."""
        db, services, host = self._database, self._services, exchange.origin.host
        coordinator = services.pool.coordinator
        if coordinator is None:
            found, only_one = find_console(db, exchange.head.query, host), admits_one(db)
        else:
            found, only_one = await coordinator.console(exchange.head.query, db.get("host", host).uuid)
        if found.is_control_domain:
            services.rbac.check_http(exchange.session.session, action, of_hosts)
        return Place(found, only_one, getattr(services.agents.get(host), "consoles", None))

    def _opened(self, exchange: Exchange, place: Place) -> Protocol | None:
        """What speaks to the client; None if there is no such console. Raises Full."""
        protocol = _PROTOCOLS.get(place.console.protocol)
        if place.consoles is None or protocol is None:
            return None
        if place.only_one and self._open[place.key]:
            raise Full
        try:
            inner = place.consoles.open(place.key, protocol)
        except AgentFailure:
            return None
        self._open[place.key] += 1
        exchange.origin.hangup.watch(lambda: self._closed(place.key))
        return inner

    def _closed(self, key: str) -> None:
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]
