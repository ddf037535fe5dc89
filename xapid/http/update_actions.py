"""``/updates``, ``/host_updates``, ``/repository``, ``/bundle``, ``/pool_patch_upload`` and ``/update``: updates of hosts.

What hosts lack is told in JSON. The documents of the enabled repository are there for members and other pools, and its packages
where they are in a directory of this machine. A bundle is a repository in an archive. Update packages of the former kind cannot
be read here: uploads of them are taken and fail.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import IO, Any, Final
from urllib.parse import parse_qsl

import orjson

from xapid.datamodel.errors import XenAPIError
from xapid.http import pages
from xapid.http.chunks import cut
from xapid.http.exchange import Disconnected, Exchange, Serve
from xapid.http.pages import BARE
from xapid.http.work import Works
from xapid.operations import updating
from xapid.updates.metadata import LARGEST, BadMetadata
from xapid.updates.offers import reader_of, understood

_ENABLED: Final = "/repository/enabled/"
_BUNDLE: Final = 1 << 30
_DOCUMENTS: Final = 1000
"""More are in no repository."""


class UpdateActions:
    """Serves updates."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._db = works.db
        self._services = works.services

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {
            "get_updates": self.updates,
            "get_host_updates": self.host_updates,
            "get_enabled_repository": self.repository,
            "get_repository": self.nothing,
            "get_pool_update_download": self.nothing,
            "put_bundle": self.bundle,
            "put_pool_patch_upload": self.patch,
        }

    # Downloads ----------------------------------------------------------------------------------------------------------

    async def updates(self, exchange: Exchange) -> None:
        """Serves ``GET /updates``: what all hosts lack, or those in ``host_refs``."""
        asked = parse_qsl(exchange.head.target.partition("?")[2])
        wanted = [ref for name, value in asked if name == "host_refs" for ref in value.split(",") if ref]
        work = self._works.begin(exchange, "Get updates")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            table = self._db.table("host")
            await self._tell(exchange, [table.get(ref).ref for ref in dict.fromkeys(wanted)] or list(table.refs()))

    async def host_updates(self, exchange: Exchange) -> None:
        """Serves ``GET /host_updates``: what the host lacks that was asked."""
        work = self._works.begin(exchange, "Get host updates")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            await self._tell(exchange, [self._works.host(exchange)])

    async def _tell(self, exchange: Exchange, hosts: list[str]) -> None:
        offer = updating.offer_of(self._db, self._services)
        gaps = {ref: updating.missing(self._db, self._db.get("host", ref), offer) for ref in hosts}
        lacked = {update.id for each in gaps.values() for update in each.updates}
        told: dict[str, Any] = {
            "updates": [update.json() for update in offer.updates if update.id in lacked],
            "hosts": [each.json(ref) for ref, each in gaps.items()],
            "hash": offer.checksum,
        }
        await _send(exchange, "application/json", orjson.dumps(told))

    async def repository(self, exchange: Exchange) -> None:
        """Serves ``GET /repository/enabled/…``."""
        path = exchange.head.path.removeprefix(_ENABLED)
        try:
            row = updating.enabled(self._db)
            offer = updating.offer_of(self._db, self._services)
        except XenAPIError:
            exchange.refuse(404)
            return
        data = offer.documents.get(path)
        directory = self._services.offers.directory_of(row.binary_url)
        if data is None and directory is not None:
            try:
                data = await reader_of(directory)(path)
            except (BadMetadata, OSError, ValueError):
                data = None
        if data is None:
            exchange.refuse(404)
        else:
            await _send(exchange, "application/octet-stream", data)

    async def nothing(self, exchange: Exchange) -> None:
        """There is nothing under these paths."""
        exchange.refuse(404)

    # Uploads ------------------------------------------------------------------------------------------------------------

    async def bundle(self, exchange: Exchange) -> None:
        """Serves ``PUT /bundle``: the contents of the enabled repository that is filled like this."""
        if exchange.head.is_chunked:
            exchange.start(400, BARE, "HTTP/1.1")
            return
        work = self._works.begin(exchange, "Sync bundle")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            row = self._bundle_repository()
            exchange.start(200, [*BARE, ("task-id", work.task.ref)], "HTTP/1.1")
            with tempfile.TemporaryFile() as file:
                await _receive(exchange, file)
                documents = await self._services.run(lambda: _documents(file))
            try:
                updating.take(self._db, self._services, row, understood(documents))
            except (BadMetadata, OSError) as problem:
                raise XenAPIError("BUNDLE_SYNC_FAILED") from problem

    def _bundle_repository(self) -> Any:
        """Errors: BUNDLE_REPO_NOT_ENABLED."""
        try:
            row = updating.enabled(self._db)
        except XenAPIError:
            row = None
        if row is None or row.origin != "bundle":
            raise XenAPIError("BUNDLE_REPO_NOT_ENABLED")
        return row

    async def patch(self, exchange: Exchange) -> None:
        """Serves ``PUT /pool_patch_upload``."""
        work = self._works.begin(exchange, "Upload patch")
        if work is None:
            return
        async with self._works.carried(exchange, work):
            exchange.start(200, [*BARE, ("task-id", work.task.ref)], "HTTP/1.1")
            async for _ in exchange.body():
                pass
            raise XenAPIError("INVALID_PATCH")


async def _send(exchange: Exchange, content_type: str, data: bytes) -> None:
    head = [
        ("Connection", "close"),
        ("Content-Length", str(len(data))),
        ("Cache-Control", pages.NO_CACHE),
        ("content-type", content_type),
    ]
    exchange.start(200, head, "HTTP/1.1")
    await exchange.send(cut(data))


async def _receive(exchange: Exchange, file: IO[bytes]) -> None:
    """Errors: BUNDLE_UNPACK_FAILED."""
    async for piece in exchange.body():
        file.write(piece)
        if file.tell() > _BUNDLE:
            raise XenAPIError("BUNDLE_UNPACK_FAILED", "the bundle is too large")
    if exchange.truncated:
        raise Disconnected
    file.seek(0)


def _documents(file: IO[bytes]) -> dict[str, bytes]:
    """The documents in an archive: all below ``repodata``, wherever that is. Errors: BUNDLE_UNPACK_FAILED."""
    found: dict[str, bytes] = {}
    left = LARGEST
    try:
        with tarfile.open(fileobj=file) as archive:
            for member in archive:
                parts = PurePosixPath(member.name).parts
                if not member.isfile() or "repodata" not in parts[:-1]:
                    continue
                left -= member.size
                if ".." in parts:
                    raise XenAPIError("BUNDLE_UNPACK_FAILED", f"{member.name} leads out of the bundle")
                if left < 0 or len(found) >= _DOCUMENTS:
                    raise XenAPIError("BUNDLE_UNPACK_FAILED", "the bundle has too many documents, or too long ones")
                content = archive.extractfile(member)
                name = "/".join(parts[parts.index("repodata") :])
                found[name] = b"" if content is None else content.read()
    except (tarfile.TarError, OSError, EOFError) as problem:
        raise XenAPIError("BUNDLE_UNPACK_FAILED", str(problem)) from problem
    return found
