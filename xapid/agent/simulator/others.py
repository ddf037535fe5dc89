"""The smaller parts of a simulated host: interfaces, power, figures and plugins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zope.interface import implementer

from xapid.agent.interface import INetwork, IPlugins, IPower
from xapid.agent.simulator.durations import PROFILES, Durations
from xapid.agent.simulator.machine import Machine, Surroundings
from xapid.agent.values import (
    AgentFailure,
    BridgeConfig,
    Errand,
    PifAddress,
    PifConfig,
    PifState,
    RemoteHost,
)
from xapid.datamodel.errors import XenAPIError


@implementer(INetwork)
class SimulatedNetwork:
    """Interfaces that always have a link, and bridges that are names."""

    def __init__(self, machine: Machine, surroundings: Surroundings) -> None:
        self._machine = machine
        self._surroundings = surroundings
        self.bridges: set[str] = set()
        self.snooping: dict[str, bool] = {}
        """Bridges, and whether they look who wants packets for groups."""
        self.plugged: set[str] = set()

    async def scan_pifs(self) -> list[PifState]:
        return list(self._machine.pifs)

    async def bridge_up(self, network: BridgeConfig) -> None:
        self.bridges.add(network["bridge"])
        self.snooping[network["bridge"]] = network["igmp_snooping"]

    async def bridge_down(self, bridge: str) -> None:
        self.bridges.discard(bridge)

    async def pif_plug(self, pif: PifConfig) -> PifAddress:
        self.plugged.add(pif["pif"])
        self.bridges.add(pif["bridge"])
        if pif["ip_mode"] == "DHCP":
            ip = self._surroundings.addresses.lease(pif["network"], pif["mac"])
            network = ip.rsplit(".", 2)[0]
            return PifAddress(carrier=True, ip=ip, netmask="255.255.0.0", gateway=f"{network}.0.1", dns=f"{network}.0.1")
        return PifAddress(carrier=True, ip=pif["ip"], netmask=pif["netmask"], gateway=pif["gateway"], dns=pif["dns"])

    async def pif_unplug(self, pif: PifConfig) -> None:
        self.plugged.discard(pif["pif"])


class Process(Protocol):
    """The process in which a host is simulated, where it is that host's alone."""

    def begin_anew(self) -> None:
        """Start again, a moment from now."""

    def end(self) -> None:
        """Stop, a moment from now."""


@implementer(IPower)
class SimulatedPower:
    """Power that is a set of names: hosts of the same process are switched on and off with it.

    A host that has a ``process`` of its own takes that along: it ends with the power or the agent, and starts anew with them.
    """

    def __init__(
        self, host: str, surroundings: Surroundings, went_off: Callable[[], None], durations: Durations = PROFILES["instant"]
    ) -> None:
        self._host = host
        self._surroundings = surroundings
        self._went_off = went_off
        self._durations = durations
        self.process: Process | None = None

    async def power_on(self, remote: RemoteHost) -> str:
        if not remote["mode"]:
            raise AgentFailure("not_supported", ("power_on without a mode",))
        self._surroundings.switched_off.discard(remote["host"])
        return ""

    async def power_status(self, remote: RemoteHost) -> str:
        return "off" if remote["host"] in self._surroundings.switched_off else "on"

    async def reboot(self) -> float | None:
        self._went_off()
        return self._begin_anew(self._durations.boot)

    async def shutdown(self) -> None:
        self._went_off()
        await self.shutdown_agent()

    async def restart_agent(self) -> float | None:
        return self._begin_anew(self._durations.restart)

    async def shutdown_agent(self) -> None:
        self._surroundings.switched_off.add(self._host)
        if self.process is not None:
            self.process.end()

    def _begin_anew(self, usual: float) -> float | None:
        if self.process is None:
            return usual
        self.process.begin_anew()
        return None


@implementer(IPlugins)
class SimulatedPlugins:
    """A host without plugins and hooks."""

    async def call(self, plugin: str, function: str, args: dict[str, str], errand: Errand) -> str:
        raise XenAPIError("XENAPI_MISSING_PLUGIN", plugin)

    async def extend(self, name: str, params: list[Any], errand: Errand) -> Any:
        raise XenAPIError("MESSAGE_METHOD_UNKNOWN", name)

    async def has_extension(self, name: str) -> bool:
        return False

    async def has_hook(self, name: str) -> bool:
        return False

    async def run_hook(self, name: str, args: dict[str, str], errand: Errand) -> None:
        """There is nothing to run."""

    async def cancel(self, number: str) -> None:
        """Nothing runs."""

    async def list_plugins(self) -> list[str]:
        return []
