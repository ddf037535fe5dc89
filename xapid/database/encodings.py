"""What rows look like on the wire, made once and kept until the object changes, up to a number of bytes.

When it changes, what was kept is the start of what comes next: most changes are of one field among dozens, and a notation
may know how to put that one in place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from xapid.database.row import Row

if TYPE_CHECKING:
    from xapid.database.table import Table

DEFAULT_LIMIT: Final = 256 * 1024 * 1024
OVERHEAD: Final = 200
"""Bytes that an entry takes beside its encoding, roughly."""


class Make(Protocol):
    """Encodes rows in one notation."""

    def __call__(self, row: Row) -> bytes: ...

    def again(self, before: Row, encoded: bytes, row: Row, names: Iterable[str]) -> bytes | None:
        """What ``row`` looks like, if ``before`` looked like ``encoded`` and no other fields than ``names`` may differ; None
        if it has to be made anew.
        """


@attrs.define(eq=False)
class _Kept:
    row: Row
    encoded: bytes
    changed: frozenset[str] = frozenset()
    """The fields that may have changed since."""


class Encodings:
    """Encodings of rows by notation. Those that were made first go first when ``limit`` bytes are reached."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self.size = 0
        self._kept: dict[str, dict[str, _Kept]] = {}
        self._listings: dict[str, dict[str, list[bytes]]] = {}
        """Of whole tables, by class and notation; they hold the same bytes once more, so nothing that was dropped."""

    def get(self, row: Row, key: str, make: Make) -> bytes:
        """``make(row)``, made once for ``key`` as long as this row stands for its object."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = {}
        hit = kept.get(row.ref)
        if hit is None:
            made = make(row)
        elif hit.row is row:
            return hit.encoded
        elif row._table.find(row.ref) is not row:
            return make(row)
        else:
            made = make.again(hit.row, hit.encoded, row, hit.changed) or make(row)
        if row._table.find(row.ref) is row:
            self._keep(kept, row, made)
        return made

    def of_all(self, table: Table, key: str, make: Make) -> list[bytes]:
        """``make(row)`` for every row of a table in order, found at once when no object has changed."""
        listings = self._listings.setdefault(table.cls.name, {})
        found = listings.get(key)
        if found is None:
            # Those that do not all fit are not kept: by the end of the loop another dict has taken the place of this one.
            found = listings[key] = [self.get(row, key, make) for row in table.rows()]
        return found

    def changed(self, cls: str) -> None:
        """Something in a table did."""
        if cls in self._listings:
            del self._listings[cls]

    def evolved(self, ref: str, names: Iterable[str]) -> None:
        """Another row takes the place of an object's row, with other values in the fields ``names`` and nowhere else."""
        for kept in self._kept.values():
            hit = kept.get(ref)
            if hit is not None:
                hit.changed = hit.changed.union(names)

    def forget(self, ref: str) -> None:
        """The object is gone, or differs in what its row does not hold."""
        for kept in self._kept.values():
            self._drop(kept, ref)

    def _keep(self, kept: dict[str, _Kept], row: Row, made: bytes) -> None:
        self._drop(kept, row.ref)
        kept[row.ref] = _Kept(row, made)
        self.size += len(made) + OVERHEAD
        while self.size > self.limit and kept:
            self._drop(kept, next(iter(kept)))
            self._listings.clear()

    def _drop(self, kept: dict[str, _Kept], ref: str) -> None:
        gone = kept.pop(ref, None)
        if gone is not None:
            self.size -= len(gone.encoded) + OVERHEAD
