"""Proxies through which VMs stream their disks (class ``PVS_proxy``). :mod:`xapid.operations.pvs_running` runs them."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


def create(context: Context, site: str, VIF: str) -> str:
    db = context.db
    db.get("PVS_site", site)
    vif = db.get("VIF", VIF)
    if any(host.software_version.get("network_backend") != "openvswitch" for host in db.table("host")):
        raise XenAPIError("OPENVSWITCH_NOT_ACTIVE")
    devices = [db.get("VIF", ref).device for ref in db.get("VM", vif.VM).VIFs]
    if vif.device != min(devices, key=int):
        raise XenAPIError("PVS_VIF_MUST_BE_FIRST_DEVICE")
    present = [proxy.ref for proxy in db.table("PVS_proxy") if proxy.VIF == VIF]
    if present:
        raise XenAPIError.relayed("PVS_PROXY_ALREADY_PRESENT", *present)
    with db.transaction() as tx:
        return tx.create("PVS_proxy", site=site, VIF=VIF)


def destroy(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.destroy(context.db.get("PVS_proxy", self))
