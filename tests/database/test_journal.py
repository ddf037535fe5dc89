"""What is on disk when a commit was acknowledged, and what a new start makes of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import pytest_twisted
from twisted.internet import reactor

from xapid.database import Database
from xapid.database.journal import JournalError, SQLiteJournal
from xapid.database.journal.notation import reader, written
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import DateTime, Float, Int, Map, Set, String, Type, frozenmap
from xapid.ids import Ids
from xapid.testing.logged import LoggedFailures

MOMENT = datetime(2024, 1, 31, 9, 5, 7, tzinfo=UTC)


def opened(path: Path, problems: list[BaseException] | None = None) -> Database:
    journal = SQLiteJournal(path, reactor, (problems if problems is not None else []).append)  # type: ignore[arg-type]
    return Database(catalogue(), Ids(seed=1), journal)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "database"


@pytest_twisted.ensureDeferred
async def test_what_was_acknowledged_is_there_after_a_new_start(path: Path) -> None:
    """Values of every kind come back; fields and classes that do not persist start anew."""
    db = opened(path)
    with db.transaction() as tx:
        vm = tx.create(
            "VM",
            name_label="kept",
            platform=frozenmap({"a": "b"}),
            tags=("t",),
            snapshot_time=MOMENT,
            HVM_shadow_multiplier=1.5,
            allowed_operations=("start",),
        )
        vbd = tx.create("VBD", VM=vm)
        gone = tx.create("VM")
        tx.create("task")
        tx.set_meta("secret", "s")
    with db.transaction() as tx:
        tx.destroy(gone)
    assert db.pending
    await db.durable()
    assert not db.pending
    await db.close()

    again = opened(path)
    assert again.load()
    row = again.get("VM", vm)
    assert (row.name_label, row.platform, row.tags, row.snapshot_time) == ("kept", {"a": "b"}, ("t",), MOMENT)
    assert (row.HVM_shadow_multiplier, row.allowed_operations, row.VBDs) == (1.5, (), (vbd,))
    assert (len(again.table("task")), again.table("VM").find(gone)) == (0, None)
    assert (again.meta["secret"], again.generation) == ("s", db.generation)
    await again.close()


@pytest_twisted.ensureDeferred
async def test_a_commit_that_fails_is_never_acknowledged(path: Path, xapid_logged: LoggedFailures) -> None:
    problems: list[BaseException] = []
    db = opened(path, problems)
    with sqlite3.connect(path) as saboteur:
        saboteur.execute("DROP TABLE objects")
    saboteur.close()
    with db.transaction() as tx:
        tx.create("VM")
    acknowledged = db.durable()
    while not problems:
        await pytest_twisted_turn()
    assert not acknowledged.called
    assert db.pending
    xapid_logged.flush()


async def pytest_twisted_turn() -> None:
    """Let the reactor go round once."""
    from twisted.internet.task import deferLater

    await deferLater(reactor, 0)


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(JournalError, match="version 99"):
        opened(path)


@pytest.mark.parametrize(
    ("type_", "value"),
    [(Map(Int, Float), frozenmap({3: 0.5})), (Set(Set(String)), (("a",), ())), (Float, float("inf")), (DateTime, MOMENT)],
)
def test_every_type_survives_the_notation_of_the_file(type_: Type, value: object) -> None:
    read = reader(type_)
    plain = orjson.loads(written(value))
    assert (plain if read is None else read(plain)) == value
