"""A notation for rows that is as simple as a test needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xapid.database import Row


class Make:
    """A notation that cannot be changed in place."""

    def __init__(self, make: Callable[[Row], bytes]) -> None:
        self._make = make

    def __call__(self, row: Row) -> bytes:
        return self._make(row)

    def again(self, before: Row, encoded: bytes, row: Row, names: Iterable[str]) -> None: ...
