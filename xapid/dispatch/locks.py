"""Marks objects as busy while an operation works on them, and refuses operations that their state does not allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from xapid.database import Database
from xapid.dispatch.places import Mark
from xapid.operations import allowed


@contextmanager
def locked(db: Database, marks: Sequence[Mark], task: str) -> Iterator[None]:
    """Hold ``marks`` for the block: entries in ``current_operations`` under ``task``, then everything recomputed.

    Errors: what the tables of :mod:`xapid.operations.allowed` say, with nothing marked.
    """
    if not marks:
        yield
        return
    with db.transaction() as tx:
        for mark in marks:
            allowed.check(db, mark.row, mark.operation)
            allowed.begin(tx, db, mark.row, mark.operation, task)
        allowed.refresh(tx, db, *_present(db, marks))
    try:
        yield
    finally:
        with db.transaction() as tx:
            for mark in marks:
                if mark.row._table.find(mark.row.ref) is not None:
                    allowed.end(tx, db, mark.row._table.get(mark.row.ref), task)
            allowed.refresh(tx, db, *_present(db, marks))


def _present(db: Database, marks: Sequence[Mark]) -> list:  # type: ignore[type-arg]
    return [row for mark in marks if (row := mark.row._table.find(mark.row.ref)) is not None]
