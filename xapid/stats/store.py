"""The archives of everything: whose they are, which host they belong to, and which data sources they keep.

An object's archives are kept while it is away (a halted VM) and go when it is forgotten. A VM that moves takes its own along.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from xapid.stats.archive import Archive, Function
from xapid.stats.sources import Kind, describe

GONE_AFTER: Final = 20.0
"""Seconds without figures after which a VM or an SR counts as not there any more."""

AVERAGES: Final[tuple[Function, ...]] = ("AVERAGE",)
ALL: Final[tuple[Function, ...]] = ("AVERAGE", "MIN", "MAX")


@attrs.define(eq=False)
class Series:
    """The archives of one object. ``host`` is the uuid of the host that measured it last."""

    kind: Kind
    uuid: str
    host: str
    archive: Archive
    figures: Mapping[str, float]
    """All that was measured the last time, kept in archives or not."""
    time: float
    """When that was."""
    asked: set[str] = attrs.field(factory=set)
    """Data sources that are kept because somebody asked for it."""


class Store:
    """All archives."""

    def __init__(self) -> None:
        self.with_extremes = False
        """Whether new objects besides hosts get least and greatest values as well."""
        self._series: dict[tuple[Kind, str], Series] = {}
        self._asked: dict[tuple[Kind, str], set[str]] = {}

    def take(self, kind: Kind, uuid: str, host: str, time: float, figures: Mapping[str, float]) -> None:
        """The figures of an object at one moment, by data source; measured on ``host``."""
        key = kind, uuid
        series = self._series.get(key)
        if series is None:
            asked = self._asked.setdefault(key, set())
            functions = ALL if kind == "host" or self.with_extremes else AVERAGES
            archive = Archive(_kept(kind, figures, asked), time, functions)
            series = self._series[key] = Series(kind, uuid, host, archive, figures, time, asked)
        elif series.host != host:
            if kind == "sr" and time - series.time < GONE_AFTER:
                return  # a shared SR is measured on many hosts: the first one's figures are as good as any
            series.host = host
        former, series.figures, series.time = series.figures, figures, time
        if former.keys() != figures.keys():
            self._arrange(series)
        series.archive.take(time, figures)

    def find(self, kind: Kind, uuid: str) -> Series | None:
        """The archives of an object."""
        return self._series.get((kind, uuid))

    def on(self, host: str, kind: Kind, now: float) -> Iterator[Series]:
        """The objects of a kind that are on a host now, in order of appearance."""
        for series in self._series.values():
            if series.kind == kind and series.host == host and now - series.time < GONE_AFTER:
                yield series

    def gone(self, now: float) -> list[Series]:
        """Objects that nothing was measured of for a while."""
        return [series for series in self._series.values() if now - series.time >= GONE_AFTER]

    def all(self) -> list[Series]:
        """Everything there is."""
        return list(self._series.values())

    def put(self, series: Series) -> None:
        """Archives from elsewhere, in place of those that are here."""
        key = series.kind, series.uuid
        self._series[key] = series
        self._asked[key] = series.asked

    def fill_in(self, kind: Kind, uuid: str, archive: Archive) -> None:
        """What is known elsewhere of an object, beside what is known here, which counts where both know something."""
        series = self._series.get((kind, uuid))
        if series is not None:
            series.archive.fill_in(archive)
            return
        asked = self._asked.setdefault((kind, uuid), set())
        self._series[kind, uuid] = Series(kind, uuid, "", archive, {}, archive.updated, asked)

    def drop(self, kind: Kind, uuid: str) -> None:
        """The object is no more."""
        self._series.pop((kind, uuid), None)
        self._asked.pop((kind, uuid), None)

    # Data sources -------------------------------------------------------------------------------------------------------

    def keeps(self, kind: Kind, uuid: str, name: str) -> bool:
        """Whether a data source is kept in archives."""
        return describe(kind, name).standard or name in self._asked.get((kind, uuid), ())

    def keep(self, kind: Kind, uuid: str, name: str) -> None:
        """Keep a data source from now on."""
        self._asked.setdefault((kind, uuid), set()).add(name)
        series = self._series.get((kind, uuid))
        if series is not None:
            self._arrange(series)

    def forget(self, kind: Kind, uuid: str, name: str) -> None:
        """Drop what was kept of a data source. One that is kept without being asked for begins anew."""
        self._asked.get((kind, uuid), set()).discard(name)
        series = self._series.get((kind, uuid))
        if series is not None:
            kept = (other for other in series.archive.names if other != name or self.keeps(kind, uuid, name))
            series.archive.arrange(kept, anew=name)

    @staticmethod
    def _arrange(series: Series) -> None:
        """Columns for what is measured now, behind those that there are: history of what went away stays readable."""
        wanted = dict.fromkeys((*series.archive.names, *_kept(series.kind, series.figures, series.asked)))
        series.archive.arrange(wanted)


def _kept(kind: Kind, figures: Iterable[str], asked: set[str]) -> list[str]:
    return [name for name in figures if describe(kind, name).standard or name in asked]
