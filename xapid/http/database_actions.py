"""``/pool/xmldbdump``: the whole database as XML, out of the server and in again.

A download says nothing of its length. An upload must say it; it is answered before its body is read, and its task tells how it
went. When the database has been replaced the server starts again with it, unless the client asked for a dry run: then the dump
is read and checked, and nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from xapid.database.dump import Dump, DumpError, Reader, write
from xapid.datamodel.errors import XenAPIError
from xapid.http.exchange import Disconnected, Exchange, Serve
from xapid.http.pages import BARE
from xapid.http.work import FUSE, Works
from xapid.operations import restoring


class DatabaseActions:
    """Serves the database."""

    def __init__(self, works: Works) -> None:
        self._works = works

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {"get_pool_xml_db_sync": self.get, "put_pool_xml_db_sync": self.put}

    async def get(self, exchange: Exchange) -> None:
        """Serves ``GET /pool/xmldbdump``."""
        work = self._works.begin(exchange, "Dumping database as XML")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            exchange.start(200, [*BARE, ("content-type", "application/xml"), ("task-id", work.task.ref)], "HTTP/1.1")
            await exchange.send(write(self._works.db))

    async def put(self, exchange: Exchange) -> None:
        """Serves ``PUT /pool/xmldbdump``."""
        if self._works.services.pool.coordinator is not None:
            exchange.refuse(403, "the database is the coordinator's")
            return
        if exchange.head.length is None or exchange.head.is_chunked:
            exchange.start(400, BARE, "HTTP/1.1")
            return
        work = self._works.begin(exchange, "Reading database as XML")
        if work is None:
            return
        is_restored = False
        async with self._works.carried(exchange, work):
            exchange.start(200, [*BARE, ("task-id", work.task.ref)], "HTTP/1.1")
            dump = await self._read(exchange)
            restoring.check(dump)
            if exchange.head.query.get("dry_run") != "true":
                restoring.restore(self._works.db, dump)
                is_restored = True
        if is_restored:
            self._works.services.restart(FUSE)

    async def _read(self, exchange: Exchange) -> Dump:
        """Errors: COULD_NOT_IMPORT_DATABASE."""
        reader = Reader(self._works.db.api)
        try:
            async for piece in exchange.body():
                reader.feed(piece)
            if exchange.truncated:
                raise Disconnected
            return reader.done()
        except DumpError as problem:
            raise XenAPIError("COULD_NOT_IMPORT_DATABASE", str(problem)) from problem
