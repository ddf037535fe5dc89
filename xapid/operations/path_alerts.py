"""Alerts about the paths over which hosts reach storage, when their number changes.

Storage writes how many paths are there into ``other_config`` of its PBDs, and of hosts that boot from it: a key of ``mpath-``
and the SCSI id, and a value like ``[1, 2]``, the paths that work and those that there were at most.

Serves MULTIPATH_PERIODIC_ALERT: at most one in two minutes for each host, which lists what is not whole now and what happened
since, in the form that clients read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.database import Database, Row
from xapid.database.database import Change
from xapid.operations.alerts import raise_alert

log = Logger()

EVERY: Final = 120.0
ALERT: Final = "MULTIPATH_PERIODIC_ALERT"
_PREFIX: Final = "mpath-"
_VALUE = re.compile(r"\[(\d{1,9}), ?(\d{1,9})\]")
_MOST: Final = 1000
"""How many changes are told in one alert."""


@attrs.frozen
class Paths:
    """Those between a host and one device. ``pbd`` is empty for the device that the host boots from."""

    host: str
    pbd: str
    device: str
    working: int
    most: int

    @property
    def place(self) -> tuple[str, str, str]:
        """Which they are."""
        return self.host, self.pbd, self.device

    @property
    def is_whole(self) -> bool:
        """Whether all work."""
        return self.working == self.most


class PathAlerts:
    """Follows the changes in ``db``. None is told while ``idle`` says so."""

    def __init__(self, db: Database, clock: IReactorTime, idle: Callable[[], bool] = lambda: False) -> None:
        self._db = db
        self._clock = clock
        self._idle = idle
        self._changed: list[tuple[datetime, Paths]] = []
        self._broken: set[tuple[str, str, str]] = set()
        self._loop = LoopingCall(self.tell)
        self._loop.clock = clock

    def start(self) -> None:
        """Tell from now on what changes."""
        self._broken = {paths.place for paths in self._all() if not paths.is_whole}
        self._db.observers.append(self._committed)
        self._loop.start(EVERY, now=False).addErrback(lambda failure: log.failure("Alerts about paths", failure))

    def stop(self) -> None:
        """Tell no more."""
        if self._loop.running:
            self._loop.stop()
            self._db.observers.remove(self._committed)

    def _committed(self, generation: int, changes: list[Change]) -> None:
        for change in changes:
            if change.table.cls.name not in ("PBD", "host") or change.before is None or change.after is None:
                continue
            before, after = change.before.other_config, change.after.other_config
            if before is not after and len(self._changed) < _MOST:
                changed = {key: text for key, text in after.items() if before.get(key) != text}
                self._changed += [(self._now(), paths) for paths in self._of(change.after, changed)]

    def tell(self) -> None:
        """An alert for each host of which paths were lost, or came back, since the last time."""
        changed, self._changed = self._changed, []
        if self._idle():
            return
        news: dict[str, list[str]] = {}
        for moment, paths in changed:
            if not paths.is_whole or paths.place in self._broken:
                news.setdefault(paths.host, []).append(self._line(moment, paths))
            (self._broken.discard if paths.is_whole else self._broken.add)(paths.place)
        if not news:
            return
        now = self._now()
        broken: dict[str, list[str]] = {}
        for paths in self._all():
            if not paths.is_whole:
                broken.setdefault(paths.host, []).append(self._line(now, paths))
        for ref, lines in news.items():
            host = self._db.table("host").find(ref)
            if host is not None:
                bad = ["Unhealthy paths:", *broken[ref]] if ref in broken else []
                text = "\n".join([*bad, f"Events received during the last {EVERY:.0f} seconds:", *lines])
                raise_alert(self._db, now, ALERT, host, text)

    def _all(self) -> Iterator[Paths]:
        for cls in ("PBD", "host"):
            for row in self._db.table(cls).rows():
                yield from self._of(row, row.other_config)

    @staticmethod
    def _of(row: Row, settings: Mapping[str, str]) -> Iterator[Paths]:
        for key, text in settings.items():
            found = _VALUE.fullmatch(text) if key.startswith(_PREFIX) else None
            if found is not None:
                host, pbd = (row.ref, "") if row.kind == "host" else (row.host, row.uuid)
                yield Paths(host, pbd, key.removeprefix(_PREFIX), int(found[1]), int(found[2]))

    def _line(self, moment: datetime, paths: Paths) -> str:
        host = self._db.table("host").find(paths.host)
        uuid, name = ("", "") if host is None else (host.uuid, host.name_label)
        device = f"pbd={paths.pbd}; scsi_id={paths.device}" if paths.pbd else "root=true"
        counts = f"current={paths.working}; max={paths.most}"
        return f'[{moment:%Y%m%dT%H:%M:%SZ}] host={uuid}; host-name="{name}"; {device}; {counts}'

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._clock.seconds()), UTC)
