"""A simulated host: the agent that a daemon uses when nobody gave it a better one."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import count

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from xapid.agent.certificates import HostCertificates, Verification
from xapid.agent.interface import (
    IAgentObserver,
    ICertificates,
    IConsoles,
    IHostAgent,
    IHypervisor,
    IMetrics,
    INetwork,
    IPlugins,
    IPower,
    IStorage,
)
from xapid.agent.simulator.console import SimulatedConsoles
from xapid.agent.simulator.durations import PROFILES, Durations
from xapid.agent.simulator.figures import SimulatedMetrics
from xapid.agent.simulator.hypervisor import SimulatedHypervisor
from xapid.agent.simulator.machine import Machine, Surroundings
from xapid.agent.simulator.others import (
    Process,
    SimulatedNetwork,
    SimulatedPlugins,
    SimulatedPower,
)
from xapid.agent.simulator.storage import SimulatedStorage
from xapid.certificates import pair
from xapid.certificates.pair import Certificate
from xapid.certificates.shown import Shown
from xapid.certificates.trusted import TrustStore


@implementer(IHostAgent)
class SimulatedHost:
    """A host whose VMs, disks and interfaces behave, and cost nothing.

    Any part may be given a driver of another kind, which is how real ones are tried out one at a time.
    """

    def __init__(
        self,
        uuid: str,
        clock: IReactorTime,
        observer: IAgentObserver,
        machine: Machine,
        surroundings: Surroundings,
        durations: Durations = PROFILES["instant"],
        plugins: IPlugins | None = None,
        certificates: ICertificates | None = None,
    ) -> None:
        self.uuid = uuid
        self.machine = machine
        domains = SimulatedHypervisor(uuid, clock, machine, durations, surroundings.addresses, observer)
        self.hypervisor: IHypervisor = domains
        storage = SimulatedStorage(clock, durations, surroundings)
        self.storage: IStorage = storage
        self.network: INetwork = SimulatedNetwork(machine, surroundings)
        self._power = SimulatedPower(uuid, surroundings, domains.power_off, durations)
        self.power: IPower = self._power
        send_logs = partial(_send_logs, surroundings, uuid)
        self.metrics: IMetrics = SimulatedMetrics(clock, machine, domains, storage, storage.attached, send_logs)
        self.plugins: IPlugins = plugins if plugins is not None else SimulatedPlugins()
        self.certificates: ICertificates = certificates if certificates is not None else _certificates(uuid, clock)
        self.consoles: IConsoles = SimulatedConsoles(clock, machine, domains)

    def belongs_to(self, process: Process | None) -> None:
        """The host goes down and comes back with this process."""
        self._power.process = process


def _send_logs(surroundings: Surroundings, host: str, name: str, destination: str) -> None:
    surroundings.send_logs(host, name, destination)


def _certificates(uuid: str, clock: IReactorTime) -> HostCertificates:
    """Certificates in memory, made when somebody looks, that nobody is shown."""
    numbers = count()

    def make(kind: str) -> Certificate:
        return _made_up(kind, uuid, int(clock.seconds()), next(numbers))

    server, internal = Shown(lambda: make("server")), Shown(lambda: make("internal"))
    return HostCertificates(server, internal, TrustStore(None), Verification())


@lru_cache(maxsize=64)
def _made_up(kind: str, uuid: str, seconds: int, number: int) -> Certificate:
    """The same hosts at the same time have the same: keys cannot be seeded, and simulations should be repeatable."""
    now = datetime.fromtimestamp(seconds, UTC)
    return pair.internal(uuid, now) if kind == "internal" else pair.self_signed([uuid], now)
