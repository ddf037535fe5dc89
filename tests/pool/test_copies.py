"""Copies of the pool's database: whole, of one moment, and readable only by who has the key."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import attrs
import pytest
from twisted.internet.defer import ensureDeferred

from xapid.database.journal import Seal
from xapid.pool.copies import FILE, Arriving, Copy, CopyStore, load, make, pieces
from xapid.testing.in_process import Server, config
from xapid.testing.neighbours import Street


@pytest.fixture
def pools() -> tuple[Server, Server]:
    return Server(config(preset="pool3", vms_per_host=2, seed=1)), Server(config(preset="standalone", seed=2))


def copy_of(server: Server) -> Copy:
    copy: Copy = server.clock.wait_for(make(server.pool.db, server.clock, 7))
    return copy


def contents(server: Server) -> dict[str, dict[str, object]]:
    db = server.pool.db
    return {
        name: {row.ref: row._table.stored_values(row) for row in table}
        for name, table in db.tables.items()
        if table.lasts and name not in ("session", "task", "role")
    }


def test_a_copy_that_is_loaded_is_the_same_database(pools: tuple[Server, Server]) -> None:
    source, target = pools
    own = {key: target.pool.db.meta[key] for key in ("pool-secret",)}
    load(target.pool.db, copy_of(source))
    assert contents(target) == contents(source)
    assert target.pool.db.generation >= source.pool.db.generation
    assert {key: target.pool.db.meta[key] for key in own} == own
    assert target.pool.db.meta["root-password"] == source.pool.db.meta["root-password"]


def test_a_copy_has_the_state_of_one_moment(pools: tuple[Server, Server]) -> None:
    """What changes while it is written is not in it, not even by half."""
    source, target = pools
    before = contents(source)
    working = make(source.pool.db, source.clock, 7)
    vms = [row.ref for row in source.pool.db.table("VM")]

    def change() -> None:
        with source.pool.db.transaction() as tx:
            for ref in vms:
                tx.update(ref, name_label="changed")

    source.clock.callLater(0, change)
    load(target.pool.db, source.clock.wait_for(working))
    assert contents(target) == before


def test_what_is_no_whole_copy_is_refused_and_changes_nothing(pools: tuple[Server, Server]) -> None:
    source, target = pools
    before, copy = contents(target), copy_of(source)
    lines = zlib.decompress(copy.body).splitlines(keepends=True)
    with pytest.raises(ValueError, match="whole"):
        load(target.pool.db, attrs.evolve(copy, body=zlib.compress(b"".join(lines[:-1]))))
    assert contents(target) == before


def test_pieces_come_in_order_and_none_twice(monkeypatch: pytest.MonkeyPatch, pools: tuple[Server, Server]) -> None:
    monkeypatch.setattr("xapid.pool.copies.PIECE", 1000)
    copy, arriving = copy_of(pools[0]), Arriving()
    parts = pieces(copy)
    assert len(parts) > 3
    arriving.begin("a", {"generation": copy.generation, "epoch": 7, "size": len(copy.body)})
    for number, data in enumerate(parts):
        arriving.piece("a", number, data)
        arriving.piece("a", number, data)
    assert arriving.end("a") == copy
    arriving.begin("a", {"generation": 1, "epoch": 7, "size": len(copy.body)})
    arriving.piece("a", 1, parts[1])
    assert arriving.end("a") is None
    assert arriving.end("b") is None


def test_a_copy_on_disk_is_sealed_and_outlives_a_restart(tmp_path: Path, pools: tuple[Server, Server]) -> None:
    copy, seal = copy_of(pools[0]), Seal(os.urandom(32))
    store = CopyStore(tmp_path)
    store.seal = seal
    assert store.newest is None
    store.keep(copy)
    kept = (tmp_path / FILE).read_bytes()
    assert copy.body not in kept
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    again = CopyStore(tmp_path)
    again.seal = seal
    assert again.newest == copy
    other = CopyStore(tmp_path)
    other.seal = Seal(os.urandom(32))
    with pytest.raises(ValueError, match="sealed"):
        _ = other.newest
    again.forget()
    assert not (tmp_path / FILE).exists()


def test_a_copy_for_the_next_coordinator_waits_for_those_that_are_under_way(street: Street) -> None:
    a, b = street.pool(2)
    federation = a.federation
    place = federation.membership.find(b.host)
    copy = copy_of(a)
    sending = [
        ensureDeferred(federation.copying.send_to([place], True)),
        ensureDeferred(federation.copying.give(place, attrs.evolve(copy, epoch=77))),
    ]
    street.clock.pass_time(5)
    assert [street.clock.wait_for(each) for each in sending] == [[], None]
    assert b.federation._store.newest.epoch == 77
