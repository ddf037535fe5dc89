"""Snapshot schedules: their records, and what they may say. What runs by them is not here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
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
