"""Which hosts are there: signs of life keep them live, ten minutes of silence or a farewell end that.

Serves ``host_metrics.live``, ``host.tickle_heartbeat`` and the alert about clocks that differ. Members are asked by
:mod:`xapid.pool.liveness`; simulated hosts of this process give signs by themselves, as long as their agents run. The
coordinator is there as long as it can say so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.database import Database, Row
from xapid.operations import allowed
from xapid.operations.alerts import raise_alert
from xapid.operations.local_facts import AGENT_BEGAN, fact, keep
from xapid.operations.rolling_upgrade import watch_versions

log = Logger()

BEAT_EVERY: Final = 30.0
SILENT_AFTER: Final = 600.0
SKEW: Final = 300.0
SKEW_OVER: Final = 150.0
"""Seconds that clocks may differ after an alert before the next difference is one again."""


class Presence:
    """Keeps ``live`` of hosts true. ``lost`` is told the reference of each that is not there any longer, or has begun anew."""

    def __init__(self, db: Database, clock: IReactorTime, lost: Callable[[str], None]) -> None:
        self._db = db
        self._clock = clock
        self._lost = lost
        self._heard: dict[str, float] = {}
        self._leaving: set[str] = set()
        self._skewed: set[str] = set()
        self.simulated: Callable[[], dict[str, float]] = dict
        """The simulated hosts that run now, by uuid, and what their clocks show."""
        self.leads: Callable[[], bool] = lambda: True
        """Whether this daemon is the one that says who is there."""
        self.returned: Callable[[str], None] = lambda host: None
        """Told the reference of each member whose agent began anew: it is to take up its storage, and be enabled."""
        self._loop = LoopingCall(self.check)
        self._loop.clock = clock

    def start(self) -> None:
        """Look every half minute from now on who has fallen silent."""
        self._heard = {host.uuid: self._clock.seconds() for host in self._db.table("host")}
        self._loop.start(BEAT_EVERY, now=False).addErrback(lambda failure: log.failure("Presence", failure))

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def check(self) -> None:
        """Simulated hosts give a sign of life; who has given none for too long is not live. Do all run the same version?"""
        if not self.leads():
            return
        beating, now = self.simulated(), self._clock.seconds()
        leaders = {str(pool.master) for pool in self._db.table("pool")}
        for host in self._db.table("host").rows():
            if host.ref in leaders:
                self._heard[host.uuid] = now
            elif host.uuid in beating:
                self.beat(host, beating[host.uuid])
            elif now - self._heard.setdefault(host.uuid, now) > SILENT_AFTER:
                self.silent(host)
        watch_versions(self._db)
        for uuid in [uuid for uuid in self._heard if self._db.table("host").find_uuid(uuid) is None]:
            del self._heard[uuid]

    def beat(self, host: Row, time: float | None = None) -> None:
        """A sign of life, with what the host's clock shows. Who has said farewell is not believed any more."""
        self._heard[host.uuid] = self._clock.seconds()
        if time is not None:
            self._compare_clocks(host, time)
        if host.uuid not in self._leaving:
            self._set_live(host, True)

    def reports(self, host: Row, began: float, time: float) -> None:
        """A member says when its agent began, and what its clock shows. One that began anew has arrived."""
        text, known = f"{began:.0f}.", fact(self._db, host, AGENT_BEGAN)
        if known != text:
            with self._db.transaction() as tx:
                keep(tx, host, AGENT_BEGAN, text)
            if known is not None:
                self.arrives(host)
                self.returned(host.ref)
        self.beat(host, time)

    def has_left(self, host: Row) -> bool:
        """Whether the host has said farewell, and has not arrived since."""
        return host.uuid in self._leaving

    def leaves(self, host: Row) -> None:
        """The host says farewell: it is not live from now on, until it arrives."""
        self._leaving.add(host.uuid)
        self._set_live(host, False)

    def agent_leaves(self, host: Row) -> None:
        """The agent of a host ends: the host says farewell, and is disabled until it is back."""
        with self._db.transaction() as tx:
            tx.update(host, enabled=False)
            self.leaves(self._db.get("host", host.ref))
            allowed.refresh(tx, self._db, host)

    def silent(self, host: Row) -> None:
        """Nothing was heard of the host for too long."""
        self._set_live(host, False)

    def arrives(self, host: Row) -> None:
        """The host has started, and is live. Of what it did before nothing goes on."""
        self._leaving.discard(host.uuid)
        self._heard[host.uuid] = self._clock.seconds()
        self._lost(host.ref)
        self._set_live(host, True)

    def _set_live(self, host: Row, live: bool) -> None:
        metrics = self._db.table("host_metrics").find(host.metrics)
        if metrics is None or metrics.live == live:
            return
        with self._db.transaction() as tx:
            tx.update(metrics, live=live, last_updated=self._now())
            allowed.refresh(tx, self._db, host)
        if not live:
            log.info("{host} is not live any longer", host=host.name_label)
            self._lost(host.ref)

    def _compare_clocks(self, host: Row, time: float) -> None:
        skew = abs(self._clock.seconds() - time)
        if skew > SKEW and host.uuid not in self._skewed:
            self._skewed.add(host.uuid)
            raise_alert(self._db, self._now(), "HOST_CLOCK_SKEW_DETECTED", host, f"The clocks differ by {skew:.0f} seconds")
        elif skew < SKEW_OVER:
            self._skewed.discard(host.uuid)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._clock.seconds()), UTC)
