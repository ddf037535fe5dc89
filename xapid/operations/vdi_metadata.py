"""Messages of VDI about disks that the pool itself uses: those that hold databases, and those attached without one."""

from __future__ import annotations

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context
from xapid.operations.disks import storage_errors
from xapid.operations.replication import pool_of, read


async def open_database(context: Context, self: str) -> str:
    dump = await read(context, _metadata(context, self))
    return str(context.services.archives.open(dump))


async def read_database_pool_uuid(context: Context, self: str) -> str:
    disk = _metadata(context, self)
    pool = context.db.table("pool").find(disk.metadata_of_pool)
    if pool is not None:
        return str(pool.uuid)
    try:
        return await pool_of(context, disk)
    except XenAPIError:
        return ""


async def generate_config(context: Context, host: str, vdi: str) -> str:
    db = context.db
    disk = db.get("VDI", vdi)
    sr = db.get("SR", disk.SR)
    with storage_errors(sr, disk):
        return await context.agent(host).storage.vdi_generate_config(sr.uuid, disk.uuid)


def _metadata(context: Context, ref: str) -> Row:
    """Errors: VDI_INCOMPATIBLE_TYPE."""
    disk = context.db.get("VDI", ref)
    if disk.type != "metadata":
        raise XenAPIError("VDI_INCOMPATIBLE_TYPE", ref, disk.type)
    return disk
