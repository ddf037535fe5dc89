"""Segments: where one upload put its bytes. They are written once, and shrink as disks cease to use their blocks.

A block lies in its segment where it lies on the disk; the files are sparse.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final, Protocol

from xapid.agent.simulator.disks.blocks import BLOCK

_KEEP_SIZE, _PUNCH_HOLE = 1, 2


class Segment(Protocol):
    """What one upload wrote."""

    number: int
    sr: str
    live: int
    """How many of its blocks disks use."""
    users: set[str]
    """The disks that use any of it."""

    def write(self, block: int, at: int, data: bytes | memoryview) -> None:
        """Put bytes into a block. Only while the upload goes on."""

    def read(self, block: int, at: int, length: int) -> bytes:
        """What was written there, and zeroes around it."""

    def drop(self, block: int) -> None:
        """Nobody uses a block any more."""

    def seal(self) -> None:
        """The upload is over. Returns when the bytes are on stable storage; may be called in a thread."""

    def remove(self) -> None:
        """Nobody uses any block any more."""


class MemorySegment:
    """One that is gone with the process."""

    def __init__(self, number: int, sr: str) -> None:
        self.number, self.sr = number, sr
        self.live = 0
        self.users: set[str] = set()
        self._blocks: dict[int, bytearray] = {}

    def write(self, block: int, at: int, data: bytes | memoryview) -> None:
        held = self._blocks.setdefault(block, bytearray())
        if len(held) < at:
            held.extend(bytes(at - len(held)))
        held[at : at + len(data)] = data

    def read(self, block: int, at: int, length: int) -> bytes:
        data = bytes(self._blocks.get(block, b"")[at : at + length])
        return data if len(data) == length else data.ljust(length, b"\0")

    def drop(self, block: int) -> None:
        self._blocks.pop(block, None)

    def seal(self) -> None:
        """Nothing to do."""

    def remove(self) -> None:
        self._blocks.clear()


class FileSegment:
    """One that lies in a sparse file."""

    def __init__(self, path: Path, number: int, sr: str) -> None:
        self.number, self.sr = number, sr
        self.live = 0
        self.users: set[str] = set()
        self._path = path
        self._writing: int | None = None

    def write(self, block: int, at: int, data: bytes | memoryview) -> None:
        if self._writing is None:
            self._writing = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        offset, rest = block * BLOCK + at, memoryview(data)
        while rest:
            written = os.pwrite(self._writing, rest, offset)
            offset, rest = offset + written, rest[written:]

    def read(self, block: int, at: int, length: int) -> bytes:
        file = self._writing
        if file is None:
            try:
                file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return bytes(length)
        try:
            data = os.pread(file, length, block * BLOCK + at)
        finally:
            if file != self._writing:
                os.close(file)
        return data if len(data) == length else data.ljust(length, b"\0")

    def drop(self, block: int) -> None:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            _punch(file, block * BLOCK, BLOCK)
        finally:
            os.close(file)

    def seal(self) -> None:
        file, self._writing = self._writing, None
        if file is not None:
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def remove(self) -> None:
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None
        self._path.unlink(missing_ok=True)


def _punch(file: int, offset: int, length: int) -> None:
    """Give a part of a file back. File systems that cannot do that keep it until the file goes."""
    if _fallocate is not None:
        _fallocate(file, _PUNCH_HOLE | _KEEP_SIZE, ctypes.c_int64(offset), ctypes.c_int64(length))


_fallocate: Final = getattr(ctypes.CDLL(None), "fallocate64", None)
