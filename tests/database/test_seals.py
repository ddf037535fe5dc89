"""Secrets in the journal's file: nowhere to be read without the key, and everywhere with it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import orjson
import pytest
import pytest_twisted
from twisted.internet import reactor

from xapid.database import Database
from xapid.database.journal import JournalError, Seal, SQLiteJournal, layout
from xapid.database.journal.seals import closed_facts, opened_facts, secret_fields
from xapid.datamodel.catalogue import catalogue
from xapid.ids import Ids

SEAL = Seal(bytes(range(32)))
PLANTED = "planted-3f1c"


def opened(path: Path, seal: Seal | None) -> Database:
    journal = SQLiteJournal(path, reactor, [].append, seal=seal)  # type: ignore[arg-type]
    db = Database(catalogue(), Ids(seed=1), journal)
    db.load()
    return db


def written(path: Path) -> bytes:
    """Every byte of the database and of the files that belong to it."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()) if file.name.startswith(path.name))


@pytest_twisted.ensureDeferred
async def test_a_secret_is_in_no_file_and_comes_back_with_the_key(tmp_path: Path) -> None:
    path = tmp_path / "database"
    db = opened(path, SEAL)
    values = [PLANTED, "", "\u20ac" + PLANTED, "x" * 100_000 + PLANTED]
    with db.transaction() as tx:
        refs = [tx.create("secret", value=value) for value in values]
        tx.set_meta("pool-secret", PLANTED + "-pool")
        tx.set_meta("pool-secret-previous", PLANTED + "-before")
        tx.set_meta("other", "plain")
    with db.transaction() as tx:
        tx.update(refs[0], value=PLANTED + "-changed")
        tx.set_meta("pool-secret-previous", None)
    await db.durable()
    assert PLANTED.encode() not in written(path)
    await db.close()
    assert PLANTED.encode() not in written(path)
    again = opened(path, SEAL)
    assert [again.get("secret", ref).value for ref in refs] == [PLANTED + "-changed", *values[1:]]
    assert (again.meta["pool-secret"], again.meta["other"]) == (PLANTED + "-pool", "plain")
    assert "pool-secret-previous" not in again.meta
    await again.close()


@pytest_twisted.ensureDeferred
async def test_without_its_key_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "database"
    db = opened(path, SEAL)
    with db.transaction() as tx:
        tx.create("secret", value=PLANTED)
    await db.close()
    for seal, reason in ((Seal(bytes(32)), "not sealed with this key"), (None, "there is no key")):
        with pytest.raises(JournalError, match=reason):
            opened(path, seal)


@pytest_twisted.ensureDeferred
async def test_what_an_older_version_left_in_the_open_is_sealed_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "database"
    db = opened(path, None)
    with db.transaction() as tx:
        refs = [tx.create("secret", value=f"{PLANTED}-{number}") for number in range(300)]
        tx.set_meta("pool-secret", PLANTED)
    await db.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    assert PLANTED.encode() in written(path)
    again = opened(path, SEAL)
    assert PLANTED.encode() not in written(path)
    assert [again.get("secret", ref).value for ref in refs] == [f"{PLANTED}-{number}" for number in range(300)]
    assert again.meta["pool-secret"] == PLANTED
    await again.close()
    with sqlite3.connect(path) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        bodies = [orjson.loads(body) for (body,) in connection.execute("SELECT body FROM objects")]
    connection.close()
    assert version == layout.VERSION
    assert all(body["value"].keys() == {"sealed"} for body in bodies)


def test_equal_texts_are_sealed_differently_and_only_for_what_they_are() -> None:
    first, second = SEAL.close(PLANTED, "secret.value"), SEAL.close(PLANTED, "secret.value")
    assert first != second
    assert SEAL.open(first, "secret.value") == SEAL.open(second, "secret.value") == PLANTED
    for sealed, what in (
        (first, "other"),
        (first[:-8] + "AAAAAAA=", "secret.value"),
        ("", "secret.value"),
        ("!", "secret.value"),
    ):
        with pytest.raises(ValueError):
            SEAL.open(sealed, what)
    assert "key" not in repr(SEAL)


def test_facts_that_are_no_secrets_stay_as_they_are() -> None:
    facts = {"pool-secret": "sealed:looks like it", "generation": "7", "gone": None}
    closed = closed_facts(facts, SEAL)
    assert (closed["generation"], closed["gone"]) == ("7", None)
    assert opened_facts({key: value for key, value in closed.items() if value is not None}, SEAL) == {
        "pool-secret": "sealed:looks like it", "generation": "7",
    }  # fmt: skip


def test_it_is_declared_what_is_secret() -> None:
    assert secret_fields(catalogue()) == {"secret": ("value",), "Cluster": ("cluster_token",)}
