"""Archives of one object read from the document that :mod:`xapid.stats.whole` writes, by whichever server wrote it.

Serves ``PUT /rrd``. What is read are the rows: rates are rates there, whatever the type of their data source. Archives with
steps that are not kept here are passed over, and so is how far the next row of each had come.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from math import inf, nan
from typing import Any, Final, get_args

from lxml import etree

from xapid.stats.archive import SPANS, STEP, Archive, Function

MOST_SOURCES: Final = 10_000
"""Data sources that one object can have."""
_ELEMENTS: Final = ("rrd", "step", "lastupdate", "ds", "rra", "cdp_prep", "database", "row")
"""Those that something is done about; figures are read with their rows."""
_FUNCTIONS: Final = get_args(Function)
_SPANS: Final = dict(SPANS)
_WORDS: Final = {"nan": nan, "inf": inf, "infinity": inf, "-inf": -inf, "-infinity": -inf}


class BadDocument(Exception):
    """What was read holds no archives; the text says why."""


class Reader:
    """Reads a document piece by piece, and keeps of it what archives hold."""

    def __init__(self) -> None:
        self._parser = etree.XMLPullParser(
            events=("start", "end"), tag=_ELEMENTS, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        self._names: list[str] = []
        self._updated: int | None = None
        self._step: int | None = None
        self._open: list[str] = []
        self._rows: deque[array[float]] = deque()
        self._kept: dict[tuple[Function, int], list[array[float]]] = {}

    def feed(self, data: bytes) -> None:
        """More of the document. Errors: :class:`BadDocument`."""
        try:
            self._parser.feed(data)
            self._take()
        except etree.XMLSyntaxError as problem:
            raise BadDocument(f"it is not XML: {problem}") from None

    def done(self, now: float) -> Archive:
        """The archives, when all of the document is there. Errors: :class:`BadDocument`, also if they are not of the past."""
        try:
            self._parser.close()
            self._take()
        except etree.XMLSyntaxError as problem:
            raise BadDocument(f"it is not XML: {problem}") from None
        if self._updated is None or not self._names or not self._kept:
            raise BadDocument("there are no archives in it")
        if self._updated > now:
            raise BadDocument("it was written in the future")
        functions = tuple(dict.fromkeys(function for function, _ in self._kept))
        archive = Archive(self._names, self._updated + STEP, functions)
        archive.updated = self._updated // STEP * STEP
        for (function, step), rows in self._kept.items():
            for ring in archive.rings(function):
                if ring.step == step and not ring.rows:
                    ring.refill(self._updated // step * step, array("d", b"".join(row.tobytes() for row in rows)))
        newest = archive.rings(functions[0])[0].row(archive.updated)
        if newest is not None:
            archive.latest = tuple(newest)
        return archive

    def _take(self) -> None:
        element: Any  # the stubs think of other events
        for event, element in self._parser.read_events():
            name = str(element.tag)
            if event == "start":
                if not self._open and element.getroottree().docinfo.doctype:
                    raise BadDocument("a document type is declared")
                self._open.append(name)
                if name == "database":
                    self._rows = deque(maxlen=max(_SPANS.values()))
                continue
            path = "/".join(self._open)
            self._open.pop()
            if path == "rrd/rra/database/row":
                self._rows.append(self._row(element))
            elif path in ("rrd/ds", "rrd/rra", "rrd/step", "rrd/lastupdate"):
                self._part(name, element)
            else:
                continue
            element.clear()  # a document of many data sources is larger than what is kept of it
            while element.getprevious() is not None and path == "rrd/rra/database/row":
                del element.getparent()[0]

    def _part(self, name: str, element: etree._Element) -> None:
        if name == "ds":
            source = (element.findtext("name") or "").strip()
            if not source or source in self._names or len(self._names) >= MOST_SOURCES:
                raise BadDocument("a data source has no name of its own")
            if self._kept:
                raise BadDocument("a data source comes after the archives")
            self._names.append(source)
        elif name == "rra":
            self._archive(element)
        elif name == "step":
            self._step = int(_number(element.text))
        else:
            self._updated = int(_number(element.text))

    def _archive(self, element: etree._Element) -> None:
        function = next((known for known in _FUNCTIONS if known == (element.findtext("cf") or "").strip()), None)
        steps = _number(element.findtext("pdp_per_row"))
        if self._step is None or not 0 < steps < 1 << 31:
            raise BadDocument("an archive has no step")
        step = self._step * int(steps)
        if function is not None and step in _SPANS and (function, step) not in self._kept:
            self._kept[function, step] = list(self._rows)[-_SPANS[step] :]
        self._rows = deque()

    def _row(self, element: etree._Element) -> array[float]:
        row = array("d", self._figures(element))
        if len(row) != len(self._names):
            raise BadDocument("a row has not one figure for each data source")
        return row

    @staticmethod
    def _figures(element: etree._Element) -> Iterator[float]:
        for cell in element.iterchildren("v"):
            yield _figure(cell.text)


def _figure(text: str | None) -> float:
    word = (text or "").strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return float(word)
    except ValueError:
        raise BadDocument(f"{word[:20]!r} is no figure") from None


def _number(text: str | None) -> float:
    figure = _figure(text)
    if not 0 <= figure < 1 << 53:
        raise BadDocument(f"{figure} is out of range")
    return figure
