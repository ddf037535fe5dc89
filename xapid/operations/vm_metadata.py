"""A VM's record as text: what a snapshot keeps to restore it (``snapshot_metadata``), and what it was booted with.

The text is JSON, ours alone to read: clients are told not to look into these fields.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from xapid.database import Database, Row
from xapid.datamodel.types import freeze

_DUMPS: Final = ("last_booted_record", "snapshot_metadata")


def dump(vm: Row) -> str:
    """Everything in a VM's record but older dumps: each would hold the one before it, twice as long at every start."""
    record = {name: value for name, value in vm.record().items() if name not in _DUMPS}
    return orjson.dumps(record, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS).decode()


def load(db: Database, text: str) -> dict[str, Any]:
    """The fields of a dumped VM, as rows hold them; nothing if the text is not ours."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    fields = {field.name: field for field in db.table("VM").cls.fields if field.derived_from is None}
    return {name: freeze(fields[name].type, value) for name, value in values.items() if name in fields}
