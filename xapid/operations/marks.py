"""Marks on objects that an operation finds only while it runs, such as the host that placement chose for a VM.

What a message names is marked by dispatch, from its declaration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xapid.database import Row
from xapid.operations import allowed
from xapid.operations.context import Context


@contextmanager
def marked(context: Context, row: Row, operation: str) -> Iterator[None]:
    """Hold ``operation`` in ``current_operations`` of an object for the block, under the task of the call.

    What the same task does to the object already, on behalf of another VM say, covers the block as well.
    Errors: what the tables of :mod:`xapid.operations.allowed` say, with nothing marked.
    """
    db, task = context.db, context.task.ref
    if task in row.current_operations:
        yield
        return
    with db.transaction() as tx:
        allowed.check(db, row, operation)
        allowed.begin(tx, db, row, operation, task)
    try:
        yield
    finally:
        with db.transaction() as tx:
            allowed.end(tx, db, row, task)
