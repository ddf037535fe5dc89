"""How messages come about, whether a client or the system itself has something to say."""

from __future__ import annotations

from typing import Final

from xapid.database import Database, Transaction
from xapid.datamodel.alerts import ALERTS
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context

LIMIT: Final = 10_000
"""How many messages are kept; the oldest go first."""
CLASSES: Final = {"Host": "host", "Pool": "pool"}
"""The classes that messages name otherwise than the API does."""


def add_alert(context: Context, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> str:
    """A message about the object with that uuid. Errors: UUID_INVALID[cls, uuid]."""
    db = context.db
    if db.table(CLASSES.get(cls, cls)).find_uuid(obj_uuid) is None:
        raise XenAPIError("UUID_INVALID", cls, obj_uuid)
    with db.transaction() as tx:
        ref = tx.create("message", name=name, priority=priority, obj_uuid=obj_uuid, timestamp=context.now(), body=body)
        tx.update(ref, cls=cls)
        _prune(tx, db)
    return ref


def raise_alert(context: Context, name: str, cls: str, obj_uuid: str, body: str) -> str:
    """A message that the system itself raises, at the priority that such alerts have."""
    return add_alert(context, name, ALERTS[name].priority, cls, obj_uuid, body)


def _prune(tx: Transaction, db: Database) -> None:
    table = db.table("message")
    if len(table) > LIMIT:
        for row in table.rows()[: len(table) - LIMIT]:
            tx.destroy(row)
