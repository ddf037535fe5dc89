"""``GET /blob`` and ``PUT /blob``: the contents of blobs, by ``ref`` or ``uuid``.

Public blobs are given to anyone, others to sessions. An upload is answered before its body is read, since clients wait
for that; when the connection closes, the contents are kept and the blob's ``size`` and ``last_updated`` say so.
"""

from __future__ import annotations

from collections.abc import Mapping
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

_UNKNOWN = b"Unknown reference\n"


class BlobActions:
    """Serves the contents of blobs. ``database`` holds the objects, ``store`` the contents."""

    def __init__(self, database: Database, store: BlobStore, authenticator: Authenticator, clock: IReactorTime) -> None:
        self._database = database
        self._store = store
        self._gate = Gate(authenticator)
        self._clock = clock

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
        if blob is None or not blob.public:
            if not await self._gate.admit(exchange, BY_NAME["get_blob"], realm="Blob handler"):
                return
            await self._gate.release(exchange)
        if blob is None:
            self._unknown(exchange)
            return
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
        blob = self._find(exchange)
        if blob is None:
            self._unknown(exchange)
            return
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
            return
        now = datetime.fromtimestamp(int(self._clock.seconds()), UTC)
        with self._database.transaction() as transaction:
            transaction.update(blob.ref, size=upload.commit(), last_updated=now)
        await self._database.durable()

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


def _one_line(text: str) -> str:
    return "".join(character for character in text if character.isprintable()) or "application/octet-stream"
