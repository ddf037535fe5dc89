"""What is on disks, for whoever reads or writes it: exports, imports, migrations.

A :class:`Reader` sees a disk as it was when it was opened, whatever happens to the disk meanwhile; what a :class:`Writer` was
given shows all at once when it is committed, and never if it is not::

    async with reading(db, agents, disk, base=older) as reader:
        async for offset, length in reader.extents():
            data = await reader.read(offset, length)

    async with writing(db, agents, disk) as writer:
        await writer.write(offset, data)
        await writer.commit()

``agents`` is ``context.services.agents``; ``disk`` a row of class VDI. An agent of a host that has the SR plugged does the
work, the coordinator's where it can, on this machine or another. Blocks that were never written, and zeroes, take no room.
Everything is raised as the errors that clients know: VDI_IN_USE, SR_NOT_ATTACHED, SR_HAS_NO_PBDS, SR_BACKEND_FAILURE_44.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs

from xapid.agent.interface import IStorage
from xapid.agent.values import VdiSpec
from xapid.database import Database, Row
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.disks import being_made, host_with, record, settle, storage_errors
from xapid.operations.services import Agents

PIECE: Final = 1 << 20
"""How much is read or written at once."""


@attrs.define(eq=False)
class Reader:
    """A disk, held still."""

    size: int
    """``virtual_size``."""
    _sr: Row
    _disk: Row
    _storage: IStorage
    _opened: str
    _base: str = ""

    async def extents(self) -> AsyncIterator[tuple[int, int]]:
        """Offset and length of each range that has bytes or, where the reader has a base, other bytes than the base.

        Ascending, in whole sectors; all the rest is zeroes, or as in the base. Ranges may touch.
        """
        at = 0
        while at < self.size:
            with storage_errors(self._sr, self._disk):
                found = await self._storage.vdi_extents(self._opened, self._base, at)
            for offset, length in found["ranges"]:
                yield offset, length
            at = found["next"]

    async def read(self, offset: int, length: int) -> bytes:
        """So many bytes. Ask for some :data:`PIECE` at once, not for more."""
        with storage_errors(self._sr, self._disk):
            return await self._storage.vdi_read(self._opened, offset, length)

    async def pieces(self, size: int = PIECE) -> AsyncIterator[tuple[int, bytes]]:
        """The bytes of all extents, at most ``size`` at once, each with its offset."""
        async for offset, length in self.extents():
            for at in range(offset, offset + length, size):
                yield at, await self.read(at, min(size, offset + length - at))


@attrs.define(eq=False)
class Writer:
    """A disk that is being written to. Nothing shows before :meth:`commit`."""

    size: int
    """``virtual_size``: writing beyond it is refused."""
    _db: Database
    _sr: Row
    _disk: Row | None
    _storage: IStorage
    _upload: str
    _fields: dict[str, Any] = attrs.field(factory=dict)

    async def write(self, offset: int, data: bytes) -> None:
        """Put bytes on the disk, anywhere and of any length. What is not written stays as it was."""
        with storage_errors(self._sr, self._disk):
            await self._storage.vdi_write(self._upload, offset, data)

    async def commit(self) -> str:
        """What was written is on the disk from now on, and on stable storage; the database says what it takes.

        Returns the reference of the disk, which one that was just made has only now.
        """
        with storage_errors(self._sr, self._disk):
            state = await self._storage.vdi_commit(self._upload)
            if self._disk is not None:
                await settle(self._db, self._storage, self._sr, self._disk, state)
                return self._disk.ref
        with self._db.transaction() as tx:
            return record(tx, self._db, state, **self._fields)


def users(db: Database, disk: Row) -> list[Row]:
    """The VBDs through which VMs read and write a disk now, or are about to. Those of suspended VMs and checkpoints do not."""
    vbds = [vbd for vbd in map(db.table("VBD").find, disk.VBDs) if vbd is not None]
    attached = [vbd for vbd in vbds if vbd.currently_attached and db.get("VM", vbd.VM).power_state != "Suspended"]
    return attached + [vbd for vbd in vbds if vbd.reserved]


@asynccontextmanager
async def reading(db: Database, agents: Agents, disk: Row, base: Row | None = None) -> AsyncIterator[Reader]:
    """Hold a disk still; ``base`` (of the same SR) is what it is compared to."""
    sr, storage = _storage(db, agents, disk)
    opened = ""
    kept = ""
    try:
        with storage_errors(sr, disk):
            opened = await storage.vdi_open(sr.uuid, disk.uuid)
            kept = "" if base is None else await storage.vdi_open(db.get("SR", base.SR).uuid, base.uuid)
        yield Reader(disk.virtual_size, sr, disk, storage, opened, kept)
    finally:
        for name in (opened, kept):
            if name:
                await storage.vdi_close(name)


@asynccontextmanager
async def writing(db: Database, agents: Agents, disk: Row) -> AsyncIterator[Writer]:
    """Begin to write to a disk; leaving without :meth:`Writer.commit` lets it be as it was."""
    sr, storage = _storage(db, agents, disk)
    with storage_errors(sr, disk):
        upload = await storage.vdi_begin(sr.uuid, disk.uuid)
    try:
        yield Writer(disk.virtual_size, db, sr, disk, storage, upload)
    finally:
        await storage.vdi_abandon(upload)


@asynccontextmanager
async def making(context: Context, sr: Row, size: int, **fields: Any) -> AsyncIterator[Writer]:
    """Make a disk of at least ``size`` bytes by writing to it. It gets a record, with ``fields``, when it is committed; leaving
    without that takes it away again, and so does the next start if the process ends.
    """
    db, uuid = context.db, context.ids.uuid()
    storage = context.services.agents.get(host_with(db, the_pool(db).master, sr)).storage
    spec = VdiSpec(
        vdi=uuid,
        name=fields["name_label"],
        description="",
        type=fields["type"],
        virtual_size=size,
        read_only=False,
        sm_config={},
    )
    with being_made(context, uuid):
        with storage_errors(sr):
            state = await storage.vdi_create(sr.uuid, spec)
        upload, done = "", False
        try:
            with storage_errors(sr):
                upload = await storage.vdi_begin(sr.uuid, uuid)
            yield Writer(state["virtual_size"], db, sr, None, storage, upload, {"SR": sr.ref, **fields})
            done = db.table("VDI").find_uuid(uuid) is not None
        finally:
            if not done:
                if upload:
                    await storage.vdi_abandon(upload)
                await storage.vdi_destroy(sr.uuid, uuid)


def _storage(db: Database, agents: Agents, disk: Row) -> tuple[Row, IStorage]:
    sr = db.get("SR", disk.SR)
    return sr, agents.get(host_with(db, the_pool(db).master, sr)).storage
