"""Setting how a host is switched on, and doing it."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from twisted.internet.defer import Deferred

from xapid.agent.simulator import Surroundings
from xapid.agent.simulator.others import SimulatedPower
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.host_power_on import power_on, set_power_on_mode

MAC = "02:00:00:00:00:2a"


class Power:
    """Stands in for the modes."""

    def __init__(self):
        self.targets, self.said, self.live, self.waits = [], "it said so", True, None

    async def switch_on(self, target):
        self.targets.append(target)
        if self.waits is not None:
            await self.waits
        return self.said

    async def comes_up(self, target):
        return self.live


class Task:
    """Can be cancelled while it says so."""

    ref = "OpaqueRef:task"

    def __init__(self):
        self.interrupt, self.cancelled = None, False

    @contextmanager
    def cancellable(self, interrupt):
        self.interrupt = interrupt
        yield
        self.interrupt = None

    def cancel(self):
        self.cancelled = True
        self.interrupt()

    def check_cancelled(self):
        if self.cancelled:
            raise XenAPIError("TASK_CANCELLED", self.ref)


@pytest.fixture
def dead(world):
    """Reference of a host that is not live; its world can switch it on."""
    metrics = world.make("host_metrics", live=False)
    host = world.make(
        "host", address="192.0.2.2", power_on_mode="my-cloud", power_on_config=frozenmap({"a": "b"}), metrics=metrics
    )
    world.make("PIF", host=host, management=False, MAC="02:00:00:00:00:01", device="eth0", network=world.network)
    world.make("PIF", host=host, management=True, MAC=MAC, device="eth1", network=world.network)
    return host


@pytest.fixture
def surroundings():
    return Surroundings()


class Figures:
    async def facts(self):
        return {"cpu_info": {"cpu_count": "1"}}


@pytest.fixture
def context(world, surroundings):
    context = world.context
    context.services, context.task = SimpleNamespace(power=Power()), Task()
    power = SimulatedPower(world.row(world.host).uuid, surroundings, lambda: None)
    context.agent = lambda host=None: SimpleNamespace(power=power, metrics=Figures())
    return context


def error(world, context, host):
    with pytest.raises(XenAPIError) as caught:
        world.run(power_on(context, host))
    return caught.value.description


def secret(world):
    return world.row(world.make("secret", value="hush")).uuid


def test_mode_and_configuration_are_written_without_a_look(world):
    config = frozenmap({"power_on_ip": "anything", "x_password_secret": "no uuid at all"})
    for _ in range(2):
        set_power_on_mode(world.context, world.host, "../what ever", config)
        row = world.row(world.host)
        assert (row.power_on_mode, row.power_on_config) == ("../what ever", config)


def test_secrets_of_the_old_configuration_go_except_those_that_stay_in_use(world):
    old, kept, other = secret(world), secret(world), secret(world)
    first = {"power_on_password_secret": old, "b_password_secret": kept, "note": other}
    set_power_on_mode(world.context, world.host, "IPMI", frozenmap(first))
    set_power_on_mode(world.context, world.host, "IPMI", frozenmap({"power_on_password_secret": kept}))
    assert {row.uuid for row in world.db.table("secret")} == {kept, other}


def test_a_host_is_asked_for_with_what_it_takes_to_reach_it(world, context, dead):
    world.run(power_on(context, dead))
    (target,) = context.services.power.targets
    assert (target.ref, target.mac, target.mode, dict(target.config)) == (dead, MAC, "my-cloud", {"a": "b"})
    assert (target.coordinator, target.ip, target.netmask) == (world.host, "127.0.0.1", "255.0.0.0")
    assert not target.is_live()
    world.set(world.row(dead).metrics, live=True)
    assert target.is_live()
    with world.db.transaction() as tx:
        tx.destroy(dead)
    assert not target.is_live()


def test_management_on_a_vlan_is_reached_through_the_card_below(world, context, dead):
    (pif,) = [ref for ref in world.row(dead).PIFs if world.row(ref).management]
    vlan_pif = world.make(
        "PIF", host=dead, MAC="02:00:00:00:00:99", device="eth1", VLAN=7, management=True, network=world.network
    )
    vlan = world.make("VLAN", tagged_PIF=pif, untagged_PIF=vlan_pif, tag=7)
    world.set(pif, management=False)
    with world.db.transaction() as tx:
        tx.update(vlan_pif, VLAN_master_of=vlan)
    world.run(power_on(context, dead))
    assert context.services.power.targets[0].mac == MAC


def test_broadcasts_stay_on_the_management_network_of_the_coordinator(world, context, dead):
    world.set(world.host, address="192.0.2.1")
    world.make(
        "PIF", host=world.host, management=True, IP="192.0.2.1", netmask="255.255.255.0", device="e", network=world.network
    )
    world.run(power_on(context, dead))
    (target,) = context.services.power.targets
    assert (target.ip, target.netmask) == ("192.0.2.1", "255.255.255.0")


def test_a_host_that_stays_away_is_an_error_that_tells_what_the_script_said(world, context, dead):
    context.services.power.live = False
    assert error(world, context, dead) == ("INTERNAL_ERROR", "The host did not power on: it said so")
    context.services.power.said = ""
    assert error(world, context, dead) == ("INTERNAL_ERROR", "The host did not power on")


@pytest.mark.parametrize(("mode", "calls"), [("my-cloud", 1), ("Wake-on-LAN", 0)])
def test_a_simulated_host_comes_back_at_once(world, context, surroundings, dead, mode, calls):
    world.set(dead, power_on_mode=mode)
    surroundings.switched_off.add(world.row(dead).uuid)
    world.run(power_on(context, dead))
    assert len(context.services.power.targets) == calls
    assert not surroundings.switched_off
    assert world.row(dead).enabled
    assert world.row(world.row(dead).metrics).live


def test_where_no_script_can_run_the_plugin_is_missing(world, context, dead):
    context.services.power = None
    assert error(world, context, dead) == ("XENAPI_MISSING_PLUGIN", "power-on-host")


def test_powering_on_is_cut_short_when_its_task_is_cancelled(world, context, dead):
    context.services.power.waits = Deferred()
    outcome = []
    Deferred.fromCoroutine(power_on(context, dead)).addBoth(outcome.append)
    assert not outcome
    context.task.cancel()
    assert outcome[0].value.description == ("TASK_CANCELLED", "OpaqueRef:task")
