"""Snapshot schedules that come due: every quarter of an hour, in UTC, those of :mod:`xapid.operations.vmss` are looked at.

A schedule that came due while the server was down is not made up for; one that was run in the same quarter already, by hand or
before a restart, is not run again. One that comes due while it is still at work is left out, which an alert tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.alerts import raise_alert
from xapid.operations.vmss import DAYS

log = Logger()

QUARTER: Final = 15 * 60


class Schedules:
    """Has ``run`` take the snapshots of a schedule, by reference, when its time has come. Not while ``idle`` says so."""

    def __init__(
        self, db: Database, clock: IReactorTime, run: Callable[[str], Awaitable[None]], idle: Callable[[], bool] = lambda: False
    ) -> None:
        self._db = db
        self._clock = clock
        self._run = run
        self._idle = idle
        self._next: IDelayedCall | None = None
        self._busy: set[str] = set()

    def start(self) -> None:
        """Look at the beginning of every quarter of an hour from now on."""
        now = self._clock.seconds()
        self._next = self._clock.callLater(QUARTER - now % QUARTER, self._turn)

    def stop(self) -> None:
        """Look no more."""
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _turn(self) -> None:
        self.start()
        if not self._idle():
            self.look()

    def look(self) -> None:
        """Run what is due now."""
        moment = datetime.fromtimestamp(int(self._clock.seconds()), UTC)
        for vmss in self._db.table("VMSS").rows():
            if is_due(vmss, moment):
                if vmss.ref in self._busy:
                    raise_alert(self._db, moment, "VMSS_SNAPSHOT_MISSED_EVENT", vmss)
                    continue
                self._busy.add(vmss.ref)
                ensureDeferred(self._carry_out(vmss))

    async def _carry_out(self, vmss: Row) -> None:
        try:
            await self._run(vmss.ref)
        except XenAPIError as error:
            log.warn("the schedule {name} was not run: {error}", name=vmss.name_label, error=error)
        except Exception:
            log.failure("the schedule {name} failed unexpectedly", name=vmss.name_label)
        finally:
            self._busy.discard(vmss.ref)


def is_due(vmss: Row, moment: datetime) -> bool:
    """Whether a schedule is to be run in the quarter of an hour of ``moment``, and has not been."""
    if not vmss.enabled or not vmss.VMs:
        return False
    begin = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
    schedule = vmss.schedule
    if vmss.last_run_time >= begin or schedule.get("min", "0") != str(begin.minute):
        return False
    if vmss.frequency != "hourly" and schedule.get("hour", "0") != str(begin.hour):
        return False
    days = {day.strip().lower() for day in schedule.get("days", "").split(",")}
    return vmss.frequency != "weekly" or DAYS[begin.weekday()] in days
