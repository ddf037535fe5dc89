"""The pool's secret is replaced in stages, each of which leaves everyone connected, and goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet import defer

from refusals import refused
from xapid.datamodel.types import frozenmap
from xapid.testing.neighbours import Neighbour, Street

STAGES = ("accept", "send", "members", "coordinator")


@pytest.fixture
def three(street: Street) -> Iterator[list[Neighbour]]:
    """A pool of three daemons, the coordinator first."""
    yield street.pool(3)


def holding(daemon: Neighbour) -> tuple[str, ...]:
    return tuple(daemon.federation.common.secrets())


def all_connected(street: Street, daemons: list[Neighbour]) -> bool:
    """Whether everyone can reach everyone over new connections."""
    for daemon in daemons:
        daemon.federation.common.peers.close()
    street.clock.pass_time(70)
    coordinator, *members = daemons
    live = [metrics.live for metrics in coordinator.pool.db.table("host_metrics")]
    return all(live) and all(member.federation.common.role.emergency is None for member in members)


def pending(coordinator: Neighbour) -> bool:
    return bool(coordinator.pool.db.table("pool").rows()[0].is_psr_pending)


def test_everyone_has_the_new_secret_alone_and_is_connected(street: Street, three: list[Neighbour]) -> None:
    coordinator = three[0]
    old = coordinator.federation.secret
    coordinator.session().xenapi.pool.rotate_secret()
    new = coordinator.federation.secret
    assert new != old
    assert len(new.split("/")) == 3
    assert [holding(each) for each in three] == [(new,)] * 3
    assert not pending(coordinator)
    assert all_connected(street, three)
    joiner = street.add()
    street.join(joiner, coordinator)
    assert holding(joiner) == (new,)


@pytest.mark.parametrize("stage", STAGES[:3])
def test_a_stage_that_fails_is_told_and_gone_on_from(street: Street, three: list[Neighbour], stage: str) -> None:
    """Until then everyone understands everyone, and other operations of the pool wait."""
    coordinator, member, _ = three
    api = coordinator.session().xenapi
    original = member.federation.common.secrets.stage

    def broken(name: str, old: str, new: str) -> None:
        if name == {"members": "clean-up"}.get(stage, stage):
            raise ValueError("not now")
        original(name, old, new)

    member.federation.common.secrets.stage = broken
    refusal = refused(api.pool.rotate_secret)
    assert refusal[0] == "INTERNAL_ERROR"
    assert f"stage '{stage}'" in refusal[1]
    assert pending(coordinator)
    assert all_connected(street, three)
    assert refused(api.pool.designate_new_master, api.host.get_by_uuid(member.host)) == ["POOL_SECRET_ROTATION_PENDING"]
    member.federation.common.secrets.stage = original
    new = coordinator.pool.db.meta["pool-secret-rotation"]
    api.pool.rotate_secret()
    assert [holding(each) for each in three] == [(coordinator.federation.secret,)] * 3
    assert coordinator.federation.secret in new
    assert not pending(coordinator)
    assert all_connected(street, three)


@pytest.mark.parametrize("victim", ["coordinator", "member"])
@pytest.mark.parametrize("moment", range(1, 7))
def test_a_crash_in_any_stage_leaves_everyone_connected(street: Street, victim: str, moment: int) -> None:
    """Killed at each step on the wire, and started again: the rotation can be called again, and ends."""
    two = street.pool(2)
    coordinator, member = two
    doomed, seen = (coordinator if victim == "coordinator" else member), 0

    def watch(wire: object, data: bytes) -> None:
        nonlocal seen
        if b"/pool/secret" in data and doomed.is_alive:
            seen += 1
            if seen == moment:
                doomed.die()

    street.watch = watch
    outcome: list[object] = []
    defer.ensureDeferred(coordinator.pool.dispatcher.by_itself("pool.rotate_secret")).addBoth(outcome.append)
    street.clock.pass_time(30)
    if victim == "member":
        assert "INTERNAL_ERROR" in str(outcome)
    street.watch = lambda wire, data: None
    assert seen >= moment
    doomed.live_again()
    assert all_connected(street, two)
    street.clock.pass_time(60)
    coordinator.by_itself("pool.rotate_secret")
    assert [holding(each) for each in two] == [(coordinator.federation.secret,)] * 2
    assert not pending(coordinator)
    assert all_connected(street, two)


def test_a_dead_host_ha_and_a_running_operation_keep_it_from_beginning(street: Street, three: list[Neighbour]) -> None:
    coordinator, member, _ = three
    api = coordinator.session().xenapi
    (pool,) = api.pool.get_all()
    secret = coordinator.federation.secret
    with coordinator.pool.db.transaction() as tx:
        tx.update(pool, ha_enabled=True)
    assert refused(api.pool.rotate_secret) == ["HA_IS_ENABLED"]
    with coordinator.pool.db.transaction() as tx:
        tx.update(pool, ha_enabled=False, other_config=frozenmap({"rolling_upgrade_in_progress": "true"}))
    assert refused(api.pool.rotate_secret) == ["NOT_SUPPORTED_DURING_UPGRADE"]
    with coordinator.pool.db.transaction() as tx:
        tx.update(pool, other_config=frozenmap(), current_operations=frozenmap({"t": "eject"}))
    assert refused(api.pool.rotate_secret)[0] == "INTERNAL_ERROR"
    with coordinator.pool.db.transaction() as tx:
        tx.update(pool, current_operations=frozenmap())
    member.die()
    street.clock.pass_time(700)
    ref = api.host.get_by_uuid(member.host)
    assert refused(api.pool.rotate_secret) == ["CANNOT_CONTACT_HOST", ref]
    assert not pending(coordinator)
    assert holding(coordinator) == (secret,)


def test_only_one_rotation_runs_at_a_time(three: list[Neighbour]) -> None:
    coordinator = three[0]
    coordinator.federation.is_rotating = True
    assert refused(coordinator.session().xenapi.pool.rotate_secret)[0] == "INTERNAL_ERROR"


def test_what_is_no_secret_is_not_taken(three: list[Neighbour]) -> None:
    coordinator, member, _ = three
    ref = coordinator.pool.db.table("host").by_uuid(member.host).ref
    for old, new in ((coordinator.federation.secret, "short"), ("x" * 40, "y" * 40), (coordinator.federation.secret, "é" * 40)):
        with pytest.raises(Exception, match=r"INVALID_VALUE|CANNOT_CONTACT_HOST|INTERNAL_ERROR"):
            coordinator.by_itself("host.notify_accept_new_pool_secret", ref, old, new)
    assert holding(member) == (coordinator.federation.secret,)
