"""What may be done with an object now: refusals, ``allowed_operations`` and ``current_operations``.

A locked call goes: :func:`check` each object, :func:`begin` on each, the work, :func:`end` on each, :func:`refresh`. The
rules themselves are tables, one module per class; a :class:`~xapid.operations.allowed.rules.Rules` in a module of this
package is in force. Classes without rules allow everything and advertise nothing.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP
from xapid.operations.allowed.rules import Refusal, Rules

__all__ = ["allowed_operations", "begin", "check", "end", "fill_in", "refresh", "refusal"]


@cache
def _rules() -> dict[str, Rules[Any]]:
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return {rules.cls: rules for module in modules for rules in vars(module).values() if isinstance(rules, Rules)}


def refusal(
    db: Database, row: Row, operation: str, *, strict: bool = True, args: Mapping[str, Any] | None = None
) -> Refusal | None:
    """Why ``operation`` on an object would be refused now: an error code and its parameters; None if it would not.

    Without ``strict``, rules that callers may waive by force do not apply. ``args`` are the parameters of the message, by
    name; ``force`` among the options of ``VM.pool_migrate`` waives those rules too.
    """
    rules = _rules().get(row.kind)
    if rules is None:
        return None
    args = EMPTY_MAP if args is None else args
    if operation == "pool_migrate" and args.get("options", EMPTY_MAP).get("force") == "true":
        strict = False
    return rules.refusal(rules.facts(db, row, strict, args), operation)


def check(db: Database, row: Row, operation: str, *, strict: bool = True, args: Mapping[str, Any] | None = None) -> None:
    """Raise what :func:`refusal` finds."""
    refused = refusal(db, row, operation, strict=strict, args=args)
    if refused is not None:
        raise XenAPIError.relayed(*refused)


def allowed_operations(db: Database, row: Row) -> tuple[str, ...]:
    """What ``allowed_operations`` of an object should be now, in the API's order."""
    rules = _rules().get(row.kind)
    return () if rules is None else rules.allowed(db, row)


def refresh(tx: Transaction, db: Database, *rows: Row) -> None:
    """Bring ``allowed_operations`` of objects up to date, and of what depends on them: the devices of a VM and the disks in
    them, its appliance; the disk in a VBD; the VBDs of a disk. Only what changed is written. Objects that are gone by now
    are passed over.
    """
    seen: dict[str, Row] = {}
    for given in rows:
        row = db.table(given.kind).find(given.ref)
        rules = _rules().get(given.kind)
        if row is None or rules is None:
            continue
        seen[row.ref] = row
        for dependant in rules.dependants(db, row):
            seen.setdefault(dependant.ref, dependant)
    for row in seen.values():
        allowed = allowed_operations(db, row)
        if allowed != row.allowed_operations:
            tx.update(row, allowed_operations=allowed)


def fill_in(db: Database) -> None:
    """Give all objects of a new process their ``allowed_operations``, before anybody sees them."""
    for cls in _rules():
        table = db.table(cls)
        for row in table.rows():
            table.fill_in(row.ref, allowed_operations=allowed_operations(db, row))


def begin(tx: Transaction, db: Database, row: Row, operation: str, task: str) -> None:
    """Enter ``operation`` into the object's ``current_operations`` under the reference of its task."""
    _set_current(tx, db, row, lambda current: current.with_item(task, operation))


def end(tx: Transaction, db: Database, row: Row, task: str) -> None:
    """Take what ``task`` does out of the object's ``current_operations``. The object may be gone."""
    _set_current(tx, db, row, lambda current: current.without(task))


def _set_current(tx: Transaction, db: Database, row: Row, change: Any) -> None:
    table = db.table(row.kind)
    present = table.find(row.ref)
    if present is None:
        return
    tx.update(present, current_operations=change(present.current_operations))
    present = table.get(row.ref)
    if row.kind in _rules():
        tx.update(present, allowed_operations=allowed_operations(db, present))
