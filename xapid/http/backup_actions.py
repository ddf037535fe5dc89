"""``/host_backup`` and ``/host_restore``: all that a daemon needs to be the same one again, in one file.

The file is what ``xapid backup`` makes. It is as secret as the daemon's directory; whoever may read it may be the daemon. A
restore is answered before its body is read; its task tells how it went, and the daemon starts again with what was in the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs

from xapid.datamodel.errors import XenAPIError
from xapid.formats import packing
from xapid.http.exchange import Disconnected, Exchange, Serve
from xapid.http.pages import BARE
from xapid.http.work import FUSE, Works


class Failed(Exception):
    """A backup cannot be made, or not be used. The text says why."""


@attrs.frozen(eq=False)
class BackupActions:
    """Serves backups. ``make`` writes one into a file, ``use`` makes one ready for the next start; both may take their time and
    raise :class:`Failed`. ``directory`` is where there is room; None if nothing is kept that could be in a backup.
    """

    works: Works
    directory: Path | None
    make: Callable[[Path], None]
    use: Callable[[Path], None]

    @property
    def actions(self) -> Mapping[str, Serve]:
        """For the server."""
        return {"get_host_backup": self.get, "put_host_restore": self.put}

    async def get(self, exchange: Exchange) -> None:
        """Serves ``GET /host_backup``."""
        work = self.works.begin(exchange, "host.backup")
        if work is None:
            return
        async with self.works.carried(exchange, work):
            with self._file("BACKUP_SCRIPT_FAILED") as file:
                await self._away(lambda: self.make(file), "BACKUP_SCRIPT_FAILED")
                with _opened(file) as data:
                    head = [*BARE, ("Content-Length", str(packing.length(data))), ("task-id", work.task.ref)]
                    exchange.start(200, [*head, ("content-type", packing.FORMATS["tar"])], "HTTP/1.1")
                    await exchange.send(packing.pieces(data))

    async def put(self, exchange: Exchange) -> None:
        """Serves ``PUT /host_restore``."""
        if exchange.head.length is None or exchange.head.is_chunked:
            exchange.start(400, BARE, "HTTP/1.1")
            return
        work = self.works.begin(exchange, "host.restore")
        if work is None:
            return
        is_restored = False
        async with self.works.carried(exchange, work):
            with self._file("RESTORE_SCRIPT_FAILED") as file:
                exchange.start(200, [*BARE, ("task-id", work.task.ref)], "HTTP/1.1")
                with file.open("wb") as data:
                    async for piece in exchange.body():
                        data.write(piece)
                if exchange.truncated:
                    raise Disconnected
                await self._away(lambda: self.use(file), "RESTORE_SCRIPT_FAILED")
                is_restored = True
        if is_restored:
            self.works.services.restart(FUSE)

    async def _away(self, function: Callable[[], None], code: str) -> None:
        """Errors: ``code``, with the reason."""
        try:
            await self.works.services.run(function)
        except Failed as failure:
            raise XenAPIError(code, str(failure)) from failure

    @contextmanager
    def _file(self, code: str) -> Iterator[Path]:
        """A place for a backup, which is gone afterwards. Errors: ``code``, if nothing is kept."""
        if self.directory is None:
            raise XenAPIError(code, "nothing is kept by this daemon")
        with tempfile.TemporaryDirectory(prefix=".backup.", dir=self.directory) as folder:
            yield Path(folder) / "backup.tar"


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    with file.open("rb") as data:
        yield data
