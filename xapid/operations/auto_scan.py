"""SRs that are searched by themselves: those with ``auto-scan`` ``true`` in ``other_config``.

Each host searches what it reaches, every ``auto-scan-interval`` seconds, as its ``other_config`` says; every half minute
where that is no number. What several hosts reach is searched by the coordinator's, if it is one of them. The work is that of
``SR.scan``, under a task that is gone with its end; where a look shows that nothing is new, nothing happens that clients could
see. A search that fails is tried again at the next turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.disks import host_with, storage_errors, storage_for
from xapid.operations.storage_rows import is_known

log = Logger()

AUTO_SCAN: Final = "auto-scan"
INTERVAL: Final = "auto-scan-interval"
DEFAULT_INTERVAL: Final = 30.0


Scan = Callable[[str, Callable[[Context], Awaitable[bool]]], Awaitable[Any]]
"""Searches an SR, by reference, unless what it is given finds that there is nothing new."""


class AutoScan:
    """Has ``scan`` search SRs, each whenever it is its turn. Not while ``idle`` says so."""

    def __init__(self, db: Database, clock: IReactorTime, scan: Scan, idle: Callable[[], bool] = lambda: False) -> None:
        self._db = db
        self._clock = clock
        self._scan = scan
        self._idle = idle
        self._due: dict[str, float] = {}
        self._busy: set[str] = set()
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Have the hosts' turns from now on."""
        now = self._clock.seconds()
        hosts = {host.ref: host for host in self._db.table("host").rows()}
        self._due = {ref: min(self._due.get(ref, now + interval(host)), now + interval(host)) for ref, host in hosts.items()}
        soonest = min(self._due.values(), default=now + DEFAULT_INTERVAL)
        self._next = self._clock.callLater(max(0.0, min(soonest - now, DEFAULT_INTERVAL)), self._turn)

    def stop(self) -> None:
        """Have no more."""
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _turn(self) -> None:
        now = self._clock.seconds()
        hosts = {ref for ref, due in self._due.items() if due <= now}
        for ref in hosts:
            del self._due[ref]
        self.start()
        if hosts and not self._idle():
            for sr in list(self._of(hosts)):
                self._busy.add(sr.ref)
                ensureDeferred(self._search(sr))

    def _of(self, hosts: set[str]) -> Iterator[Row]:
        """What is to be searched now, in the turn of ``hosts``."""
        coordinator = the_pool(self._db).master
        for sr in self._db.table("SR").rows():
            if sr.other_config.get(AUTO_SCAN) == "true" and sr.ref not in self._busy:
                try:
                    host = host_with(self._db, coordinator, sr)
                except XenAPIError:
                    continue  # nobody reaches it
                if host in hosts:
                    yield sr

    async def _search(self, sr: Row) -> None:
        try:
            await self._scan(sr.ref, lambda context: _nothing_new(context, sr.ref))
        except XenAPIError as error:
            log.info("{name} was not searched: {error}", name=sr.name_label, error=error)
        except Exception:
            log.failure("searching {name} failed unexpectedly", name=sr.name_label)
        finally:
            self._busy.discard(sr.ref)


async def _nothing_new(context: Context, sr: str) -> bool:
    row = context.db.get("SR", sr)
    with storage_errors(row):
        storage = storage_for(context, row)
        found, state = await storage.sr_scan(row.uuid), await storage.sr_stat(row.uuid)
    finished = [disk for disk in found if disk["vdi"] not in context.services.making]
    return is_known(context.db, context.db.get("SR", sr), finished, state)


def interval(host: Row) -> float:
    """Seconds between two turns of a host."""
    text = host.other_config.get(INTERVAL, "")
    return float(text) if text.isascii() and text.isdigit() and int(text[:10]) > 0 else DEFAULT_INTERVAL
