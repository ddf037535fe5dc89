"""Repositories of updates that are looked at by themselves: every day or on one day of the week, where that is wanted.

What fails is tried again every hour, and told once a day in the alert PERIODIC_UPDATE_SYNC_FAILED.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from xml.sax.saxutils import escape

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.alerts import raise_alert

log = Logger()

HOUR: Final = 3600.0


class UpdateSchedule:
    """Has ``run`` look at the repositories of the pool, by reference, when that is due. Not while ``idle`` says so."""

    def __init__(
        self, db: Database, clock: IReactorTime, run: Callable[[str], Awaitable[Any]], idle: Callable[[], bool]
    ) -> None:
        self._db = db
        self._clock = clock
        self._run = run
        self._idle = idle
        self._told: datetime | None = None
        self._loop = LoopingCall(self.look)
        self._loop.clock = clock

    def start(self) -> None:
        """Look every hour whether it is time."""
        self._loop.start(HOUR, now=False).addErrback(lambda failure: log.failure("The schedule of updates", failure))

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def look(self) -> None:
        """Do what is due."""
        now = self._now()
        if not self._idle():
            for pool in self._db.table("pool").rows():
                if is_due(pool, now):
                    ensureDeferred(self._carry_out(pool))

    async def _carry_out(self, pool: Row) -> None:
        try:
            await self._run(pool.ref)
        except XenAPIError as error:
            log.warn("the repositories of updates were not synchronised: {error}", error=error)
            self._tell(pool, ", ".join(error.description))
        except Exception as problem:
            log.failure("synchronising the repositories of updates failed unexpectedly")
            self._tell(pool, type(problem).__name__)
        else:
            self._told = None

    def _tell(self, pool: Row, why: str) -> None:
        now = self._now()
        if self._told is None or now - self._told >= timedelta(days=1):
            self._told = now
            how = f"The {pool.update_sync_frequency} synchronisation with the repositories of updates failed."
            text = f"<message>{how}</message><exception>{escape(why)}</exception><date>{now:%Y%m%dT%H:%M:%SZ}</date>"
            raise_alert(self._db, now, "PERIODIC_UPDATE_SYNC_FAILED", pool, f"<body>{text}</body>")

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._clock.seconds()), UTC)


def is_due(pool: Row, now: datetime) -> bool:
    """Whether the last time is a day ago or, where it is to be a certain day of the week, it is that day."""
    if not pool.update_sync_enabled or now - pool.last_update_sync < timedelta(days=1):
        return False
    return bool(pool.update_sync_frequency == "daily" or now.isoweekday() % 7 == pool.update_sync_day)
