"""``GET /rrd_updates``, ``/host_rrd``, ``/vm_rrd`` and ``/sr_rrd``: what was measured, as XML or JSON.

A host answers for itself and for what is on it; requests for what another host has are sent there. Clients poll these every
few seconds from pages of anywhere. Big answers are put together a little at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from twisted.internet.interfaces import IReactorTime

from xapid.database import Database, Row
from xapid.http import pages
from xapid.http.chunks import gathered
from xapid.http.exchange import Exchange, Serve
from xapid.http.head import Head
from xapid.http.task_of import task_of
from xapid.operations.power_state import console_base
from xapid.operations.services import Services
from xapid.stats import whole
from xapid.stats.archive import Function
from xapid.stats.store import Series
from xapid.stats.updates import Table

_FUNCTIONS: Final[Mapping[str, Function]] = {"AVERAGE": "AVERAGE", "MIN": "MIN", "MAX": "MAX", "LAST": "LAST"}
_Pieces = Callable[[], Iterator[bytes]]


class RrdActions:
    """Serves statistics."""

    def __init__(self, database: Database, services: Services, clock: IReactorTime) -> None:
        self._database = database
        self._services = services
        self._store = services.stats
        self._clock = clock

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {
            "rrd_updates": self._with_task(self.updates),
            "host_rrd": self._with_task(self.host),
            "get_host_rrds": self._with_task(self.host),
            "vm_rrd": self._with_task(self.vm),
            "get_vm_rrds": self._with_task(self.vm),
            "sr_rrd": self._with_task(self.sr),
        }

    def _with_task(self, serve: Serve) -> Serve:
        async def serve_under_task(exchange: Exchange) -> None:
            async with task_of(self._services, exchange):
                await serve(exchange)

        return serve_under_task

    async def updates(self, exchange: Exchange) -> None:
        """Serves ``GET /rrd_updates``: what came after ``start``. Without one that is a number, the answer is 500."""
        query = exchange.head.query
        try:
            start, interval = int(float(query["start"])), int(float(query.get("interval") or "0"))
        except (KeyError, ValueError, OverflowError):
            exchange.refuse(500, "start says from when on, and interval at which step, both in whole seconds")
            return
        function = _FUNCTIONS.get(query.get("cf", "").upper(), "AVERAGE")
        table = Table.of(list(self._asked_for(exchange)), start, interval, function)
        await self._send(exchange, table.json, table.xml)

    def _asked_for(self, exchange: Exchange) -> Iterator[Series]:
        own = self._own(exchange)
        if own is None:
            return
        asked = parse_qsl(exchange.head.target.partition("?")[2])
        vms = {value for name, value in asked if name == "vm_uuid"}
        host = self._store.find("host", own.uuid)
        if exchange.head.query.get("host") == "true" and host is not None:
            yield host
        for vm in self._store.on(own.uuid, "vm", self._clock.seconds()):
            if not vms or vm.uuid in vms:
                yield vm
        for uuid in dict.fromkeys(value for name, value in asked if name == "sr_uuid"):
            sr = self._store.find("sr", uuid)
            if sr is not None:
                yield sr

    async def host(self, exchange: Exchange) -> None:
        """Serves ``GET /host_rrd``: all there is of the host that was asked."""
        own = self._own(exchange)
        await self._send_whole(exchange, None if own is None else self._store.find("host", own.uuid), 503)

    async def vm(self, exchange: Exchange) -> None:
        """Serves ``GET /vm_rrd``: all there is of a VM, also of one that is halted now. 400 without ``uuid``."""
        uuid = exchange.head.query.get("uuid")
        if not uuid:
            exchange.start(400, pages.BARE, "HTTP/1.1")
            return
        own, vm = self._own(exchange), self._database.table("VM").find_uuid(uuid)
        place = None if vm is None else self._database.table("host").find(vm.resident_on)
        series = self._store.find("vm", uuid)
        if place is not None and own is not None and place.ref != own.ref:
            self._redirect(exchange, console_base(self._database, place.ref))
        elif series is None and self._at_the_coordinator is not None:
            self._redirect(exchange, self._at_the_coordinator)
        else:
            await self._send_whole(exchange, series, 404)

    async def sr(self, exchange: Exchange) -> None:
        """Serves ``GET /sr_rrd``: all there is of an SR. 400 without ``uuid``."""
        uuid = exchange.head.query.get("uuid")
        if not uuid:
            exchange.start(400, pages.BARE, "HTTP/1.1")
            return
        own, series = self._own(exchange), self._store.find("sr", uuid)
        place = None if series is None else self._database.table("host").find_uuid(series.host)
        if place is not None and own is not None and place.ref != own.ref and not self._is_plugged(uuid, own):
            self._redirect(exchange, console_base(self._database, place.ref))
        elif series is None and self._at_the_coordinator is not None:
            self._redirect(exchange, self._at_the_coordinator)
        else:
            await self._send_whole(exchange, series, 404)

    def _own(self, exchange: Exchange) -> Row | None:
        return self._database.table("host").find(exchange.origin.host)

    def _is_plugged(self, sr: str, host: Row) -> bool:
        row = self._database.table("SR").find_uuid(sr)
        pbds = [] if row is None else [self._database.get("PBD", ref) for ref in row.PBDs]
        return any(pbd.host == host.ref and pbd.currently_attached for pbd in pbds)

    @property
    def _at_the_coordinator(self) -> str | None:
        """Where the coordinator answers, if this daemon is a member; it knows what is where."""
        leader = self._services.pool.membership.leader
        if leader is None:
            return None
        address = f"[{leader.address}]" if ":" in leader.address else leader.address
        return f"https://{address}:{leader.port}"

    def _redirect(self, exchange: Exchange, base: str) -> None:
        exchange.start(302, [*pages.BARE, ("Location", f"{base}{exchange.head.target}")], "HTTP/1.1")

    async def _send_whole(self, exchange: Exchange, series: Series | None, missing: int) -> None:
        if series is None:
            exchange.start(missing, pages.BARE, "HTTP/1.1")
        else:
            await self._send(exchange, lambda: whole.json(series), lambda: whole.xml(series))

    async def _send(self, exchange: Exchange, json: _Pieces, xml: _Pieces) -> None:
        content_type, make = ("application/json", json) if prefers_json(exchange.head) else ("text/xml", xml)
        pieces = await gathered(make(), self._clock)
        exchange.start(
            200,
            [
                ("Connection", "close"),
                ("Content-Length", str(sum(map(len, pieces)))),
                ("Cache-Control", pages.NO_CACHE),
                ("Content-Type", content_type),
                ("Access-Control-Allow-Origin", "*"),
            ],
            "HTTP/1.1",
        )
        await exchange.send(pieces)


def prefers_json(head: Head) -> bool:
    """Whether the answer is to be JSON: the Accept header says so, or takes anything and the query has ``json``."""
    accepted = head.headers.get("accept", "").lower()
    json, xml = accepted.find("application/json"), accepted.find("/xml")
    if json >= 0:
        return xml < 0 or json < xml
    return xml < 0 and head.query.get("json", "false").lower() != "false"
