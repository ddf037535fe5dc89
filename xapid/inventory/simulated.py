"""The agents of simulated hosts, with the hardware that the records of the hosts show."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from xapid.agent.interface import IAgentObserver, ICertificates, IPlugins
from xapid.agent.simulator.durations import PROFILES
from xapid.agent.simulator.host import SimulatedHost
from xapid.agent.simulator.machine import Machine, Surroundings
from xapid.agent.values import PifState
from xapid.config import Config
from xapid.database import Database, Row
from xapid.inventory.processors import cpu_info

PluginsOf = Callable[[str], IPlugins]
"""The plugins of the host with this uuid."""
CertificatesOf = Callable[[str, str], ICertificates | None]
"""The certificates of the host with this uuid, which answers at this address; None: made-up ones that nobody sees."""


def simulated_host(
    db: Database,
    row: Row,
    clock: IReactorTime,
    observer: IAgentObserver,
    surroundings: Surroundings,
    config: Config,
    number: int = 0,
    plugins: PluginsOf | None = None,
    certificates: CertificatesOf = lambda host, address: None,
) -> SimulatedHost:
    """An agent that simulates the host of ``row``, the ``number``-th of this process, with the hardware that its record shows;
    processors that ``config`` names are put in instead. Only its plugins and certificates are real.
    """
    processors = dict(row.cpu_info)
    if config.processors:
        name = config.processors[number % len(config.processors)]
        processors = cpu_info(name, int(processors.get("cpu_count", "1")), int(processors.get("socket_count", "1")))
    metrics = db.get("host_metrics", row.metrics)
    machine = Machine(
        hostname=row.hostname,
        memory_total=metrics.memory_total,
        memory_overhead=row.memory_overhead,
        cpus=int(processors.get("cpu_count", "1")),
        sockets=int(processors.get("socket_count", "1")),
        cpu_info=processors,
        boot_time=clock.seconds(),
        pifs=tuple(_physical(db, db.get("PIF", ref)) for ref in row.PIFs if db.get("PIF", ref).physical),
        software_version=dict(row.software_version),
    )
    own = None if plugins is None else plugins(row.uuid)
    shown = certificates(row.uuid, row.address)
    return SimulatedHost(row.uuid, clock, observer, machine, surroundings, PROFILES[config.duration_profile], own, shown)


def _physical(db: Database, pif: Row) -> PifState:
    metrics = db.table("PIF_metrics").find(pif.metrics)
    return PifState(
        device=pif.device,
        mac=pif.MAC,
        mtu=pif.MTU,
        carrier=metrics is None or metrics.carrier,
        speed=1000 if metrics is None else metrics.speed,
        duplex=True,
        vendor="" if metrics is None else metrics.vendor_name,
        model="" if metrics is None else metrics.device_name,
        pci_bus_path="" if metrics is None else metrics.pci_bus_path,
    )
