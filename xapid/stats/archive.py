"""The archives of one host, VM or SR: figures every five seconds, and what becomes of them over a minute, an hour, a day.

Every archive has a fixed number of rows and forgets the oldest. Its rows end at multiples of its step. A coarser row is
made of the rows of the next finer archive in its span, once that span is over: their average, least, greatest or last
value. Unknown values (NaN) are left out of it, and a row of which more than half is unknown is unknown itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from math import isnan, nan
from typing import Final, Literal

Function = Literal["AVERAGE", "MIN", "MAX", "LAST"]

STEP: Final = 5
SPANS: Final = ((5, 120), (60, 120), (3600, 168), (86400, 366))
"""Step in seconds, and rows: ten minutes, two hours, a week, a year."""
UNKNOWN_ALLOWED: Final = 0.5


def consolidate(function: Function, values: Sequence[float], expected: int) -> float:
    """One value for many, of which there should be ``expected``."""
    total = sum(values)
    missing = expected - len(values)
    if isnan(total):
        known = [value for value in values if value == value]
        missing += len(values) - len(known)
        values, total = known, sum(known)
    if not values or missing > UNKNOWN_ALLOWED * expected:
        return nan
    if function == "AVERAGE":
        return total / len(values)
    if function == "MIN":
        return min(values)
    return max(values) if function == "MAX" else values[-1]


class Ring:
    """The rows of one step, up to ``capacity``; memory is taken as they come."""

    __slots__ = ("_data", "_next", "capacity", "columns", "last", "step")

    def __init__(self, step: int, capacity: int, columns: int, last: int) -> None:
        """``last`` is when the row before the first one ended."""
        self.step = step
        self.capacity = capacity
        self.columns = columns
        self.last = last
        """When the newest row ended."""
        self._data = array("d")
        self._next = 0

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self._data) // self.columns if self.columns else 0

    def put(self, time: int, row: array[float]) -> None:
        """The row that ends at ``time``. Those that were left out since the last are unknown."""
        for _ in range(min(max((time - self.last) // self.step - 1, 0), self.capacity)):
            self._put(array("d", [nan]) * self.columns)
        self._put(row)
        self.last = time

    def _put(self, row: array[float]) -> None:
        width = self.columns
        if len(self._data) < self.capacity * width:
            self._data.extend(row)
        else:
            at = self._next * width
            self._data[at : at + width] = row
            self._next = (self._next + 1) % self.capacity

    def row(self, time: int) -> array[float] | None:
        """The row that ended at ``time``, if it is here."""
        back = (self.last - time) // self.step
        rows = self.rows
        if back < 0 or back >= rows:
            return None
        at = (self._next - 1 - back) % rows * self.columns
        return self._data[at : at + self.columns]

    def span(self, after: int, until: int) -> array[float]:
        """The rows that ended after one moment and not after the other, oldest first, one behind the other."""
        rows, width = self.rows, self.columns
        end = rows - max(0, -(-(self.last - until) // self.step))
        start = max(0, rows - max(0, -(-(self.last - after) // self.step)))
        if end <= start:
            return array("d")
        first, last = (self._next + start) % rows, (self._next + end - 1) % rows + 1
        if first < last:
            return self._data[first * width : last * width]
        return self._data[first * width :] + self._data[: last * width]

    def refill(self, last: int, values: array[float]) -> None:
        """Other rows in place of those that are there: all values, oldest first, the newest row of which ended at ``last``."""
        self.last = last
        self._data = values
        self._next = 0

    def fill_in(self, other: Ring, columns: Sequence[int]) -> None:
        """What another ring of this step knows and this one does not. ``columns``: for each of the other's, the number here."""
        newest = max(self.last if self.rows else 0, other.last if other.rows else 0)
        oldest = min(ring.last - (ring.rows - 1) * self.step for ring in (self, other) if ring.rows) if newest else 0
        oldest = max(oldest, newest - (self.capacity - 1) * self.step)
        whole = array("d")
        for time in range(oldest, newest + 1, self.step) if newest else ():
            row = self.row(time) or array("d", [nan]) * self.columns
            for number, value in zip(columns, other.row(time) or (), strict=False):
                if isnan(row[number]):
                    row[number] = value
            whole.extend(row)
        if newest:
            self.refill(newest, whole)

    def part(self, after: int) -> Ring:
        """A copy of the rows that ended after a moment; it stays as it is."""
        copy = Ring(self.step, self.capacity, self.columns, self.last)
        copy._data = self.span(after, self.last)
        return copy

    def rearrange(self, columns: Sequence[int]) -> None:
        """Other columns: for each, the number of a former one, or -1 for one that was not there."""
        whole = self.span(self.last - self.step * self.rows, self.last)
        width, rows = self.columns, self.rows
        parts = [whole[number::width] if number >= 0 else array("d", [nan]) * rows for number in columns]
        self.columns = len(columns)
        self._next = 0
        self._data = array("d", bytes(8 * rows * self.columns))
        for number, part in enumerate(parts):
            self._data[number :: self.columns] = part


class Archive:
    """All rings of one object. ``names`` are its columns."""

    __slots__ = ("_chains", "latest", "names", "updated")

    def __init__(self, names: Iterable[str], time: float, functions: Sequence[Function] = ("AVERAGE",)) -> None:
        """Archives that begin with the row that ``time`` falls at the end of."""
        self.names = tuple(names)
        self.updated = 0
        """When the newest row ended."""
        self.latest: tuple[float, ...] = (nan,) * len(self.names)
        """The newest row."""
        columns, now = len(self.names), int(time) // STEP * STEP
        (step, capacity), *coarser = SPANS
        fine = Ring(step, capacity, columns, now - STEP)
        # Over one step of the finest archive there is one value, so all functions share it.
        self._chains: dict[Function, tuple[Ring, ...]] = {
            function: (fine, *(Ring(step, rows, columns, (now - STEP) // step * step) for step, rows in coarser))
            for function in functions
        }

    @property
    def functions(self) -> tuple[Function, ...]:
        """What the rows of coarser archives may be made by."""
        return tuple(self._chains)

    def rings(self, function: Function) -> tuple[Ring, ...]:
        """Its rings, the finest first; none if it has none of this kind."""
        return self._chains.get(function, ())

    def take(self, time: float, figures: Mapping[str, float]) -> None:
        """The figures of a moment: they are the row that ends with the step before it. A second one in a step is dropped."""
        end = int(time) // STEP * STEP
        if end <= self.updated:
            return
        row = array("d", [figures.get(name, nan) for name in self.names])
        fine: Ring | None = None
        for function, (first, *coarser) in self._chains.items():
            if fine is None:
                fine = first
                fine.put(end, row)
            finer = fine
            for ring in coarser:
                if end // ring.step * ring.step <= ring.last:
                    break
                self._catch_up(function, ring, finer)
                finer = ring
        self.updated = end
        self.latest = tuple(row)

    @staticmethod
    def _catch_up(function: Function, ring: Ring, finer: Ring) -> None:
        """Make the rows of ``ring`` whose spans are over."""
        step, expected, width = ring.step, ring.step // finer.step, ring.columns
        newest = finer.last // step * step
        first = max(ring.last + step, newest - (ring.capacity - 1) * step)
        for end in range(first, newest + 1, step):
            rows = finer.span(end - step, end)
            values = [consolidate(function, rows[number::width], expected) for number in range(width)]
            ring.put(end, array("d", values))

    def fill_in(self, other: Archive) -> None:
        """What other archives of the object know and these do not: moments before, and data sources that are not here."""
        self.arrange(dict.fromkeys((*self.names, *other.names)))
        columns = [self.names.index(name) for name in other.names]
        for function in other.functions:
            if function not in self._chains:
                fine, *coarser = next(iter(self._chains.values()))
                rings = (Ring(ring.step, ring.capacity, ring.columns, ring.last) for ring in coarser)
                self._chains[function] = (fine, *rings)
        done: set[int] = set()
        for function in other.functions:
            for ring, more in zip(self._chains[function], other.rings(function), strict=True):
                if id(ring) not in done:
                    done.add(id(ring))
                    ring.fill_in(more, columns)
        self.updated = max(self.updated, other.updated)
        newest = self.rings(self.functions[0])[0].row(self.updated)
        if newest is not None:
            self.latest = tuple(newest)

    def arrange(self, names: Iterable[str], anew: str | None = None) -> None:
        """Other columns from now on. What was known of those that stay is kept, except of ``anew``."""
        wanted = tuple(names)
        if wanted == self.names and anew is None:
            return
        numbers = {name: number for number, name in enumerate(self.names) if name != anew}
        columns = [numbers.get(name, -1) for name in wanted]
        done: set[int] = set()
        for chain in self._chains.values():
            for ring in chain:
                if id(ring) not in done:
                    done.add(id(ring))
                    ring.rearrange(columns)
        self.latest = tuple(nan if number < 0 else self.latest[number] for number in columns)
        self.names = wanted
