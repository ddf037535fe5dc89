"""How messages come about, whether a client or the system itself has something to say."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from xapid.database import Database, Row, Transaction
from xapid.datamodel.alerts import ALERTS
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context

LIMIT: Final = 10_000
"""How many messages are kept; the oldest go first."""
CLASSES: Final = {"Host": "host", "Pool": "pool"}
"""The classes that messages name otherwise than the API does."""


def add_alert(context: Context, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> str:
    """A message about the object with that uuid. Errors: UUID_INVALID[cls, uuid]."""
    if context.db.table(CLASSES.get(cls, cls)).find_uuid(obj_uuid) is None:
        raise XenAPIError("UUID_INVALID", cls, obj_uuid)
    return _add(context.db, context.now(), name, priority, cls, obj_uuid, body)


def raise_alert(db: Database, now: datetime, name: str, about: Row, body: str = "", priority: int | None = None) -> str:
    """A message that the system itself raises about an object, at the priority that such alerts have if none is given."""
    cls = next((word for word, own in CLASSES.items() if own == about.kind), about.kind)
    return _add(db, now, name, ALERTS[name].priority if priority is None else priority, cls, about.uuid, body)


def tell_of_vm(db: Database, now: datetime, name: str, vm: Row, what: str, host: str | None = None, at: str = "on") -> str:
    """An alert that the system raises about a VM, with what happened to it ``at`` a host: that of ``vm``, unless it is given.

    The text names both, with their uuids; it leaves the host out if there is none.
    """
    place = db.table("host").find(vm.resident_on if host is None else host)
    where = "" if place is None else f" {at} host '{place.name_label}' (uuid: {place.uuid})"
    return raise_alert(db, now, name, vm, f"VM '{vm.name_label}' (uuid: {vm.uuid}) {what}{where}.")


def _add(db: Database, now: datetime, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> str:
    with db.transaction() as tx:
        ref = tx.create("message", name=name, priority=priority, obj_uuid=obj_uuid, timestamp=now, body=body)
        tx.update(ref, cls=cls)
        _prune(tx, db)
    return ref


def _prune(tx: Transaction, db: Database) -> None:
    table = db.table("message")
    if len(table) > LIMIT:
        for row in table.rows()[: len(table) - LIMIT]:
            tx.destroy(row)
