"""Archives as files: one for each object, with all of its rows, which a later process goes on from.

A file is a magic word, a head in JSON, the rows of the rings one after the other as little-endian doubles, and a checksum of it
all. What cannot be read is no file: history that is lost is a gap, and no reason not to start.
"""

from __future__ import annotations

import os
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from xapid.stats.archive import Archive, Function, Ring
from xapid.stats.store import Series

_MAGIC: Final = b"XSTATS1\n"
_KINDS: Final = ("host", "vm", "sr")


class Folder:
    """The files of one state directory. Its methods but :meth:`packed` may be called in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Iterator[Series]:
        """What was kept of every object."""
        if not self.path.is_dir():
            return
        for file in sorted(self.path.iterdir()):
            kind, _, uuid = file.name.partition("-")
            series = unpacked(file.read_bytes()) if kind in _KINDS and file.is_file() else None
            if series is not None and (series.kind, series.uuid) == (kind, uuid):
                yield series

    def save(self, packed: Iterable[tuple[str, bytes]]) -> None:
        """Put files in place of those that are there. After a power cut some may be those of before, or unreadable."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        for name, data in packed:
            new = self.path / f".{name}.new"
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
                file.write(data)
            new.replace(self.path / name)

    def clear(self, names: Iterable[str]) -> None:
        """Remove all files but those of these names."""
        kept = set(names)
        for file in self.path.iterdir() if self.path.is_dir() else ():
            if file.name not in kept:
                file.unlink(missing_ok=True)


def name_of(series: Series) -> str:
    """What the file of an object's archives is called."""
    return f"{series.kind}-{series.uuid}"


def packed(series: Series) -> bytes:
    """The archives of an object as they are now."""
    archive = series.archive
    rings: list[Ring] = []
    chains: dict[str, list[int]] = {}
    for function in archive.functions:
        for ring in archive.rings(function):
            if not any(ring is other for other in rings):
                rings.append(ring)
        chains[function] = [next(n for n, other in enumerate(rings) if other is ring) for ring in archive.rings(function)]
    rows = [ring.span(ring.last - ring.step * ring.rows, ring.last) for ring in rings]
    head: dict[str, Any] = {
        "kind": series.kind,
        "uuid": series.uuid,
        "host": series.host,
        "asked": sorted(series.asked),
        "time": series.time,
        "names": archive.names,
        "updated": archive.updated,
        "chains": chains,
        "rings": [[ring.step, ring.capacity, ring.last, len(data)] for ring, data in zip(rings, rows, strict=True)],
    }
    body = b"".join((_MAGIC, orjson.dumps(head), b"\n", *map(_little, rows)))
    return body + zlib.crc32(body).to_bytes(4)


def unpacked(data: bytes) -> Series | None:
    """What :func:`packed` made a file of, or nothing if it is none, or one of another layout."""
    body = data[:-4]
    if not body.startswith(_MAGIC) or zlib.crc32(body).to_bytes(4) != data[-4:]:
        return None
    line, _, rows = body[len(_MAGIC) :].partition(b"\n")
    head = orjson.loads(line)
    functions: tuple[Function, ...] = tuple(head["chains"])
    archive = Archive(head["names"], head["updated"], functions)
    if _layout(archive) != [[head["rings"][number][:2] for number in chain] for chain in head["chains"].values()]:
        return None
    at = 0
    for number, (_, _, last, length) in enumerate(head["rings"]):
        values = array("d", rows[at : at + 8 * length])
        if sys.byteorder == "big":
            values.byteswap()
        at += 8 * length
        for function, chain in head["chains"].items():
            if number in chain:
                archive.rings(function)[chain.index(number)].refill(last, values)
    archive.updated = head["updated"]
    newest = archive.rings(functions[0])[0].row(archive.updated)
    if newest is not None:
        archive.latest = tuple(newest)
    return Series(head["kind"], head["uuid"], head["host"], archive, {}, head["time"], set(head["asked"]))


def _layout(archive: Archive) -> list[list[list[int]]]:
    return [[[ring.step, ring.capacity] for ring in archive.rings(function)] for function in archive.functions]


def _little(values: array[float]) -> bytes:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()
