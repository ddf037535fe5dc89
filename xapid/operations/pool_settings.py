"""Settings of the pool that are more than a field (class ``pool``)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.addressing import is_address
from xapid.operations.agent_errors import translated
from xapid.operations.cabling import bridge_config
from xapid.operations.context import Context
from xapid.operations.licences import assert_licensed
from xapid.operations.updating import sync

LATEST_TELEMETRY: Final = timedelta(days=90)
_FIRST_OF_WEEK, _LAST_OF_WEEK = 0, 6
_BOOLEANS = ("true", "false")


def set_ha_host_failures_to_tolerate(context: Context, self: str, value: int) -> None:
    pool = context.db.get("pool", self)
    if value < 0:
        raise XenAPIError("INVALID_VALUE", "ha_host_failures_to_tolerate", str(value))
    with context.db.transaction() as tx:
        tx.update(pool, ha_host_failures_to_tolerate=value)


def set_local_auth_max_threads(context: Context, self: str, value: int) -> None:
    context.db.get("pool", self)
    _set(context, self, local_auth_max_threads=_threads(value))


def set_ext_auth_max_threads(context: Context, self: str, value: int) -> None:
    context.db.get("pool", self)
    _set(context, self, ext_auth_max_threads=_threads(value))


def set_ext_auth_cache_enabled(context: Context, self: str, value: bool) -> None:
    _set(context, self, ext_auth_cache_enabled=value)


def set_ext_auth_cache_size(context: Context, self: str, value: int) -> None:
    context.db.get("pool", self)
    if value < 0:
        raise XenAPIError("INVALID_VALUE", "ext_auth_cache_size", str(value))
    _set(context, self, ext_auth_cache_size=value)


def set_ext_auth_cache_expiry(context: Context, self: str, value: int) -> None:
    if value <= 0:
        raise XenAPIError("INVALID_VALUE", "ext_auth_cache_expiry", str(value))
    _set(context, self, ext_auth_cache_expiry=value)


def set_telemetry_next_collection(context: Context, self: str, value: datetime) -> None:
    context.db.get("pool", self)
    moment = value if value.tzinfo else value.astimezone()
    if moment > context.now() + LATEST_TELEMETRY:
        raise XenAPIError("TELEMETRY_NEXT_COLLECTION_TOO_LATE", f"{moment:%Y%m%dT%H:%M:%SZ}")
    _set(context, self, telemetry_next_collection=moment)


def reset_telemetry_uuid(context: Context, self: str) -> None:
    db = context.db
    pool = db.get("pool", self)
    with db.transaction() as tx:
        tx.update(pool, telemetry_uuid=tx.create("secret", value=context.ids.uuid()))
        if pool.telemetry_uuid in db.table("secret"):
            tx.destroy(pool.telemetry_uuid)


def configure_update_sync(context: Context, self: str, update_sync_frequency: str, update_sync_day: int) -> None:
    last = _LAST_OF_WEEK if update_sync_frequency == "weekly" else _FIRST_OF_WEEK
    if not _FIRST_OF_WEEK <= update_sync_day <= last:
        raise XenAPIError("INVALID_UPDATE_SYNC_DAY", str(update_sync_day))
    _set(context, self, update_sync_frequency=update_sync_frequency, update_sync_day=update_sync_day)


async def sync_updates(
    context: Context, self: str, force: bool, token: str, token_id: str, username: str, password: str
) -> str:
    """Repositories are always looked at anew, so ``force`` changes nothing; nor do tokens, which none of them asks for."""
    context.db.get("pool", self)
    return await sync(context, username, password)


def set_update_sync_enabled(context: Context, self: str, value: bool) -> None:
    repositories = context.db.get("pool", self).repositories
    if value and not repositories:
        raise XenAPIError("NO_REPOSITORIES_CONFIGURED")
    if value and _only_alone(context, repositories):
        raise XenAPIError("CAN_NOT_PERIODIC_SYNC_UPDATES")
    _set(context, self, update_sync_enabled=value)


def set_repositories(context: Context, self: str, value: tuple[str, ...]) -> None:
    for repository in value:
        context.db.get("Repository", repository)
    wanted = tuple(dict.fromkeys(value))
    _check_together(context, wanted)
    _set(context, self, repositories=wanted)


def add_repository(context: Context, self: str, value: str) -> None:
    context.db.get("Repository", value)
    present = context.db.get("pool", self).repositories
    if value not in present:
        _check_together(context, (value, *present))
        _set(context, self, repositories=(value, *present))


def _check_together(context: Context, repositories: tuple[str, ...]) -> None:
    """Errors: REPO_SHOULD_BE_SINGLE_ONE_ENABLED, with the kinds that are only used alone."""
    alone = _only_alone(context, repositories)
    if alone and len(repositories) > 1:
        raise XenAPIError.relayed("REPO_SHOULD_BE_SINGLE_ONE_ENABLED", *reversed(alone))


def _only_alone(context: Context, repositories: tuple[str, ...]) -> list[str]:
    """The origins, of those repositories, that go with no other one, and with no calendar."""
    origins = [context.db.get("Repository", ref).origin for ref in repositories]
    return [origin for origin in origins if origin in ("bundle", "remote_pool")]


def remove_repository(context: Context, self: str, value: str) -> None:
    left = tuple(ref for ref in context.db.get("pool", self).repositories if ref != value)
    _set(context, self, repositories=left, **({} if left else {"update_sync_enabled": False}))


def configure_repository_proxy(context: Context, self: str, url: str, username: str, password: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise XenAPIError("INVALID_REPOSITORY_PROXY_URL", url)
    if bool(username) != bool(password) or any(mark in username for mark in "\n:"):
        raise XenAPIError("INVALID_REPOSITORY_PROXY_CREDENTIAL")
    _set_proxy(context, self, url, username, password)


def disable_repository_proxy(context: Context, self: str) -> None:
    _set_proxy(context, self, "", "", "")


def add_to_guest_agent_config(context: Context, self: str, key: str, value: str) -> None:
    url = urlsplit(value)
    right = (key == "auto_update_enabled" and value in _BOOLEANS) or (
        key == "auto_update_url" and url.scheme in ("http", "https") and bool(url.hostname)
    )
    if not right:
        raise XenAPIError("INVALID_VALUE", "guest_agent_config", f"{key} = {value}")
    pool = context.db.get("pool", self)
    if key in pool.guest_agent_config:
        raise XenAPIError("MAP_DUPLICATE_KEY", "pool", "guest_agent_config", self, key)
    with context.db.transaction() as tx:
        tx.add_to(pool, "guest_agent_config", key, value)


def remove_from_guest_agent_config(context: Context, self: str, key: str) -> None:
    with context.db.transaction() as tx:
        tx.remove_from(context.db.get("pool", self), "guest_agent_config", key)


async def set_igmp_snooping_enabled(context: Context, self: str, value: bool) -> None:
    """Errors: LICENCE_RESTRICTION, OPENVSWITCH_NOT_ACTIVE; COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE, with the new value in
    force wherever it could be set.
    """
    db = context.db
    pool = db.get("pool", self)
    if value:
        assert_licensed(db, "IGMP_snooping")
    if any(host.software_version.get("network_backend") != "openvswitch" for host in db.table("host")):
        raise XenAPIError("OPENVSWITCH_NOT_ACTIVE")
    if pool.igmp_snooping_enabled == value:
        return
    with db.transaction() as tx:
        tx.update(pool, igmp_snooping_enabled=value)
    pifs = [pif for pif in db.table("PIF").rows() if pif.managed and (pif.physical or pif.bond_master_of)]
    outcomes = [await _snoop(context, pif, value) for pif in pifs if pif.currently_attached]
    if not all(outcomes):
        raise XenAPIError("COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE")


async def _snoop(context: Context, pif: Row, value: bool) -> bool:
    """Whether the bridge of a PIF could be told."""
    db = context.db
    try:
        with translated(db):
            await context.agent(pif.host).network.bridge_up(bridge_config(db, db.get("network", pif.network)))
    except XenAPIError:
        return False
    with db.transaction() as tx:
        tx.update(pif.ref, igmp_snooping_status="enabled" if value else "disabled")
    return True


def set_vswitch_controller(context: Context, address: str) -> None:
    db = context.db
    if address and not (is_address(address, 4) or is_address(address, 6)):
        raise XenAPIError("INVALID_IP_ADDRESS_SPECIFIED", "address")
    with db.transaction() as tx:
        for controller in db.table("SDN_controller"):
            tx.destroy(controller)
        if address:
            tx.create("SDN_controller", protocol="ssl", address=address, port=6632)
        for pool in db.table("pool"):
            tx.update(pool, vswitch_controller=address)


def set_uefi_certificates(context: Context, self: str, value: str) -> None:
    raise XenAPIError("OPERATION_NOT_ALLOWED", "custom certificates of UEFI are not allowed on this pool")


def set_custom_uefi_certificates(context: Context, self: str, value: str) -> None:
    raise XenAPIError("OPERATION_NOT_ALLOWED", "custom certificates of UEFI are not allowed on this pool")


def get_guest_secureboot_readiness(context: Context, self: str) -> str:
    pool = context.db.table("pool").find(self)
    return "ready" if pool is not None and pool.uefi_certificates else "not_ready"


def enable_client_certificate_auth(context: Context, self: str, name: str) -> None:
    _set(context, self, client_certificate_auth_enabled=True, client_certificate_auth_name=name)


def disable_client_certificate_auth(context: Context, self: str) -> None:
    _set(context, self, client_certificate_auth_enabled=False, client_certificate_auth_name="")


def _threads(value: int) -> int:
    if value < 1:
        raise XenAPIError("INTERNAL_ERROR", "there must be at least one thread")
    return value


def _set(context: Context, pool: str, **fields: Any) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("pool", pool), **fields)


def _set_proxy(context: Context, pool: str, url: str, username: str, password: str) -> None:
    db = context.db
    row = db.get("pool", pool)
    with db.transaction() as tx:
        secret = tx.create("secret", value=password) if password else NULL_REF
        tx.update(row, repository_proxy_url=url, repository_proxy_username=username, repository_proxy_password=secret)
        if row.repository_proxy_password in db.table("secret"):
            tx.destroy(row.repository_proxy_password)
