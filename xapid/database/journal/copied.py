"""A journal for a database that begins with what another one holds, and forgets everything at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xapid.database.journal.interface import Loaded, NoJournal
from xapid.datamodel.catalogue import Catalogue

if TYPE_CHECKING:
    from xapid.database.database import Database


class CopiedJournal(NoJournal):
    """Gives a new database the objects and facts that ``db`` holds now. With ``lasting``, only those that a restart keeps."""

    def __init__(self, db: Database, *, lasting: bool = False) -> None:
        self._meta = dict(db.meta)
        self._objects = [
            Loaded(
                cls,
                row.ref,
                row._created,
                row._modified,
                table.stored_values(row) if lasting else {name: getattr(row, name) for name in table.initial},
            )
            for cls, table in db.tables.items()
            if table.lasts or not lasting
            for row in table.rows()
        ]

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        return iter(self._objects)

    def load_meta(self) -> dict[str, str]:
        return dict(self._meta)
