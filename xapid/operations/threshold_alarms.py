"""Alerts about measured figures that cross what people have set for them: every minute the last minute is looked at.

Serves the alert ALARM. Where the settings stand is told in :mod:`xapid.operations.thresholds`. What is set counts from the next
look on; a figure whose settings change, or whose object goes away, begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from xapid.database import Database, Row
from xapid.database.database import Change
from xapid.operations.alerts import raise_alert
from xapid.operations.thresholds import KEY, BadThreshold, Kind, Threshold, read, read_per_host
from xapid.stats import Store

log = Logger()

MINUTE: Final = 60
AFTER: Final = 7
"""Seconds after a minute at which it is looked at: by then what was measured at its end is there."""
_CLASSES: Final[dict[Kind, str]] = {"sr": "SR", "host": "host", "vm": "VM"}
_NAMES: Final = frozenset(_CLASSES.values())


@attrs.define
class _Watch:
    """How it stands with one figure. ``left`` seconds have to go by on the wrong side before there is an alert."""

    threshold: Threshold
    left: int
    silent_until: float = 0.0


class ThresholdAlarms:
    """Looks at what ``store`` has of the objects of ``db``. Not while ``idle`` says so."""

    def __init__(self, db: Database, clock: IReactorTime, store: Store, idle: Callable[[], bool] = lambda: False) -> None:
        self._db = db
        self._clock = clock
        self._store = store
        self._idle = idle
        self._next: IDelayedCall | None = None
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._set: dict[str, None] = {}
        """The objects with settings, by reference."""

    def start(self) -> None:
        """Look at every minute that ends from now on."""
        rows = (row for cls in _CLASSES.values() for row in self._db.table(cls).rows())
        self._set = dict.fromkeys(row.ref for row in rows if KEY in row.other_config)
        self._db.observers.append(self._committed)
        self._again()

    def _again(self) -> None:
        now = self._clock.seconds()
        wait = (AFTER - now) % MINUTE
        self._next = self._clock.callLater(wait if wait > 0 else MINUTE, self._turn)

    def stop(self) -> None:
        """Look no more."""
        if self._next is not None and self._next.active():
            self._next.cancel()
            self._db.observers.remove(self._committed)

    def _committed(self, generation: int, changes: list[Change]) -> None:
        """Whether an object has settings is found out when it changes: there may be a great many, and few that have any."""
        for change in changes:
            if change.table.cls.name in _NAMES:
                before, after = change.before, change.after
                if after is not None and KEY in after.other_config:
                    self._set[after.ref] = None
                elif before is not None and KEY in before.other_config:
                    self._set.pop(before.ref, None)

    def _turn(self) -> None:
        self._again()
        if self._idle():
            self._watches.clear()
            return
        try:
            self.look()
        except Exception:
            log.failure("figures were not compared with what is set for them")

    def look(self) -> None:
        """Compare the last minute that is over with what is set."""
        now = self._clock.seconds()
        end = int(now) // MINUTE * MINUTE
        seen = set()
        for kind, row, thresholds in self._wanted():
            figures = self._figures(kind, row.uuid, end)
            for threshold in thresholds if figures is not None else ():
                value = threshold.value(figures or {})
                if value is not None:
                    seen.add((row.uuid, threshold.name))
                    self._compare(row, threshold, value, now)
        self._watches = {key: watch for key, watch in self._watches.items() if key in seen}

    def _wanted(self) -> Iterator[tuple[Kind, Row, Iterable[Threshold]]]:
        """Every object with settings. What is set on a host counts, not what SRs say for all of their hosts."""
        db = self._db
        of_hosts: dict[str, dict[str, Threshold]] = {}
        for sr in self._having("SR"):
            text = sr.other_config[KEY]
            yield "sr", sr, _of("sr", text)
            for threshold in _per_host(sr.uuid, text):
                for pbd in (db.get("PBD", ref) for ref in sr.PBDs):
                    of_hosts.setdefault(pbd.host, {})[threshold.name] = threshold
        for host in self._having("host"):
            of_hosts.setdefault(host.ref, {}).update({each.name: each for each in _of("host", host.other_config[KEY])})
        for ref, wanted in of_hosts.items():
            yield "host", db.get("host", ref), wanted.values()
        for vm in self._having("VM"):
            yield "vm", vm, _of("vm", vm.other_config[KEY])

    def _having(self, cls: str) -> list[Row]:
        """The objects of a class with settings."""
        table = self._db.table(cls)
        found = (table.find(ref) for ref in self._set)
        return [row for row in found if row is not None and KEY in row.other_config]

    def _figures(self, kind: Kind, uuid: str, end: int) -> dict[str, float] | None:
        """The averages of the minute that ended then; None if nothing was measured."""
        series = self._store.find(kind, uuid)
        if series is None:
            return None
        ring = next(ring for ring in series.archive.rings("AVERAGE") if ring.step == MINUTE)
        row = ring.row(end)
        return None if row is None else dict(zip(series.archive.names, row, strict=True))

    def _compare(self, row: Row, threshold: Threshold, value: float, now: float) -> None:
        watch = self._watches.get((row.uuid, threshold.name))
        if watch is None or watch.threshold != threshold:
            watch = self._watches[row.uuid, threshold.name] = _Watch(threshold, threshold.period)
        if not threshold.is_crossed(value):
            watch.left = threshold.period
            return
        watch.left -= MINUTE
        if watch.left > 0:
            return
        watch.left = threshold.period
        if now >= watch.silent_until:
            watch.silent_until = now + threshold.quiet
            text = f"value: {value:f}\nconfig:\n{threshold.text}"
            moment = datetime.fromtimestamp(int(now), UTC)
            raise_alert(self._db, moment, "ALARM", row, text, threshold.priority)


@lru_cache(maxsize=1024)
def _of(kind: Kind, text: str) -> tuple[Threshold, ...]:
    """None from settings that cannot be read; the log says so once."""
    try:
        return read(kind, text) if text else ()
    except BadThreshold as problem:
        log.warn("the setting {key} of a {kind} says nothing: {problem}", key=KEY, kind=_CLASSES[kind], problem=problem)
        return ()


@lru_cache(maxsize=1024)
def _per_host(sr: str, text: str) -> tuple[Threshold, ...]:
    try:
        return read_per_host(sr, text)
    except BadThreshold as problem:
        log.warn("the setting {key} of SR {sr} says nothing about hosts: {problem}", key=KEY, sr=sr, problem=problem)
        return ()
