"""Settings of hosts that old clients keep in ``other_config``: ``iscsi_iqn`` and ``multipathing`` are also fields, and
whichever of the two somebody changes, the other follows a moment later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from xapid.database import Database, Row
from xapid.database.database import Change

_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}


def _bool(text: str) -> bool | None:
    return _WORDS.get(text.lower())


MIRRORED: Final[dict[str, tuple[Callable[[str], Any], Callable[[Any], str]]]] = {
    "iscsi_iqn": (lambda text: text or None, str),
    "multipathing": (_bool, lambda value: "true" if value else "false"),
}
"""Field and key; what makes the field's value of the key's (None: it is none), and the other way."""


class HostMirrors:
    """Keeps both in step in ``db``."""

    def __init__(self, db: Database, clock: IReactorTime) -> None:
        self._db = db
        self._clock = clock
        db.observers.append(self._committed)

    def _committed(self, generation: int, changes: list[Change]) -> None:
        for change in changes:
            if change.table.cls.name == "host" and change.before is not None and change.after is not None:
                for field in MIRRORED:
                    self._compare(change.before, change.after, field)

    def _compare(self, before: Row, after: Row, field: str) -> None:
        read, write = MIRRORED[field]
        key, value = after.other_config.get(field), getattr(after, field)
        if before.other_config.get(field) != key and key is not None:
            wanted = read(key)
            if wanted is not None and wanted != value:
                self._soon(after.ref, field, key, {field: wanted})
        elif getattr(before, field) != value and key is not None and read(key) != value:
            text = write(value)
            self._soon(after.ref, field, key, {"other_config": lambda row: row.other_config.with_item(field, text)})

    def _soon(self, ref: str, field: str, key: str, changes: dict[str, Any]) -> None:
        """In a transaction of its own, unless the key has changed again by then."""

        def follow() -> None:
            row = self._db.table("host").find(ref)
            if row is not None and row.other_config.get(field) == key:
                with self._db.transaction() as tx:
                    tx.update(row, **{name: made(row) if callable(made) else made for name, made in changes.items()})

        self._clock.callLater(0, follow)
