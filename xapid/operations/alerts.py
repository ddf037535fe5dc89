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


def raise_alert(db: Database, now: datetime, name: str, about: Row, body: str = "") -> str:
    """A message that the system itself raises about an object, at the priority that such alerts have."""
    cls = next((word for word, own in CLASSES.items() if own == about.kind), about.kind)
    return _add(db, now, name, ALERTS[name].priority, cls, about.uuid, body)


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
