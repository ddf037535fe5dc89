"""What the pool is asked as a whole: its networks, its hosts one by one, its licence (class ``pool``)."""

from __future__ import annotations

from typing import Any

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.attachments import hang_blob
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.evacuation_plan import plan_evacuation
from xapid.operations.host_networking import check_can_manage, management_pif
from xapid.operations.host_plugins import pool_has_extension
from xapid.placement.checks import is_live


async def create_VLAN(context: Context, device: str, network: str, VLAN: int) -> tuple[str, ...]:
    db = context.db
    bases = {pif.host: pif for pif in db.table("PIF") if pif.device == device and pif.VLAN == -1}
    for host in db.table("host"):
        if host.ref not in bases:
            raise XenAPIError("INVALID_VALUE", "device", device)
    return await _create_vlans(context, list(bases.values()), network, VLAN)


async def create_VLAN_from_PIF(context: Context, pif: str, network: str, VLAN: int) -> tuple[str, ...]:
    db = context.db
    siblings = [db.get("PIF", ref) for ref in db.get("network", db.get("PIF", pif).network).PIFs]
    live = {host.ref for host in db.table("host") if is_live(db, host)}
    return await _create_vlans(context, [row for row in siblings if row.host in live], network, VLAN)


async def management_reconfigure(context: Context, network: str) -> None:
    db = context.db
    pool = the_pool(db)
    if pool.ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    pifs = {pif.host: pif for pif in (db.get("PIF", ref) for ref in db.get("network", network).PIFs)}
    for host in db.table("host"):
        if host.ref not in pifs:
            raise XenAPIError("PIF_NOT_PRESENT", host.ref, network)
        present = management_pif(db, host.ref)
        if present is not None and present.primary_address_type != pifs[host.ref].primary_address_type:
            raise XenAPIError("PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", pifs[host.ref].ref)
        check_can_manage(pifs[host.ref])
    for host in sorted(pifs, key=lambda ref: ref == pool.master):
        await context.call("host.management_reconfigure", pifs[host].ref)
    await context.call("pool.recover_slaves")  # who was cut off meanwhile learns where the coordinator is


def create_new_blob(context: Context, pool: str, name: str, mime_type: str, public: bool) -> str:
    return hang_blob(context, "pool", pool, name, mime_type, public)


def enable_binary_storage(context: Context) -> None:
    """Blobs are always kept."""


def disable_binary_storage(context: Context) -> None:
    """Blobs are always kept."""


async def has_extension(context: Context, self: str, name: str) -> bool:
    return await pool_has_extension(context, name)


def get_license_state(context: Context, self: str) -> Any:
    hosts = context.db.table("host").rows()
    expiries = [host.license_params["expiry"] for host in hosts if "expiry" in host.license_params]
    return frozenmap({"edition": hosts[0].edition, "expiry": min(expiries, default="never")})


async def apply_edition(context: Context, self: str, edition: str) -> None:
    for host in context.db.table("host"):
        await context.call("host.apply_edition", host.ref, edition, False)


async def enable_local_storage_caching(context: Context, self: str) -> None:
    db = context.db
    able = {sm.type for sm in db.table("SM") if "SR_SUPPORTS_LOCAL_CACHING" in sm.features}
    failed = []
    for host in db.table("host"):
        srs = [db.get("SR", db.get("PBD", pbd).SR) for pbd in host.PBDs]
        cache = next((sr for sr in srs if sr.type in able and not sr.shared), None)
        try:
            if cache is None:
                raise XenAPIError("SR_OPERATION_NOT_SUPPORTED", "")
            await context.call("host.enable_local_storage_caching", host.ref, cache.ref)
        except XenAPIError:
            failed.append(host.ref)
    if failed:
        raise XenAPIError.relayed("HOSTS_FAILED_TO_ENABLE_CACHING", *failed)


async def disable_local_storage_caching(context: Context, self: str) -> None:
    await _everywhere(context, "HOSTS_FAILED_TO_DISABLE_CACHING", "host.disable_local_storage_caching")


async def set_https_only(context: Context, self: str, value: bool) -> None:
    for host in context.db.table("host"):
        await context.call("host.set_https_only", host.ref, value)


def disable_ssl_legacy(context: Context, self: str) -> None:
    """Only TLS 1.2 is spoken."""


async def enable_ssh(context: Context, self: str) -> None:
    await _everywhere(context, "ENABLE_SSH_PARTIALLY_FAILED", "host.enable_ssh")


async def disable_ssh(context: Context, self: str) -> None:
    await _everywhere(context, "DISABLE_SSH_PARTIALLY_FAILED", "host.disable_ssh")


async def set_ssh_enabled_timeout(context: Context, self: str, value: int) -> None:
    await _everywhere(context, "SET_SSH_TIMEOUT_PARTIALLY_FAILED", "host.set_ssh_enabled_timeout", value)


async def set_console_idle_timeout(context: Context, self: str, value: int) -> None:
    await _everywhere(context, "SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED", "host.set_console_idle_timeout", value)


async def set_ssh_auto_mode(context: Context, self: str, value: bool) -> None:
    await _everywhere(context, "SET_SSH_AUTO_MODE_PARTIALLY_FAILED", "host.set_ssh_auto_mode", value)


def check_update_readiness(context: Context, self: str, requires_reboot: bool) -> tuple[tuple[str, ...], ...]:
    db = context.db
    found: list[tuple[str, ...]] = [("HA_IS_ENABLED",)] if the_pool(db).ha_enabled else []
    found += [("HOST_OFFLINE", host.ref) for host in db.table("host") if not is_live(db, host)]
    if requires_reboot:
        found += [refusal for host in db.table("host") for refusal in plan_evacuation(db, host.ref).refusals.values()]
    return tuple(found)


def audit_log_append(context: Context, line: str) -> None:
    context.services.audit.append(line)


async def _create_vlans(context: Context, bases: list[Row], network: str, tag: int) -> tuple[str, ...]:
    """A VLAN on each of ``bases``; if one cannot be made, none stays."""
    made: list[str] = []
    try:
        for base in bases:
            made.append(await context.call("VLAN.create", base.ref, tag, network))
    except XenAPIError:
        for vlan in made:
            await context.call("VLAN.destroy", vlan)
        raise
    return tuple(context.db.get("VLAN", vlan).untagged_PIF for vlan in made)


async def _everywhere(context: Context, failure: str, message: str, *args: Any) -> None:
    """``message`` for every host; those where it fails are listed in one error at the end."""
    failed = []
    for host in context.db.table("host"):
        try:
            await context.call(message, host.ref, *args)
        except XenAPIError as error:
            if error.code == "INVALID_VALUE":
                raise
            failed.append(host.ref)
    if failed:
        raise XenAPIError.relayed(failure, *failed)
