"""Switching hosts on from afar: how it is set for a host, and doing it (class ``host``)."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from xapid.agent.power.modes import Target, is_wake_on_lan
from xapid.agent.values import RemoteHost
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed
from xapid.operations.agent_errors import translated
from xapid.operations.context import Context
from xapid.operations.host_plugins import interruptible
from xapid.operations.host_power import come_back
from xapid.placement.checks import is_live

SECRETS: Final = "password_secret"
"""How keys end whose value is the uuid of a secret."""
PLUGIN: Final = "power-on-host"
"""What the reference server calls its plugin; clients see the name when there is none."""


def set_power_on_mode(context: Context, self: str, power_on_mode: str, power_on_config: Mapping[str, str]) -> None:
    """Secrets of the old configuration go with it, unless the new one goes on using them."""
    db = context.db
    host = db.get("host", self)
    dropped = _secrets(host.power_on_config) - _secrets(power_on_config)
    with db.transaction() as tx:
        tx.update(host, power_on_mode=power_on_mode, power_on_config=power_on_config)
        for uuid in dropped:
            secret = db.table("secret").find_uuid(uuid)
            if secret is not None:
                tx.destroy(secret)
        allowed.refresh(tx, db, host)


async def power_on(context: Context, host: str) -> None:
    """Errors: XENAPI_MISSING_PLUGIN, XENAPI_PLUGIN_FAILURE, what a script raises; INTERNAL_ERROR for a host that stays away."""
    await interruptible(context, _power_on(context, context.db.get("host", host)))


async def _power_on(context: Context, host: Row) -> None:
    power, agent = context.services.power, context.agent().power
    target = _target(context, host)
    remote = RemoteHost(host=host.uuid, address=host.address, mac=target.mac, mode=target.mode, config=dict(target.config))
    # Only a simulator knows that a host has no power: it has that power in its hands, and no packet would find the host.
    with translated(context.db):
        simulated = await agent.power_status(remote) == "off"
    if simulated and is_wake_on_lan(target.mode):
        said = ""
    elif power is None:
        raise XenAPIError("XENAPI_MISSING_PLUGIN", PLUGIN)
    else:
        said = await power.switch_on(target)
    if simulated:
        with translated(context.db):
            await agent.power_on(remote)
        await come_back(context, host.ref)
    elif power is not None and not await power.comes_up(target):
        text = "The host did not power on"
        raise XenAPIError("INTERNAL_ERROR", f"{text}: {said}" if said else text)


def _secrets(config: Mapping[str, str]) -> set[str]:
    return {value for key, value in config.items() if key.endswith(SECRETS)}


def _target(context: Context, host: Row) -> Target:
    db = context.db
    here = db.get("host", context.host)
    mine = _management(db, here)
    ip, netmask = ("", "") if mine is None else (mine.IP, mine.netmask)
    if _is_loopback(here.address):
        ip, netmask = here.address, "255.0.0.0"
    return Target(
        ref=host.ref,
        mac=_mac(db, host),
        mode=host.power_on_mode,
        config=host.power_on_config,
        coordinator=here.ref,
        ip=ip,
        netmask=netmask,
        is_live=lambda: (row := db.table("host").find(host.ref)) is not None and is_live(db, row),
    )


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
