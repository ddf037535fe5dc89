"""Contents of disks leaving and entering in the formats that clients know.

Serves ``/export_raw_vdi`` and ``/import_raw_vdi``. Neither direction holds more than some pieces of a disk. What was uploaded
is on the disk when its last byte has come and proved right, or the disk stays as it was. What an upload does not mention stays
on the disk in any case, so that an image of changes can be put on a copy of what it was taken against.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, Final, Literal

import attrs
from twisted.internet.task import deferLater

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP
from xapid.formats.chunks import read_chunks, write_chunks
from xapid.formats.ends import BadImage, Sink, TooSmall
from xapid.formats.qcow2 import read_qcow2, write_qcow2
from xapid.formats.raw import read_raw, read_records, write_raw
from xapid.formats.vhd import LARGEST, Parent, read_vhd, write_vhd
from xapid.operations import disk_contents
from xapid.operations.context import Context
from xapid.operations.disk_contents import Reader, Writer
from xapid.xva.streams import ByteStream, Read, Truncated

Format = Literal["raw", "vhd", "tar", "qcow2"]
FORMATS: Final[dict[str, Format]] = {"raw": "raw", "vhd": "vhd", "tar": "tar", "qcow2": "qcow2"}
_TURN_AFTER: Final = 8 << 20
"""So many bytes are moved before others get a turn, where nothing else makes us wait."""


# Out --------------------------------------------------------------------------------------------------------------------


async def give_out(context: Context, disk: Row, format_: Format, base: Row | None) -> AsyncIterator[bytes]:
    """A disk, piece by piece, none of which is empty; with ``base`` only what differs from it, in the formats that can say so.

    Errors: VDI_TOO_LARGE, TASK_CANCELLED, and what reading fails with.
    """
    if format_ == "vhd" and disk.virtual_size > LARGEST:
        raise XenAPIError("VDI_TOO_LARGE", disk.ref, str(LARGEST))
    kept = base if format_ in ("vhd", "qcow2") else None
    turn = _Turns(context)
    async with disk_contents.reading(context.db, context.services.agents, disk, kept) as reader:
        with context.task.cancellable():
            followed = _Followed(context, reader)
            async for piece in _pieces(context, followed, disk, format_, kept):
                context.task.check_cancelled()
                yield piece
                await turn.after(len(piece))


def _pieces(context: Context, reader: _Followed, disk: Row, format_: Format, base: Row | None) -> AsyncIterator[bytes]:
    match format_:
        case "vhd":
            parent = None if base is None else Parent(base.uuid, f"{base.uuid}.vhd")
            return write_vhd(reader, disk.uuid, context.now().timestamp(), parent)
        case "qcow2":
            return write_qcow2(reader, "" if base is None else f"{base.uuid}.qcow2")
        case "tar":
            return write_chunks(reader)
    return write_raw(reader)


@attrs.frozen
class _Followed:
    """A reader whose progress the task shows."""

    _context: Context
    _reader: Reader

    @property
    def size(self) -> int:
        return self._reader.size

    def extents(self) -> AsyncIterator[tuple[int, int]]:
        return self._reader.extents()

    async def read(self, offset: int, length: int) -> bytes:
        self._context.task.progress(min(offset, self.size) / (self.size or 1))
        return await self._reader.read(offset, length)


# In ---------------------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Incoming:
    """An upload. ``length`` is what was announced, None if nothing was; ``cut_off`` says, at its end, whether it broke off."""

    read: Read
    cut_off: Callable[[], bool]
    format: Format
    records: bool
    length: int | None


async def take_in(context: Context, incoming: Incoming, disk: Row) -> str:
    """Put an upload on a disk. Returns its reference. Errors: VDI_IO_ERROR, VDI_TOO_SMALL, VDI_IN_USE, no room."""
    return await _written(context, incoming, disk_contents.writing(context.db, context.services.agents, disk), disk.ref)


async def take_in_new(context: Context, incoming: Incoming, sr: Row, size: int) -> str:
    """Make a disk on ``sr`` of a raw upload. Returns its reference. Errors: as :func:`take_in`."""
    made = disk_contents.making(
        context, sr, size, name_label="Imported VDI", type="user", sharable=False, read_only=False,
        other_config=EMPTY_MAP.with_item("content_id", context.ids.uuid()),
    )  # fmt: skip
    return await _written(context, incoming, made, "")


async def _written(context: Context, incoming: Incoming, target: AbstractAsyncContextManager[Writer], ref: str) -> str:
    progress = _Progress(context, incoming)
    try:
        async with target as writer:
            with context.task.cancellable():
                await _read(context, incoming, ByteStream(progress.read), writer)
                progress.assert_complete()
                context.task.check_cancelled()
            return await writer.commit()
    except Truncated as problem:
        raise XenAPIError.relayed("VDI_IO_ERROR", "the upload ended early") from problem
    except BadImage as problem:
        raise XenAPIError.relayed("VDI_IO_ERROR", str(problem)) from problem
    except TooSmall as problem:
        raise XenAPIError("VDI_TOO_SMALL", ref, str(problem.needed)) from problem


async def _read(context: Context, incoming: Incoming, stream: ByteStream, sink: Sink) -> None:
    match incoming.format:
        case "vhd":
            await read_vhd(stream, sink)
        case "tar":
            await read_chunks(stream, sink)
        case "qcow2":
            await _read_spooled(context, stream, sink)
        case _ if incoming.records:
            await read_records(stream, sink)
        case _:
            if not await read_raw(stream, sink):
                raise Truncated


async def _read_spooled(context: Context, stream: ByteStream, sink: Sink) -> None:
    """An image whose parts may be anywhere is first put into a file, which nobody else sees."""
    with _spool(context.config.state_directory) as file:
        length = 0
        while data := await stream.some():
            file.write(data)
            length += len(data)
        turns = _Turns(context)
        await read_qcow2(file, length, sink, lambda: turns.after(1 << 16))


def _spool(directory: Path | None) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=directory)


class _Progress:
    """Reads an upload for the task, and knows whether all of it came."""

    def __init__(self, context: Context, incoming: Incoming) -> None:
        self._task = context.task
        self._read = incoming.read
        self._length = incoming.length
        self._cut_off = incoming.cut_off
        self._done = 0

    async def read(self) -> bytes:
        self._task.check_cancelled()
        data = await self._read()
        self._done += len(data)
        if self._length:
            self._task.progress(self._done / self._length)
        return data

    def assert_complete(self) -> None:
        """Raises Truncated. What follows the end of an image does not matter."""
        if self._cut_off() or (self._length is not None and self._done < self._length):
            raise Truncated


class _Turns:
    """Gives others a turn now and then."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._moved = 0

    async def after(self, moved: int) -> None:
        """So much was moved."""
        self._moved += moved
        if self._moved >= _TURN_AFTER:
            self._moved = 0
            turn: Awaitable[None] = deferLater(self._clock, 0)
            await turn
