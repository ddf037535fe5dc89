"""Copies of the database on storage, for the day on which the pool is lost: one disk of type ``metadata`` for each SR that is
to have one, and the redo log (:mod:`~xapid.operations.pool_redo_log`), brought up to date a while after something has changed.

Serves ``SR.enable_database_replication``, ``SR.disable_database_replication`` and ``VDI.open_database``. Where the pool's
``other_config:metadata_lun_alerts`` is true, METADATA_LUN_BROKEN tells that a copy cannot be brought up to date, and
METADATA_LUN_HEALTHY that it can again. A disk begins with 512 bytes that say how long the copy is, its SHA-256 and the pool
that it is of; the copy itself, a dump, is compressed.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from datetime import UTC, datetime
from typing import Any, Final

import attrs
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.agent.values import AgentFailure
from xapid.database import Database, Row
from xapid.database.dump import Dump, DumpError, Reader, write
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.alerts import raise_alert
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.disk_contents import PIECE, making, reading, writing
from xapid.operations.services import Services

log = Logger()

SIZE: Final = 256 << 20
"""Bytes of a disk. What is not written takes no room."""
EVERY: Final = 60.0
"""Seconds between looking whether something has changed."""
LARGEST: Final = 1 << 30
"""Bytes of a dump that is read from a disk."""
_HEAD: Final = 512
_MAGIC = re.compile(rb"xapid database 1 (\d{1,12}) ([0-9a-f]{64}) (\S+) *\n?\0*")
_KEY: Final = "replicated:"
_REDO_LOG: Final = "redo log"
"""Stands for it among the uuids of SRs."""
_ALERTS: Final = "metadata_lun_alerts"


@attrs.define(eq=False)
class Copy:
    """A dump, ready to be put on a disk."""

    head: bytes
    body: bytes

    @classmethod
    def of(cls, db: Database) -> Copy:
        """What ``db`` holds now."""
        body = zlib.compress(b"".join(write(db)), 6)
        digest = hashlib.sha256(body).hexdigest()
        head = f"xapid database 1 {len(body)} {digest} {the_pool(db).uuid}\n".encode()
        return cls(head.ljust(_HEAD, b"\0"), body)

    async def put(self, writer: Any) -> None:
        """Write it."""
        data = self.head + self.body
        data += bytes(-len(data) % _HEAD)
        for at in range(0, len(data), PIECE):
            await writer.write(at, data[at : at + PIECE])


class Replication:
    """Keeps the copies of ``db`` up to date."""

    def __init__(self, db: Database, clock: IReactorTime, services: Services) -> None:
        self._db = db
        self._clock = clock
        self._services = services
        self._written: dict[str, int] = {}
        self._broken: set[str] = set()
        self._loop = LoopingCall(self.look)
        self._loop.clock = clock

    def start(self) -> None:
        """Look from time to time whether something has changed."""
        self._loop.start(EVERY, now=False).addErrback(lambda failure: log.failure("Replication", failure))

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def look(self) -> Any:
        """Bring up to date what is not."""
        return ensureDeferred(self._bring_up_to_date())

    async def _bring_up_to_date(self) -> None:
        wanted = {sr: self._db.table("VDI").find_uuid(vdi) for sr, vdi in replicated(self._db).items()}
        wanted[_REDO_LOG] = redo_log(self._db)
        for sr, disk in wanted.items():
            if disk is not None and self._written.get(sr) != self._db.generation:
                try:
                    async with writing(self._db, self._services.agents, disk) as writer:
                        generation = self._db.generation  # what changes while the copy is written is not in it
                        await Copy.of(self._db).put(writer)
                        await writer.commit()
                except (XenAPIError, AgentFailure) as error:
                    log.warn("the database could not be copied to disk {uuid}: {error}", uuid=disk.uuid, error=error)
                    if sr not in self._broken:
                        self._broken.add(sr)
                        self._tell("METADATA_LUN_BROKEN")
                else:
                    self._written[sr] = generation
                    if sr in self._broken:
                        self._broken.discard(sr)
                        self._tell("METADATA_LUN_HEALTHY")

    def _tell(self, alert: str) -> None:
        pool = the_pool(self._db)
        if pool.other_config.get(_ALERTS) == "true":
            raise_alert(self._db, datetime.fromtimestamp(int(self._clock.seconds()), UTC), alert, pool)


def replicated(db: Database) -> dict[str, str]:
    """The disks with copies, by the SR that each was wanted on; all by uuid."""
    return {key.removeprefix(_KEY): vdi for key, vdi in db.meta.items() if key.startswith(_KEY)}


async def enable(context: Context, sr: Row) -> None:
    """Keep a copy on an SR. One that is kept there already stays. Errors: those of storage."""
    db = context.db
    known = db.table("VDI").find_uuid(replicated(db).get(sr.uuid, ""))
    if known is not None:
        return
    pool = the_pool(db)
    fields = {
        "name_label": "Metadata for DR",
        "name_description": "A copy of the pool's database",
        "type": "metadata",
        "metadata_of_pool": pool.ref,
        "metadata_latest": True,
        "other_config": frozenmap({"content_id": context.ids.uuid()}),
    }
    ref = await make_disk(context, sr, **fields)
    with db.transaction() as tx:
        tx.set_meta(_KEY + sr.uuid, db.get("VDI", ref).uuid)


async def make_disk(context: Context, sr: Row, **fields: Any) -> str:
    """A disk with a copy on it. Errors: those of storage."""
    async with making(context, sr, SIZE, **fields) as writer:
        await Copy.of(context.db).put(writer)
        return await writer.commit()


def redo_log(db: Database) -> Row | None:
    """The disk with the redo log of the pool, if it has one."""
    pool = the_pool(db)
    return db.table("VDI").find(pool.redo_log_vdi) if pool.redo_log_enabled else None


async def disable(context: Context, sr: Row) -> None:
    """Keep no copy on an SR any more, and take away the one that there is."""
    db = context.db
    disk = db.table("VDI").find_uuid(replicated(db).get(sr.uuid, ""))
    with db.transaction() as tx:
        tx.set_meta(_KEY + sr.uuid, None)
    if disk is not None:
        await context.call("VDI.destroy", disk.ref)


async def read(context: Context, disk: Row) -> Dump:
    """The copy on a disk. Errors: COULD_NOT_IMPORT_DATABASE, and those of storage."""
    async with reading(context.db, context.services.agents, disk) as reader:
        length, digest, _ = _head(await reader.read(0, _HEAD))
        body = b""
        while len(body) < length:
            body += await reader.read(_HEAD + len(body), min(PIECE, length - len(body)))
    if hashlib.sha256(body).hexdigest() != digest:
        raise XenAPIError("COULD_NOT_IMPORT_DATABASE", "the copy on the disk is damaged")
    dump = Reader(context.db.api)
    unpack = zlib.decompressobj()
    try:
        dump.feed(unpack.decompress(body, LARGEST))
        return dump.done()
    except (zlib.error, DumpError) as problem:
        raise XenAPIError("COULD_NOT_IMPORT_DATABASE", str(problem)) from problem


async def pool_of(context: Context, disk: Row) -> str:
    """The uuid of the pool whose database is on a disk. Errors: COULD_NOT_IMPORT_DATABASE, and those of storage."""
    async with reading(context.db, context.services.agents, disk) as reader:
        return _head(await reader.read(0, _HEAD))[2]


def _head(data: bytes) -> tuple[int, str, str]:
    found = _MAGIC.fullmatch(data)
    if found is None or int(found[1]) > LARGEST:
        raise XenAPIError("COULD_NOT_IMPORT_DATABASE", "there is no database on the disk")
    return int(found[1]), found[2].decode(), found[3].decode()
