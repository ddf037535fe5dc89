"""``/rrd_updates``: what the archives of many objects gained since a moment, as one table.

Columns are data sources, named ``AVERAGE:vm:<uuid>:cpu0``; rows are moments, the newest first, and those after ``start`` only.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from math import nan
from xml.sax.saxutils import escape

import attrs
import orjson

from xapid.stats.archive import SPANS, Function, Ring
from xapid.stats.numbers import texts
from xapid.stats.store import Series


def archive_for(interval: int, start: int, newest: int) -> int:
    """Which archive answers: 0 is the finest.

    A client that asks for a step that there is gets it, since it refuses any other. Otherwise the finest one counts whose
    step is not below ``interval`` and which reaches back to ``start``; failing that, the coarsest.
    """
    for number, (step, rows) in enumerate(SPANS):
        if interval == step or (interval <= step and start > newest - step * rows):
            return number
    return len(SPANS) - 1


@attrs.frozen
class Table:
    """The answer before it is written. What is measured meanwhile does not change it."""

    start: int
    """When the oldest row ended."""
    step: int
    end: int
    """When the newest row ended: what a client that polls asks from the next time."""
    times: range
    rings: tuple[Ring, ...]
    legend: tuple[str, ...]

    @classmethod
    def of(cls, series: Sequence[Series], start: int, interval: int, function: Function) -> Table:
        """The rows after ``start`` (if negative: so long before the newest) that consolidate by ``function``."""
        newest = max((one.archive.updated for one in series), default=0)
        if start < 0:
            start += newest
        number = archive_for(interval, start, newest)
        step, capacity = SPANS[number]
        chosen = [(one, one.archive.rings(function)[number]) for one in series if function in one.archive.functions]
        legend = [f"{function}:{one.kind}:{one.uuid}:{name}" for one, _ in chosen for name in one.archive.names]
        rings = [ring for _, ring in chosen]
        end = max((ring.last for ring in rings if ring.rows), default=newest // step * step)
        oldest = min((ring.last - step * ring.rows for ring in rings if ring.rows), default=end)
        after = max(start // step * step, end - step * capacity, oldest)
        times = range(end, after, -step)
        parts = tuple(ring.part(after) for ring in rings)
        return cls(times[-1] if times else end, step, end, times, parts, tuple(legend))

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        missing = [array("d", [nan]) * ring.columns for ring in self.rings]
        for time in self.times:
            values: list[str] = []
            for ring, unknown in zip(self.rings, missing, strict=True):
                row = ring.row(time)
                values += texts(unknown if row is None else row)
            yield time, values

    def json(self) -> Iterator[bytes]:
        """As JSON, piece by piece. Values are strings: JSON has no word for unknown."""
        meta = {
            "start": self.start, "step": self.step, "end": self.end, "rows": len(self.times), "columns": len(self.legend),
            "legend": self.legend,
        }  # fmt: skip
        yield b'{"meta":%s,"data":[' % orjson.dumps(meta)
        comma = ""
        for time, values in self._rows():
            joined = '","'.join(values)
            quoted = f'"{joined}"' if values else ""
            yield f'{comma}{{"t":{time},"values":[{quoted}]}}'.encode()
            comma = ","
        yield b"]}"

    def xml(self) -> Iterator[bytes]:
        """As XML, piece by piece."""
        legend = "".join(f"<entry>{escape(entry)}</entry>" for entry in self.legend)
        yield (
            f"<xport><meta><start>{self.start}</start><step>{self.step}</step><end>{self.end}</end>"
            f"<rows>{len(self.times)}</rows><columns>{len(self.legend)}</columns><legend>{legend}</legend></meta><data>"
        ).encode()
        for time, values in self._rows():
            joined = "</v><v>".join(values)
            cells = f"<v>{joined}</v>" if values else ""
            yield f"<row><t>{time}</t>{cells}</row>".encode()
        yield b"</data></xport>"
