"""The plugin ``power-on-host``: the power of hosts, by what their power mode can do.

``main``, ``power_off`` and ``power_status`` work on the host whose uuid is the argument ``remote_host_uuid``, from the
coordinator, whichever host the plugin is called for. ``main`` is what the reference server has too.
"""

from __future__ import annotations

from typing import Final

from xapid.agent.plugins.programs import failure
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context
from xapid.operations.interrupting import interruptible
from xapid.operations.remote_power import is_switched_off, target
from xapid.placement.checks import is_live

_WHICH: Final = "remote_host_uuid"


async def main(context: Context, host: str, args: frozenmap) -> str:
    """Switch the host on and wait until it is there. Returns ``True``. Errors: those of ``host.power_on``."""
    await context.call("host.power_on", _named(context, args).ref)
    return "True"


async def power_off(context: Context, host: str, args: frozenmap) -> str:
    """Cut the power of a host; one that is live is shut down first. Returns what there is to say about it.

    Errors: those of ``host.shutdown``; OPERATION_NOT_ALLOWED for the coordinator; XENAPI_PLUGIN_FAILURE, with
    ``HOST_POWER_OFF_NOT_SUPPORTED`` for a mode that only switches on; what a script raises.
    """
    row = _named(context, args)
    if row.ref == context.services.role.coordinator:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "The coordinator does not switch itself off")
    if is_live(context.db, row):
        await context.call("host.shutdown", row.ref)
    power = context.services.power
    if power is None:
        raise XenAPIError("XENAPI_MISSING_PLUGIN", "power-on-host")
    said = await interruptible(context, power.switch_off(target(context, row)))
    if said is None:
        raise failure("power_off", "HOST_POWER_OFF_NOT_SUPPORTED", row.power_on_mode)
    return said


async def power_status(context: Context, host: str, args: frozenmap) -> str:
    """``on``, ``off`` or ``unknown``. Errors: XENAPI_PLUGIN_FAILURE, what a script raises."""
    row, power = _named(context, args), context.services.power
    said = None
    if power is not None and row.power_on_mode:
        said = await interruptible(context, power.status(target(context, row)))
    if said is not None:
        return said
    if await is_switched_off(context, row):
        return "off"
    return "on" if is_live(context.db, row) else "unknown"


def _named(context: Context, args: frozenmap) -> Row:
    """Errors: UUID_INVALID."""
    return context.db.table("host").by_uuid(args.get(_WHICH, ""))
