"""Settings of a host that are more than a field: names, time, access, multipathing, power saving (class ``host``)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EPOCH, frozenmap
from xapid.operations.context import Context
from xapid.operations.local_facts import SSH_AUTO, fact, keep
from xapid.operations.syslog_destination import configured, destination

LONGEST_SSH_TIMEOUT = 172_800
"""Seconds: two days."""
CLOCK_OFFSET = "clock_offset:"
"""Prefix, before a host's uuid, of the fact by how many seconds its clock is ahead."""
_HOSTNAME = re.compile("[A-Za-z0-9.-]+")
_C_STATES = re.compile("|[0-9]+(,[0-9]+)?")


async def set_hostname_live(context: Context, host: str, hostname: str) -> None:
    if not hostname:
        raise XenAPIError("HOST_NAME_INVALID", "hostname empty")
    if len(hostname) > 255:
        raise XenAPIError("HOST_NAME_INVALID", "hostname is too long")
    if not _HOSTNAME.fullmatch(hostname):
        raise XenAPIError("HOST_NAME_INVALID", "hostname contains invalid characters")
    _set(context, host, hostname=hostname)
    if configured(context.db.get("host", host).logging):
        await syslog_reconfigure(context, host)


def set_iscsi_iqn(context: Context, host: str, value: str) -> None:
    if not value:
        raise XenAPIError("INVALID_VALUE", "value", value)
    _set(context, host, iscsi_iqn=value)
    _mirror(context, host, "iscsi_iqn", value)


def set_multipathing(context: Context, host: str, value: bool) -> None:
    _set(context, host, multipathing=value)
    _mirror(context, host, "multipathing", "true" if value else "false")


async def syslog_reconfigure(context: Context, host: str) -> None:
    """Errors: INVALID_VALUE, for a collector that cannot be; those of a host that cannot be reached."""
    row = context.db.get("host", host)
    wanted = configured(row.logging)
    if wanted:
        destination(wanted)
    await context.agent(host).metrics.send_logs(row.hostname, wanted)


def set_ssl_legacy(context: Context, self: str, value: bool) -> None:
    context.db.get("host", self)
    if value:
        raise XenAPIError("VALUE_NOT_SUPPORTED", "value", "true", "only TLS 1.2 is spoken")


def set_https_only(context: Context, self: str, value: bool) -> None:
    _set(context, self, https_only=value)


def set_uefi_certificates(context: Context, host: str, value: str) -> None:
    raise XenAPIError("OPERATION_NOT_ALLOWED", "the certificates of UEFI are set for the whole pool")


def set_numa_affinity_policy(context: Context, self: str, value: str) -> None:
    _set(context, self, numa_affinity_policy=value)


def set_max_cstate(context: Context, self: str, value: str) -> None:
    if not _C_STATES.fullmatch(value):
        raise XenAPIError("INVALID_VALUE", "max_cstate", value)
    _set(context, self, max_cstate=value)


def enable_display(context: Context, host: str) -> str:
    return _display(context, host, {"disabled": "enable_on_reboot", "disable_on_reboot": "enabled"})


def disable_display(context: Context, host: str) -> str:
    return _display(context, host, {"enabled": "disable_on_reboot", "enable_on_reboot": "disabled"})


def enable_ssh(context: Context, self: str) -> None:
    """It is not automatic any more; if it is enabled for a time, it is again afterwards."""
    host = context.db.get("host", self)
    timeout = host.ssh_enabled_timeout
    expiry = context.now() + timedelta(seconds=timeout) if timeout else EPOCH
    was_automatic = host.ssh_auto_mode or fact(context.db, host, SSH_AUTO) == "true"
    with context.db.transaction() as tx:
        keep(tx, host, SSH_AUTO, "true" if timeout and was_automatic else None)
        tx.update(host, ssh_enabled=True, ssh_expiry=expiry, ssh_auto_mode=False)


def disable_ssh(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        close_ssh(tx, context.db, context.db.get("host", self))
        tx.update(self, ssh_expiry=context.now())


def close_ssh(tx: Transaction, db: Database, host: Row) -> None:
    """SSH is over, and automatic again where it was before it was enabled for a time."""
    tx.update(host, ssh_enabled=False, **({"ssh_auto_mode": True} if fact(db, host, SSH_AUTO) == "true" else {}))
    keep(tx, host, SSH_AUTO, None)


def set_ssh_enabled_timeout(context: Context, self: str, value: int) -> None:
    if not 0 <= value <= LONGEST_SSH_TIMEOUT:
        raise XenAPIError("INVALID_VALUE", "ssh_enabled_timeout", str(value))
    expiry = context.now() + timedelta(seconds=value) if value else EPOCH
    enabled = context.db.get("host", self).ssh_enabled
    _set(context, self, ssh_enabled_timeout=value, **({"ssh_expiry": expiry} if enabled else {}))


def set_console_idle_timeout(context: Context, self: str, value: int) -> None:
    if value < 0:
        raise XenAPIError("INVALID_VALUE", "console_timeout", str(value))
    _set(context, self, console_idle_timeout=value)


def set_ssh_auto_mode(context: Context, self: str, value: bool) -> None:
    """In automatic mode SSH is there only while the agent is not, so now it is not."""
    host = context.db.get("host", self)
    with context.db.transaction() as tx:
        keep(tx, host, SSH_AUTO, None)
        tx.update(host, ssh_auto_mode=value, **({"ssh_enabled": False, "ssh_expiry": context.now()} if value else {}))


def set_ntp_mode(context: Context, self: str, value: str) -> None:
    if value == "Custom" and not context.db.get("host", self).ntp_custom_servers:
        raise XenAPIError("INVALID_NTP_CONFIG", "there are no custom servers")
    _set(context, self, ntp_mode=value)


def set_ntp_custom_servers(context: Context, self: str, value: tuple[str, ...]) -> None:
    host = context.db.get("host", self)
    if not value and host.ntp_mode == "Custom":
        raise XenAPIError("INVALID_NTP_CONFIG", "mode Custom needs servers")
    if not all(value):
        raise XenAPIError("INVALID_NTP_CONFIG", "a server has no name")
    _set(context, self, ntp_custom_servers=value)


def get_ntp_servers_status(context: Context, self: str) -> Any:
    host = context.db.get("host", self)
    return frozenmap(dict.fromkeys(host.ntp_custom_servers if host.ntp_mode == "Custom" else (), "not_combined"))


def get_ntp_synchronized(context: Context, self: str) -> bool:
    return bool(context.db.get("host", self).ntp_mode != "Disabled")


def set_timezone(context: Context, self: str, value: str) -> None:
    if value not in available_timezones():
        raise XenAPIError("INVALID_VALUE", "timezone", value)
    _set(context, self, timezone=value)


def list_timezones(context: Context, self: str) -> tuple[str, ...]:
    context.db.get("host", self)
    return tuple(sorted(available_timezones()))


def get_servertime(context: Context, host: str) -> datetime:
    return context.now() + timedelta(seconds=clock_offset(context.db, context.db.get("host", host)))


def clock_offset(db: Database, host: Row) -> int:
    """By how many seconds a host's clock is ahead."""
    return int(db.meta.get(CLOCK_OFFSET + host.uuid, "0"))


def get_server_localtime(context: Context, host: str) -> datetime:
    zone = ZoneInfo(context.db.get("host", host).timezone or "UTC")
    return get_servertime(context, host).astimezone(zone).replace(tzinfo=None)


def set_servertime(context: Context, self: str, value: datetime) -> None:
    host = context.db.get("host", self)
    if host.ntp_mode != "Disabled":
        raise XenAPIError("NOT_ALLOWED_WHEN_NTP_IS_ENABLED", self)
    wanted = value if value.tzinfo else value.replace(tzinfo=ZoneInfo(host.timezone or "UTC"))
    with context.db.transaction() as tx:
        tx.set_meta(CLOCK_OFFSET + host.uuid, str(int((wanted.astimezone(UTC) - context.now()).total_seconds())))


def _set(context: Context, host: str, **fields: Any) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("host", host), **fields)


def _mirror(context: Context, host: str, key: str, value: str) -> None:
    """Old clients read and write some settings in ``other_config``."""
    with context.db.transaction() as tx:
        tx.add_to(context.db.get("host", host), "other_config", key, value)


def _display(context: Context, host: str, changes: dict[str, str]) -> str:
    present: str = context.db.get("host", host).display
    changed = changes.get(present, present)
    _set(context, host, display=changed)
    return changed
