"""``pool.enable_redo_log``: a copy of the database on a disk of type ``redo_log`` that every host has attached at all times.

:mod:`~xapid.operations.replication` keeps what is on the disk up to date, as it does for the copies that SRs are to have.
"""

from __future__ import annotations

from typing import Final

from xapid.agent.values import AgentFailure
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.local_facts import REDO_LOG, STATIC, keep
from xapid.operations.replication import make_disk, redo_log
from xapid.operations.sr import assert_can_host_ha_statefile

TYPE: Final = "redo_log"
WHY: Final = "Metadata redo-log"
"""What hosts keep as the reason why they attach the disk, and what the disk is called."""


async def enable_redo_log(context: Context, sr: str) -> None:
    """Have one on an SR, in place of the one elsewhere. A disk that was used for it before is used again.

    Errors: CANNOT_ENABLE_REDO_LOG, with the reason and nothing changed but, perhaps, that there is a disk now.
    """
    db = context.db
    present = redo_log(db)
    if present is not None and sr == present.SR:
        return
    try:
        row = db.get("SR", sr)
        assert_can_host_ha_statefile(context, sr)
        pbds = [db.get("PBD", ref) for ref in row.PBDs]
        if {host.ref for host in db.table("host")} != {pbd.host for pbd in pbds if pbd.currently_attached}:
            raise XenAPIError("SR_NOT_ATTACHED", sr)
        known = next((disk for disk in db.table("VDI") if sr == disk.SR and disk.type == TYPE), None)
        disk = known.ref if known is not None else await _make(context, row)
        await _attach(context, disk)
    except (XenAPIError, AgentFailure) as problem:
        reason = ", ".join(problem.description) if isinstance(problem, XenAPIError) else str(problem)
        raise XenAPIError("CANNOT_ENABLE_REDO_LOG", reason) from problem
    if present is not None:
        await _detach(context, present.ref)
    with db.transaction() as tx:
        tx.update(the_pool(db), redo_log_enabled=True, redo_log_vdi=disk)
        for host in db.table("host").rows():
            keep(tx, host, REDO_LOG, "true")


async def disable_redo_log(context: Context) -> None:
    """The disk stays where it is, for the next time."""
    db = context.db
    present = redo_log(db)
    with db.transaction() as tx:
        tx.update(the_pool(db), redo_log_enabled=False, redo_log_vdi=NULL_REF)
        for host in db.table("host").rows():
            keep(tx, host, REDO_LOG, None)
    if present is not None:
        await _detach(context, present.ref)


async def _make(context: Context, sr: Row) -> str:
    text = "Used when the pool's database is to outlive its coordinator"
    return await make_disk(context, sr, name_label=WHY, name_description=text, type=TYPE)


async def _attach(context: Context, disk: str) -> None:
    """On every host, or on none."""
    done: list[str] = []
    try:
        for host in [row.ref for row in context.db.table("host")]:
            await context.call("host.attach_static_vdis", host, frozenmap({disk: WHY}))
            done.append(host)
    except XenAPIError:
        for host in done:
            await context.call("host.detach_static_vdis", host, (disk,))
        raise


async def _detach(context: Context, disk: str) -> None:
    """From every host that is there; the others find out when they start."""
    for host in [row.ref for row in context.db.table("host")]:
        try:
            await context.call("host.detach_static_vdis", host, (disk,))
        except XenAPIError as error:
            if error.code not in ("HOST_OFFLINE", "CANNOT_CONTACT_HOST"):
                raise
            with context.db.transaction() as tx:
                keep(tx, context.db.get("host", host), STATIC + context.db.get("VDI", disk).uuid, None)
