"""``/system-status``, ``/host_logs_download`` and ``/audit_log``: what a host can tell whoever looks for a mistake.

All are downloads for a person. A task that the request names ends with the download.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from twisted.internet.interfaces import IReactorTime

from xapid import __version__
from xapid.config import Config
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.formats import packing
from xapid.http import pages
from xapid.http.chunks import cut, joined
from xapid.http.exchange import Exchange, Serve
from xapid.http.task_of import task_of
from xapid.operations import system_status
from xapid.operations.services import Services
from xapid.operations.system_status import About

LOGS: Final = ("xenserver-logs", "xapi-audit")
"""The capabilities that are logs."""


class ReportActions:
    """Serves reports."""

    def __init__(self, db: Database, services: Services, config: Config, clock: IReactorTime) -> None:
        self._db = db
        self._services = services
        self._config = config
        self._clock = clock

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {
            "get_system_status": self.system_status,
            "get_host_logs_download": self.logs,
            "get_audit_log": self.audit_log,
        }

    async def system_status(self, exchange: Exchange) -> None:
        """Serves ``GET /system-status``: an archive of what ``entries`` names; with ``list``, the names of its files."""
        query = exchange.head.query
        entries = query.get("entries")
        keys = None if not entries else [key.strip() for key in entries.split(",")]
        about = self._about(exchange)
        async with self._failing(exchange):
            if "list" in query:
                names = "".join(f"{name}\n" for name, _ in system_status.report(about, keys))
                await self._send(exchange, "text/plain", names.encode())
                return
            form = query.get("output") or "tar"
            if form not in packing.FORMATS:
                raise XenAPIError("INVALID_VALUE", "output", form)
            await self._pack(exchange, about, keys, "system_status", form)

    async def logs(self, exchange: Exchange) -> None:
        """Serves ``GET /host_logs_download``: the logs as a compressed archive."""
        async with self._failing(exchange):
            await self._pack(exchange, self._about(exchange), LOGS, "logs", "tar.gz")

    async def audit_log(self, exchange: Exchange) -> None:
        """Serves ``GET /audit_log``: its lines, with ``since`` those from then on."""
        async with self._failing(exchange):
            since = _moment(exchange.head.query.get("since"))
            lines = self._services.audit.lines(since)
            exchange.start(200, self._head("text/plain"), "HTTP/1.1")
            await exchange.send(joined(f"{line}\n".encode("utf-8", "replace") for line in lines))

    @asynccontextmanager
    async def _failing(self, exchange: Exchange) -> AsyncIterator[None]:
        """Around serving: errors fail the task that was named, and are answered if nothing was."""
        try:
            async with task_of(self._services, exchange):
                yield
        except XenAPIError as error:
            if not exchange.started:
                exchange.refuse(500, " ".join(error.description))

    def _about(self, exchange: Exchange) -> About:
        host = exchange.origin.host or self._services.role.coordinator
        return About(self._db, self._services, self._config, host)

    async def _pack(self, exchange: Exchange, about: About, keys: Iterable[str] | None, name: str, form: str) -> None:
        file = await packing.pack(system_status.report(about, keys), name, form, self._clock, self._services.run)
        with file:
            length = packing.length(file)
            exchange.start(200, self._head(packing.FORMATS[form], length, f"{name}.{form}"), "HTTP/1.1")
            await exchange.send(packing.pieces(file))

    async def _send(self, exchange: Exchange, content_type: str, data: bytes) -> None:
        exchange.start(200, self._head(content_type, len(data)), "HTTP/1.1")
        await exchange.send(cut(data))

    @staticmethod
    def _head(content_type: str, length: int | None = None, name: str | None = None) -> list[tuple[str, str]]:
        head = [("Connection", "close"), ("cache-control", pages.NO_CACHE), ("Server", f"xapid/{__version__}")]
        if length is not None:
            head.append(("Content-Length", str(length)))
        head.append(("content-type", content_type))
        if name is not None:
            head.append(("Content-Disposition", f'attachment; filename="{name}"'))
        return head


def _moment(text: str | None) -> datetime | None:
    """Errors: INVALID_VALUE."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise XenAPIError("INVALID_VALUE", "since", text) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
