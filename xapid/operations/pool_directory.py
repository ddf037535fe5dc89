"""Whom the pool asks about users that are not its own (class ``pool``): the same directory on every host."""

from __future__ import annotations

from typing import Any

from xapid.auth.directories import TYPES
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.alerts import raise_alert
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context

NON_HOMOGENEOUS = "EXTAUTH_IN_POOL_IS_NON_HOMOGENEOUS"


async def enable_external_auth(context: Context, pool: str, config: Any, service_name: str, auth_type: str) -> None:
    """The coordinator first. If a host refuses, none has the directory afterwards.

    Errors: POOL_AUTH_ALREADY_ENABLED, AUTH_UNKNOWN_TYPE, POOL_AUTH_ENABLE_FAILED… with the host.
    """
    hosts = _hosts(context)
    for host in hosts:
        if host.external_auth_type:
            raise XenAPIError("POOL_AUTH_ALREADY_ENABLED", host.ref)
    if auth_type not in TYPES:
        raise XenAPIError("AUTH_UNKNOWN_TYPE", auth_type)
    names: set[str] = set()
    for host in hosts:
        if host.hostname.lower() in names:
            text = "another host of the pool has the same hostname"
            raise XenAPIError("POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME", host.ref, text)
        names.add(host.hostname.lower())
    done: list[str] = []
    for host in hosts:
        try:
            await context.call("host.enable_external_auth", host.ref, config, service_name, auth_type)
        except XenAPIError as refusal:
            for ref in done:
                await context.call("host.disable_external_auth", ref, config, True)
            if refusal.code.startswith("AUTH_ENABLE_FAILED"):
                raise XenAPIError(f"POOL_{refusal.code}", host.ref, refusal.params[0]) from refusal
            raise
        done.append(host.ref)


async def disable_external_auth(context: Context, pool: str, config: Any) -> None:
    """Sessions of its users end."""
    for host in _hosts(context):
        await context.call("host.disable_external_auth", host.ref, config, True)


async def external_auth_set_ldaps(context: Context, pool: str, ldaps: bool, force: bool) -> None:
    """Errors: AUTH_IS_DISABLED, AUTH_SET_LDAPS_FAILED."""
    for host in _hosts(context):
        await context.call("host.external_auth_set_ldaps", host.ref, ldaps, force)


def detect_nonhomogeneous_external_auth(context: Context, pool: str) -> None:
    """An alert, if not every host has the coordinator's directory."""
    first, *others = _hosts(context)
    if any(_directory(host) != _directory(first) for host in others):
        text = "The hosts of the pool do not all ask the same directory."
        with context.db.transaction():
            raise_alert(context.db, context.now(), NON_HOMOGENEOUS, the_pool(context.db), text)


def _directory(host: Row) -> tuple[str, str]:
    return host.external_auth_type, host.external_auth_service_name


def _hosts(context: Context) -> list[Row]:
    master = the_pool(context.db).master
    return sorted(context.db.table("host"), key=lambda host: host.ref != master)
