"""Measures every host every five seconds: fills the archives, and keeps the metrics objects in line with what is measured.

Serves ``host_metrics`` and ``VM_metrics`` (memory, when it changes; each change is an event, so there is none without one)
and all that :mod:`xapid.stats` gives. Every daemon measures the hosts whose agents it has: a coordinator all of the pool,
a member its own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Final

from twisted.internet import defer
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from xapid.agent.values import AgentFailure, HostSample
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.services import Services
from xapid.stats.archive import STEP

log = Logger()

AT_ONCE: Final = 200
"""VMs whose figures are taken in one turn of the reactor."""
KIB: Final = 1024


class Measuring:
    """Runs from :meth:`start` to :meth:`stop`."""

    def __init__(self, db: Database, clock: IReactorTime, services: Services) -> None:
        self._db = db
        self._clock = clock
        self._services = services
        self._store = services.stats
        self._busy: set[str] = set()
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Measure now, and then at every moment that five divides, when the rows of archives end."""
        self._tick()

    def stop(self) -> None:
        """Measure no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _tick(self) -> None:
        now = self._clock.seconds()
        self._next = self._clock.callLater(STEP - now % STEP, self._tick)
        pool = next(iter(self._db.table("pool")), None)
        self._store.with_extremes = pool is not None and pool.other_config.get("create_min_max_in_new_VM_RRDs") == "true"
        for host in self._db.table("host"):
            if host.uuid not in self._busy:
                defer.ensureDeferred(self._measure(host))
        self._forget_what_is_gone()

    async def _measure(self, host: Row) -> None:
        """Measure one host, unless it is still being measured. A host that cannot be reached has gaps."""
        self._busy.add(host.uuid)
        try:
            sample = await self._services.agents.get(host.ref).metrics.sample()
            await self._take(host, sample)
        except (XenAPIError, AgentFailure) as problem:
            log.debug("host {host} was not measured: {problem}", host=host.uuid, problem=problem)
        except Exception:
            log.failure("measuring host {host} failed", host=host.uuid)
        finally:
            self._busy.discard(host.uuid)

    async def _take(self, host: Row, sample: HostSample) -> None:
        store, uuid, time = self._store, host.uuid, sample["time"]
        store.take("host", uuid, uuid, time, sample["host"])
        control_domain = self._db.table("VM").find(host.control_domain)
        if control_domain is not None:
            store.take("vm", control_domain.uuid, uuid, time, sample["control_domain"])
        for sr, figures in sample["srs"].items():
            store.take("sr", sr, uuid, time, figures)
        self._refresh_host(host, sample["host"])
        vms = iter(sample["vms"].items())
        while some := list(islice(vms, AT_ONCE)):
            for vm, figures in some:
                store.take("vm", vm, uuid, time, figures)
            self._refresh_vms(host, dict(some))
            if len(some) == AT_ONCE:
                await deferLater(self._clock, 0)

    def _refresh_host(self, host: Row, figures: dict[str, float]) -> None:
        metrics = self._db.table("host_metrics").find(host.metrics)
        total, free = (int(figures[name] * KIB) for name in ("memory_total_kib", "memory_free_kib"))
        if metrics is not None and (metrics.memory_total, metrics.memory_free) != (total, free):
            with self._db.transaction() as tx:
                tx.update(metrics, memory_total=total, memory_free=free, last_updated=self._now())

    def _refresh_vms(self, host: Row, figures: dict[str, dict[str, float]]) -> None:
        changed = []
        table = self._db.table("VM_metrics")
        for uuid, of_vm in figures.items():
            vm = self._db.table("VM").find_uuid(uuid)
            metrics = None if vm is None or vm.resident_on != host.ref else table.find(vm.metrics)
            if metrics is not None and metrics.memory_actual != int(of_vm["memory"]):
                changed.append((metrics, int(of_vm["memory"])))
        if changed:
            with self._db.transaction() as tx:
                for metrics, memory in changed:
                    tx.update(metrics, memory_actual=memory, last_updated=self._now())

    def _forget_what_is_gone(self) -> None:
        """Archives go with their objects, but not before these have been away for a while."""
        tables = {"host": self._db.table("host"), "vm": self._db.table("VM"), "sr": self._db.table("SR")}
        for series in self._store.gone(self._clock.seconds()):
            if tables[series.kind].find_uuid(series.uuid) is None:
                self._store.drop(series.kind, series.uuid)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._clock.seconds()), UTC)
