"""State directories as a daemon leaves them, made in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import defer

from xapid.certificates.pair import self_signed
from xapid.database import Database
from xapid.database.event_log import EventLog
from xapid.database.journal import Batch, Journal, Loaded, NoJournal, layout
from xapid.database.journal.sqlite import as_entry, loaded
from xapid.datamodel.catalogue import Catalogue, catalogue
from xapid.ids import Ids

MOMENT = datetime(2024, 1, 31, 9, 5, 7, tzinfo=UTC)


class AtOnce(NoJournal):
    """Puts each batch on disk before its commit returns."""

    def __init__(self, path: Path, store: Callable[..., None] = layout.store) -> None:
        self.connection = layout.writing(path)
        layout.prepare(self.connection)
        self._store = store

    def load(self, api: Catalogue) -> Iterator[Loaded]:
        return loaded(self.connection, api)

    def load_meta(self) -> dict[str, str]:
        return layout.meta(self.connection)

    def commit(self, batch: Batch) -> None:
        self._store(self.connection, [as_entry(batch)])

    def close(self) -> defer.Deferred[None]:
        self.connection.close()
        return defer.succeed(None)


def database(journal: Journal | None = None, seed: int = 1) -> Database:
    """An empty database of the API, with repeatable names."""
    db = Database(catalogue(), Ids(seed=seed), journal)
    EventLog(db)
    return db


def kept(db: Database) -> dict[str, Any]:
    """What of a database is to outlive the daemon, as one value to compare."""
    objects = {
        row.ref: (row.kind, row._created, table.stored_values(row))
        for table in db.tables.values()
        if table.lasts and table.cls.name != "role"
        for row in table.rows()
    }
    return objects | {"meta": {key: value for key, value in db.meta.items() if key != "generation"}}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A small state directory: a VM with a disk, a blob with contents, a certificate."""
    path = tmp_path / "state"
    (path / "blobs").mkdir(parents=True, mode=0o700)
    path.chmod(0o700)
    db = database(AtOnce(path / "database"))
    with db.transaction() as tx:
        vm = tx.create("VM", name_label="a VM", snapshot_time=MOMENT)
        tx.create("VBD", VM=vm, VDI=tx.create("VDI", name_label="a disk"))
        blob = tx.create("blob", size=4)
        tx.set_meta("secret", "s")
    (path / "blobs" / db.get("blob", blob).uuid).write_bytes(b"blob")
    db.close()
    self_signed(["localhost"], MOMENT).save(path / "host.pem")
    return path
