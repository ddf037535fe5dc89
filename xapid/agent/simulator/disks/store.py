"""The store itself: every disk's map, who uses which segment, and what is written, shared, compared and given back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import attrs
from twisted.internet.defer import succeed

from xapid.agent.simulator.disks.blocks import (
    BLOCK,
    FULL,
    PIECE,
    PIECES,
    SECTOR,
    Blocks,
    Held,
    Run,
    changed,
    joined,
    of_pieces,
    runs,
    split,
)
from xapid.agent.simulator.disks.maps import Folder, decode, encode
from xapid.agent.simulator.disks.segments import FileSegment, MemorySegment, Segment
from xapid.agent.simulator.disks.upload import Upload

T = TypeVar("T")
EMPTY: Blocks = {}


class InThread(Protocol):
    """Runs a function where it may take its time."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]: ...


def at_once(function: Callable[[], T]) -> Awaitable[T]:
    """Runs it here and now."""
    return succeed(function())


@attrs.frozen(eq=False)
class _Disk:
    sr: str
    blocks: Blocks


class BlockStore:
    """The contents of disks, by uuid of disk and SR.

    Maps are values: they are replaced and never changed, so one that was taken for reading stays as it was.
    """

    def __init__(self, directory: Path | None = None, in_thread: InThread = at_once) -> None:
        """With a directory, everything that was committed there is there again, and nothing else."""
        self.in_thread = in_thread
        self._disks: dict[str, _Disk] = {}
        self._live: Counter[str] = Counter()
        self._number = 0
        self._directory = directory
        self._maps = None if directory is None else Folder(directory / "maps")
        self.forgotten = None if directory is None else Folder(directory / "forgotten")
        if directory is not None and self._maps is not None:
            self._load(directory, self._maps)

    # What there is ----------------------------------------------------------------------------------------------------

    def disks(self, sr: str) -> list[str]:
        """The disks of an SR that are not empty, or were not."""
        return [name for name, disk in self._disks.items() if disk.sr == sr]

    def __contains__(self, disk: str) -> bool:
        return disk in self._disks

    def blocks(self, disk: str) -> Blocks:
        """A disk's map as it is now."""
        found = self._disks.get(disk)
        return EMPTY if found is None else found.blocks

    def stored(self, sr: str) -> int:
        """How many bytes all disks of an SR take, shared ones counted once."""
        return self._live[sr] * BLOCK

    def exclusive(self, disk: str) -> int:
        """How many bytes a disk takes that no other shares."""
        blocks = self.blocks(disk)
        alone = {held.segment for held in blocks.values() if held.segment is not None and len(held.segment.users) == 1}
        return BLOCK * sum(
            held.segment is not None and (held.segment in alone or not self._is_shared(disk, block, held.segment))
            for block, held in blocks.items()
        )

    # Reading ----------------------------------------------------------------------------------------------------------

    def hold(self, disk: str) -> str:
        """Keep a disk's contents as they are now; returns the name under which they can be read until :meth:`release`."""
        found = self._disks.get(disk, _Disk("", EMPTY))
        name = f"{disk}@{self._next()}"
        self._apply(name, found.sr, found.blocks)
        return name

    def release(self, name: str) -> None:
        """What was held is not needed any more."""
        self._apply(name, "", None)

    def read(self, disk: str, offset: int, length: int) -> bytes:
        """Bytes of a disk, or of what is held."""
        blocks = self.blocks(disk)
        whole = blocks.get(offset // BLOCK)
        if whole is not None and whole.segment is not None and whole.mask == FULL and offset % BLOCK + length <= BLOCK:
            return whole.segment.read(offset // BLOCK, offset % BLOCK, length)
        if not blocks:
            return bytes(length)
        data = bytearray(length)
        for block, start, end in split(offset, length):
            held = blocks.get(block)
            if held is not None and held.segment is not None:
                low, high = start // SECTOR, -(-end // SECTOR)
                wanted = held.mask >> low & ((1 << high - low) - 1)
                for at, size in runs(wanted):
                    first, last = max(start, low * SECTOR + at), min(end, low * SECTOR + at + size)
                    to = block * BLOCK + first - offset
                    data[to : to + last - first] = held.segment.read(block, first, last - first)
        return bytes(data)

    def ranges(self, disk: str, base: str = "", start: int = 0) -> Iterator[tuple[int, list[Run]]]:
        """Where a disk has bytes or, with ``base``, other bytes than that one: block by block from ``start``, ascending."""
        blocks, others = self.blocks(disk), self.blocks(base) if base else EMPTY
        for block in sorted(blocks.keys() | others.keys()):
            if (block + 1) * BLOCK > start:
                held = blocks.get(block)
                found = self._differing(block, held, others.get(block)) if base else runs(0 if held is None else held.mask)
                yield block, [(block * BLOCK + at, size) for at, size in found]

    def changes(self, before: str, after: str, size: int) -> bytes:
        """A bit for each 64 KiB of a disk of ``size``, the first one highest: whether it was written since ``before``."""
        bits = bytearray(-(-size // PIECE // 8))
        old, new = self.blocks(before), self.blocks(after)
        for block in old.keys() | new.keys():
            for piece in changed(old.get(block), new.get(block)):
                byte, bit = divmod(block * PIECES + piece, 8)
                if byte < len(bits):
                    bits[byte] |= 0x80 >> bit
        return bytes(bits)

    # Writing ----------------------------------------------------------------------------------------------------------

    def upload(self, sr: str, disk: str, room: Callable[[], float] = lambda: float("inf")) -> Upload:
        """Begin to write to a disk. ``room`` says how many bytes may be taken."""
        return Upload(disk, self.blocks(disk), self._segment(self._next(), sr), room)

    async def commit(self, upload: Upload) -> None:
        """Make an upload the contents of its disk. When this returns they are on stable storage."""
        blocks, segment = upload.result(), upload.segment
        try:
            await self.in_thread(segment.seal)
            await self._save(upload.disk, segment.sr, blocks)
        except BaseException:
            segment.remove()
            raise
        used = sum(held.segment is segment for held in blocks.values())
        if not used:
            segment.remove()
        segment.live = used
        self._live[segment.sr] += used
        self._apply(upload.disk, segment.sr, blocks)

    def abandon(self, upload: Upload) -> None:
        """Give an upload up; nothing of it remains."""
        upload.segment.remove()

    async def share(self, sr: str, disk: str, new: str) -> None:
        """Give a disk ``new`` the contents of ``disk``, in the same SR. If they cannot be kept, it is as it was."""
        blocks, before = self.blocks(disk), self._disks.get(new)
        if blocks or before is not None:
            kept = None if before is None else self.hold(new)
            self._apply(new, sr, blocks)
            try:
                await self._save(new, sr, blocks)
            except BaseException:
                self._apply(new, sr, None if before is None else before.blocks)
                raise
            finally:
                if kept is not None:
                    self.release(kept)

    async def forget_data(self, disk: str) -> None:
        """Give up the contents of a disk, and only keep in mind when each part was written."""
        found = self._disks.get(disk)
        if found is not None:
            ghost = {block: Held(None, 0, held.origins) for block, held in found.blocks.items()}
            await self._save(disk, found.sr, ghost)
            self._apply(disk, found.sr, ghost)

    def remove(self, disk: str) -> int:
        """Take a disk away. Returns how many bytes that freed."""
        found = self._disks.get(disk)
        if found is None:
            return 0
        before = self.stored(found.sr)
        if self._maps is not None:
            self._maps.remove(disk)
        self._apply(disk, found.sr, None)
        return before - self.stored(found.sr)

    # Inside -----------------------------------------------------------------------------------------------------------

    def _load(self, directory: Path, maps: Folder) -> None:
        folder = directory / "segments"
        folder.mkdir(mode=0o700, exist_ok=True)
        segments: dict[int, Segment] = {}
        used: dict[int, set[int]] = {}
        home = ""

        def find(number: int) -> Segment:
            if number not in segments:
                segments[number] = self._segment(number, home)
                used[number] = set()
            return segments[number]

        for name, data in maps.items():
            sr, blocks = decode(data, find)
            self._disks[name] = _Disk(sr, blocks)
            for block, held in blocks.items():
                self._number = max(self._number, held.origins if isinstance(held.origins, int) else max(held.origins))
                if held.segment is not None:
                    held.segment.sr = sr
                    held.segment.users.add(name)
                    used[held.segment.number].add(block)
        for number, segment in segments.items():
            segment.live = len(used[number])
            self._live[segment.sr] += segment.live
            self._number = max(self._number, number)
        for path in folder.iterdir():
            if int(path.name) not in segments:
                path.unlink()

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _segment(self, number: int, sr: str) -> Segment:
        if self._directory is None:
            return MemorySegment(number, sr)
        return FileSegment(self._directory / "segments" / str(number), number, sr)

    async def _save(self, disk: str, sr: str, blocks: Blocks) -> None:
        maps = self._maps
        if maps is not None:
            data = encode(sr, blocks)
            await self.in_thread(lambda: maps.write(disk, data))

    def _apply(self, name: str, sr: str, blocks: Blocks | None) -> None:
        """A disk has another map from now on, or is gone; what nobody uses then is given back."""
        before, after = self.blocks(name), blocks or EMPTY
        if blocks is None:
            self._disks.pop(name, None)
        else:
            self._disks[name] = _Disk(sr, after)
        kept = {held.segment for held in after.values() if held.segment is not None}
        for segment in kept:
            segment.users.add(name)
        for segment in {held.segment for held in before.values() if held.segment is not None} - kept:
            segment.users.discard(name)
            if not segment.users:
                self._live[segment.sr] -= segment.live
                segment.live = 0
                segment.remove()
        for block, held in before.items():
            old, new = held.segment, after.get(block)
            if old is None or not old.users or (new is not None and new.segment is old) or self._is_shared(name, block, old):
                continue
            old.drop(block)
            old.live -= 1
            self._live[old.sr] -= 1

    def _is_shared(self, name: str, block: int, segment: Segment) -> bool:
        """Whether another than ``name`` uses a block of a segment."""
        for user in segment.users:
            held = self._disks[user].blocks.get(block)
            if user != name and held is not None and held.segment is segment:
                return True
        return False

    def _differing(self, block: int, one: Held | None, other: Held | None) -> Iterator[Run]:
        """Where the bytes of two blocks differ."""
        numbers = changed(one, other)
        if not numbers:
            return iter(())
        masks = [0 if held is None or held.segment is None else held.mask for held in (one, other)]
        return joined(
            difference
            for at, size in runs(of_pieces(numbers) & (masks[0] | masks[1]))
            for difference in _compare(at, self._part(block, one, at, size), self._part(block, other, at, size))
        )

    @staticmethod
    def _part(block: int, held: Held | None, at: int, size: int) -> bytes:
        if held is None or held.segment is None:
            return bytes(size)
        data = bytearray(size)
        wanted = held.mask >> at // SECTOR & ((1 << size // SECTOR) - 1)
        for start, length in runs(wanted):
            data[start : start + length] = held.segment.read(block, at + start, length)
        return bytes(data)


def _compare(at: int, one: bytes, other: bytes) -> Iterator[Run]:
    """The sectors in which two pieces of the same size differ, halving where they do."""
    if one == other:
        return
    if len(one) == SECTOR:
        yield at, SECTOR
        return
    half = len(one) // SECTOR // 2 * SECTOR
    yield from _compare(at, one[:half], other[:half])
    yield from _compare(at + half, one[half:], other[half:])
