"""A simulated host with nothing around it, and time in hand."""

from __future__ import annotations

import attrs
import pytest
from zope.interface import implementer

from xapid.agent.interface import IAgentObserver
from xapid.agent.simulator import PROFILES, Machine, SimulatedHost, Surroundings
from xapid.agent.values import DiskConfig, NicConfig, VmConfig
from xapid.testing.virtual_time import VirtualClock

GIB = 1 << 30


@implementer(IAgentObserver)
@attrs.define
class Heard:
    """Notes what agents tell."""

    domains: list = attrs.field(factory=list)
    reports: list = attrs.field(factory=list)

    def domain_changed(self, host, state, cause):
        self.domains.append((host, state["vm"], state["power"], cause))

    def guest_reported(self, host, report):
        self.reports.append((host, report))

    def carrier_changed(self, host, device, carrier):
        raise AssertionError("simulated links never fail")


@attrs.define
class Place:
    """Hosts, what they tell, and their clock."""

    clock: VirtualClock
    heard: Heard
    surroundings: Surroundings
    profile: str = "instant"

    def host(self, uuid="host-1", memory=16 * GIB):
        machine = Machine(hostname=uuid, memory_total=memory, memory_overhead=0)
        return SimulatedHost(uuid, self.clock, self.heard, machine, self.surroundings, PROFILES[self.profile])

    def now(self, working, patience=3600.0):
        return self.clock.wait_for(working, patience)


@pytest.fixture
def place():
    return Place(VirtualClock(), Heard(), Surroundings())


@pytest.fixture
def vm():
    def make(uuid="vm-1", **changes):
        config = VmConfig(
            uuid=uuid, name="a guest", domain_type="hvm", memory_static_max=GIB, memory_dynamic_max=GIB,
            memory_dynamic_min=GIB // 2, vcpus_max=2, vcpus=1, vcpus_params={}, firmware="bios", boot_order="cd", pv_boot={},
            platform={}, other_config={}, xenstore_data={}, bios_strings={}, nvram={}, on_shutdown="destroy",
            on_reboot="restart", on_crash="restart",
            disks=[a_disk()],
            nics=[a_nic()],
        )  # fmt: skip
        config.update(changes)
        return config

    return make


@pytest.fixture
def disk():
    return a_disk


def a_disk(vbd="vbd-1", device="0", vdi="vdi-1"):
    return DiskConfig(
        vbd=vbd, device=device, type="Disk", read_only=False, bootable=True, sr="sr-1", vdi=vdi, location=vdi, virtual_size=GIB
    )


@pytest.fixture
def nic():
    return a_nic


def a_nic(vif="vif-1", device="0", mac="02:00:00:00:00:01", network="net-1", addresses=()):
    return NicConfig(
        vif=vif, device=device, mac=mac, mtu=1500, network=network, bridge="xenbr0", locking_mode="unlocked",
        ipv4_allowed=[], ipv6_allowed=[], addresses=list(addresses),
    )  # fmt: skip
