"""SRs and disks of simulated hosts: sizes, names and rules, over a block store that holds the contents.

Disks live with the :class:`~xapid.agent.simulator.machine.Surroundings`, so hosts of one process share them. What is on record
of them is not kept twice: over a restart, storage of this kind takes over what the caller says when an SR is attached. Contents
are kept, and so is what only the storage knows: disks of which nobody has a record any more. Contents of disks that are neither
on record nor known in that way were never finished, and are removed.
"""

from __future__ import annotations

from typing import Final

import orjson
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from xapid.agent.interface import IStorage
from xapid.agent.simulator.contents import SimulatedContents, is_thick
from xapid.agent.simulator.disks.upload import Full
from xapid.agent.simulator.durations import Durations, passing
from xapid.agent.simulator.machine import SrContents, Surroundings
from xapid.agent.simulator.probing import ISO, check_config, found_at, probe_choices, same_device, ways_on
from xapid.agent.values import AgentFailure, BlockDevice, FoundSr, SrConfig, SrState, VdiSpec, VdiState
from xapid.datamodel.errors import XenAPIError

KIB, MIB = 1 << 10, 1 << 20
LARGEST_VHD = 2040 << 30
LARGEST_QCOW2 = 16 << 40
DEFAULT_SIZE: Final = 1 << 40
"""Of an SR for which nobody says a size."""
_GRAIN = {"lvm": 4 * MIB, "lvmoiscsi": 4 * MIB, "lvmohba": 4 * MIB, "iso": 1, "udev": 1, "dummy": 1}


@implementer(IStorage)
class SimulatedStorage(SimulatedContents):
    """Storage as one simulated host sees it."""

    def __init__(self, clock: IReactorTime, durations: Durations, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self._clock = clock
        self._durations = durations
        self._attached: set[str] = set()
        self.attached: frozenset[str] | set[str] = self._attached
        """The SRs that this host can use."""

    # SRs --------------------------------------------------------------------------------------------------------------

    async def sr_probe(self, type: str, device_config: dict[str, str], sm_config: dict[str, str]) -> list[FoundSr]:
        if type == "gfs2" and (further := ways_on(type, device_config)):
            return further
        probe_choices(type, device_config)
        return found_at(type, device_config, self._srs, self._used)

    async def sr_create(self, sr: SrConfig) -> SrState:
        probe_choices(sr["type"], sr["device_config"])
        for other in self._attached:
            if same_device(sr["type"], sr["device_config"], self._contents(other)):
                raise XenAPIError.relayed("SR_DEVICE_IN_USE")
        await passing(self._clock, self._durations.disk)
        size = sr["physical_size"] or (0 if sr["type"] in ISO else DEFAULT_SIZE)
        self._srs[sr["sr"]] = SrContents(sr["type"], size, device_config=dict(sr["device_config"]), taken_up=True)
        return self._stat(sr["sr"])

    async def sr_attach(self, sr: SrConfig) -> SrState:
        check_config(sr["type"], sr["device_config"])
        await passing(self._clock, self._durations.disk)
        contents = self._srs.setdefault(sr["sr"], SrContents(sr["type"], sr["physical_size"]))
        contents.device_config = dict(sr["device_config"])
        for disk in sr["known"]:
            contents.disks.setdefault(disk["vdi"], self._taken_over(sr["type"], disk))
        if not contents.taken_up:
            contents.taken_up = True
            self._take_up(sr["sr"], contents)
        self._attached.add(sr["sr"])
        return self._stat(sr["sr"])

    async def sr_detach(self, sr: str) -> None:
        disks = self._contents(sr).disks
        busy = [vdi for vdi in disks if vdi in self._in_use] or [up.disk for up in self._uploads.values() if up.disk in disks]
        if busy:
            raise AgentFailure("device_in_use", (busy[0], "the disk is attached"))
        await passing(self._clock, self._durations.disk)
        self._attached.discard(sr)
        self._keep_in_mind(sr, disks.data)

    async def sr_destroy(self, sr: SrConfig) -> None:
        await passing(self._clock, self._durations.disk)
        self._attached.discard(sr["sr"])
        self._srs.pop(sr["sr"], None)
        for vdi in self._blocks.disks(sr["sr"]):
            self._blocks.remove(vdi)
        if self._blocks.forgotten is not None:
            self._blocks.forgotten.remove(sr["sr"])

    async def sr_scan(self, sr: str) -> list[VdiState]:
        if sr not in self._attached:
            raise AgentFailure("no_such_object", ("SR", sr))
        return [disk if vdi not in self._blocks else self._shown(sr, vdi) for vdi, disk in self._contents(sr).disks.items()]

    async def sr_stat(self, sr: str) -> SrState:
        return self._stat(sr)

    # Disks ------------------------------------------------------------------------------------------------------------

    async def vdi_create(self, sr: str, disk: VdiSpec) -> VdiState:
        await passing(self._clock, self._durations.disk)
        return self._add(sr, disk, disk["virtual_size"])

    async def vdi_introduce(self, sr: str, disk: VdiState) -> VdiState:
        return self._contents(sr).disks.setdefault(disk["vdi"], disk)

    async def vdi_destroy(self, sr: str, vdi: str) -> int:
        if any(upload.disk == vdi for upload in self._uploads.values()):
            self._refuse_busy(vdi)
        await passing(self._clock, self._durations.disk)
        contents = self._contents(sr)
        disk = contents.disks.pop(vdi, None)
        self._forget_again(sr, vdi)
        freed = self._blocks.remove(vdi)
        return (0 if is_thick(contents.type) else freed) + (disk["physical_utilisation"] if disk else 0)

    async def vdi_forget(self, sr: str, vdi: str) -> None:
        disks = self._contents(sr).disks
        if vdi in disks:
            self._keep_in_mind(sr, {**self._in_mind(sr), vdi: disks[vdi]})

    async def vdi_clone(self, sr: str, vdi: str, disk: VdiSpec) -> VdiState:
        await passing(self._clock, self._durations.disk)
        return await self._duplicate(sr, vdi, disk)

    async def vdi_snapshot(self, sr: str, vdi: str, disk: VdiSpec) -> VdiState:
        await passing(self._clock, self._durations.disk)
        await self._duplicate(sr, vdi, disk)
        state = self._disk(sr, disk["vdi"])
        state["is_a_snapshot"] = True
        state["snapshot_of"] = vdi
        state["read_only"] = False
        return self._shown(sr, disk["vdi"])

    async def vdi_copy(self, sr: str, vdi: str, to_sr: str, disk: VdiSpec, base: str) -> VdiState:
        await passing(self._clock, self._durations.disk)
        source = self._contents(sr).disks.get(vdi)
        new = disk["vdi"] not in self._contents(to_sr).disks
        if new:
            self._add(to_sr, disk, source["virtual_size"] if source else disk["virtual_size"])
        try:
            await self._copy_contents(vdi, to_sr, disk["vdi"], base)
        except BaseException:
            if new:
                self._contents(to_sr).disks.pop(disk["vdi"], None)
            raise
        return self._shown(to_sr, disk["vdi"])

    async def vdi_revert(self, sr: str, snapshot: str, vdi: str) -> VdiState:
        self._refuse_busy(vdi)
        size = self._disk(sr, snapshot)["virtual_size"]
        await self._blocks.share(sr, snapshot, vdi)
        self._contents(sr).disks[vdi] = VdiState(**{**self._disk(sr, vdi), "virtual_size": size})
        return self._shown(sr, vdi)

    async def vdi_resize(self, sr: str, vdi: str, virtual_size: int) -> VdiState:
        await passing(self._clock, self._durations.disk)
        disk = self._disk(sr, vdi)
        if virtual_size < disk["virtual_size"]:
            raise XenAPIError.relayed("SR_BACKEND_FAILURE_79", "", "the disk cannot be made smaller", "")
        size = self._rounded(sr, virtual_size)
        self._check_room(sr, size, _overhead(self._contents(sr).type, size) - disk["physical_utilisation"])
        used = max(disk["physical_utilisation"], _overhead(self._contents(sr).type, size))
        self._contents(sr).disks[vdi] = VdiState(**{**disk, "virtual_size": size, "physical_utilisation": used})
        return self._shown(sr, vdi)

    async def vdi_set_name(self, sr: str, vdi: str, name: str, description: str) -> None:
        disk = self._contents(sr).disks.get(vdi)
        if disk is not None:
            disk["name"], disk["description"] = name, description

    async def vdi_stat(self, sr: str, vdi: str) -> VdiState:
        return self._shown(sr, vdi)

    async def vdi_attach(self, sr: str, vdi: str, read_only: bool) -> BlockDevice:
        if any(upload.disk == vdi for upload in self._uploads.values()):
            self._refuse_busy(vdi)
        return BlockDevice(driver="simulator", params={"sr": sr, "vdi": vdi, "read_only": "true" if read_only else "false"})

    async def vdi_activate(self, sr: str, vdi: str, read_only: bool) -> None:
        self._in_use.add(vdi)

    async def vdi_deactivate(self, sr: str, vdi: str) -> None:
        self._in_use.discard(vdi)

    async def vdi_detach(self, sr: str, vdi: str) -> None:
        self._in_use.discard(vdi)

    async def vdi_generate_config(self, sr: str, vdi: str) -> str:
        self._disk(sr, vdi)
        return orjson.dumps({"driver": "simulator", "sr": sr, "vdi": vdi}).decode()

    # Inside -----------------------------------------------------------------------------------------------------------

    def _rounded(self, sr: str, size: int) -> int:
        """The size that the storage really gives: whole blocks, at least one."""
        type_ = self._contents(sr).type
        grain = _GRAIN.get(type_, 2 * MIB)
        largest = LARGEST_QCOW2 if type_ == "gfs2" else LARGEST_VHD
        if size < 0 or (grain > 1 and size > largest):
            raise XenAPIError.relayed("SR_BACKEND_FAILURE_79", "", f"a disk has from 0 to {largest} bytes", "")
        return max(grain, -(-size // grain) * grain) if grain > 1 else size

    def _check_room(self, sr: str, virtual_size: int, more: int) -> None:
        """A thin disk does not take its whole size, but one that could never be filled is refused, as backends do."""
        size = self._contents(sr).physical_size
        if size > 0 and (virtual_size > size or more > self._free(sr)):
            raise XenAPIError.relayed("SR_BACKEND_FAILURE_44", "", "there is not enough space on the SR", "")

    def _add(self, sr: str, disk: VdiSpec, size: int) -> VdiState:
        contents = self._contents(sr)
        if disk["vdi"] in contents.disks:
            return contents.disks[disk["vdi"]]
        virtual_size = self._rounded(sr, size)
        used = _overhead(contents.type, virtual_size)
        if contents.physical_size > 0:
            self._check_room(sr, virtual_size, used)
        state = VdiState(
            vdi=disk["vdi"], location=disk["vdi"], name=disk["name"], description=disk["description"], type=disk["type"],
            virtual_size=virtual_size, physical_utilisation=used, read_only=disk["read_only"], is_a_snapshot=False,
            snapshot_of="", sm_config=dict(disk["sm_config"]),
        )  # fmt: skip
        contents.disks[disk["vdi"]] = state
        return state

    async def _duplicate(self, sr: str, vdi: str, disk: VdiSpec) -> VdiState:
        source = self._contents(sr).disks.get(vdi)
        new = disk["vdi"] not in self._contents(sr).disks
        self._add(sr, disk, source["virtual_size"] if source else disk["virtual_size"])
        if new:
            try:
                await self._blocks.share(sr, vdi, disk["vdi"])
            except BaseException:
                self._contents(sr).disks.pop(disk["vdi"], None)
                raise
        return self._shown(sr, disk["vdi"])

    async def _copy_contents(self, vdi: str, to_sr: str, to: str, base: str) -> None:
        """The sectors that ``vdi`` has, or those that ``base`` does not have in the same way, go to ``to``."""
        source, kept = self._blocks.hold(vdi), self._blocks.hold(base) if base else ""
        name = self._begin(to_sr, to)
        upload = self._upload(name)

        def work() -> None:
            for _, ranges in self._blocks.ranges(source, kept):
                for offset, size in ranges:
                    upload.write(offset, self._blocks.read(source, offset, size), sparse=False)

        try:
            await self._blocks.in_thread(work)
            await self.vdi_commit(name)
        except Full:
            raise AgentFailure("no_space", (to_sr, str(upload.taken), str(self._free(to_sr)))) from None
        finally:
            await self.vdi_abandon(name)
            for held in (source, kept):
                self._blocks.release(held)

    def _stat(self, sr: str) -> SrState:
        contents = self._contents(sr)
        return SrState(
            physical_size=contents.physical_size,
            physical_utilisation=self._used(sr),
            virtual_allocation=contents.disks.virtual_size,
            clustered=False,
        )

    # What is kept of disks that are not on record ---------------------------------------------------------------------

    def _taken_over(self, type_: str, disk: VdiState) -> VdiState:
        """A disk that is on record. What its contents take is counted by the block store."""
        used = _overhead(type_, disk["virtual_size"]) if disk["vdi"] in self._blocks else disk["physical_utilisation"]
        return VdiState(**{**disk, "physical_utilisation": used})

    def _take_up(self, sr: str, contents: SrContents) -> None:
        """After a restart: find the disks that were forgotten, and remove contents that were never finished."""
        for vdi, disk in self._in_mind(sr).items():
            contents.disks.setdefault(vdi, disk)
        for vdi in self._blocks.disks(sr):
            if vdi not in contents.disks:
                self._blocks.remove(vdi)

    def _in_mind(self, sr: str) -> dict[str, VdiState]:
        kept = None if self._blocks.forgotten is None else self._blocks.forgotten.read(sr)
        found: dict[str, VdiState] = {} if kept is None else orjson.loads(kept)
        return found

    def _keep_in_mind(self, sr: str, disks: dict[str, VdiState]) -> None:
        if self._blocks.forgotten is not None:
            if disks:
                self._blocks.forgotten.write(sr, orjson.dumps(disks))
            else:
                self._blocks.forgotten.remove(sr)

    def _forget_again(self, sr: str, vdi: str) -> None:
        in_mind = self._in_mind(sr)
        if in_mind.pop(vdi, None) is not None:
            self._keep_in_mind(sr, in_mind)


def _overhead(type_: str, virtual_size: int) -> int:
    """What a disk takes besides its contents: a volume its whole size, block map and bitmaps; a file its block map alone."""
    blocks = -(-virtual_size // (2 * MIB))
    block_map = -(-(3 * KIB + 4 * blocks) // (4 * KIB)) * 4 * KIB
    if is_thick(type_):
        return virtual_size + block_map + 4 * KIB * blocks
    return min(virtual_size, block_map)
