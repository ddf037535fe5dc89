"""Which mode does what, and waiting for hosts: no processes, no packets, a clock in the test's hand."""

from __future__ import annotations

import socket

import pytest
from twisted.internet import defer
from twisted.internet.task import Clock

from xapid.agent.power.modes import PowerOn, Target, is_wake_on_lan
from xapid.agent.power.wake_on_lan import broadcast, broadcast_address, magic_packet
from xapid.datamodel.errors import XenAPIError

MAC = "02:00:00:00:00:2a"


class Scripts:
    """Stands in for real ones."""

    def __init__(self):
        self.calls, self.said = [], "done"

    async def call(self, *args, **options):
        self.calls.append((*args, options))
        return self.said


class World:
    """A dead host, and what it takes to switch it on."""

    def __init__(self):
        self.clock, self.scripts, self.sent, self.live = Clock(), Scripts(), [], False
        self.power = PowerOn(self.clock, self.scripts, lambda *datagram: self.sent.append(datagram))

    def target(self, mode, **fields):
        values = {"mac": MAC, "ip": "192.0.2.10", "netmask": "255.255.255.128", "config": {"a": "b"}} | fields
        return Target(ref="OpaqueRef:host", mode=mode, coordinator="OpaqueRef:here", is_live=lambda: self.live, **values)

    def begin(self, coroutine):
        self.outcome = []
        self.running = defer.ensureDeferred(coroutine)
        self.running.addBoth(self.outcome.append)
        return self.outcome

    def error(self):
        (failure,) = self.outcome
        assert failure.check(XenAPIError), failure
        return failure.value.description


@pytest.fixture
def world():
    return World()


def test_a_magic_packet_is_six_bytes_of_ones_and_sixteen_addresses():
    assert magic_packet(MAC) == b"\xff" * 6 + bytes.fromhex("02000000002a") * 16
    assert len(magic_packet("02-00-00-00-00-2A")) == 102


@pytest.mark.parametrize("mac", ["", "02:00", "02:00:00:00:00:2a:00", "zz:00:00:00:00:2a"])
def test_what_is_no_mac_address_makes_no_packet(mac):
    with pytest.raises(ValueError):
        magic_packet(mac)


def test_the_broadcast_address_follows_from_the_netmask():
    assert broadcast_address("192.0.2.10", "255.255.255.128") == "192.0.2.127"
    assert broadcast_address("127.3.2.1", "255.0.0.0") == "127.255.255.255"


def test_a_packet_goes_to_everyone_on_the_network():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.255.255.255", 0))
        receiver.settimeout(5)
        broadcast(b"wake up", *receiver.getsockname())
        assert receiver.recv(100) == b"wake up"


@pytest.mark.parametrize("mode", ["wake-on-lan", "Wake-on-LAN"])
def test_packets_go_out_every_five_seconds_until_the_host_is_there(world, mode):
    outcome = world.begin(world.power.switch_on(world.target(mode)))
    assert world.sent == [(magic_packet(MAC), "192.0.2.127", 9)]
    world.clock.pump([1] * 11)
    assert len(world.sent) == 3
    world.live = True
    world.clock.advance(1)
    assert outcome == ["the host woke up at packet 3"]
    assert is_wake_on_lan(mode)
    assert not world.clock.getDelayedCalls()


def test_after_sixty_packets_a_host_will_not_wake_up(world):
    outcome = world.begin(world.power.switch_on(world.target("wake-on-lan")))
    world.clock.pump([1] * 299)
    assert not outcome
    world.clock.advance(1)
    assert outcome == [f"60 magic packets to {MAC} did not wake it up"]
    assert len(world.sent) == 60
    assert world.begin(world.power.comes_up(world.target("wake-on-lan"))) == [False]


@pytest.mark.parametrize("fields", [{"mac": ""}, {"ip": ""}, {"ip": "fe80::1"}])
def test_a_host_without_the_addresses_it_takes_cannot_be_woken_up(world, fields):
    world.begin(world.power.switch_on(world.target("wake-on-lan", **fields)))
    assert world.error()[:2] == ("XENAPI_PLUGIN_FAILURE", "main")
    assert world.sent == []


def test_a_network_that_takes_no_packets_is_an_error_at_once(world):
    def fails(*datagram):
        raise OSError("Network is unreachable")

    world.begin(PowerOn(world.clock, world.scripts, fails).switch_on(world.target("wake-on-lan")))
    assert world.error() == ("XENAPI_PLUGIN_FAILURE", "main", "OSError", "Network is unreachable")


def test_any_other_mode_is_a_script_of_that_name(world):
    assert world.begin(world.power.switch_on(world.target("my-cloud"))) == ["done"]
    assert world.begin(world.power.switch_off(world.target("my-cloud", hidden=("hush",)))) == ["done"]
    given, here = ["OpaqueRef:host", {"a": "b"}], "OpaqueRef:here"
    assert world.scripts.calls == [
        ("my-cloud", "custom", given, here, {"hidden": (), "optional": False}),
        ("my-cloud", "power_off", given, here, {"hidden": ("hush",), "optional": True}),
    ]


@pytest.mark.parametrize(("said", "status"), [("on", "on"), ("OFF", "off"), ("perhaps", None), (None, None)])
def test_a_script_may_tell_whether_a_host_is_on(world, said, status):
    world.scripts.said = said
    assert world.begin(world.power.status(world.target("my-cloud"))) == [status]
    assert world.scripts.calls[0][1] == "power_status"


def test_magic_packets_switch_nothing_off(world):
    assert world.begin(world.power.switch_off(world.target("wake-on-lan"))) == [None]
    assert world.begin(world.power.status(world.target("wake-on-lan"))) == [None]


def test_a_simulated_host_gets_one_packet_and_no_complaint(world):
    assert world.begin(world.power.switch_on(world.target("wake-on-lan", simulated=True))) == ["a magic packet was sent"]
    assert len(world.sent) == 1
    assert world.begin(world.power.switch_on(world.target("wake-on-lan", simulated=True, ip=""))) == [""]


def test_without_a_mode_the_plugin_fails_as_that_of_the_reference_server(world):
    world.begin(world.power.switch_on(world.target("")))
    assert world.error() == ("XENAPI_PLUGIN_FAILURE", "main", "HOST_POWER_ON_NOT_CONFIGURED", "")


def test_after_a_script_a_host_has_ten_minutes_to_come_up(world):
    outcome = world.begin(world.power.comes_up(world.target("my-cloud")))
    world.clock.pump([1] * 599)
    assert not outcome
    world.clock.advance(1)
    assert outcome == [False]


def test_a_host_that_comes_up_is_noticed_within_a_second(world):
    outcome = world.begin(world.power.comes_up(world.target("my-cloud")))
    world.clock.advance(30)
    world.live = True
    world.clock.advance(1)
    assert outcome == [True]


def test_waiting_can_be_cut_short(world):
    world.begin(world.power.comes_up(world.target("my-cloud")))
    world.running.cancel()
    assert world.outcome[0].check(defer.CancelledError)
    assert not world.clock.getDelayedCalls()
