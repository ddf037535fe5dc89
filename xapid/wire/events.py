"""What ``event.from`` and ``event.next`` answer, which is not what they are declared to: events on the wire.

``event.from`` is declared to give a set of event records; in truth it gives a struct of the events, the number of objects
in every table and the next token. An operation returns an :class:`EventBatch` for that, whose encoding is made once however
many listeners it is given to. ``event.next`` returns :class:`Event` values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import Record

NO_TIMESTAMP = "0.0"
"""The timestamp of every event of ``event.from``."""


class EventLike(Protocol):
    """An event, as the database's event log gives it. One may have a ``timestamp`` too, which is text."""

    @property
    def id(self) -> int: ...

    @property
    def cls(self) -> str:
        """The class of the object in lower case."""

    @property
    def operation(self) -> str: ...

    @property
    def ref(self) -> str: ...

    @property
    def snapshot(self) -> Any:
        """The object as a row or a record; None if the event carries none."""


@attrs.frozen
class Event:
    """An event with a time, for ``event.next``."""

    id: int
    cls: str
    operation: str
    ref: str
    snapshot: Any = None
    timestamp: str = NO_TIMESTAMP


@attrs.frozen(eq=False)
class EventBatch:
    """An answer of ``event.from``. Give the same batch to listeners who are due the same, and it is encoded once."""

    events: Sequence[EventLike]
    valid_ref_counts: Mapping[str, int]
    """Lower-case class name to the number of its objects, for every table."""
    token: str
    _kept: dict[str, list[bytes]] = attrs.field(factory=dict, init=False, repr=False)

    def kept(self, notation: str, make: Callable[[EventBatch], list[bytes]]) -> list[bytes]:
        """The pieces of its encoding in a notation; ``make`` makes them, once."""
        found = self._kept.get(notation)
        if found is None:
            found = self._kept[notation] = make(self)
        return found


_records: dict[str, Record] = {}


def snapshot_type(cls: str) -> Record:
    """The type of the snapshots in events of the class with the lower-case name ``cls``."""
    if not _records:
        _records.update((name.lower(), Record(name)) for name in catalogue().classes)
    return _records[cls]
