"""SRs and disks of simulated hosts: sizes and names, without the data.

Disks live with the :class:`~xapid.agent.simulator.machine.Surroundings`, so hosts of one process share them. Storage of this
kind keeps nothing over a restart; it takes over what the caller has on record when an SR is attached.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from xapid.agent.interface import IStorage
from xapid.agent.simulator.durations import Durations, passing
from xapid.agent.simulator.machine import SrContents, Surroundings
from xapid.agent.values import AgentFailure, BlockDevice, FoundSr, SrConfig, SrState, VdiSpec, VdiState
from xapid.datamodel.errors import XenAPIError

MIB = 1 << 20
LARGEST_VHD = 2040 << 30
_GRAIN = {"lvm": 4 * MIB, "lvmoiscsi": 4 * MIB, "lvmohba": 4 * MIB, "iso": 1, "udev": 1, "dummy": 1}


@implementer(IStorage)
class SimulatedStorage:
    """Storage as one simulated host sees it."""

    def __init__(self, clock: IReactorTime, durations: Durations, surroundings: Surroundings) -> None:
        self._clock = clock
        self._durations = durations
        self._srs = surroundings.srs
        self._attached: set[str] = set()
        self._in_use: set[str] = set()

    async def sr_probe(self, type: str, device_config: dict[str, str], sm_config: dict[str, str]) -> list[FoundSr]:
        return [FoundSr(
            sr="", name="", device_config=dict(device_config), complete=True, total_space=0, free_space=0, extra={"type": type},
        )]  # fmt: skip

    async def sr_create(self, sr: SrConfig) -> SrState:
        await passing(self._clock, self._durations.disk)
        self._srs[sr["sr"]] = SrContents(sr["type"], sr["physical_size"])
        return self._stat(sr["sr"])

    async def sr_attach(self, sr: SrConfig) -> SrState:
        await passing(self._clock, self._durations.disk)
        contents = self._srs.setdefault(sr["sr"], SrContents(sr["type"], sr["physical_size"]))
        for disk in sr["known"]:
            contents.disks.setdefault(disk["vdi"], disk)
        self._attached.add(sr["sr"])
        return self._stat(sr["sr"])

    async def sr_detach(self, sr: str) -> None:
        busy = [vdi for vdi in self._contents(sr).disks if vdi in self._in_use]
        if busy:
            raise AgentFailure("device_in_use", (busy[0], "the disk is attached"))
        await passing(self._clock, self._durations.disk)
        self._attached.discard(sr)

    async def sr_destroy(self, sr: SrConfig) -> None:
        await passing(self._clock, self._durations.disk)
        self._attached.discard(sr["sr"])
        self._srs.pop(sr["sr"], None)

    async def sr_scan(self, sr: str) -> list[VdiState]:
        if sr not in self._attached:
            raise AgentFailure("no_such_object", ("SR", sr))
        return list(self._contents(sr).disks.values())

    async def sr_stat(self, sr: str) -> SrState:
        return self._stat(sr)

    async def vdi_create(self, sr: str, disk: VdiSpec) -> VdiState:
        await passing(self._clock, self._durations.disk)
        return self._add(sr, disk, disk["virtual_size"], _empty_utilisation(self._contents(sr).type, disk["virtual_size"]))

    async def vdi_introduce(self, sr: str, disk: VdiState) -> VdiState:
        return self._contents(sr).disks.setdefault(disk["vdi"], disk)

    async def vdi_destroy(self, sr: str, vdi: str) -> None:
        await passing(self._clock, self._durations.disk)
        self._contents(sr).disks.pop(vdi, None)

    async def vdi_clone(self, sr: str, vdi: str, disk: VdiSpec) -> VdiState:
        await passing(self._clock, self._durations.disk)
        source = self._contents(sr).disks.get(vdi)
        size = source["virtual_size"] if source else disk["virtual_size"]
        return self._add(sr, disk, size, _empty_utilisation(self._contents(sr).type, size))

    async def vdi_snapshot(self, sr: str, vdi: str, disk: VdiSpec) -> VdiState:
        await passing(self._clock, self._durations.disk)
        source = self._contents(sr).disks.get(vdi)
        size = source["virtual_size"] if source else disk["virtual_size"]
        state = self._add(sr, disk, size, _empty_utilisation(self._contents(sr).type, size))
        state["is_a_snapshot"] = True
        state["snapshot_of"] = vdi
        state["read_only"] = False
        return state

    async def vdi_copy(self, sr: str, vdi: str, to_sr: str, disk: VdiSpec, base: str) -> VdiState:
        await passing(self._clock, self._durations.disk)
        source = self._contents(sr).disks.get(vdi)
        existing = self._contents(to_sr).disks.get(disk["vdi"])
        used = source["physical_utilisation"] if source else 0
        if existing is not None:
            existing["physical_utilisation"] = max(used, existing["physical_utilisation"])
            return existing
        return self._add(to_sr, disk, source["virtual_size"] if source else disk["virtual_size"], used)

    async def vdi_revert(self, sr: str, snapshot: str, vdi: str) -> VdiState:
        raise AgentFailure("not_supported", ("vdi_revert",))

    async def vdi_resize(self, sr: str, vdi: str, virtual_size: int) -> VdiState:
        await passing(self._clock, self._durations.disk)
        disk = self._disk(sr, vdi)
        if virtual_size < disk["virtual_size"]:
            raise XenAPIError.relayed("SR_BACKEND_FAILURE_79", "", "the disk cannot be made smaller", "")
        disk["virtual_size"] = self._rounded(sr, virtual_size)
        return disk

    async def vdi_set_name(self, sr: str, vdi: str, name: str, description: str) -> None:
        disk = self._contents(sr).disks.get(vdi)
        if disk is not None:
            disk["name"], disk["description"] = name, description

    async def vdi_stat(self, sr: str, vdi: str) -> VdiState:
        return self._disk(sr, vdi)

    async def vdi_attach(self, sr: str, vdi: str, read_only: bool) -> BlockDevice:
        return BlockDevice(driver="simulator", params={"sr": sr, "vdi": vdi, "read_only": "true" if read_only else "false"})

    async def vdi_activate(self, sr: str, vdi: str, read_only: bool) -> None:
        self._in_use.add(vdi)

    async def vdi_deactivate(self, sr: str, vdi: str) -> None:
        self._in_use.discard(vdi)

    async def vdi_detach(self, sr: str, vdi: str) -> None:
        self._in_use.discard(vdi)

    def _contents(self, sr: str) -> SrContents:
        return self._srs.setdefault(sr, SrContents("", 0))

    def _disk(self, sr: str, vdi: str) -> VdiState:
        disk = self._contents(sr).disks.get(vdi)
        if disk is None:
            raise AgentFailure("no_such_object", ("VDI", vdi))
        return disk

    def _rounded(self, sr: str, size: int) -> int:
        """The size that the storage really gives: whole blocks, at least one."""
        type_ = self._contents(sr).type
        grain = _GRAIN.get(type_, 2 * MIB)
        if grain > 1 and size > LARGEST_VHD:
            raise XenAPIError.relayed("SR_BACKEND_FAILURE_79", "", f"a disk can have at most {LARGEST_VHD} bytes", "")
        return max(grain, -(-size // grain) * grain) if grain > 1 else size

    def _add(self, sr: str, disk: VdiSpec, size: int, used: int) -> VdiState:
        contents = self._contents(sr)
        if disk["vdi"] in contents.disks:
            return contents.disks[disk["vdi"]]
        virtual_size = self._rounded(sr, size)
        free = contents.physical_size - sum(d["physical_utilisation"] for d in contents.disks.values())
        # A thin disk does not take its whole size, but one that could never be filled is refused, as backends do.
        if contents.physical_size > 0 and max(used, virtual_size if virtual_size > contents.physical_size else 0) > free:
            raise XenAPIError.relayed("SR_BACKEND_FAILURE_44", "", "there is not enough space on the SR", "")
        state = VdiState(
            vdi=disk["vdi"], location=disk["vdi"], name=disk["name"], description=disk["description"], type=disk["type"],
            virtual_size=virtual_size, physical_utilisation=used, read_only=disk["read_only"], is_a_snapshot=False,
            snapshot_of="", sm_config=dict(disk["sm_config"]),
        )  # fmt: skip
        contents.disks[disk["vdi"]] = state
        return state

    def _stat(self, sr: str) -> SrState:
        contents = self._contents(sr)
        return SrState(
            physical_size=contents.physical_size,
            physical_utilisation=sum(disk["physical_utilisation"] for disk in contents.disks.values()),
            virtual_allocation=sum(disk["virtual_size"] for disk in contents.disks.values()),
            clustered=False,
        )


def _empty_utilisation(type_: str, virtual_size: int) -> int:
    """What a fresh disk takes: a volume its whole size and block map, a file the block map alone."""
    metadata = 4 * MIB * (virtual_size >> 30 or 1) // 2
    if type_.startswith("lvm"):
        return virtual_size + metadata
    return min(virtual_size, metadata)
