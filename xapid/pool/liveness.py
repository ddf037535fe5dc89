"""Whether the members are there: heard from every half minute, offline after ten minutes of silence.

The coordinator asks; what a member answers says when its agent began and what its clock shows. A member whose agent began
anew has forgotten its VMs, so it is told of them again before it counts as live.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.agent.values import AgentFailure
from xapid.database import Database, Row
from xapid.operations import allowed
from xapid.operations.alerts import raise_alert
from xapid.pool.membership import Place

log = Logger()

BEAT_EVERY: Final = 30.0
SILENT_AFTER: Final = 600.0
SKEW: Final = 300.0
SKEW_OVER: Final = 150.0


@attrs.frozen
class Beat:
    """What a member says of itself, in seconds since 1970."""

    began: float
    """When its agent started."""
    time: float
    """What its clock shows."""


@attrs.define
class _Known:
    heard: float
    began: float | None = None
    is_skewed: bool = False


class Liveness:
    """Keeps ``host_metrics.live`` of members true. ``ask`` gets a beat; ``take_up`` tells a new agent what it should run."""

    def __init__(
        self,
        db: Database,
        clock: IReactorTime,
        members: Callable[[], Iterable[Place]],
        ask: Callable[[Place], Awaitable[Beat]],
        take_up: Callable[[str], Awaitable[None]],
    ) -> None:
        self._db = db
        self._clock = clock
        self._members = members
        self._ask = ask
        self._take_up = take_up
        self._known: dict[str, _Known] = {}
        self._loop = LoopingCall(self._listen)
        self._loop.clock = clock

    def start(self) -> None:
        """Listen from now on."""
        self._loop.start(BEAT_EVERY).addErrback(lambda failure: log.failure("Liveness", failure))

    def stop(self) -> None:
        """Listen no more."""
        if self._loop.running:
            self._loop.stop()

    def heard(self, host: str, beat: Beat) -> None:
        """A member has just said this."""
        known = self._known.setdefault(host, _Known(self._clock.seconds()))
        known.heard, known.began = self._clock.seconds(), beat.began

    def _listen(self) -> None:
        for place in list(self._members()):
            row = self._db.table("host").find_uuid(place.host)
            if row is not None:
                defer.ensureDeferred(self._listen_to(place, row))

    async def _listen_to(self, place: Place, host: Row) -> None:
        known = self._known.setdefault(place.host, _Known(self._clock.seconds()))
        try:
            beat = await self._ask(place)
            if known.began != beat.began:
                await self._take_up(host.ref)
        except AgentFailure:
            if self._clock.seconds() - known.heard > SILENT_AFTER:
                self._set_live(host.ref, False)
            return
        self.heard(place.host, beat)
        self._set_live(host.ref, True)
        self._compare_clocks(known, host, beat.time)

    def _set_live(self, ref: str, live: bool) -> None:
        host = self._db.table("host").find(ref)
        if host is None:
            return
        with self._db.transaction() as tx:
            tx.update(host.metrics, live=live, last_updated=self._now())
            allowed.refresh(tx, self._db, host)

    def _compare_clocks(self, known: _Known, host: Row, time: float) -> None:
        skew = abs(self._clock.seconds() - time)
        if skew > SKEW and not known.is_skewed:
            known.is_skewed = True
            raise_alert(self._db, self._now(), "HOST_CLOCK_SKEW_DETECTED", host, f"The clocks differ by {skew:.0f} seconds")
        elif skew < SKEW_OVER:
            known.is_skewed = False

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._clock.seconds()), UTC)
