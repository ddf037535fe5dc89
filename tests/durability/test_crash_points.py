"""A crash at any moment: whatever came after the last sync is gone, and what is left is whole and has all that was answered."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime

from durability.conftest import AtOnce, database, kept
from xapid.assembly import Nowhere, assemble
from xapid.database import consistency
from xapid.database.journal import Batch, NoJournal, layout
from xapid.database.journal.layout import Entry
from xapid.database.journal.sqlite import as_entry
from xapid.datamodel.catalogue import Catalogue
from xapid.http.blobs import BlobStore
from xapid.ids import Ids
from xapid.testing.in_process import Server, config
from xapid.testing.processes import PASSWORD
from xapid.testing.virtual_time import VirtualClock

SYNC_TAKES = 0.004


class SlowDisk(NoJournal):
    """Keeps batches in groups: each is on disk some milliseconds after it came, with those that came meanwhile."""

    def __init__(self, clock: IReactorTime) -> None:
        self.groups: list[list[Entry]] = []
        self._clock = clock
        self._coming: list[Entry] = []
        self._waiting: list[defer.Deferred[None]] = []

    @property
    def pending(self) -> bool:  # type: ignore[override]
        return bool(self._coming)

    def commit(self, batch: Batch) -> None:
        if not self._coming:
            self._clock.callLater(SYNC_TAKES, self._sync)
        self._coming.append(as_entry(batch))

    def durable(self) -> defer.Deferred[None]:
        if not self.pending:
            return defer.succeed(None)
        self._waiting.append(defer.Deferred())
        return self._waiting[-1]

    def _sync(self) -> None:
        self.groups.append(self._coming)
        self._coming = []
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(None)


class Recorded(Server):
    """A pool in this process on such a disk."""

    disk: SlowDisk

    def _start(self) -> None:
        self.clock = VirtualClock()
        self.disk = SlowDisk(self.clock)
        ids = Ids(1, repeatable_secrets=True)
        run: Any = defer.execute
        making = assemble(self.config, self.clock, ids, run=run, blobs=BlobStore(), site=Nowhere(), journal=self.disk)
        self.pool = self.clock.wait_for(making)
        self.pool.start()

    def on_disk(self) -> dict[str, Any]:
        """What a new start would find now."""
        return kept(restored([entry for group in self.disk.groups for entry in group]))


def restored(entries: list[Entry]) -> Any:
    """The database that loads what a file holds after these commits."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        layout.prepare(connection)
        if entries:
            layout.store(connection, entries)
        return loaded(connection)


def loaded(connection: sqlite3.Connection) -> Any:
    from xapid.database.journal.sqlite import loaded as objects

    class Reading(NoJournal):
        def load(self, api: Catalogue) -> Iterator[Any]:
            return objects(connection, api)

        def load_meta(self) -> dict[str, str]:
            return layout.meta(connection)

    db = database(Reading())
    db.load()
    return db


def life_of_a_pool(xenapi: Any, wait: Callable[[str], None], done: Callable[[], None]) -> None:
    """Calls of many kinds, with ``done`` after each answer; ``wait`` waits for a task."""

    def call(name: str, *args: Any) -> Any:
        answer = getattr(xenapi, name)(*args)
        done()
        return answer

    def in_background(name: str, *args: Any) -> None:
        wait(getattr(xenapi, f"Async.{name}")(*args))
        done()

    (original,) = xenapi.VM.get_by_name_label("vm-1-1")
    sr = xenapi.pool.get_default_SR(xenapi.pool.get_all()[0])
    vm = call("VM.clone", original, "one")
    network = call("network.create", {"name_label": "n", "MTU": 1500, "other_config": {}, "tags": []})
    vif = call(
        "VIF.create",
        {"device": "1", "network": network, "VM": vm, "MAC": "", "MTU": "1500", "other_config": {},
         "qos_algorithm_type": "", "qos_algorithm_params": {}},
    )  # fmt: skip
    call("VM.start", vm, False, False)
    in_background("VM.snapshot", vm, "then", [])
    call("VM.add_to_other_config", vm, "key", "value")
    call("VM.hard_reboot", vm)
    in_background("VM.hard_shutdown", vm)
    call("VIF.destroy", vif)
    call("network.destroy", network)
    call("VM.copy", vm, "two", sr)
    for snapshot in xenapi.VM.get_snapshots(vm):
        call("VM.revert", snapshot)
        call("VM.destroy", snapshot)
    for vbd in xenapi.VM.get_VBDs(vm):
        vdi = xenapi.VBD.get_VDI(vbd)
        if vdi != "OpaqueRef:NULL":
            call("VDI.set_name_label", vdi, "a disk")
            call("VBD.destroy", vbd)
            call("VDI.destroy", vdi)
    call("VM.destroy", vm)
    call("secret.create", {"value": "v", "other_config": {}})
    call("pool.set_name_label", xenapi.pool.get_all()[0], "renamed")
    call("session.change_password", PASSWORD, "another one")
    with pytest.raises(Exception, match="HANDLE_INVALID"):
        call("VM.start", vm, False, False)
    done()


@pytest.fixture(scope="module")
def recorded() -> Iterator[Recorded]:
    server = Recorded(config(vms_per_host=1))
    yield server
    server.close()


@pytest.fixture(scope="module")
def answered(recorded: Recorded) -> list[tuple[int, dict[str, Any]]]:
    """For each answer: how many groups were on disk, and what the pool had to keep."""
    session = recorded.session()
    answers = []

    def wait(task: str) -> None:
        while session.xenapi.task.get_status(task) == "pending":
            recorded.clock.advance(0.001)

    life_of_a_pool(session.xenapi, wait, lambda: answers.append((len(recorded.disk.groups), kept(recorded.pool.db))))
    return answers


def test_whatever_was_answered_is_on_disk(recorded: Recorded, answered: list[tuple[int, dict[str, Any]]]) -> None:
    assert len(answered) > 20
    for groups, had in answered:
        entries = [entry for group in recorded.disk.groups[:groups] for entry in group]
        assert kept(restored(entries)) == had


def test_after_every_commit_the_database_is_consistent(recorded: Recorded, answered: object) -> None:
    """Also after those in the middle of an operation; and only snapshots outlive what they point at."""
    commits = [entry for group in recorded.disk.groups for entry in group]
    assert len(commits) > 30
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        layout.prepare(connection)
        for entry in commits:
            layout.store(connection, [entry])
            db = loaded(connection)
            assert list(consistency.problems(db)) == []
            assert db.generation == entry.generation
            assert {(cls, field) for cls, _, field, _ in consistency.dangling(db)} <= {("VDI", "snapshot_of")}


# What a power cut leaves of the file ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, dict[str, Any]]]]:
    """A journal as it stands in its write-ahead log, and after each commit how long that was and what had to be kept."""
    path = tmp_path_factory.mktemp("cut") / "database"
    journal = AtOnce(path)
    journal.connection.execute("PRAGMA wal_autocheckpoint=0")
    db = database(journal)
    wal = path.with_name("database-wal")
    moments = [(wal.stat().st_size if wal.exists() else 0, kept(db))]
    vms: list[str] = []
    for number in range(12):
        with db.transaction() as tx:
            vms.append(tx.create("VM", name_label=f"vm {number}", other_config={}))
            tx.create("VBD", VM=vms[-1])
            if number % 3 == 2:
                tx.destroy(vms.pop(0))
            tx.update(vms[0], name_label=f"renamed in {number}")
            tx.set_meta("last", str(number))
        moments.append((wal.stat().st_size, kept(db)))
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    shutil.copy(wal, path.with_name("copy-wal"))
    journal.close()
    return copy, moments


def crashed(path: Path, log: bytes, to: Path) -> dict[str, Any]:
    """What a start finds that has the file ``path`` and ``log`` in the place of its write-ahead log."""
    to.mkdir()
    shutil.copy(path, to / "database")
    (to / "database-wal").write_bytes(log)
    journal = AtOnce(to / "database")
    db = database(journal)
    db.load()
    assert list(consistency.problems(db)) == []
    found = kept(db)
    journal.close()
    shutil.rmtree(to)
    return found


def points(moments: list[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Lengths of the log: at, just before and after each commit and between two; with what must have been kept there."""
    for (length, had), (following, _) in pairwise(moments):
        for point in (length, length + 1, length + 24, (length + following) // 2, following - 1):
            yield point, had
    yield moments[-1]


def test_a_log_cut_off_anywhere_has_every_commit_that_was_synced_and_none_by_half(
    cut: tuple[Path, list[tuple[int, dict[str, Any]]]], tmp_path: Path
) -> None:
    path, moments = cut
    log = path.with_name("copy-wal").read_bytes()
    assert len(log) == moments[-1][0]
    for point, had in points(moments):
        assert crashed(path, log[:point], tmp_path / "cut") == had


@pytest.mark.parametrize("filling", [b"\0", b"\xa5"])
def test_garbage_after_the_last_sync_is_not_taken_for_a_commit(
    cut: tuple[Path, list[tuple[int, dict[str, Any]]]], tmp_path: Path, filling: bytes
) -> None:
    """A disk may have made the file longer and not written what belongs there, or only some blocks of it."""
    path, moments = cut
    log = path.with_name("copy-wal").read_bytes()
    for (length, had), (following, _) in list(pairwise(moments))[::2]:
        assert crashed(path, log[:length] + filling * (len(log) - length), tmp_path / "cut") == had
        hole = log[:length] + filling * 512 + log[length + 512 : following]
        assert crashed(path, hole, tmp_path / "cut") == had
