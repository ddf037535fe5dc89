"""``pool.eject``: a host leaves the pool and starts afresh as a pool of its own."""

from __future__ import annotations

from xapid.agent.values import AgentFailure
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations import hooks
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.evacuation_plan import resident_vms
from xapid.operations.host_power import remove_host
from xapid.operations.host_roles import assert_may_leave
from xapid.operations.levelling import level_pool


async def eject(context: Context, host: str) -> None:
    """Take a host out of the pool, with the SRs that only it could see; VMs with disks on those stay listed.

    The host is out when the database says so. Its daemon starts afresh as soon as it hears of it, be it after its next start.
    Errors: HA_IS_ENABLED; NOT_SUPPORTED_DURING_UPGRADE; OPERATION_NOT_ALLOWED for the coordinator and for a host with VMs on
    it; HOST_OFFLINE, CANNOT_CONTACT_HOST; XAPI_HOOK_FAILED, from the host's hook; what unplugging its storage is refused with.
    """
    db = context.db
    row = _assert_can_leave(context, host)
    try:
        await context.agent(host).metrics.facts()
    except AgentFailure as failure:
        raise XenAPIError("CANNOT_CONTACT_HOST", host) from failure
    await hooks.run_hook(context, hooks.POOL_EJECT, context.agent(host), host)
    row = _assert_can_leave(context, host)  # much can have happened meanwhile
    for pbd in row.PBDs:
        await context.call("PBD.unplug", pbd)
    own = [sr for sr in (db.get("PBD", ref).SR for ref in row.PBDs) if len(db.get("SR", sr).PBDs) == 1]
    for sr in own:
        await context.call("SR.forget", sr)
    with db.transaction() as tx:
        remove_host(tx, db, db.get("host", host))
        context.services.pool.dismiss(row.uuid, host)
        level_pool(tx, db)


def _assert_can_leave(context: Context, host: str) -> Row:
    """The host. Errors: as above, but for those about reaching it."""
    db = context.db
    row, pool = db.get("host", host), the_pool(db)
    if pool.ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    if "apply_updates" in (*pool.current_operations.values(), *row.current_operations.values()):
        raise XenAPIError("NOT_SUPPORTED_DURING_UPGRADE")
    if pool.master == host:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "The coordinator cannot be ejected from its own pool")
    if resident_vms(db, host):
        raise XenAPIError("OPERATION_NOT_ALLOWED", "VM resident on host")
    assert_may_leave(row)
    return row
