"""The records that constructors take, when one operation calls another's."""

from __future__ import annotations

from typing import Any

from xapid.database import Database


def constructor_record(db: Database, cls: str, **values: Any) -> dict[str, Any]:
    """What ``create`` of a class is given by a client that says ``values`` and leaves the rest as it is by default."""
    fields = db.table(cls).cls.fields
    record = {field.name: field.initial for field in fields if field.qualifier != "RO/runtime" and not field.internal}
    return {**record, **values}
