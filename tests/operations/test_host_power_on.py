"""Setting how a host is switched on, and doing it."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import formatEvent, globalLogPublisher

from xapid.agent.simulator import Surroundings
from xapid.agent.simulator.others import SimulatedPower
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.host_power_on import power_on, set_power_on_mode
from xapid.operations.plugins import find
from xapid.operations.presence import Presence
from xapid.operations.remote_power import cut_power

MAC = "02:00:00:00:00:2a"


class Power:
    """Stands in for the modes."""

    def __init__(self):
        self.targets, self.said, self.live, self.waits = [], "it said so", True, None
        self.cut, self.off, self.sees = [], "cut", None

    async def switch_on(self, target):
        self.targets.append(target)
        if self.waits is not None:
            await self.waits
        return self.said

    async def comes_up(self, target):
        return self.live

    async def switch_off(self, target):
        self.cut.append(target)
        if self.waits is not None:
            await self.waits
        if isinstance(self.off, XenAPIError):
            raise self.off
        return self.off

    async def status(self, target):
        return self.sees


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
        return {"cpu_info": {"cpu_count": "1"}, "software_version": {}}

    async def send_logs(self, name, destination):
        """Nowhere."""


@pytest.fixture
def context(world, surroundings):
    context = world.context
    services = SimpleNamespace(power=Power(), role=SimpleNamespace(coordinator=world.host), starting=set())
    services.presence = Presence(world.db, world.clock, lambda host: None)
    context.services, context.task = services, Task()
    power = SimulatedPower(world.row(world.host).uuid, surroundings, lambda: None)
    context.agent = lambda host=None: SimpleNamespace(power=power, metrics=Figures(), storage=world.storage)
    return context


@pytest.fixture
def logged():
    """What was logged meanwhile, as text."""
    seen = []
    globalLogPublisher.addObserver(seen.append)
    yield lambda: [formatEvent(event) for event in seen]
    globalLogPublisher.removeObserver(seen.append)


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


def test_a_host_that_stays_away_is_an_error_that_tells_what_the_script_said(world, context, dead, logged):
    context.services.power.live = False
    assert error(world, context, dead) == ("INTERNAL_ERROR", "The host did not power on: it said so")
    assert logged() == ["The host  did not power on: it said so"]
    context.services.power.said = ""
    assert error(world, context, dead) == ("INTERNAL_ERROR", "The host did not power on")


@pytest.mark.parametrize("mode", ["my-cloud", "Wake-on-LAN"])
def test_a_simulated_host_comes_back_at_once(world, context, surroundings, dead, mode):
    world.set(dead, power_on_mode=mode)
    surroundings.switched_off.add(world.row(dead).uuid)
    world.run(power_on(context, dead))
    (target,) = context.services.power.targets
    assert (target.mode, target.simulated) == (mode, True)
    assert not surroundings.switched_off
    assert world.row(dead).enabled
    assert world.row(world.row(dead).metrics).live


def test_where_no_script_can_run_the_plugin_is_missing_but_packets_need_none(world, context, surroundings, dead):
    surroundings.switched_off.add(world.row(dead).uuid)
    context.services.power = None
    world.set(dead, power_on_mode="wake-on-lan")
    world.run(power_on(context, dead))
    world.set(dead, power_on_mode="my-cloud")
    assert error(world, context, dead) == ("XENAPI_MISSING_PLUGIN", "power-on-host")


def test_powering_on_is_cut_short_when_its_task_is_cancelled(world, context, dead):
    context.services.power.waits = Deferred()
    outcome = []
    Deferred.fromCoroutine(power_on(context, dead)).addBoth(outcome.append)
    assert not outcome
    context.task.cancel()
    assert outcome[0].value.description == ("TASK_CANCELLED", "OpaqueRef:task")


# Off --------------------------------------------------------------------------------------------------------------------


def messages(world):
    return [(row.name, row.cls, row.obj_uuid, row.body) for row in world.db.table("message")]


def test_the_power_of_a_host_that_shut_down_is_cut_by_its_mode(world, context, dead):
    kept = world.row(world.make("secret", value="hush"))
    world.set(dead, power_on_config=frozenmap({"power_on_password_secret": kept.uuid, "x_password_secret": "gone"}))
    world.run(cut_power(context, dead))
    (target,) = context.services.power.cut
    assert (target.ref, target.hidden) == (dead, ("hush",))
    assert "hush" not in repr(target)
    assert messages(world) == []


def test_power_that_could_not_be_cut_is_a_message_about_the_host(world, context, dead):
    context.services.power.off = XenAPIError("XENAPI_PLUGIN_FAILURE", "main", "OUTLET_STUCK", "it sparks")
    world.run(cut_power(context, dead))
    body = "XENAPI_PLUGIN_FAILURE\nmain\nOUTLET_STUCK\nit sparks"
    assert messages(world) == [("HOST_POWER_OFF_FAILED", "Host", world.row(dead).uuid, body)]


def test_cutting_the_power_can_be_cancelled(world, context, dead):
    context.services.power.waits = Deferred()
    outcome = []
    Deferred.fromCoroutine(cut_power(context, dead)).addBoth(outcome.append)
    assert not outcome
    context.task.cancel()
    assert outcome[0].value.description == ("TASK_CANCELLED", "OpaqueRef:task")
    assert messages(world) == []


def test_without_a_mode_and_for_the_coordinator_nothing_is_cut(world, context, dead):
    world.set(dead, power_on_mode="")
    world.run(cut_power(context, dead))
    world.set(world.host, power_on_mode="my-cloud")
    world.run(cut_power(context, world.host))
    assert context.services.power.cut == []


@pytest.fixture
def plugin(world, context):
    """Calls the plugin ``power-on-host``."""
    called = []

    async def call(message, *args):
        called.append((message, *args))

    context.call = call

    def ask(function, host=None, **args):
        given = frozenmap(args if host is None else {"remote_host_uuid": world.row(host).uuid})
        return world.run(find("power-on-host", function)(context, world.host, given))

    ask.called = called
    return ask


def refused(call, *args, **named):
    with pytest.raises(XenAPIError) as caught:
        call(*args, **named)
    return caught.value.description


def test_the_plugin_switches_hosts_on_and_off_and_tells_what_they_are(world, context, surroundings, dead, plugin):
    assert plugin("main", dead) == "True"
    assert plugin("power_off", dead) == "cut"
    assert plugin.called == [("host.power_on", dead)]
    world.set(world.row(dead).metrics, live=True)
    assert plugin("power_off", dead) == "cut"
    assert plugin.called[1:] == [("host.shutdown", dead)]
    assert plugin("power_status", dead) == "on"
    world.set(world.row(dead).metrics, live=False)
    assert plugin("power_status", dead) == "unknown"
    surroundings.switched_off.add(world.row(dead).uuid)
    assert plugin("power_status", dead) == "off"
    context.services.power.sees = "on"
    assert plugin("power_status", dead) == "on"


def test_the_plugin_says_what_it_cannot_do(world, context, dead, plugin):
    assert refused(plugin, "power_off", world.host)[0] == "OPERATION_NOT_ALLOWED"
    assert refused(plugin, "power_off", remote_host_uuid="nonsuch") == ("UUID_INVALID", "host", "nonsuch")
    assert refused(plugin, "main") == ("UUID_INVALID", "host", "")
    context.services.power.off = None
    assert refused(plugin, "power_off", dead) == (
        "XENAPI_PLUGIN_FAILURE", "power_off", "HOST_POWER_OFF_NOT_SUPPORTED", "my-cloud",
    )  # fmt: skip
    assert refused(plugin, "explode", dead) == ("UNKNOWN_XENAPI_PLUGIN_FUNCTION", "explode")
    assert plugin.called == []
    context.services.power = None
    assert refused(plugin, "power_off", dead) == ("XENAPI_MISSING_PLUGIN", "power-on-host")
