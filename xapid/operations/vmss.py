"""Snapshot schedules: their records, what they may say, and the snapshots that they take (class ``VMSS``)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.alerts import raise_alert
from xapid.operations.context import Context

MINUTES = ("0", "15", "30", "45")
HOURS = tuple(map(str, range(24)))
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DEFAULTS = {"min": "0", "hour": "0", "days": "Monday"}
KEYS = {"hourly": ("min",), "daily": ("hour", "min"), "weekly": ("hour", "min", "days")}
"""Frequency → the keys that its schedule has."""
RETAINED = range(1, 11)


def create(context: Context, args: dict[str, Any]) -> str:
    _check_retained(args["retained_snapshots"])
    schedule = _fitted(args["frequency"], args["schedule"], {})
    with context.db.transaction() as tx:
        return tx.create("VMSS", **{**args, "schedule": schedule})


def destroy(context: Context, self: str) -> None:
    vmss = context.db.get("VMSS", self)
    if vmss.VMs:
        raise XenAPIError("VMSS_HAS_VM")
    with context.db.transaction() as tx:
        tx.destroy(vmss)


def set_retained_snapshots(context: Context, self: str, value: int) -> None:
    _check_retained(value)
    _update(context, self, retained_snapshots=value)


def set_frequency(context: Context, self: str, value: str) -> None:
    vmss = context.db.get("VMSS", self)
    kept = {key: item for key, item in vmss.schedule.items() if key in KEYS[value]}
    _update(context, self, frequency=value, schedule=_fitted(value, kept, {}))


def set_schedule(context: Context, self: str, value: frozenmap) -> None:
    vmss = context.db.get("VMSS", self)
    _update(context, self, schedule=_fitted(vmss.frequency, value, vmss.schedule))


def add_to_schedule(context: Context, self: str, key: str, value: str) -> None:
    if not key:
        raise XenAPIError("INVALID_VALUE", "key", key)
    if key not in DEFAULTS:
        raise XenAPIError("INTERNAL_ERROR", f"a schedule has no key {key}")
    _check_entry(key, value)
    schedule = context.db.get("VMSS", self).schedule
    if key in schedule:
        raise XenAPIError("MAP_DUPLICATE_KEY", "VMSS", "schedule", self, key)
    _update(context, self, schedule=schedule.with_item(key, value))


def remove_from_schedule(context: Context, self: str, key: str) -> None:
    _update(context, self, schedule=context.db.get("VMSS", self).schedule.without(key))


def set_last_run_time(context: Context, self: str, value: datetime) -> None:
    _update(context, self, last_run_time=value)


def set_type(context: Context, self: str, value: str) -> None:
    _update(context, self, type=value)


async def snapshot_now(context: Context, vmss: str) -> str:
    """Takes a snapshot of each VM; what fails is told in an alert and keeps no other VM from its snapshot.

    Raises the alerts VMSS_SNAPSHOT_SUCCEEDED and VMSS_SNAPSHOT_FAILED, or VMSS_SNAPSHOT_LOCK_FAILED, while the same schedule
    is at work already.
    """
    db, at_work = context.db, context.services.schedules_at_work
    row = db.get("VMSS", vmss)
    if vmss in at_work:
        raise_alert(db, context.now(), "VMSS_SNAPSHOT_LOCK_FAILED", row)
        return ""
    at_work.add(vmss)
    try:
        await _take_all(context, row)
    finally:
        at_work.discard(vmss)
    return ""


async def _take_all(context: Context, row: Row) -> None:
    db = context.db
    failures = []
    for vm in (db.table("VM").find(ref) for ref in row.VMs):
        if vm is None:  # it went while others had their turn
            continue
        try:
            await _take(context, row, vm)
        except XenAPIError as error:
            failures.append(f"VM: {vm.name_label} UUID: {vm.uuid} Error:[{', '.join(map(_quoted, error.description))}]")
    _update(context, row.ref, last_run_time=context.now())
    name = "VMSS_SNAPSHOT_FAILED" if failures else "VMSS_SNAPSHOT_SUCCEEDED"
    raise_alert(db, context.now(), name, row, "\n".join(failures))


async def _take(context: Context, vmss: Row, vm: Row) -> None:
    """A new snapshot of one VM, and the end of those that are too many then."""
    db = context.db
    name = f"{vmss.name_label}-{vm.name_label}-{context.now():%Y%m%dT%H%M%SZ}"
    leave_out: tuple[tuple[str, ...], ...] = ((),) if vmss.type == "snapshot" else ()
    ref = await context.call(f"VM.{vmss.type}", vm.ref, name, *leave_out)
    with db.transaction() as tx:
        tx.update(ref, is_vmss_snapshot=True)
    taken = [found for found in (db.get("VM", found) for found in db.get("VM", vm.ref).snapshots) if found.is_vmss_snapshot]
    taken.sort(key=lambda snapshot: snapshot.snapshot_time)
    for old in taken[: -vmss.retained_snapshots]:
        drives = (db.get("VBD", vbd) for vbd in old.VBDs)
        disks = [drive.VDI for drive in drives if drive.type == "Disk"] + [old.suspend_VDI]
        await context.call("VM.destroy", old.ref)
        for disk in disks:
            if disk in db.table("VDI"):
                await context.call("VDI.destroy", disk)


def _quoted(text: str) -> str:
    """In the form that clients read: a text in single quotes, on one line."""
    return "'" + " ".join(text.replace("'", "\u2019").split()) + "'"


def _update(context: Context, ref: str, **changes: Any) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("VMSS", ref), **changes)


def _check_retained(value: int) -> None:
    if value not in RETAINED:
        raise XenAPIError("INVALID_VALUE", "retained_snapshots", str(value))


def _fitted(frequency: str, given: Mapping[str, str], present: Mapping[str, str]) -> frozenmap:
    """A full schedule: what is given, else what was there, else midnight. Errors: INVALID_VALUE."""
    for key, value in given.items():
        if key not in KEYS[frequency]:
            raise XenAPIError("INVALID_VALUE", f"schedule:{key}", value)
        _check_entry(key, value)
    return frozenmap({key: given.get(key, present.get(key, DEFAULTS[key])) for key in KEYS[frequency]})


def _check_entry(key: str, value: str) -> None:
    match key:
        case "min":
            valid = value in MINUTES
        case "hour":
            valid = value in HOURS
        case _:
            valid = all(day.strip().lower() in DAYS for day in value.split(","))
    if not valid:
        raise XenAPIError("INVALID_VALUE", f"schedule:{key}", value)
