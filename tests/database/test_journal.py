"""What is on disk when a commit was acknowledged, and what a new start makes of it."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from xapid.database import Database
from xapid.database.event_log import EventLog, Subscription, Token
from xapid.database.journal import JournalError, SQLiteJournal, layout
from xapid.database.journal.layout import Entry
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
async def test_a_token_from_before_a_restart_shows_all_that_changed_since_or_may_have(path: Path) -> None:
    """However often there was a restart, and however many changes were made that are not kept."""
    db = opened(path)
    with db.transaction() as tx:
        vm, secret, console = tx.create("VM"), tx.create("secret"), tx.create("console")
    for _ in range(3):
        for number in range(50):
            with db.transaction() as tx:
                tx.update(vm, current_operations=frozenmap({f"OpaqueRef:{number}": "start"}))
        wanted = Subscription.parse(["vm", "console"])
        events, token = EventLog(db).since(wanted, Token())
        assert [event.ref for event in events] == [vm, console] or [event.ref for event in events] == [console, vm]
        await db.close()
        db = opened(path)
        db.load()
        db.begin_life()
        db.ids.go_on(db.generation)  # type: ignore[attr-defined]  # of Ids, which it is
        assert db.generation > token.generation
        events, token = EventLog(db).since(wanted, token)
        assert [(event.operation, event.ref) for event in events] == [("mod", vm)]
        with db.transaction() as tx:
            tx.touch(console)
            network = tx.create("network")
        events, _ = EventLog(db).since(Subscription.parse(["*"]), token)
        assert [(event.operation, event.ref) for event in events] == [("add", network), ("mod", console)]
        with db.transaction() as tx:
            tx.destroy(network)
    assert secret in db.table("secret")
    await db.close()


class Gate:
    """A store that waits to be let through, or told to fail; says which groups came."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.verdicts: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def __call__(self, connection: sqlite3.Connection, group: Sequence[Entry]) -> None:
        self.groups.append([entry.generation for entry in group])
        verdict = self.verdicts.get()
        if verdict is not None:
            raise verdict
        layout.store(connection, group)


def guarded(path: Path, gate: Gate, problems: list[BaseException]) -> Database:
    return Database(catalogue(), Ids(seed=1), SQLiteJournal(path, reactor, problems.append, gate))  # type: ignore[arg-type]


async def until(condition: Callable[[], bool]) -> None:
    """Let the reactor go round until something is so."""
    while not condition():
        await deferLater(reactor, 0)


def rename(db: Database, ref: str, number: int) -> None:
    with db.transaction() as tx:
        tx.update(ref, name_label=f"name {number}")


@pytest_twisted.ensureDeferred
async def test_nothing_is_acknowledged_before_its_commit_returned_and_what_came_meanwhile_shares_the_next(path: Path) -> None:
    gate = Gate()
    db = guarded(path, gate, [])
    with db.transaction() as tx:
        ref = tx.create("VM")
    await until(lambda: gate.groups == [[1]])
    first = db.durable()
    for number in range(2, 6):
        rename(db, ref, number)
    second = db.durable()
    assert not first.called
    gate.verdicts.put(None)
    await first
    await until(lambda: len(gate.groups) == 2)
    assert gate.groups[1] == [2, 3, 4, 5]
    assert not second.called
    assert db.pending
    gate.verdicts.put(None)
    await second
    assert not db.pending
    await db.close()


@pytest_twisted.ensureDeferred
async def test_after_a_commit_that_failed_nothing_is_acknowledged(path: Path, xapid_logged: LoggedFailures) -> None:
    gate, problems = Gate(), []
    db = guarded(path, gate, problems)
    with db.transaction() as tx:
        ref = tx.create("VM")
    gate.verdicts.put(None)
    await db.durable()
    rename(db, ref, 2)
    waiting = [db.durable()]
    gate.verdicts.put(sqlite3.OperationalError("disk I/O error"))
    await until(lambda: bool(problems))
    rename(db, ref, 3)
    waiting.append(db.durable())
    gate.verdicts.put(None)
    for _ in range(20):
        await deferLater(reactor, 0.001)
    assert [str(problem) for problem in problems] == ["disk I/O error"]
    assert not any(each.called for each in waiting)
    assert db.pending
    assert len(xapid_logged.flush()) == 1
    again = opened(path)
    again.load()
    assert again.get("VM", ref).name_label == ""
    await again.close()


@pytest_twisted.ensureDeferred
async def test_a_transaction_with_a_value_that_cannot_be_written_did_not_happen(path: Path) -> None:
    db = opened(path)
    with db.transaction() as tx:
        ref = tx.create("VM", memory_target=1)
    with pytest.raises(TypeError), db.transaction() as tx:
        tx.create("VM")
        tx.update(ref, memory_target=2**64)
    assert (db.get("VM", ref).memory_target, len(db.table("VM")), db.generation) == (1, 1, 1)
    rename(db, ref, 2)
    await db.durable()
    await db.close()


@pytest_twisted.ensureDeferred
async def test_objects_come_back_in_the_order_in_which_they_were_made(path: Path) -> None:
    db = opened(path)
    with db.transaction() as tx:
        made = [tx.create("VM", name_label=f"{number}") for number in range(300)]
    with db.transaction() as tx:
        tx.destroy(made.pop(7))
    for ref in (made[20], made[3]):
        rename(db, ref, 1)
    await db.close()
    again = opened(path)
    again.load()
    assert list(again.table("VM").refs()) == made
    assert list(again.table("VM").modified)[-2:] == [made[20], made[3]]
    await again.close()


def test_a_file_of_version_1_is_brought_to_the_current_one_in_its_old_order(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE objects (class TEXT, ref TEXT PRIMARY KEY, created INTEGER, modified INTEGER, body BLOB);
            CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
            INSERT INTO objects VALUES ('VM', 'OpaqueRef:2', 2, 9, '{"name_label": "second"}');
            INSERT INTO objects VALUES ('VM', 'OpaqueRef:1', 1, 1, '{"name_label": "first"}');
            INSERT INTO meta VALUES ('generation', '11'), ('secret', 's');
            PRAGMA user_version = 1;
            """
        )
    connection.close()
    db = opened(path)
    assert db.load()
    assert [row.name_label for row in db.table("VM")] == ["first", "second"]
    assert (db.generation, db.meta["secret"]) == (11, "s")
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (layout.VERSION,)
        assert connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'version%'").fetchall() == []
    connection.close()


def test_every_older_version_has_a_step_to_the_next() -> None:
    assert set(layout.UPGRADES) == set(range(1, layout.VERSION))


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript("CREATE TABLE objects (something TEXT); PRAGMA user_version = 1;")
    connection.close()
    with pytest.raises(JournalError, match="no such column"):
        opened(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("objects",)]
    connection.close()


def test_commits_are_in_write_ahead_mode_with_full_synchronisation_or_the_file_is_refused(path: Path) -> None:
    connection = layout.writing(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (layout.FULL,)
    connection.close()
    with pytest.raises(JournalError, match="got memory"):
        layout.writing(Path(":memory:"))


@pytest.mark.parametrize("content", [b"something else" * 1000, None])
def test_what_is_no_database_is_refused_in_a_sentence(path: Path, content: bytes | None) -> None:
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(JournalError, match=str(path)):
        opened(path)


@pytest_twisted.ensureDeferred
async def test_an_object_that_cannot_be_read_is_named(path: Path) -> None:
    await opened(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO objects VALUES (1, 'VM', 'OpaqueRef:1', 1, 1, '[')")
    connection.close()
    with pytest.raises(JournalError, match="VM OpaqueRef:1"):
        opened(path).load()


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
