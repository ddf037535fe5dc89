"""Sites from which VMs stream their disks (class ``PVS_site``)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def introduce(context: Context, name_label: str, name_description: str, PVS_uuid: str) -> str:
    with context.db.transaction() as tx:
        return tx.create("PVS_site", name_label=name_label, name_description=name_description, PVS_uuid=PVS_uuid)


def forget(context: Context, self: str) -> None:
    db = context.db
    row = db.get("PVS_site", self)
    running = [ref for ref in row.proxies if db.get("PVS_proxy", ref).currently_attached]
    if running:
        raise XenAPIError.relayed("PVS_SITE_CONTAINS_RUNNING_PROXIES", *running)
    if row.servers:
        raise XenAPIError.relayed("PVS_SITE_CONTAINS_SERVERS", *row.servers)
    with db.transaction() as tx:
        for ref in (*row.cache_storage, *row.proxies):
            tx.destroy(ref)
        tx.destroy(row)


def set_PVS_uuid(context: Context, self: str, value: str) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("PVS_site", self), PVS_uuid=value)
