"""Maps of disks as files, each replaced whole and on stable storage before it counts.

``segments/N`` holds the bytes of segment N, ``maps/UUID`` the map of a disk, ``forgotten/UUID`` what an SR holds that nobody
may have on record. A disk without a map is empty.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from xapid.agent.simulator.disks.blocks import FULL, Blocks, Held
from xapid.agent.simulator.disks.segments import Segment

Find = Callable[[int], Segment]
"""Gives the segment of a number."""


def encode(sr: str, blocks: Blocks) -> bytes:
    """The map of a disk, with what is whole and in a row told in short."""
    rows: list[list[int]] = []
    rest: list[Any] = []
    for block in sorted(blocks):
        held = blocks[block]
        segment = held.segment
        if segment is None or held.mask != FULL or held.origins != segment.number:
            rest.append([block, None if segment is None else segment.number, f"{held.mask:x}", held.origins])
        elif rows and rows[-1][2] == segment.number and rows[-1][0] + rows[-1][1] == block:
            rows[-1][1] += 1
        else:
            rows.append([block, 1, segment.number])
    return orjson.dumps({"sr": sr, "rows": rows, "rest": rest})


def decode(data: bytes, find: Find) -> tuple[str, Blocks]:
    """The SR of a disk, and its map."""
    found = orjson.loads(data)
    blocks: Blocks = {}
    for first, count, number in found["rows"]:
        whole = Held(find(number), FULL, number)
        blocks |= dict.fromkeys(range(first, first + count), whole)
    for block, number, mask, origins in found["rest"]:
        segment = None if number is None else find(number)
        blocks[block] = Held(segment, int(mask, 16), origins if isinstance(origins, int) else tuple(origins))
    return found["sr"], blocks


class Folder:
    """Small files in one directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """Which there are. What a former life left unfinished is removed."""
        for half in self._path.glob("*.new"):
            half.unlink()
        return [path.name for path in self._path.iterdir()]

    def read(self, name: str) -> bytes | None:
        """One of them, if it is there."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    def items(self) -> Iterator[tuple[str, bytes]]:
        """All of them."""
        for name in self.names():
            yield name, (self._path / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Put one there, or another in its place. Returns when it is on stable storage; may be called in a thread."""
        path = self._path / name
        new = path.with_name(f"{name}.new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, name: str) -> None:
        """Take one away, if it is there."""
        (self._path / name).unlink(missing_ok=True)
