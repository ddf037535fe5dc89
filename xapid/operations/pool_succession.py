"""Which host is the coordinator, and how that changes (class ``pool``): :mod:`xapid.pool.succession` does it.

The calls whose names begin with ``emergency_`` are for a member that has lost its coordinator, in a session that holds on it
alone.
"""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EPOCH
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context


async def designate_new_master(context: Context, host: str) -> None:
    """Hand the role of coordinator to another host.

    Errors: HA_IS_ENABLED, HOST_OFFLINE, CANNOT_CONTACT_HOST, HA_ABORT_NEW_MASTER; OTHER_OPERATION_IN_PROGRESS, when calls
    under way do not end within half a minute.
    """
    db = context.db
    db.get("host", host)
    pool = the_pool(db)
    if pool.master == host:
        return
    if pool.ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    with db.transaction() as tx:
        tx.update(pool, last_update_sync=EPOCH)
    await context.services.pool.succession.designate(host)


async def emergency_transition_to_master(context: Context) -> None:
    """Lead the pool, with the copy of the database that this host has. Errors: INTERNAL_ERROR, when it has none."""
    await context.services.pool.take_over()


async def emergency_reset_master(context: Context, master_address: str) -> None:
    """Follow the coordinator at an address, which may carry a port."""
    await context.services.pool.follow(master_address)


async def recover_slaves(context: Context) -> tuple[str, ...]:
    """Have everyone follow this coordinator; returns the hosts that do."""
    return tuple(await context.services.pool.succession.announce())


async def sync_database(context: Context) -> None:
    """Give every host a copy of the database now. Errors: CANNOT_CONTACT_HOST, of the first that could not be given one."""
    failed = await context.services.pool.back_up_to_all()
    if failed:
        raise XenAPIError("CANNOT_CONTACT_HOST", failed[0])


def is_slave(context: Context, host: str) -> bool:
    """Whether the host that is asked is a member."""
    return host in context.db.table("host") and bool(context.services.role.is_member(host))


async def hello(context: Context, host_uuid: str, host_address: str) -> str:
    """A member reports: whether it is known, and can be reached at its address."""
    return str(await context.services.pool.receiving.greet(host_uuid, host_address))
