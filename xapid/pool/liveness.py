"""Whether the members are there: heard from every half minute, offline after ten minutes of silence.

The coordinator asks; what a member answers says when its agent began and what its clock shows. A member whose agent began
anew has forgotten its VMs, so it is told of them again before it counts as live.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.agent.values import AgentFailure
from xapid.database import Database, Row
from xapid.operations.presence import BEAT_EVERY, SILENT_AFTER, Presence
from xapid.pool.membership import Place

log = Logger()


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
        self.presence: Presence
        """Who is told of signs of life; set before :meth:`start`."""
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
                self.presence.silent(host)
            return
        self.heard(place.host, beat)
        self.presence.reports(host, beat.began, beat.time)
