"""Other hosts' power, as this pool's coordinator sees it: which host, in which mode, reached how; and cutting it."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from twisted.logger import Logger

from xapid.agent.power.modes import Target
from xapid.agent.values import RemoteHost
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.agent_errors import translated
from xapid.operations.alerts import add_alert
from xapid.operations.context import Context
from xapid.operations.interrupting import interruptible
from xapid.placement.checks import is_live

log = Logger()

SECRETS: Final = "password_secret"
"""How keys end whose value is the uuid of a secret."""
OFF_FAILED: Final = "HOST_POWER_OFF_FAILED"
"""Name of the message about a host that shut down, but whose power could not be cut."""
OFF_PRIORITY: Final = 3


def secrets(config: Mapping[str, str]) -> set[str]:
    """Uuids of the secrets that a configuration names."""
    return {value for key, value in config.items() if key.endswith(SECRETS)}


def remote_host(context: Context, host: Row) -> RemoteHost:
    """``host``, as its power is spoken of to an agent."""
    mac, config = _mac(context.db, host), dict(host.power_on_config)
    return RemoteHost(host=host.uuid, address=host.address, mac=mac, mode=host.power_on_mode, config=config)


async def is_switched_off(context: Context, host: Row) -> bool:
    """Whether a simulator has ``host`` switched off. It has that power in its hands; nobody knows it of real hosts."""
    with translated(context.db):
        return await context.agent(_coordinator(context)).power.power_status(remote_host(context, host)) == "off"


def target(context: Context, host: Row, *, simulated: bool = False) -> Target:
    """``host``, as it is spoken of to its power mode."""
    db = context.db
    here = db.get("host", _coordinator(context))
    mine = _management(db, here)
    ip, netmask = ("", "") if mine is None else (mine.IP, mine.netmask)
    if _is_loopback(here.address):
        ip, netmask = here.address, "255.0.0.0"
    found = (db.table("secret").find_uuid(uuid) for uuid in secrets(host.power_on_config))
    return Target(
        ref=host.ref,
        mac=_mac(db, host),
        mode=host.power_on_mode,
        config=host.power_on_config,
        coordinator=here.ref,
        ip=ip,
        netmask=netmask,
        is_live=lambda: (row := db.table("host").find(host.ref)) is not None and is_live(db, row),
        simulated=simulated,
        hidden=tuple(secret.value for secret in found if secret is not None),
    )


async def cut_power(context: Context, host: str) -> None:
    """Cut the power of a host that has shut down, if its mode can. A failure becomes a message, as the host is down anyway.

    Errors: TASK_CANCELLED, once the host is down.
    """
    row, power = context.db.get("host", host), context.services.power
    if power is None or not row.power_on_mode or host == _coordinator(context):
        return
    try:
        said = await interruptible(context, power.switch_off(target(context, row)))
    except XenAPIError as error:
        if error.code == "TASK_CANCELLED":
            raise
        log.warn("The power of host {name} could not be cut: {error}", name=row.name_label, error=error)
        add_alert(context, OFF_FAILED, OFF_PRIORITY, "Host", row.uuid, "\n".join(error.description))
    else:
        if said:
            log.info("The power of host {name} was cut: {said}", name=row.name_label, said=said)


def _coordinator(context: Context) -> str:
    return context.services.role.coordinator


def _management(db: Database, host: Row) -> Row | None:
    return next((pif for pif in map(db.table("PIF").find, host.PIFs) if pif is not None and pif.management), None)


def _mac(db: Database, host: Row) -> str:
    """Address of the card that carries management; that is the one below, where management is on a VLAN."""
    pif = _management(db, host)
    vlan = None if pif is None else db.table("VLAN").find(pif.VLAN_master_of)
    below = None if vlan is None else db.table("PIF").find(vlan.tagged_PIF)
    card = pif if below is None else below
    return "" if card is None else str(card.MAC)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
