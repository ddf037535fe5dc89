"""Where the hosts of a site keep what its VMs stream (class ``PVS_cache_storage``)."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def create(context: Context, args: dict[str, Any]) -> str:
    db = context.db
    site, host = db.get("PVS_site", args["site"]), db.get("host", args["host"])
    db.get("SR", args["SR"])
    if any(db.get("PVS_cache_storage", ref).host == host.ref for ref in site.cache_storage):
        raise XenAPIError("PVS_CACHE_STORAGE_ALREADY_PRESENT", site.ref, host.ref)
    with db.transaction() as tx:
        return tx.create("PVS_cache_storage", **args)


def destroy(context: Context, self: str) -> None:
    db = context.db
    row = db.get("PVS_cache_storage", self)
    residents = set(db.get("host", row.host).resident_VMs)
    for proxy in (db.get("PVS_proxy", ref) for ref in db.get("PVS_site", row.site).proxies):
        if proxy.currently_attached and db.get("VIF", proxy.VIF).VM in residents:
            raise XenAPIError("PVS_CACHE_STORAGE_IS_IN_USE", self)
    with db.transaction() as tx:
        tx.destroy(row)
