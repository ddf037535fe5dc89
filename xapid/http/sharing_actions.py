"""``/sync_config_files`` and ``/messages``: what hosts and pools hand each other.

The files that the hosts of a pool share are an archive: the hash of root's password and the certificates of the hosts. Messages
about an object that moves to this pool come as XML, and are kept as if they had been made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from xml.sax.saxutils import escape

from lxml import etree
from twisted.internet.interfaces import IReactorTime

from xapid.auth.passwords import META_KEY
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Enum
from xapid.formats import packing
from xapid.http.exchange import Disconnected, Exchange, Serve
from xapid.http.pages import BARE
from xapid.http.work import Work, Works
from xapid.pool.membership import Membership

LARGEST: Final = 16 << 20
"""Bytes of messages that are taken at once."""
_MOMENT = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)(?:\.\d*)?Z?")
_PRIORITY = re.compile(r"-?[0-9]{1,18}")
_FIELDS: Final = ("name", "priority", "timestamp", "body", "uuid")


class SharingActions:
    """Serves shared files, and takes messages."""

    def __init__(self, works: Works, clock: IReactorTime) -> None:
        self._works = works
        self._clock = clock

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {"get_config_sync": self.get_files, "put_messages": self.put_messages}

    async def get_files(self, exchange: Exchange) -> None:
        """Serves ``GET /sync_config_files``."""
        work = self._works.begin(exchange, "Synchronising configuration files")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            parts = _shared(self._works.db)
            with await packing.pack(parts, "config", "tar", self._clock, self._works.services.run) as file:
                length = ("Content-Length", str(packing.length(file)))
                exchange.start(200, [*BARE, length, ("content-type", packing.FORMATS["tar"])], "HTTP/1.1")
                await exchange.send(packing.pieces(file))

    async def put_messages(self, exchange: Exchange) -> None:
        """Serves ``PUT /messages``, for the object of class ``cls`` with ``uuid``."""
        query = exchange.head.query
        if exchange.head.is_chunked or not query.keys() >= {"cls", "uuid"}:
            exchange.start(400, BARE, "HTTP/1.1")
            return
        work = self._works.begin(exchange, "Receiving messages")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            exchange.start(200, [*BARE, ("task-id", work.task.ref)], "HTTP/1.1")
            await self._take(exchange, work, query["cls"], query["uuid"])

    async def _take(self, exchange: Exchange, work: Work, cls: str, uuid: str) -> None:
        """Errors: INVALID_VALUE, UUID_INVALID."""
        db = self._works.db
        body = b""
        async for piece in exchange.body():
            body += piece
            if len(body) > LARGEST:
                raise XenAPIError("INVALID_VALUE", "messages", "there is too much")
        if exchange.truncated:
            raise Disconnected
        if not any(isinstance(field.type, Enum) and cls in field.type.values for field in db.api.classes["message"].fields):
            raise XenAPIError("INVALID_VALUE", "cls", cls)
        messages = list(_messages(body))
        with db.transaction() as tx:
            for message in messages:
                known = db.table("message").find_uuid(message["uuid"]) if message["uuid"] else None
                if known is None:
                    tx.create("message", cls=cls, obj_uuid=uuid, **message)


def _shared(db: Database) -> Iterator[tuple[str, Iterator[bytes]]]:
    yield "root-password", iter((db.meta.get(META_KEY, "").encode(),))
    for host, certificate in sorted(Membership(db).pins().items()):
        yield f"certificates/{host}.pem", iter((certificate.encode(),))


def _messages(body: bytes) -> Iterator[dict[str, Any]]:
    """The messages in a document. Errors: INVALID_VALUE."""
    if b"<!DOCTYPE" in body:
        raise XenAPIError("INVALID_VALUE", "messages", "a document type is declared")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as problem:
        raise XenAPIError("INVALID_VALUE", "messages", str(problem)) from problem
    for each in root.iter("message"):
        texts = {name: each.findtext(name) or "" for name in _FIELDS}
        moment = _MOMENT.fullmatch(texts["timestamp"])
        if not texts["name"] or moment is None or not _PRIORITY.fullmatch(texts["priority"]):
            raise XenAPIError("INVALID_VALUE", "message", escape(texts["name"]))
        try:
            timestamp = datetime(*map(int, moment.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
        except ValueError:
            raise XenAPIError("INVALID_VALUE", "timestamp", texts["timestamp"]) from None
        yield {**texts, "priority": int(texts["priority"]), "timestamp": timestamp}
