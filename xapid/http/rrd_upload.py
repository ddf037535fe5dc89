"""``PUT /rrd``: what was measured of an object elsewhere, to be kept here with what is measured from now on.

The document is the one that ``/vm_rrd`` of any server gives; the object is a host, VM or SR of the pool, named by ``uuid``,
such as a VM that was imported. It is answered before it is read, and the task that the client names tells how it went. Where
both know something of a moment, what was measured here counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from twisted.internet.interfaces import IReactorTime

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.http.exchange import Disconnected, Exchange, Serve
from xapid.http.pages import BARE
from xapid.http.task_of import task_of
from xapid.operations.power_state import console_base
from xapid.operations.services import Services
from xapid.stats.archive import Archive
from xapid.stats.reading import BadDocument, Reader
from xapid.stats.sources import Kind

LARGEST: Final = 256 << 20
"""Bytes of one document; a year of two hundred data sources has ten million."""
_CLASSES: Final[Mapping[str, Kind]] = {"VM": "vm", "host": "host", "SR": "sr"}


class RrdUpload:
    """Takes statistics in."""

    def __init__(self, database: Database, services: Services, clock: IReactorTime) -> None:
        self._database = database
        self._services = services
        self._clock = clock

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {"rrd": self.put}

    async def put(self, exchange: Exchange) -> None:
        """Serves ``PUT /rrd``. 400 without ``uuid``, 404 if nothing has it, 302 to the host that serves what is known of it."""
        uuid = exchange.head.query.get("uuid")
        if not uuid:
            exchange.start(400, BARE, "HTTP/1.1")
            return
        found = self._find(uuid)
        place = self._place(exchange, found, uuid)
        if place is not None:
            exchange.start(302, [*BARE, ("Location", f"{place}{exchange.head.target}")], "HTTP/1.1")
            return
        if found is None:
            exchange.start(404, BARE, "HTTP/1.1")
            return
        with suppress(XenAPIError, Disconnected):  # the task has it
            async with task_of(self._services, exchange):
                exchange.start(200, BARE, "HTTP/1.1")
                self._services.stats.fill_in(found, uuid, await self._read(exchange))

    async def _read(self, exchange: Exchange) -> Archive:
        """Errors: INVALID_VALUE."""
        reader, size = Reader(), 0
        try:
            async for piece in exchange.body():
                size += len(piece)
                if size > LARGEST:
                    raise BadDocument("there is too much")
                reader.feed(piece)
            if exchange.truncated:
                raise Disconnected
            return reader.done(self._clock.seconds())
        except BadDocument as problem:
            raise XenAPIError("INVALID_VALUE", "rrd", str(problem)) from problem

    def _find(self, uuid: str) -> Kind | None:
        """What has a uuid; members know what they measure."""
        store = self._services.stats
        for cls, kind in _CLASSES.items():
            if self._row(cls, uuid) is not None or store.find(kind, uuid) is not None:
                return kind
        return None

    def _row(self, cls: str, uuid: str) -> Row | None:
        return self._database.table(cls).find_uuid(uuid)

    def _place(self, exchange: Exchange, kind: Kind | None, uuid: str) -> str | None:
        """Where the upload belongs, if that is not this daemon."""
        leader = self._services.pool.membership.leader
        if leader is not None:
            address = f"[{leader.address}]" if ":" in leader.address else leader.address
            return None if kind is not None else f"https://{address}:{leader.port}"
        vm, host = self._row("VM", uuid), self._row("host", uuid)
        home = host.ref if host is not None else "" if vm is None else vm.resident_on
        place = self._database.table("host").find(home)
        far = {member.host for member in self._services.pool.membership.members()}
        return None if place is None or place.uuid not in far else console_base(self._database, place.ref)
