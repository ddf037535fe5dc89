"""The redo log of the pool: a disk that every host has attached, with a copy of the database on it."""

from __future__ import annotations

import pytest
from twisted.internet.defer import ensureDeferred

from xapid.agent.values import AgentFailure
from xapid.operations import replication


@pytest.fixture
def pool(api):
    return api.pool.get_all()[0]


@pytest.fixture
def shared(api, pool):
    return api.pool.get_default_SR(pool)


@pytest.fixture
def attached(api, xapid_server, monkeypatch):
    """Which disks hosts are told to attach and to let go, by host."""
    seen = []
    for host in api.host.get_all():
        storage = xapid_server.pool.services.agents.find(host).storage
        for word in ("attach", "detach"):
            kept = getattr(storage, f"vdi_{word}")

            async def noting(sr, vdi, *rest, kept=kept, word=word, host=host):
                seen.append((word, host, vdi))
                return await kept(sr, vdi, *rest)

            monkeypatch.setattr(storage, f"vdi_{word}", noting)
    return seen


@pytest.fixture
def on_disk(xapid_server):
    """The names of the pools in the database on a disk."""

    def read(vdi):
        server = xapid_server.pool

        async def names():
            context = type("Context", (), {"db": server.db, "services": server.services})
            dump = await replication.read(context, server.db.get("VDI", vdi))
            return [found.values["name_label"] for found in dump.of("pool")]

        return xapid_server.clock.wait_for(ensureDeferred(names()))

    return read


def log_of(api, pool):
    return api.pool.get_redo_log_enabled(pool), api.pool.get_redo_log_vdi(pool)


def test_every_host_attaches_a_disk_that_the_database_is_written_to(api, pool, shared, attached, on_disk, xapid_clock):
    assert log_of(api, pool) == (False, "OpaqueRef:NULL")
    api.pool.enable_redo_log(shared)
    enabled, vdi = log_of(api, pool)
    disk = api.VDI.get_record(vdi)
    assert (enabled, disk["type"], disk["SR"]) == (True, "redo_log", shared)
    assert attached == [("attach", host, disk["uuid"]) for host in api.host.get_all()]
    api.pool.set_name_label(pool, "changed")
    xapid_clock.pass_time(120)
    assert on_disk(vdi) == ["changed"]
    api.pool.enable_redo_log(shared)
    assert log_of(api, pool) == (True, vdi)


def test_the_disk_is_let_go_and_used_again(api, pool, shared, attached, on_disk, xapid_clock):
    api.pool.enable_redo_log(shared)
    _, vdi = log_of(api, pool)
    attached.clear()
    api.pool.disable_redo_log()
    assert log_of(api, pool) == (False, "OpaqueRef:NULL")
    assert attached == [("detach", host, api.VDI.get_uuid(vdi)) for host in api.host.get_all()]
    api.pool.set_name_label(pool, "unseen")
    xapid_clock.pass_time(120)
    assert on_disk(vdi) != ["unseen"]
    api.pool.enable_redo_log(shared)
    assert log_of(api, pool) == (True, vdi)


def test_an_sr_that_not_all_hosts_see_can_have_none(api, pool, refused):
    local = next(sr for sr in api.SR.get_all() if not api.SR.get_shared(sr))
    assert refused(api.pool.enable_redo_log, local) == ["CANNOT_ENABLE_REDO_LOG", f"SR_NOT_ATTACHED, {local}"]
    assert refused(api.pool.enable_redo_log, "OpaqueRef:nonsuch")[0] == "CANNOT_ENABLE_REDO_LOG"
    assert log_of(api, pool) == (False, "OpaqueRef:NULL")


def test_a_host_that_cannot_attach_the_disk_keeps_the_pool_from_having_one(
    api, pool, shared, attached, refused, xapid_server, monkeypatch
):
    *others, last = api.host.get_all()

    async def broken(sr, vdi, read_only):
        raise AgentFailure("failed", ("no path to the disk",))

    monkeypatch.setattr(xapid_server.pool.services.agents.find(last).storage, "vdi_attach", broken)
    code, reason = refused(api.pool.enable_redo_log, shared)
    assert (code, "no path to the disk" in reason) == ("CANNOT_ENABLE_REDO_LOG", True)
    assert log_of(api, pool) == (False, "OpaqueRef:NULL")
    assert [(word, host) for word, host, _ in attached] == [(word, host) for word in ("attach", "detach") for host in others]


def test_networks_of_storage_stay_while_there_is_one(api, pool, shared, refused):
    api.pool.enable_redo_log(shared)
    pif = next(pif for pif in api.PIF.get_all() if api.PIF.get_physical(pif) and not api.PIF.get_management(pif))
    assert refused(api.PIF.unplug, pif) == ["REDO_LOG_IS_ENABLED"]
    api.pool.disable_redo_log()
    assert refused(api.PIF.unplug, pif) == []
