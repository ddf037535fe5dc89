"""Marks objects as busy while an operation works on them, and refuses operations that their state does not allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from xapid.database import Database
from xapid.dispatch.places import Mark
from xapid.operations import allowed


@contextmanager
def locked(db: Database, marks: Sequence[Mark], task: str, args: Mapping[str, Any]) -> Iterator[None]:
    """Hold ``marks`` for the block: entries in ``current_operations`` under ``task``, then everything recomputed.

    Errors: what the tables of :mod:`xapid.operations.allowed` say, with nothing marked.
    """
    if not marks:
        yield
        return
    with db.transaction() as tx:
        for mark in marks:
            allowed.check(db, mark.row, mark.operation, args=args)
            allowed.begin(tx, db, mark.row, mark.operation, task)
        allowed.refresh(tx, db, *(mark.row for mark in marks))
    try:
        yield
    finally:
        with db.transaction() as tx:
            for mark in marks:
                allowed.end(tx, db, mark.row, task)
            allowed.refresh(tx, db, *(mark.row for mark in marks))
