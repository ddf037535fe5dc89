"""PBDs: how one host reaches one SR (class ``PBD``)."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP
from xapid.operations import allowed
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.disks import storage_errors
from xapid.operations.storage_rows import disks_of, plug_pbd, remove_pbd, with_secrets

_METADATA = {"metadata", "redo_log", "ha_statefile", "rrd", "cbt_metadata"}
"""Disks that the system itself uses, and lets go of by itself."""


def create(context: Context, args: dict[str, Any]) -> str:
    db = context.db
    sr, host = db.get("SR", args["SR"]), db.get("host", args["host"])
    device_config = args["device_config"]
    if "SRmaster" in device_config:
        raise XenAPIError("VALUE_NOT_SUPPORTED", "device_config", device_config["SRmaster"], "SRmaster is set by the system")
    for pbd in (db.get("PBD", ref) for ref in sr.PBDs):
        if pbd.host == host.ref:
            raise XenAPIError("PBD_EXISTS", sr.ref, host.ref, pbd.ref)
    with db.transaction() as tx:
        ref = tx.create(
            "PBD",
            host=host.ref,
            SR=sr.ref,
            device_config=with_secrets(tx, db, device_config),
            other_config=args.get("other_config", EMPTY_MAP),
        )
        allowed.refresh(tx, db, sr)
    return ref


def destroy(context: Context, self: str) -> None:
    db = context.db
    pbd = db.get("PBD", self)
    if pbd.currently_attached:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "the PBD is plugged")
    with db.transaction() as tx:
        remove_pbd(tx, db, pbd)
        sr = db.table("SR").find(pbd.SR)
        if sr is not None:
            allowed.refresh(tx, db, sr)


async def plug(context: Context, self: str) -> None:
    await plug_pbd(context, self)


async def unplug(context: Context, self: str) -> None:
    db = context.db
    pbd = db.get("PBD", self)
    if not pbd.currently_attached:
        return
    sr = db.get("SR", pbd.SR)
    residents = set(db.get("host", pbd.host).resident_VMs)
    active = []
    for vdi in disks_of(db, sr):
        vbds = [db.get("VBD", ref) for ref in vdi.VBDs]
        if vdi.type not in _METADATA and any(vbd.currently_attached and vbd.VM in residents for vbd in vbds):
            active.append(vdi.ref)
        for task, operation in vdi.current_operations.items():
            raise XenAPIError("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref, operation, task)
    if active:
        raise XenAPIError.relayed("VDI_IN_USE", *active)
    pool = the_pool(db)
    if pool.ha_enabled and any(vdi.uuid in pool.ha_statefiles or vdi.ref in pool.ha_statefiles for vdi in disks_of(db, sr)):
        raise XenAPIError("HA_IS_ENABLED")
    with storage_errors(sr):
        await context.agent(pbd.host).storage.sr_detach(sr.uuid)
    with db.transaction() as tx:
        tx.update(db.get("PBD", self), currently_attached=False)
        allowed.refresh(tx, db, db.get("SR", sr.ref), *disks_of(db, sr))


def set_device_config(context: Context, self: str, value: Any) -> None:
    context.db.get("PBD", self)
    raise XenAPIError("PERMISSION_DENIED", "")
