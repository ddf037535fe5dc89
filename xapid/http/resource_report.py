"""``GET /resource_report?format=xlsx|csv``: the resource report, as a download for a person.

It is for whoever may read statistics. A task that the request names ends with the download.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Final, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.http_actions import BY_NAME
from xapid.http import pages
from xapid.http.chunks import cut
from xapid.http.exchange import Exchange, Serve
from xapid.http.gate import Gate
from xapid.http.task_of import task_of
from xapid.operations.services import Services
from xapid.report.tables import tables
from xapid.report.writing import FORMATS, Missing, Workbook, as_csv

T = TypeVar("T")

PATH: Final = "/resource_report"
STATISTICS: Final = BY_NAME["host_rrd"]
"""The right to read them is the right to the report."""
_TURN: Final = 50
"""Lines after which others get their turn."""


class ResourceReport:
    """Serves the report at its path, and leaves other paths to ``otherwise``."""

    def __init__(self, db: Database, services: Services, clock: IReactorTime, gate: Gate, otherwise: Serve) -> None:
        self._db = db
        self._services = services
        self._clock = clock
        self._gate = gate
        self._otherwise = otherwise

    async def serve(self, exchange: Exchange) -> None:
        """Serves a ``GET``."""
        if exchange.head.path.rstrip("/") != PATH:
            await self._otherwise(exchange)
        elif await self._gate.admit(exchange, STATISTICS, realm="resource report"):
            try:
                async with task_of(self._services, exchange):
                    await self._report(exchange)
            except XenAPIError as error:
                if not exchange.started:
                    exchange.refuse(500, " ".join(error.description))
            finally:
                await self._gate.release(exchange)

    async def _report(self, exchange: Exchange) -> None:
        asked = exchange.head.query.get("format") or "xlsx"
        if asked not in FORMATS:
            raise XenAPIError("INVALID_VALUE", "format", asked)
        if self._services.pool.coordinator is not None:
            raise XenAPIError("HOST_IS_SLAVE", next(iter(self._db.table("pool"))).master)
        now = datetime.fromtimestamp(int(self._clock.seconds()), UTC)
        report = tables(self._db, self._services.stats, now)
        if asked == "csv":
            data = b"".join([piece async for piece in _in_turns(self._clock, as_csv(report))])
        else:
            try:
                book = Workbook()
            except Missing:
                raise XenAPIError("NOT_IMPLEMENTED", "install xapid[report]") from None
            async for _ in _in_turns(self._clock, book.add(report)):
                pass
            data = await self._services.run(book.finish)
        form = FORMATS[asked]
        name = f"resources-{now:%Y%m%dT%H%M%SZ}.{form.ending}"
        exchange.start(
            200,
            [
                ("Connection", "close"),
                ("cache-control", pages.NO_CACHE),
                ("content-length", str(len(data))),
                ("content-type", form.content_type),
                ("content-disposition", f'attachment; filename="{name}"'),
                ("x-content-type-options", "nosniff"),
            ],
        )
        await exchange.send(cut(data))


async def _in_turns(clock: IReactorTime, work: Iterator[T]) -> AsyncIterator[T]:
    """What ``work`` gives, with turns for others in between."""
    for number, item in enumerate(work, 1):
        yield item
        if not number % _TURN:
            await deferLater(clock, 0)
