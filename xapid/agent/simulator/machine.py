"""What a simulated host is made of, and what the simulated hosts of a pool share."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Mapping

import attrs

from xapid.agent.simulator.disks import BlockStore, Upload
from xapid.agent.simulator.guest import AddressPlan
from xapid.agent.values import HostFacts, PifState, VdiState

GIB = 1 << 30

GROUPS = ("hypervisor", "storage", "network", "power", "metrics", "plugins", "certificates")
_FEATURES = "1fcbfbff-f7fa3223-2d93fbff-00000023-00000001-000007ab-00000000-00000000-00001000-9c000400"

_PROCESSOR = {
    "vendor": "GenuineIntel", "speed": "2400.000", "modelname": "Simulated CPU at 2.40 GHz", "family": "6", "model": "85",
    "stepping": "7", "flags": "fpu de tsc msr pae mce cx8 apic sep mtrr mca cmov pat clflush mmx fxsr sse sse2 ht nx lm",
    "features_pv": _FEATURES, "features_hvm": _FEATURES, "features_pv_host": _FEATURES, "features_hvm_host": _FEATURES,
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Machine:
    """The hardware and the software of a host."""

    hostname: str
    memory_total: int = 64 * GIB
    memory_overhead: int = 1 * GIB
    """What the hypervisor keeps for itself; the control domain is counted apart."""
    cpus: int = 16
    sockets: int = 2
    cpu_info: Mapping[str, str] = attrs.field(factory=dict)
    """What it says of its processors, besides how many there are."""
    boot_time: float = 0.0
    pifs: tuple[PifState, ...] = ()
    software_version: dict[str, str] = attrs.field(factory=dict)
    bios_strings: dict[str, str] = attrs.field(
        factory=lambda: {
            "bios-vendor": "xapid", "bios-version": "1.0", "system-manufacturer": "xapid",
            "system-product-name": "Simulated host", "system-version": "1",
            "system-serial-number": "0", "oem-1": "Xen", "hp-rombios": "",
        }
    )  # fmt: skip

    def facts(self, memory_used: int) -> HostFacts:
        """What the host says of itself when so much memory is in use."""
        return HostFacts(
            hostname=self.hostname,
            cpu_info={**_PROCESSOR, **self.cpu_info, "cpu_count": str(self.cpus), "socket_count": str(self.sockets)},
            cpu_configuration={},
            software_version=dict(self.software_version),
            bios_strings=dict(self.bios_strings),
            capabilities=["xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64"],
            memory_total=self.memory_total,
            memory_overhead=self.memory_overhead,
            memory_free=max(0, self.memory_total - self.memory_overhead - memory_used),
            boot_time=self.boot_time,
            drivers=dict.fromkeys(GROUPS, "simulator"),
        )  # fmt: skip


class Disks(UserDict[str, VdiState]):
    """Disks by uuid, and the sums of their sizes. A disk whose sizes change is put in anew, not changed in place."""

    def __init__(self, disks: Mapping[str, VdiState] | None = None) -> None:
        self.virtual_size = 0
        self.physical_utilisation = 0
        super().__init__(disks)

    def __setitem__(self, vdi: str, disk: VdiState) -> None:
        self._count(self.data.get(vdi), -1)
        self._count(disk, 1)
        self.data[vdi] = disk

    def __delitem__(self, vdi: str) -> None:
        self._count(self.data.pop(vdi), -1)

    def _count(self, disk: VdiState | None, times: int) -> None:
        if disk is not None:
            self.virtual_size += times * disk["virtual_size"]
            self.physical_utilisation += times * disk["physical_utilisation"]


@attrs.define
class SrContents:
    """An SR: its size and its disks by uuid."""

    type: str
    physical_size: int
    disks: Disks = attrs.field(factory=Disks)
    """Their ``physical_utilisation`` is what they take besides their contents, which the block store counts."""
    device_config: dict[str, str] = attrs.field(factory=dict)
    taken_up: bool = False
    """Whether what a former life left of it has been taken up."""


@attrs.define(eq=False)
class Surroundings:
    """What simulated hosts of one process have in common: shared storage, networks with addresses, and electric power."""

    addresses: AddressPlan = attrs.field(factory=AddressPlan)
    srs: dict[str, SrContents] = attrs.field(factory=dict)
    switched_off: set[str] = attrs.field(factory=set)
    """uuids of hosts without power, or whose agent was ended: switching them on brings either back."""
    blocks: BlockStore = attrs.field(factory=BlockStore)
    """What is on the disks."""
    send_logs: Callable[[str, str, str], None] = lambda host, name, destination: None
    """Has what a host logs sent to a collector: its uuid, its name, and the collector or nothing."""
    uploads: dict[str, Upload] = attrs.field(factory=dict)
    """What is being written, by the names of the uploads."""
