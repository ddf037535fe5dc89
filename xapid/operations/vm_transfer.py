"""VMs leaving and entering as archives, as streams of bytes.

Serves ``/export``, ``/import``, ``/export_metadata``, ``/import_metadata`` and ``VM.import``. Neither direction holds more than
a chunk of a disk. What was imported shows all at once when the last byte has been verified, or never.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Final

import attrs

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import disk_contents
from xapid.operations.context import Context
from xapid.operations.disk_contents import Reader, Writer
from xapid.operations.vm_archive import Collection, Extent, api_version
from xapid.operations.vm_import import Import, Request
from xapid.xva import archive, document, tar
from xapid.xva.archive import DOCUMENT, Archive
from xapid.xva.checksums import Missing
from xapid.xva.compression import PLAIN, Compressor, Method, compressor
from xapid.xva.streams import Read

METHODS: Final[dict[str, Method]] = {"true": "gzip", "gzip": "gzip", "zstd": "zstd"}
"""What ``use_compression`` says → how. Anything else: not at all."""


def packing(method: Method) -> Compressor:
    """What compresses an export. Errors: OPERATION_NOT_ALLOWED, where a package is missing for it."""
    try:
        return compressor(method)
    except Missing as missing:
        raise XenAPIError("OPERATION_NOT_ALLOWED", str(missing)) from missing


async def export(context: Context, vm: Row, packer: Compressor, *, power_state: bool) -> AsyncIterator[bytes]:
    """A VM with its disks, piece by piece, none of them empty. Errors: TASK_CANCELLED, what reading the disks fails with."""
    collection = Collection(context.db, [vm], Extent(power_state=power_state))
    total, done = sum(disk.virtual_size for disk in collection.disks.values()) or 1, 0
    packing = _Packing(context, packer)
    if packed := await packing.compress(archive.member(DOCUMENT, collection.document(context.now()))):
        yield packed
    for name, disk in collection.disks.items():
        async with disk_contents.reading(context.db, context.services.agents, disk) as reader:
            async for reached, members in archive.chunks(_source(name, reader)):
                context.task.check_cancelled()
                if packed := await packing.compress(members):
                    yield packed
                context.task.progress((done + reached) / total)
        done += disk.virtual_size
    yield await packing.compress([tar.END]) + packer.flush()


@attrs.frozen
class _Packing:
    """Compresses in a thread: others are served meanwhile."""

    _context: Context
    _packer: Compressor

    async def compress(self, parts: Sequence[bytes]) -> bytes:
        whole = b"".join(parts)
        if self._packer is PLAIN:
            return whole
        return await self._context.services.run(lambda: self._packer.compress(whole))


def _source(name: str, reader: Reader) -> archive.Disk:
    return archive.Disk(name, reader.size, reader.read, reader.extents())


def export_metadata(context: Context, vms: Iterable[Row], extent: Extent) -> bytes:
    """An archive of VMs without their disks."""
    data = Collection(context.db, vms, extent).document(context.now())
    return b"".join([*archive.member(DOCUMENT, data), tar.END])


async def take_in(context: Context, read: Read, request: Request) -> tuple[str, ...]:
    """Make the VMs of an archive, which ``read`` gives; returns their references.

    With ``force``, checksums are passed over, and what has been made stays if something fails later. Errors: IMPORT_ERROR and
    its kin, TASK_CANCELLED, those of :meth:`Import.create`, those of the storage.
    """
    incoming = Archive(read, context.services.run, force=request.force)
    objects = document.read(await incoming.document(), api_version(context.db))
    work = Import(context, objects, request)
    try:
        with context.task.cancellable():
            await work.create()
            _objects_are_there(context)
            await _fill(context, incoming, work, keep=request.force)
    except BaseException:
        if request.force and work.vms:
            work.finish()
        else:
            await work.undo()
        raise
    work.finish()
    return tuple(work.vms)


async def _fill(context: Context, incoming: Archive, work: Import, *, keep: bool) -> None:
    """Put the contents of the disks where they belong; with ``keep`` also as much as there was of damaged ones."""
    db, sizes = context.db, work.sizes
    total, done = sum(sizes.values()) or 1, 0
    writers: dict[str, Writer] = {}
    async with AsyncExitStack() as stack:
        try:
            async for chunk in incoming.chunks(sizes):
                context.task.check_cancelled()
                writer = writers.get(chunk.disk)
                if writer is None:
                    disk = db.get("VDI", work.targets[chunk.disk])
                    writer = await stack.enter_async_context(disk_contents.writing(db, context.services.agents, disk))
                    writers[chunk.disk] = writer
                if not archive.is_zero(chunk.data):
                    await writer.write(chunk.offset, chunk.data)
                done += len(chunk.data)
                context.task.progress(done / total)
        except BaseException:
            if keep:
                await _commit(writers)
            raise
        await _commit(writers)


async def _commit(writers: dict[str, Writer]) -> None:
    for writer in writers.values():
        await writer.commit()


async def take_in_metadata(context: Context, read: Read, request: Request) -> tuple[str, ...]:
    """Make the VMs of an archive around disks that are here; returns their references. A dry run makes none."""
    incoming = Archive(read, context.services.run, force=request.force)
    objects = document.read(await incoming.document(), api_version(context.db))
    work = Import(context, objects, request)
    try:
        await work.create()
    except BaseException:
        await work.undo()
        raise
    work.finish()
    return tuple(work.vms)


def _objects_are_there(context: Context) -> None:
    """Clients that give VMs other networks wait for this."""
    task = context.db.table("task").find(context.task.ref)
    if task is not None:
        with context.db.transaction() as tx:
            tx.add_to(task, "other_config", "object_creation", "complete")


def place_for_disks(context: Context, ref: str | None, uuid: str | None) -> Row:
    """The SR for the disks of an import: what the caller says, else the pool's default one.

    Errors: HANDLE_INVALID, UUID_INVALID, DEFAULT_SR_NOT_FOUND; SR_OPERATION_NOT_SUPPORTED for an ISO library.
    """
    db = context.db
    if ref is not None:
        sr = db.get("SR", ref)
    elif uuid is not None:
        sr = db.table("SR").by_uuid(uuid)
    else:
        default = next((pool.default_SR for pool in db.table("pool")), NULL_REF)
        found = db.table("SR").find(default)
        if found is None:
            raise XenAPIError("DEFAULT_SR_NOT_FOUND", "" if default == NULL_REF else default)
        sr = found
    if sr.content_type == "iso":
        raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", sr.ref)
    return sr
