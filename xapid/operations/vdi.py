"""Virtual disks: what storage does with them, through the agent of a host that reaches their SR, and the record of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from xapid.agent.interface import IStorage
from xapid.agent.values import VdiSpec, VdiState
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import allowed, disks
from xapid.operations.context import Context
from xapid.operations.disks import named, storage_errors, storage_for, storage_of
from xapid.operations.vdi_metadata import generate_config, open_database, read_database_pool_uuid
from xapid.operations.vdi_migrate import pool_migrate
from xapid.operations.vdi_nbd import get_nbd_info
from xapid.operations.vdi_records import (
    db_forget,
    db_introduce,
    pool_introduce,
    set_cbt_enabled,
    set_is_a_snapshot,
    set_managed,
    set_metadata_of_pool,
    set_missing,
    set_physical_utilisation,
    set_read_only,
    set_sharable,
    set_snapshot_of,
    set_snapshot_time,
    set_virtual_size,
)
from xapid.operations.vdi_tracking import data_destroy, disable_cbt, enable_cbt, list_changed_blocks

__all__ = [
    "data_destroy", "db_forget", "db_introduce", "disable_cbt", "enable_cbt", "generate_config", "get_nbd_info",
    "list_changed_blocks", "open_database", "pool_introduce", "pool_migrate", "read_database_pool_uuid", "set_cbt_enabled",
    "set_is_a_snapshot", "set_managed", "set_metadata_of_pool", "set_missing",
    "set_physical_utilisation", "set_read_only", "set_sharable", "set_snapshot_of", "set_snapshot_time", "set_virtual_size",
]  # fmt: skip
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


_Duplicate = Callable[[str, str, VdiSpec], Awaitable[VdiState]]


def _sr_of(db: Database, vdi: Row) -> Row:
    return db.get("SR", vdi.SR)


def _place(context: Context, vdi: str) -> tuple[Row, Row, IStorage]:
    """A disk, its SR, and an agent that reaches both. Errors: VDI_NOT_MANAGED, those of :func:`storage_of`."""
    disk = context.db.get("VDI", vdi)
    disks.assert_managed(disk)
    sr = _sr_of(context.db, disk)
    return disk, sr, storage_of(context, sr)


async def create(context: Context, args: dict[str, Any]) -> str:
    db = context.db
    if args["type"] == "cbt_metadata":
        raise XenAPIError("VDI_INCOMPATIBLE_TYPE", NULL_REF, args["type"])
    sr = db.get("SR", args["SR"])
    spec = VdiSpec(
        vdi=context.ids.uuid(),
        name=args["name_label"],
        description=args["name_description"],
        type=args["type"],
        virtual_size=args["virtual_size"],
        read_only=args["read_only"],
        sm_config=dict(args["sm_config"]),
    )
    with storage_errors(sr):
        state = await storage_of(context, sr).vdi_create(sr.uuid, spec)
    other_config = args["other_config"]
    if "content_id" not in other_config:
        other_config = other_config.with_item("content_id", context.ids.uuid())
    with db.transaction() as tx:
        return disks.record(tx, db, state, **{**args, "other_config": other_config})


async def destroy(context: Context, self: str) -> None:
    vdi, sr, storage = _place(context, self)
    with storage_errors(sr, vdi):
        freed = await storage.vdi_destroy(sr.uuid, vdi.uuid)
    with context.db.transaction() as tx:
        disks.remove(tx, context.db, vdi, vbds=True, freed=freed)


async def forget(context: Context, vdi: str) -> None:
    db = context.db
    disk = db.get("VDI", vdi)
    sr = _sr_of(db, disk)
    if any(db.get("PBD", ref).currently_attached for ref in sr.PBDs):
        with storage_errors(sr, disk):
            await storage_of(context, sr).vdi_forget(sr.uuid, disk.uuid)
    with db.transaction() as tx:
        disks.remove(tx, db, disk, vbds=False)


async def snapshot(context: Context, vdi: str, driver_params: dict[str, str]) -> str:
    disk = context.db.get("VDI", vdi)
    fields = {
        "read_only": disk.read_only,
        "is_a_snapshot": True,
        "snapshot_of": vdi,
        "snapshot_time": context.now(),
        "cbt_enabled": disk.cbt_enabled,
    }
    return await _duplicated(context, vdi, lambda storage: storage.vdi_snapshot, fields)


async def clone(context: Context, vdi: str, driver_params: dict[str, str]) -> str:
    return await _duplicated(context, vdi, lambda storage: storage.vdi_clone, {})


async def _duplicated(context: Context, vdi: str, method: Callable[[IStorage], _Duplicate], fields: dict[str, Any]) -> str:
    """Make a disk of the same contents, by a ``method`` of the storage; it differs in ``fields``. Returns its reference."""
    db = context.db
    disk, sr, storage = _place(context, vdi)
    with storage_errors(sr, disk):
        spec = disks.spec_of(disk, context.ids.uuid(), read_only=False)
        state = await method(storage)(sr.uuid, disk.uuid, spec)
        source = await storage.vdi_stat(sr.uuid, disk.uuid)
    with db.transaction() as tx:
        disks.shares(tx, disk, source)
        return disks.record(tx, db, state, **{**disks.inherited(disk), **fields})


async def copy(context: Context, vdi: str, sr: str, base_vdi: str, into_vdi: str) -> str:
    db = context.db
    disk = db.get("VDI", vdi)
    disks.assert_managed(disk)
    base = "" if base_vdi == NULL_REF else db.get("VDI", base_vdi).uuid
    source = _sr_of(db, disk)
    if into_vdi != NULL_REF:
        into = db.get("VDI", into_vdi)
        if into.read_only:
            raise XenAPIError("VDI_READONLY", into_vdi)
        if into.virtual_size < disk.virtual_size:
            raise XenAPIError("VDI_TOO_SMALL", into_vdi, str(disk.virtual_size))
        target = _sr_of(db, into)
        spec = disks.spec_of(into, into.uuid, read_only=False)
    else:
        target = source if sr == NULL_REF else db.get("SR", sr)
        allowed.check(db, target, "vdi_create")
        spec = disks.spec_of(disk, context.ids.uuid(), read_only=False, sm_config={})
    if into_vdi != NULL_REF:
        with storage_errors(target, disk):
            storage = storage_for(context, source, target)
            state = await storage.vdi_copy(source.uuid, disk.uuid, target.uuid, spec, base)
            await disks.settle(db, storage, target, db.get("VDI", into_vdi), state)
        return into_vdi
    with disks.being_made(context, spec["vdi"]):
        with storage_errors(target, disk):
            state = await storage_for(context, source, target).vdi_copy(source.uuid, disk.uuid, target.uuid, spec, base)
        with db.transaction() as tx:
            return disks.record(tx, db, state, **{**disks.inherited(disk), "SR": target.ref, "on_boot": "persist"})


async def resize(context: Context, vdi: str, size: int) -> None:
    await _resize(context, vdi, size)


async def resize_online(context: Context, vdi: str, size: int) -> None:
    await _resize(context, vdi, size)


async def _resize(context: Context, ref: str, size: int) -> None:
    vdi, sr, storage = _place(context, ref)
    with storage_errors(sr, vdi):
        await disks.settle(context.db, storage, sr, vdi, await storage.vdi_resize(sr.uuid, vdi.uuid, size))


async def update(context: Context, vdi: str) -> None:
    disk, sr, storage = _place(context, vdi)
    with storage_errors(sr, disk):
        state = await storage.vdi_stat(sr.uuid, disk.uuid)
        await disks.settle(context.db, storage, sr, disk, state)
    with context.db.transaction() as tx:
        tx.update(vdi, name_label=state["name"], name_description=state["description"])


async def checksum(context: Context, self: str) -> str:
    db = context.db
    disk = db.get("VDI", self)
    sr = _sr_of(db, disk)
    with storage_errors(sr, disk):
        return await storage_of(context, sr).vdi_checksum(sr.uuid, disk.uuid)


async def revert(context: Context, snapshot: str) -> None:
    db = context.db
    kept = db.get("VDI", snapshot)
    disk = db.get("VDI", kept.snapshot_of)
    sr = _sr_of(db, kept)
    with storage_errors(sr, disk):
        storage = storage_of(context, sr)
        state = await storage.vdi_revert(sr.uuid, kept.uuid, disk.uuid)
        await disks.settle(db, storage, sr, disk, state)


async def introduce(context: Context, *params: Any) -> str:
    db = context.db
    fields = named("introduce", params)
    sr = db.get("SR", fields["SR"])
    uuid, location = fields["uuid"], fields["location"]
    if uuid and not _UUID.fullmatch(uuid):
        raise XenAPIError("UUID_INVALID", "VDI", uuid)
    if sr.ref in {db.get("VDI", ref).SR for ref in db.table("VDI").holders("location", location)}:
        raise XenAPIError("LOCATION_NOT_UNIQUE", sr.ref, location)
    parent = db.table("VDI").find(fields["snapshot_of"])
    found = VdiState(
        vdi=uuid.lower() or context.ids.uuid(),
        location=location,
        name=fields["name_label"],
        description=fields["name_description"],
        type=fields["type"],
        virtual_size=fields["virtual_size"],
        physical_utilisation=fields["physical_utilisation"],
        read_only=fields["read_only"],
        is_a_snapshot=fields["is_a_snapshot"],
        snapshot_of="" if parent is None else parent.uuid,
        sm_config=dict(fields["sm_config"]),
    )
    with storage_errors(sr):
        state = await storage_of(context, sr).vdi_introduce(sr.uuid, found)
    with db.transaction() as tx:
        return disks.record(tx, db, state, **{**fields, "uuid": state["vdi"]})


async def set_name_label(context: Context, self: str, value: str) -> None:
    await _rename(context, self, name_label=value)


async def set_name_description(context: Context, self: str, value: str) -> None:
    await _rename(context, self, name_description=value)


async def _rename(context: Context, ref: str, **change: str) -> None:
    db = context.db
    vdi = db.get("VDI", ref)
    sr = _sr_of(db, vdi)
    names = {"name_label": vdi.name_label, "name_description": vdi.name_description, **change}
    with storage_errors(sr, vdi):
        storage = storage_of(context, sr)
        await storage.vdi_set_name(sr.uuid, vdi.uuid, names["name_label"], names["name_description"])
    with db.transaction() as tx:
        tx.update(ref, **change)


def set_on_boot(context: Context, self: str, value: str) -> None:
    db = context.db
    vdi = db.get("VDI", self)
    vms = (db.table("VM").find(db.get("VBD", ref).VM) for ref in vdi.VBDs)
    with db.transaction() as tx:
        tx.update(vdi, on_boot=value)
        allowed.refresh(tx, db, vdi, *(vm for vm in vms if vm is not None))


def set_allow_caching(context: Context, self: str, value: bool) -> None:
    db = context.db
    vdi = db.get("VDI", self)
    if any(db.get("VBD", ref).currently_attached for ref in vdi.VBDs):
        raise XenAPIError("VDI_IN_USE", self)
    with db.transaction() as tx:
        tx.update(vdi, allow_caching=value)
