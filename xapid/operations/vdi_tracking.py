"""Changed block tracking: the messages of VDI by which backup programs learn what was written since the last time."""

from __future__ import annotations

import base64
from typing import Final

from twisted.internet.task import deferLater

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed, disks
from xapid.operations.context import Context
from xapid.operations.disks import storage_errors, storage_for

_PATIENCE: Final = 4.0
"""Seconds for which a snapshot whose data are to go may still be attached."""
_STEP: Final = 0.5
_NO_CONTENTS: Final = "the data of this disk were destroyed"
"""Stands for the identity of the contents where there are none."""


async def enable_cbt(context: Context, self: str) -> None:
    await _track(context, self, True)


async def disable_cbt(context: Context, self: str) -> None:
    await _track(context, self, False)


async def _track(context: Context, ref: str, enabled: bool) -> None:
    db = context.db
    disk = db.get("VDI", ref)
    if disk.cbt_enabled == enabled:
        return
    sr = db.get("SR", disk.SR)
    with storage_errors(sr, disk):
        await storage_for(context, sr).vdi_track(sr.uuid, disk.uuid, enabled)
    with db.transaction() as tx:
        tx.update(ref, cbt_enabled=enabled)
        allowed.refresh(tx, db, db.get("VDI", ref))


async def data_destroy(context: Context, self: str) -> None:
    db = context.db
    disk = db.get("VDI", self)
    if disk.type == "cbt_metadata":
        return
    disks.assert_managed(disk)
    await _released(context, disk)
    sr = db.get("SR", disk.SR)
    with storage_errors(sr, disk):
        storage = storage_for(context, sr)
        state = await storage.vdi_data_destroy(sr.uuid, disk.uuid)
        await disks.settle(db, storage, sr, disk, state)
    with db.transaction() as tx:
        disk = db.get("VDI", self)
        tx.update(disk, type="cbt_metadata", other_config=disk.other_config.with_item("content_id", _NO_CONTENTS))
        for vbd in _vbds(db, disk):
            disks.remove_vbd(tx, db, vbd)
        allowed.refresh(tx, db, db.get("VDI", self))


async def list_changed_blocks(context: Context, vdi_from: str, vdi_to: str) -> str:
    db = context.db
    before, after = db.get("VDI", vdi_from), db.get("VDI", vdi_to)
    sr = db.get("SR", after.SR)
    for disk in (before, after):
        if not disk.cbt_enabled or sr.ref != disk.SR:
            why = f"disk {disk.uuid} is not tracked, or on another SR"
            raise XenAPIError.relayed("SR_BACKEND_FAILURE_460", "", "The changed blocks between these disks are not known", why)
    with storage_errors(sr, after):
        bitmap = await storage_for(context, sr).vdi_changes(sr.uuid, before.uuid, after.uuid)
    return base64.b64encode(bitmap).decode()


async def _released(context: Context, disk: Row) -> None:
    """Wait a little for a disk to be let go of. Errors: VDI_IN_USE."""
    deadline = context.clock.seconds() + _PATIENCE
    while any(vbd.currently_attached or vbd.reserved for vbd in _vbds(context.db, disk)):
        if context.clock.seconds() >= deadline:
            raise XenAPIError("VDI_IN_USE", disk.ref, "data_destroy")
        await deferLater(context.clock, _STEP)


def _vbds(db: Database, disk: Row) -> list[Row]:
    return [vbd for ref in db.get("VDI", disk.ref).VBDs if (vbd := db.table("VBD").find(ref)) is not None]
