"""Whether the members are there: heard from every half minute, offline after ten minutes of silence.

The coordinator asks; what a member answers says when its agent began and what its clock shows. When a member answers again
after it did not, and when its agent began anew, the two find out what it really runs before it counts as live. So they do
when it did not answer any other request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.agent.values import AgentFailure
from xapid.database import Database
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
    is_lost: bool = False
    lock: defer.DeferredLock = attrs.field(factory=defer.DeferredLock)


class Liveness:
    """Keeps ``host_metrics.live`` of members true.

    ``ask`` gets a beat; ``take_up`` is given a host whose agent began at a time, or was away, to find out what it runs.
    """

    def __init__(
        self,
        db: Database,
        clock: IReactorTime,
        members: Callable[[], Iterable[Place]],
        ask: Callable[[Place], Awaitable[Beat]],
        take_up: Callable[[str, float], Awaitable[None]],
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
        if self._loop.running:
            return
        self._known.clear()
        self._loop.start(BEAT_EVERY).addErrback(lambda failure: log.failure("Liveness", failure))

    def stop(self) -> None:
        """Listen no more."""
        if self._loop.running:
            self._loop.stop()

    def miss(self, host: str) -> None:
        """The host with this uuid did not answer a request: what became of it is found out when the host is next heard."""
        known = self._known.get(host)
        if known is not None:
            known.is_lost = True

    def _listen(self) -> None:
        places = list(self._members())
        for host in self._known.keys() - {place.host for place in places}:
            del self._known[host]
        for place in places:
            defer.ensureDeferred(self._expect(place))

    async def _expect(self, place: Place) -> None:
        try:
            await self.listen_to(place)
        except AgentFailure:
            known, host = self._known_as(place), self._db.table("host").find_uuid(place.host)
            known.is_lost = True
            if host is not None and self._clock.seconds() - known.heard > SILENT_AFTER:
                self.presence.silent(host)

    async def listen_to(self, place: Place) -> None:
        """Find out how a member is, at once. Raises AgentFailure if it does not answer."""
        known = self._known_as(place)
        await known.lock.acquire()
        try:
            host = self._db.table("host").find_uuid(place.host)
            if host is None:
                return
            beat = await self._ask(place)
            if known.began != beat.began or known.is_lost:
                known.is_lost = False
                try:
                    await self._take_up(host.ref, beat.began)
                except BaseException:
                    known.is_lost = True
                    raise
            known.heard, known.began = self._clock.seconds(), beat.began
            host = self._db.table("host").find(host.ref)
            if host is not None:
                self.presence.reports(host, beat.began, beat.time)
        finally:
            known.lock.release()

    def _known_as(self, place: Place) -> _Known:
        return self._known.setdefault(place.host, _Known(self._clock.seconds()))
