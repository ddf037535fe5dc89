"""Reading, writing and comparing simulated disks: the part of simulated storage that deals in bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

from xapid.agent.simulator.disks import BlockStore, Upload
from xapid.agent.simulator.disks.blocks import BLOCK, PIECE, joined
from xapid.agent.simulator.disks.upload import Full
from xapid.agent.simulator.machine import SrContents, Surroundings
from xapid.agent.values import AgentFailure, Extents, VdiState
from xapid.datamodel.errors import XenAPIError

SUMMED_WHOLE: Final = 1 << 30
"""The largest disk whose checksum is that of all its bytes: a second's work. Of larger ones it is that of what is not zero."""
_AT_ONCE: Final = 32
"""How many blocks are compared, or (times eight) looked up, before others get a turn."""


class SimulatedContents:
    """What is on the disks of the SRs of ``surroundings``."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._srs = surroundings.srs
        self._blocks: BlockStore = surroundings.blocks
        self._uploads: dict[str, Upload] = surroundings.uploads
        self._in_use: set[str] = set()
        self._sizes: dict[str, int] = {}
        """Of what is open, by the names that :meth:`vdi_open` gave."""
        self._begun: set[str] = set()
        """Uploads that somebody asked for, and that are not over."""

    # Reading ----------------------------------------------------------------------------------------------------------

    async def vdi_open(self, sr: str, vdi: str) -> str:
        size = self._disk(sr, vdi)["virtual_size"]
        name = self._blocks.hold(vdi)
        self._sizes[name] = size
        return name

    async def vdi_extents(self, opened: str, base: str, start: int) -> Extents:
        size = self._size_of(opened)
        if base:
            self._size_of(base)
        ranges: list[tuple[int, int]] = []
        limit = _AT_ONCE if base else 8 * _AT_ONCE
        for number, (block, found) in enumerate(self._blocks.ranges(opened, base, start)):
            if number == limit:
                return Extents(ranges=_clipped(ranges, start, size), next=block * BLOCK)
            ranges += found
        return Extents(ranges=_clipped(ranges, start, size), next=size)

    async def vdi_read(self, opened: str, offset: int, length: int) -> bytes:
        self._size_of(opened)
        return self._blocks.read(opened, offset, length)

    async def vdi_close(self, opened: str) -> None:
        if self._sizes.pop(opened, None) is not None:
            self._blocks.release(opened)

    async def vdi_checksum(self, sr: str, vdi: str) -> str:
        opened = await self.vdi_open(sr, vdi)
        try:
            return await self._blocks.in_thread(self._summing(opened, self._size_of(opened)))
        finally:
            await self.vdi_close(opened)

    def _summing(self, opened: str, size: int) -> Callable[[], str]:
        def work() -> str:
            digest = hashlib.md5(usedforsecurity=False)
            for offset, data in self._all_of(opened, size) if size <= SUMMED_WHOLE else self._what_is_not_zero(opened, size):
                digest.update(data if offset is None else offset.to_bytes(8) + data)
            return digest.hexdigest()

        return work

    def _all_of(self, opened: str, size: int) -> Iterator[tuple[None, bytes]]:
        for offset in range(0, size, BLOCK):
            yield None, self._blocks.read(opened, offset, min(BLOCK, size - offset))

    def _what_is_not_zero(self, opened: str, size: int) -> Iterator[tuple[int, bytes]]:
        """By pieces, so that it does not matter which of them are zeroes because they were never written."""
        yield size, b""
        for block, _ in self._blocks.ranges(opened):
            for offset in range(block * BLOCK, min((block + 1) * BLOCK, size), PIECE):
                data = self._blocks.read(opened, offset, min(PIECE, size - offset))
                if data != bytes(len(data)):
                    yield offset, data

    # Writing ----------------------------------------------------------------------------------------------------------

    async def vdi_begin(self, sr: str, vdi: str) -> str:
        name = self._begin(sr, vdi)
        self._begun.add(name)
        return name

    def _begin(self, sr: str, vdi: str) -> str:
        self._disk(sr, vdi)
        self._refuse_busy(vdi)
        upload = self._blocks.upload(sr, vdi, lambda: self._room(sr))
        name = f"{vdi}#{upload.segment.number}"
        self._uploads[name] = upload
        return name

    async def vdi_write(self, upload: str, offset: int, data: bytes) -> None:
        going = self._upload(upload)
        sr = going.segment.sr
        if offset < 0 or offset + len(data) > self._disk(sr, going.disk)["virtual_size"]:
            raise AgentFailure("refused", (f"{len(data)} bytes at {offset} do not fit on disk {going.disk}",))
        try:
            going.write(offset, data)
        except Full:
            raise AgentFailure("no_space", (sr, str(BLOCK), "0")) from None

    async def vdi_commit(self, upload: str) -> VdiState:
        going = self._upload(upload)
        try:
            await self._blocks.commit(going)
        finally:
            self._uploads.pop(upload, None)
            self._begun.discard(upload)
        return self._shown(going.segment.sr, going.disk)

    async def vdi_abandon(self, upload: str) -> None:
        self._begun.discard(upload)
        going = self._uploads.pop(upload, None)
        if going is not None:
            self._blocks.abandon(going)

    async def release_all(self) -> None:
        for upload in list(self._begun):
            await self.vdi_abandon(upload)
        for opened in list(self._sizes):
            await self.vdi_close(opened)

    # What was written when --------------------------------------------------------------------------------------------

    async def vdi_track(self, sr: str, vdi: str, enabled: bool) -> None:
        """The block store knows of every disk."""
        self._disk(sr, vdi)

    async def vdi_changes(self, sr: str, vdi_from: str, vdi_to: str) -> bytes:
        before, after = self._disk(sr, vdi_from), self._disk(sr, vdi_to)
        if not _related(before, after):
            raise _untold("the disks have no past in common")
        if before["virtual_size"] > after["virtual_size"]:
            raise _untold("the later disk is the smaller one")
        return self._blocks.changes(vdi_from, vdi_to, after["virtual_size"])

    async def vdi_data_destroy(self, sr: str, vdi: str) -> VdiState:
        disk = self._disk(sr, vdi)
        self._refuse_busy(vdi)
        await self._blocks.forget_data(vdi)
        self._contents(sr).disks[vdi] = VdiState(**{**disk, "type": "cbt_metadata", "physical_utilisation": 0})
        return self._shown(sr, vdi)

    # For the rest of simulated storage --------------------------------------------------------------------------------

    def _contents(self, sr: str) -> SrContents:
        return self._srs.setdefault(sr, SrContents("", 0))

    def _disk(self, sr: str, vdi: str) -> VdiState:
        disk = self._contents(sr).disks.get(vdi)
        if disk is None:
            raise AgentFailure("no_such_object", ("VDI", vdi))
        return disk

    def _shown(self, sr: str, vdi: str) -> VdiState:
        """A disk as it is now, with what its contents take."""
        disk = self._disk(sr, vdi)
        if vdi not in self._blocks or is_thick(self._contents(sr).type):
            return disk
        return VdiState(**{**disk, "physical_utilisation": disk["physical_utilisation"] + self._blocks.exclusive(vdi)})

    def _used(self, sr: str) -> int:
        """How many bytes an SR holds, uploads that go on not counted."""
        contents = self._contents(sr)
        stored = 0 if is_thick(contents.type) else self._blocks.stored(sr)
        return stored + contents.disks.physical_utilisation

    def _free(self, sr: str) -> float:
        """How many bytes are left."""
        contents = self._contents(sr)
        return contents.physical_size - self._used(sr) if contents.physical_size > 0 else float("inf")

    def _room(self, sr: str) -> float:
        """How many bytes an upload may take. Disks that are volumes have taken all that they will when they are made."""
        return float("inf") if is_thick(self._contents(sr).type) else self._free(sr)

    def _refuse_busy(self, vdi: str) -> None:
        """Errors: device_in_use, for disks that are written to."""
        if vdi in self._in_use or any(upload.disk == vdi for upload in self._uploads.values()):
            raise AgentFailure("device_in_use", (vdi, "the disk is being written to"))

    def _upload(self, name: str) -> Upload:
        found = self._uploads.get(name)
        if found is None:
            raise AgentFailure("no_such_object", ("upload", name))
        return found

    def _size_of(self, opened: str) -> int:
        size = self._sizes.get(opened)
        if size is None:
            raise AgentFailure("no_such_object", ("VDI", opened))
        return size


def is_thick(type_: str) -> bool:
    """Whether disks of such an SR take their whole size at once."""
    return type_.startswith(("lvm", "iscsi", "hba"))


def _clipped(ranges: list[tuple[int, int]], start: int, size: int) -> list[tuple[int, int]]:
    cut = ((max(offset, start), min(offset + length, size)) for offset, length in joined(ranges))
    return [(offset, end - offset) for offset, end in cut if end > offset]


def _related(one: VdiState, other: VdiState) -> bool:
    return (one["snapshot_of"] or one["vdi"]) == (other["snapshot_of"] or other["vdi"])


def _untold(why: str) -> XenAPIError:
    return XenAPIError.relayed("SR_BACKEND_FAILURE_460", "", "The changed blocks between these disks are not known", why)
