"""``GET /blob`` and ``PUT /blob``: the contents of blobs, by ``ref`` or ``uuid``.

Public blobs are given to anyone, others to sessions. An upload is answered before its body is read, since clients wait
for that; when the connection closes, the contents are kept and the blob's ``size`` and ``last_updated`` say so. A task that is
named ends with the request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from twisted.internet.interfaces import IReactorTime

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.http_actions import BY_NAME
from xapid.http import pages
from xapid.http.blobs import BlobStore
from xapid.http.credentials import Authenticator
from xapid.http.exchange import Exchange, Serve
from xapid.http.gate import Gate
from xapid.http.task_of import task_of
from xapid.operations.services import Services

_UNKNOWN = b"Unknown reference\n"


class BlobActions:
    """Serves the contents of blobs. ``database`` holds the objects, ``store`` the contents, ``services`` the tasks, if any."""

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        authenticator: Authenticator,
        clock: IReactorTime,
        services: Services | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._gate = Gate(authenticator)
        self._clock = clock
        self._services = services

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {"get_blob": self.get, "put_blob": self.put}

    async def get(self, exchange: Exchange) -> None:
        """Serves ``GET /blob``."""
        if not exchange.head.query.keys() & {"ref", "uuid"}:
            exchange.start(400, pages.BARE, "HTTP/1.1")
            return
        blob = self._find(exchange)
        if blob is None or not blob.public or "task_id" in exchange.head.query:
            if not await self._gate.admit(exchange, BY_NAME["get_blob"], realm="Blob handler"):
                return
            try:
                async with self._ending(exchange):
                    await self._give(exchange, blob)
            except XenAPIError as error:  # the task has it
                await self._gate.release(exchange, error.code)
            except BaseException:
                await self._gate.release(exchange, "INTERNAL_ERROR")
                raise
            else:
                await self._gate.release(exchange)
            return
        await self._give(exchange, blob)

    async def _give(self, exchange: Exchange, blob: Row | None) -> None:
        """Errors: HANDLE_INVALID, when the request has been answered."""
        if blob is None:
            self._unknown(exchange)
            raise _no_blob(exchange)
        size, chunks = self._store.size(blob.uuid), self._store.chunks(blob.uuid)
        exchange.start(
            200,
            [
                ("Connection", "close"),
                ("Content-Length", str(size)),
                ("Cache-Control", pages.NO_CACHE),
                ("content-type", _one_line(blob.mime_type)),
            ],
            "HTTP/1.1",
        )
        await exchange.send(chunks)

    async def put(self, exchange: Exchange) -> None:
        """Serves ``PUT /blob``, to a session that may."""
        if not exchange.head.query.keys() & {"ref", "uuid"} or exchange.head.is_chunked:
            exchange.start(400, pages.BARE, "HTTP/1.1")
            return
        with suppress(XenAPIError):  # the task has it
            async with self._ending(exchange):
                await self._take(exchange)

    async def _take(self, exchange: Exchange) -> None:
        """Errors: HANDLE_INVALID, when the request has been answered; INTERNAL_ERROR for an upload that was cut short."""
        blob = self._find(exchange)
        if blob is None:
            self._unknown(exchange)
            raise _no_blob(exchange)
        exchange.start(
            200,
            [
                ("Connection", "keep-alive"),
                ("Cache-Control", pages.NO_CACHE),
                ("Access-Control-Allow-Origin", "*"),
            ],
            "HTTP/1.1",
        )
        upload = self._store.upload(blob.uuid)
        try:
            async for data in exchange.body():
                upload.write(data)
        except BaseException:
            upload.abandon()
            raise
        if exchange.truncated or self._database.find(blob.ref) is None:
            upload.abandon()
            raise XenAPIError("INTERNAL_ERROR", "the upload was cut short") if exchange.truncated else _no_blob(exchange)
        now = datetime.fromtimestamp(int(self._clock.seconds()), UTC)
        with self._database.transaction() as transaction:
            transaction.update(blob.ref, size=upload.commit(), last_updated=now)
        await self._database.durable()

    @asynccontextmanager
    async def _ending(self, exchange: Exchange) -> AsyncIterator[None]:
        """Around serving a session."""
        if self._services is None:
            yield
            return
        async with task_of(self._services, exchange):
            yield

    def _find(self, exchange: Exchange) -> Row | None:
        query = exchange.head.query
        if "ref" in query:
            found = self._database.find(query["ref"])
            return found if found is not None and found.kind == "blob" else None
        try:
            return self._database.table("blob").by_uuid(query["uuid"])
        except XenAPIError:
            return None

    @staticmethod
    def _unknown(exchange: Exchange) -> None:
        exchange.start(
            404,
            [
                ("content-length", str(len(_UNKNOWN))),
                ("connection", "close"),
                ("cache-control", pages.NO_CACHE),
            ],
            "HTTP/1.1",
        )
        exchange.write(_UNKNOWN)


def _no_blob(exchange: Exchange) -> XenAPIError:
    query = exchange.head.query
    return XenAPIError("HANDLE_INVALID", "blob", query["ref"] if "ref" in query else query["uuid"])


def _one_line(text: str) -> str:
    return "".join(character for character in text if character.isprintable()) or "application/octet-stream"
