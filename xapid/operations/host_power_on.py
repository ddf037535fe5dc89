"""Switching hosts on from afar: how it is set for a host, and doing it (class ``host``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from twisted.logger import Logger

from xapid.agent.power.modes import is_wake_on_lan
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations import allowed
from xapid.operations.agent_errors import translated
from xapid.operations.context import Context
from xapid.operations.host_cycles import come_back
from xapid.operations.interrupting import interruptible
from xapid.operations.remote_power import is_switched_off, remote_host, secrets, target

log = Logger()

PLUGIN: Final = "power-on-host"
"""What the reference server calls its plugin; clients see the name when there is none."""


def set_power_on_mode(context: Context, self: str, power_on_mode: str, power_on_config: Mapping[str, str]) -> None:
    """Secrets of the old configuration go with it, unless the new one goes on using them."""
    db = context.db
    host = db.get("host", self)
    dropped = secrets(host.power_on_config) - secrets(power_on_config)
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
    power = context.services.power
    simulated = await is_switched_off(context, host)
    aim = target(context, host, simulated=simulated)
    if power is not None:
        said = await power.switch_on(aim)
    elif simulated and is_wake_on_lan(aim.mode):
        said = ""
    else:
        raise XenAPIError("XENAPI_MISSING_PLUGIN", PLUGIN)
    if simulated:
        with translated(context.db):
            await context.agent().power.power_on(remote_host(context, host))
        await come_back(context, host.ref)
    elif power is not None and not await power.comes_up(aim):
        log.warn("The host {name} did not power on: {said}", name=host.name_label, said=said)
        text = "The host did not power on"
        raise XenAPIError("INTERNAL_ERROR", f"{text}: {said}" if said else text)
