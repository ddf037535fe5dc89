"""What a host brings into a pool, and where it finds its place."""

from __future__ import annotations

from xapid.operations.host_settling import introduce_shared_storage
from xapid.pool import adoption
from xapid.testing.in_process import Server, config


def servers() -> tuple[Server, Server]:
    return Server(config(preset="standalone", seed=1)), Server(config(preset="standalone", seed=2))


def test_the_host_and_what_is_its_own_become_the_pools() -> None:
    """Same references and uuids, on the pool's networks and tools SR, without the templates that every pool has."""
    pool, joiner = servers()
    theirs, ours = joiner.pool.db, pool.pool.db
    (host,) = theirs.table("host").rows()
    before = {cls: len(ours.table(cls)) for cls in ("VM", "network", "SR", "pool")}
    assert adoption.unpack(ours, adoption.pack(theirs)) == host.ref
    row = ours.get("host", host.ref)
    assert (row.uuid, row.enabled, len(row.PIFs)) == (host.uuid, True, len(host.PIFs))
    assert ours.get("host_metrics", row.metrics).live
    bridges = [network.bridge for network in ours.table("network")]
    assert len(bridges) == len(set(bridges))
    assert [sr.is_tools_sr for sr in ours.table("SR")].count(True) == 1
    assert all(ours.table("SR").find(ours.get("PBD", pbd).SR) is not None for pbd in row.PBDs)
    assert len(ours.table("VM")) == before["VM"] + 1
    assert ours.get("VM", row.control_domain).is_control_domain
    assert len(ours.table("pool")) == 1


def test_taking_in_the_same_host_twice_changes_nothing_more() -> None:
    pool, joiner = servers()
    packed = adoption.pack(joiner.pool.db)
    adoption.unpack(pool.pool.db, packed)
    generation = pool.pool.db.generation
    adoption.unpack(pool.pool.db, packed)
    assert pool.pool.db.generation == generation


def test_shared_storage_gets_a_pbd_on_the_new_host() -> None:
    pool, joiner = Server(config(preset="pool3", seed=1)), Server(config(preset="standalone", seed=2))
    db = pool.pool.db
    host = adoption.unpack(db, adoption.pack(joiner.pool.db))
    with db.transaction() as tx:
        made = introduce_shared_storage(tx, db, host)
    shared = {sr.ref for sr in db.table("SR") if sr.shared}
    assert shared <= {db.get("PBD", ref).SR for ref in db.get("host", host).PBDs}
    assert all(db.get("PBD", ref).host == host for ref in made)
