"""Figures of a simulated host: series that look like life, and are the same for the same moment and the same objects.

Every object has a load of its own, between 0 and 1, which drifts over hours and flutters from one moment to the next; what is
measured of it follows from that: a busy VM uses its processors, its disks and its interfaces together. Names are those of
:mod:`xapid.stats.sources`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from math import sin
from typing import Final
from zlib import crc32

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from xapid.agent.interface import IMetrics, IStorage
from xapid.agent.simulator.hypervisor import Domain, SimulatedHypervisor, device_name
from xapid.agent.simulator.machine import Machine
from xapid.agent.values import AgentFailure, HostFacts, HostSample

KIB: Final = 1024
MIB: Final = 1 << 20
REQUEST: Final = 16 * KIB
"""Bytes that a simulated request to a disk moves."""
CONTROL_DOMAIN_VCPUS: Final = 4
CONTROL_DOMAIN_MEMORY: Final = 4 << 30


def seed(name: str) -> int:
    """What makes the series of an object differ from those of others."""
    return crc32(name.encode())


def load(now: float, number: int) -> float:
    """How busy something is, from 0 to 1."""
    moment = int(now) // 5
    flutter = ((moment * 2654435761 ^ number * 40503) >> 7 & 1023) / 1023
    drift = sin(now / (1700 + number % 4093)) + sin(now / (160 + number % 211) + number % 628 / 100)
    return 0.02 + 0.2 * (drift + 2) + 0.1 * flutter


@lru_cache(maxsize=1024)
def _disk_names(device: str) -> tuple[str, ...]:
    kinds = (
        "read", "write", "read_latency", "write_latency", "iops_read", "iops_write", "iops_total", "io_throughput_read",
        "io_throughput_write", "io_throughput_total", "iowait", "inflight", "avgqu_sz",
    )  # fmt: skip
    return tuple(f"vbd_{device}_{kind}" for kind in kinds)


@lru_cache(maxsize=1024)
def _nic_names(device: str) -> tuple[str, ...]:
    return tuple(f"vif_{device}_{kind}" for kind in ("rx", "tx", "rx_errors", "tx_errors"))


@lru_cache(maxsize=64)
def _cpu_names(count: int) -> tuple[str, ...]:
    return tuple(f"cpu{number}" for number in range(count))


def _processors(busy: float, now: float, number: int, count: int) -> dict[str, float]:
    """Figures of the virtual processors of a VM that is so busy."""
    figures = {name: busy * (0.7 + 0.3 * sin(now / 37 + index * 2 + number)) for index, name in enumerate(_cpu_names(count))}
    usage = sum(figures.values()) / count if count else 0.0
    contended = usage * 0.02
    figures["cpu_usage"] = usage
    figures["runstate_fullrun"] = usage * usage
    figures["runstate_full_contention"] = contended * usage
    figures["runstate_concurrency_hazard"] = contended
    figures["runstate_partial_run"] = usage * (1 - usage) * 0.9
    figures["runstate_partial_contention"] = contended * 0.5
    figures["runstate_blocked"] = 1 - usage * usage - contended * (usage + 1.5) - usage * (1 - usage) * 0.9
    figures["runnable_any"] = contended * (usage + 1.5)
    figures["runnable_vcpus"] = contended * count
    return figures


def vm_figures(now: float, domain: Domain) -> dict[str, float]:
    """Figures of one VM. One that is paused only takes room."""
    config = domain.config
    number = seed(config["uuid"])
    busy = 0.0 if domain.paused else load(now, number)
    memory = float(domain.memory)
    figures = _processors(busy, now, number, domain.vcpus)
    figures["memory"] = memory
    figures["memory_target"] = memory
    if domain.guest.has_agent:
        figures["memory_internal_free"] = memory / KIB * (0.75 - 0.6 * busy)
    figures["numa_nodes"] = 1.0
    figures["memory_numa_node_0"] = memory
    for nic in config["nics"]:
        received, sent, received_badly, sent_badly = _nic_names(nic["device"])
        figures[received] = 400e3 * busy * busy
        figures[sent] = 150e3 * busy * busy
        figures[received_badly] = figures[sent_badly] = 0.0
    for disk in config["disks"]:
        if disk["vdi"]:
            figures |= disk_figures(busy, device_name(disk["device"]), disk["read_only"])
    return figures


def disk_figures(busy: float, device: str, read_only: bool) -> dict[str, float]:
    """Figures of one disk of a VM that is so busy."""
    read, written = 2e6 * busy * busy, 0.0 if read_only else 3e6 * busy * busy
    reads, writes = read / REQUEST, written / REQUEST
    latency = 200 + 3000 * busy
    return dict(
        zip(
            _disk_names(device),
            (
                read, written, latency, latency * 1.5, reads, writes, reads + writes, read / MIB, written / MIB,
                (read + written) / MIB, busy * 0.2, busy * 2, busy,
            ),
            strict=True,
        )
    )  # fmt: skip


@implementer(IMetrics)
class SimulatedMetrics:
    """What is measured on a simulated host. ``storage`` and ``attached`` tell of its SRs."""

    def __init__(
        self,
        clock: IReactorTime,
        machine: Machine,
        hypervisor: SimulatedHypervisor,
        storage: IStorage,
        attached: Collection[str],
        send_logs: Callable[[str, str], None] = lambda name, destination: None,
    ) -> None:
        self._clock = clock
        self._machine = machine
        self._send_logs = send_logs
        self._hypervisor = hypervisor
        self._storage = storage
        self._attached = attached

    async def facts(self) -> HostFacts:
        return self._machine.facts(self._hypervisor.memory_used)

    async def send_logs(self, name: str, destination: str) -> None:
        self._send_logs(name, destination)

    async def sample(self) -> HostSample:
        now = self._clock.seconds()
        number = seed(self._machine.hostname)
        domains = self._hypervisor.running()
        vms = {domain.config["uuid"]: vm_figures(now, domain) for domain in domains}
        busy = load(now, number)
        control_domain = _processors(busy / 2, now, number, CONTROL_DOMAIN_VCPUS)
        control_domain["memory"] = control_domain["memory_target"] = float(CONTROL_DOMAIN_MEMORY)
        control_domain["memory_internal_free"] = CONTROL_DOMAIN_MEMORY / KIB * (0.7 - 0.2 * busy)
        srs = {sr: figures for sr in list(self._attached) if (figures := await self._of_sr(sr, busy)) is not None}
        return HostSample(
            time=now, host=self._of_host(now, busy, domains, vms, srs), control_domain=control_domain, vms=vms, srs=srs
        )

    def _of_host(
        self,
        now: float,
        busy: float,
        domains: list[Domain],
        vms: dict[str, dict[str, float]],
        srs: dict[str, dict[str, float]],
    ) -> dict[str, float]:
        machine = self._machine
        facts = machine.facts(self._hypervisor.memory_used)
        used = sum(domain.vcpus * vms[domain.config["uuid"]]["cpu_usage"] for domain in domains) / max(1, machine.cpus)
        level = min(1.0, 0.03 + 0.1 * busy + used)
        number = seed(machine.hostname)
        figures = {
            name: min(1.0, level * (0.8 + 0.2 * sin(now / 29 + index + number)))
            for index, name in enumerate(_cpu_names(machine.cpus))
        }
        figures["cpu_avg"] = sum(figures.values()) / max(1, len(figures))
        figures["hostload"] = level
        figures["loadavg"] = 0.1 + busy
        figures["running_vcpus"] = float(sum(domain.vcpus for domain in domains) + CONTROL_DOMAIN_VCPUS)
        figures["running_domains"] = len(domains) + 1.0
        figures["memory_total_kib"] = facts["memory_total"] / KIB
        figures["memory_free_kib"] = max(0, facts["memory_free"] - CONTROL_DOMAIN_MEMORY) / KIB
        figures["memory_reclaimed"] = figures["memory_reclaimed_max"] = 0.0
        figures["xapi_memory_usage_kib"] = 180000 + 20000 * busy
        figures["xapi_free_memory_kib"] = 20000 + 10000 * (1 - busy)
        figures["xapi_live_memory_kib"] = 90000 + 10000 * busy
        figures["xapi_allocation_kib"] = 400 + 2000 * busy
        figures["xapi_open_fds"] = 60.0
        self._add_interfaces(figures, busy, domains, vms)
        for sr, of_sr in srs.items():
            _add_sr(figures, sr, of_sr, busy)
        figures["Tapdisks_in_low_memory_mode"] = 0.0
        figures["DCMI-power-reading"] = 180 + 220 * level
        return figures

    def _add_interfaces(
        self, figures: dict[str, float], busy: float, domains: list[Domain], vms: dict[str, dict[str, float]]
    ) -> None:
        """The guests' traffic goes through the first interface, with some of the host's own."""
        from_guests = to_guests = 0.0
        for domain in domains:
            of_vm = vms[domain.config["uuid"]]
            for nic in domain.config["nics"]:
                rx, tx, _, _ = _nic_names(nic["device"])
                to_guests, from_guests = to_guests + of_vm[rx], from_guests + of_vm[tx]
        received = sent = 0.0
        for index, pif in enumerate(self._machine.pifs):
            device = pif["device"]
            into = 3e4 * busy + (to_guests if index == 0 else 0.0)
            out = 2e4 * busy + (from_guests if index == 0 else 0.0)
            figures[f"pif_{device}_rx"], figures[f"pif_{device}_tx"] = into, out
            figures[f"pif_{device}_rx_errors"] = figures[f"pif_{device}_tx_errors"] = 0.0
            received, sent = received + into, sent + out
        figures["pif_aggr_rx"], figures["pif_aggr_tx"] = received, sent

    async def _of_sr(self, sr: str, busy: float) -> dict[str, float] | None:
        try:
            state = await self._storage.sr_stat(sr)
        except AgentFailure:
            return None
        own = busy * load(self._clock.seconds(), seed(sr))
        read, written = (1.5 * own, 2.5 * own) if state["physical_size"] > 0 else (0.0, 0.0)
        return {
            "size": float(state["physical_size"]), "physical_utilisation": float(state["physical_utilisation"]),
            "virtual_allocation": float(state["virtual_allocation"]),
            "io_throughput_read": read, "io_throughput_write": written, "io_throughput_total": read + written,
            "iops_read": read * 64, "iops_write": written * 64, "iops_total": (read + written) * 64,
        }  # fmt: skip


def _add_sr(figures: dict[str, float], sr: str, of_sr: dict[str, float], busy: float) -> None:
    """What the host moves to and from an SR, whose name here is the first eight digits of its uuid."""
    short = sr[:8]
    for name in ("io_throughput_read", "io_throughput_write", "io_throughput_total", "iops_read", "iops_write", "iops_total"):
        figures[f"{name}_{short}"] = of_sr[name]
    figures[f"iowait_{short}"] = 0.1 * busy
    figures[f"latency_{short}"] = 0.5 + 4 * busy
    figures[f"inflight_{short}"] = 3 * busy
    figures[f"read_{short}"] = of_sr["io_throughput_read"] * MIB
    figures[f"write_{short}"] = of_sr["io_throughput_write"] * MIB
    figures[f"sr_{sr}_cache_size"] = figures[f"sr_{sr}_cache_hits"] = figures[f"sr_{sr}_cache_misses"] = 0.0
