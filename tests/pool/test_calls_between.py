"""What daemons of a pool ask of each other: once each, over connections that come and go, and through the API."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
import pytest
from twisted.internet import defer

from xapid.agent.values import AgentFailure
from xapid.pool.outcomes import Outcomes
from xapid.testing.neighbours import Neighbour, Street


def outcome(street: Street, working: Any) -> Any:
    results: list[Any] = []
    defer.ensureDeferred(working).addBoth(results.append)
    street.clock.until(lambda: bool(results), 300)
    return results[0]


def agent_of(coordinator: Neighbour, member: Neighbour) -> Any:
    return coordinator.pool.services.agents.get(coordinator.pool.db.table("host").by_uuid(member.host).ref)


class Slow:
    """An agent's power that takes its time, and counts."""

    def __init__(self) -> None:
        self.begun, self.cancelled = 0, 0
        self.gate: defer.Deferred[None] = defer.Deferred(lambda _: self._cancel())

    def _cancel(self) -> None:
        self.cancelled += 1

    async def reboot(self) -> None:
        self.begun += 1
        await self.gate


# Once ---------------------------------------------------------------------------------------------------------------


def test_a_request_is_carried_out_once_however_often_it_is_sent() -> None:
    outcomes = Outcomes()
    calls: list[defer.Deferred[bytes]] = []

    async def work() -> bytes:
        calls.append(defer.Deferred())
        return await calls[-1]

    waiting = [defer.ensureDeferred(outcomes.once("key", work)) for _ in range(3)]
    calls[0].callback(b"done")
    assert [each.result for each in waiting] == [b"done"] * 3
    assert defer.ensureDeferred(outcomes.once("key", work)).result == b"done"
    other = defer.ensureDeferred(outcomes.once("other", work))
    assert (other.called, len(calls)) == (False, 2)


def test_a_long_answer_is_not_remembered() -> None:
    outcomes, calls = Outcomes(), []

    async def work() -> bytes:
        calls.append("call")
        return bytes(1 << 20)

    for _ in range(2):
        assert len(defer.ensureDeferred(outcomes.once("key", work)).result) == 1 << 20
    assert len(calls) == 2


def test_a_call_whose_connection_breaks_goes_on_over_another(street: Street) -> None:
    """It was begun once, and its outcome is the true one."""
    coordinator, member = street.pool(2)
    slow = Slow()
    member.federation.common.own_agent(member.host).power = slow
    working = defer.ensureDeferred(agent_of(coordinator, member).power.reboot())
    street.clock.pass_time(1)
    for _ in range(2):
        for wire in list(street.wires):
            wire.break_()
        street.clock.pass_time(1)
    slow.gate.callback(None)
    street.clock.pass_time(1)
    assert (working.result, slow.begun) == (None, 1)


def test_a_call_to_one_who_dies_fails_at_once(street: Street) -> None:
    coordinator, member = street.pool(2)
    member.federation.common.own_agent(member.host).power = Slow()
    working = defer.ensureDeferred(agent_of(coordinator, member).power.reboot())
    street.clock.pass_time(1)
    member.die()
    street.clock.pass_time(1)
    assert isinstance(working.result.value, AgentFailure)
    assert working.result.value.reason == "unreachable"
    working.addErrback(lambda _: None)


def test_a_line_that_goes_dead_without_a_word_is_noticed(street: Street) -> None:
    """Neither side is told; the answer does not come, and nothing else does."""
    coordinator, member = street.pool(2)
    member.federation.common.own_agent(member.host).power = Slow()
    working = defer.ensureDeferred(agent_of(coordinator, member).power.reboot())
    street.clock.pass_time(1)
    street.cut(coordinator, member)
    street.clock.pass_time(90)
    assert isinstance(working.result.value, AgentFailure)
    working.addErrback(lambda _: None)


def test_cancelling_reaches_the_other_side(street: Street) -> None:
    coordinator, member = street.pool(2)
    slow = Slow()
    member.federation.common.own_agent(member.host).power = slow
    working = defer.ensureDeferred(agent_of(coordinator, member).power.reboot())
    street.clock.pass_time(1)
    working.cancel()
    street.clock.pass_time(1)
    assert slow.cancelled == 1
    working.addErrback(lambda _: None)


def test_what_a_nic_and_a_guest_did_meanwhile_is_seen_when_the_member_is_back(street: Street) -> None:
    coordinator, member = street.pool(2)
    api = coordinator.session().xenapi
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "small")
    api.VM.provision(vm)
    host = api.host.get_by_uuid(member.host)
    api.VM.start_on(vm, host, False, False)
    street.clock.pass_time(60)
    street.cut(coordinator, member)
    own = member.federation.common.own_agent(member.host)
    outcome(street, own.hypervisor.shutdown(api.VM.get_uuid(vm), "hard", 0.0))
    pifs = tuple({**pif, "carrier": pif["device"] != "eth1"} for pif in own.machine.pifs)
    own.network._machine = attrs.evolve(own.machine, pifs=pifs)
    street.clock.pass_time(60)
    assert api.VM.get_power_state(vm) == "Running"
    street.mend()
    street.clock.pass_time(60)
    assert api.VM.get_power_state(vm) == "Halted"
    (pif,) = [ref for ref in api.host.get_PIFs(host) if api.PIF.get_device(ref) == "eth1"]
    assert api.PIF_metrics.get_carrier(api.PIF.get_metrics(pif)) is False


# Through the API ----------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(street: Street) -> list[Neighbour]:
    return street.pool(2)


def test_hello_says_who_is_known_and_can_be_reached(street: Street, pair: list[Neighbour]) -> None:
    coordinator, member = pair
    assert coordinator.by_itself("pool.hello", member.host, member.address) == "ok"
    assert coordinator.by_itself("pool.hello", coordinator.host, coordinator.address) == "ok"
    assert coordinator.by_itself("pool.hello", "nobody", "10.0.0.9") == "unknown_host"
    member.die()
    assert coordinator.by_itself("pool.hello", member.host, member.address) == "cannot_talk_back"


def test_a_host_is_given_a_copy_unless_it_has_it(pair: list[Neighbour]) -> None:
    coordinator, member = pair
    ref = coordinator.pool.db.table("host").by_uuid(member.host).ref
    coordinator.by_itself("host.request_backup", ref, 0, True)
    copy = member.federation._store.newest
    coordinator.by_itself("host.request_backup", ref, copy.generation, False)
    assert member.federation._store.newest is copy
    coordinator.by_itself("host.request_backup", ref, copy.generation, True)
    assert member.federation._store.newest is not copy


def test_a_host_is_given_the_settings_that_all_share(pair: list[Neighbour]) -> None:
    coordinator, member = pair
    ref = coordinator.pool.db.table("host").by_uuid(member.host).ref
    right = coordinator.pool.services.passwords.hash
    member.pool.services.passwords.set_hash("$argon2id$other")
    coordinator.by_itself("host.request_config_file_sync", ref, right)
    assert member.pool.services.passwords.hash == "$argon2id$other"
    coordinator.by_itself("host.request_config_file_sync", ref, "$argon2id$other")
    assert member.pool.services.passwords.hash == right


def test_the_phases_of_a_change_can_be_gone_through_by_message(street: Street, pair: list[Neighbour]) -> None:
    coordinator, member = pair
    for message in ("host.propose_new_master", "host.abort_new_master", "host.propose_new_master"):
        args = (member.address, True) if "propose" in message else (member.address,)
        member.by_itself(message, *args)
    assert orjson.loads(member.pool.db.meta["proposal"])["leader"]["host"] == member.host
    coordinator.by_itself("pool.sync_database")
    member.by_itself("host.commit_new_master", member.address)
    street.clock.pass_time(60)
    assert (coordinator.coordinator_address, member.coordinator_address) == (member.address, None)


def test_a_host_is_sent_to_a_coordinator_by_message(street: Street) -> None:
    a, b, c = street.pool(3)
    ref = a.pool.db.table("host").by_uuid(c.host).ref
    a.by_itself("host.update_master", ref, b.address)
    assert c.coordinator_address == b.address
    street.clock.pass_time(90)
    assert c.coordinator_address == a.address  # b says that a leads
