"""Disaster recovery: SRs brought in from elsewhere to take VMs back from, and let go of afterwards (class ``DR_task``)."""

from __future__ import annotations

from typing import Any

from lxml import etree

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.cabling import the_pool
from xapid.operations.constructor import constructor_record
from xapid.operations.context import Context
from xapid.operations.storage_rows import check_driver


async def create(context: Context, type: str, device_config: Any, whitelist: tuple[str, ...]) -> str:
    """Brings in the SRs of ``whitelist`` that are found and that the pool does not know. All of them, or none.

    Errors: SR_UNKNOWN_DRIVER, OPERATION_NOT_ALLOWED for a driver without metadata, what SR.probe and PBD.plug fail with.
    """
    db = context.db
    if "SR_METADATA" not in check_driver(db, type.lower()).features:
        raise XenAPIError("OPERATION_NOT_ALLOWED", f"SRs of type {type} hold no metadata to recover from")
    coordinator = the_pool(db).master
    listing = await context.call("SR.probe", coordinator, device_config, type, frozenmap({"metadata": "true"}))
    with db.transaction() as tx:
        task = tx.create("DR_task")
    try:
        for found in etree.fromstring(listing.encode(), _parser()).iter("SR"):
            uuid = found.findtext("UUID", "")
            if uuid in whitelist and db.table("SR").find_uuid(uuid) is None:
                await _bring_in(context, task, uuid, found.findtext("name_label", ""), type, device_config)
    except BaseException:
        await destroy(context, task)
        raise
    return task


def _parser() -> etree.XMLParser:
    """Reads what a driver says, and nothing that it refers to."""
    return etree.XMLParser(resolve_entities=False, no_network=True)


async def destroy(context: Context, self: str) -> None:
    """Forgets what was brought in, but for SRs with disks that VMs have by now.

    Errors: CANNOT_DESTROY_DISASTER_RECOVERY_TASK[why an SR could not be let go].
    """
    db = context.db
    introduced = [db.get("SR", ref) for ref in db.get("DR_task", self).introduced_SRs]
    try:
        for sr in introduced:
            if not any(db.get("VDI", vdi).VBDs for vdi in sr.VDIs):
                await _let_go(context, sr)
    except XenAPIError as error:
        raise XenAPIError("CANNOT_DESTROY_DISASTER_RECOVERY_TASK", ", ".join(error.description)) from error
    with db.transaction() as tx:
        for sr_ref in db.get("DR_task", self).introduced_SRs:
            tx.update(sr_ref, introduced_by=NULL_REF)
        tx.destroy(self)


async def _bring_in(context: Context, task: str, uuid: str, name: str, type: str, device_config: Any) -> None:
    db = context.db
    sr = await context.call("SR.introduce", uuid, name, "", type, "", True, frozenmap())
    with db.transaction() as tx:
        tx.update(sr, introduced_by=task)
    for host in (host.ref for host in db.table("host")):
        record = constructor_record(db, "PBD", SR=sr, host=host, device_config=device_config)
        await context.call("PBD.plug", await context.call("PBD.create", record))
    await context.call("SR.scan", sr)


async def _let_go(context: Context, sr: Row) -> None:
    for pbd in sr.PBDs:
        await context.call("PBD.unplug", pbd)
    await context.call("SR.forget", sr.ref)
