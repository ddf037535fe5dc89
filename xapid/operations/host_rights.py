"""What a host may do and whom it asks: licences, caches (class ``host``)."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.context import Context
from xapid.operations.levelling import level_pool


def license_add(context: Context, host: str, contents: str) -> None:
    context.db.get("host", host)
    raise XenAPIError("LICENSE_PROCESSING_ERROR")


def license_remove(context: Context, host: str) -> None:
    context.db.get("host", host)


def set_license_params(context: Context, self: str, value: Any) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("host", self), license_params=value)
        level_pool(tx, context.db)


def apply_edition(context: Context, host: str, edition: str, force: bool) -> None:
    row = context.db.get("host", host)
    if edition not in row.editions:
        raise XenAPIError("INVALID_EDITION", edition)
    with context.db.transaction() as tx:
        tx.update(row, edition=edition)


def enable_local_storage_caching(context: Context, host: str, sr: str) -> None:
    db = context.db
    row, cache = db.get("host", host), db.get("SR", sr)
    _check_idle(context, host)
    driver = next((sm for sm in db.table("SM") if sm.type == cache.type), None)
    if driver is None or "SR_SUPPORTS_LOCAL_CACHING" not in driver.features:
        raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", sr)
    if cache.shared or [db.get("PBD", pbd).host for pbd in cache.PBDs] != [host]:
        raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", sr)
    with db.transaction() as tx:
        tx.update(row, local_cache_sr=sr)
        tx.update(cache, local_cache_enabled=True)


def disable_local_storage_caching(context: Context, host: str) -> None:
    db = context.db
    row = db.get("host", host)
    _check_idle(context, host)
    with db.transaction() as tx:
        if row.local_cache_sr in db.table("SR"):
            tx.update(row.local_cache_sr, local_cache_enabled=False)
        tx.update(row, local_cache_sr=NULL_REF)


def _check_idle(context: Context, host: str) -> None:
    """Errors: HOST_NOT_DISABLED, HOST_IN_USE."""
    db = context.db
    row = db.get("host", host)
    if row.enabled:
        raise XenAPIError("HOST_NOT_DISABLED")
    for vm in row.resident_VMs:
        if not db.get("VM", vm).is_control_domain:
            raise XenAPIError("HOST_IN_USE", host, "vm", vm)
        for vbd in (db.get("VBD", ref) for ref in db.get("VM", vm).VBDs):
            if vbd.currently_attached:
                raise XenAPIError("HOST_IN_USE", host, "vbd", vbd.ref)
