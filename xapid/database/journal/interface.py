"""What the database asks of a journal.

It is small on purpose (load; commit a batch, acknowledged later; close): a replicated store can take the place of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import attrs
from twisted.internet import defer

from xapid.datamodel.catalogue import Catalogue


class JournalError(Exception):
    """The journal cannot be opened, read or written."""


class Put(NamedTuple):
    """An object as a commit left it."""

    cls: str
    ref: str
    created: int
    """The generation in which it came."""
    modified: int
    """The generation of its last change."""
    values: dict[str, Any]
    """Its lasting fields."""


Loaded = Put
"""An object as the journal kept it."""


@attrs.define
class Batch:
    """The lasting part of one commit."""

    generation: int
    puts: list[Put] = attrs.Factory(list)
    """In the order in which they were made, oldest first."""
    deletes: list[tuple[str, str]] = attrs.Factory(list)
    """Class and reference."""
    meta: dict[str, str | None] = attrs.Factory(dict)
    """The daemon's own facts that changed; None: gone."""

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes or self.meta)


class Journal(Protocol):
    """Keeps batches."""

    @property
    def pending(self) -> bool:
        """Whether a batch was committed that is not safe yet."""

    @property
    def outstanding(self) -> int:
        """How many batches were committed that are not safe yet."""

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        """Everything that was kept, in the order in which it was made."""

    def load_meta(self) -> dict[str, str]:
        """The daemon's own facts, and ``generation``: the last one of which something was kept."""

    def commit(self, batch: Batch) -> None:
        """Keep a batch, soon. Whatever it raises, nothing of the batch is kept."""

    def durable(self) -> defer.Deferred[None]:
        """Fires when all batches so far are safe; never, once one could not be kept."""

    def close(self) -> defer.Deferred[None]:
        """Keep what is outstanding and stop."""


class NoJournal:
    """Keeps nothing: for tests, and for pools that may vanish."""

    pending = False
    outstanding = 0

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        return iter(())

    def load_meta(self) -> dict[str, str]:
        return {}

    def commit(self, batch: Batch) -> None:
        pass

    def durable(self) -> defer.Deferred[None]:
        return defer.succeed(None)

    def close(self) -> defer.Deferred[None]:
        return defer.succeed(None)
