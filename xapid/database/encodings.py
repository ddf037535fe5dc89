"""What rows look like on the wire, made once and kept until the object changes, up to a number of bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from xapid.database.row import Row

if TYPE_CHECKING:
    from xapid.database.table import Table

DEFAULT_LIMIT: Final = 256 * 1024 * 1024
OVERHEAD: Final = 150
"""Bytes that an entry takes beside its encoding, roughly."""


class Encodings:
    """Encodings of rows by notation. Those that were made first go first when ``limit`` bytes are reached."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self.size = 0
        self._kept: dict[str, dict[str, tuple[Row, bytes]]] = {}
        self._listings: dict[str, dict[str, list[bytes]]] = {}
        """Of whole tables, by class and notation; they hold the same bytes once more, so nothing that was dropped."""

    def get(self, row: Row, key: str, make: Callable[[Row], bytes]) -> bytes:
        """``make(row)``, made once for ``key`` as long as this row stands for its object."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = {}
        hit = kept.get(row.ref)
        if hit is not None and hit[0] is row:
            return hit[1]
        made = make(row)
        if row._table.find(row.ref) is row:
            self._keep(kept, row, made)
        return made

    def of_all(self, table: Table, key: str, make: Callable[[Row], bytes]) -> list[bytes]:
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

    def _keep(self, kept: dict[str, tuple[Row, bytes]], row: Row, made: bytes) -> None:
        self._drop(kept, row.ref)
        kept[row.ref] = row, made
        self.size += len(made) + OVERHEAD
        while self.size > self.limit and kept:
            self._drop(kept, next(iter(kept)))
            self._listings.clear()

    def forget(self, ref: str) -> None:
        """The object is gone."""
        for kept in self._kept.values():
            self._drop(kept, ref)

    def _drop(self, kept: dict[str, tuple[Row, bytes]], ref: str) -> None:
        gone = kept.pop(ref, None)
        if gone is not None:
            self.size -= len(gone[1]) + OVERHEAD
