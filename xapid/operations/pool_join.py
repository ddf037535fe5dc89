"""``pool.join`` and what the two sides say to each other on the way."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context


async def join(context: Context, master_address: str, master_username: str, master_password: str) -> None:
    """Make this host a member of another pool. Errors: JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS and those of logging in."""
    if len(context.db.table("host")) > 1:
        raise XenAPIError("JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS")
    await context.services.pool.join(master_address, master_username, master_password)


async def join_force(context: Context, master_address: str, master_username: str, master_password: str) -> None:
    """The same, passing over differences between the hosts."""
    await join(context, master_address, master_username, master_password)


def exchange_certificates_on_join(context: Context, uuid: str, certificate: str) -> frozenmap:
    """Trust a host that is about to join by its certificate; returns the certificates of the pool by uuid of host."""
    return frozenmap(context.services.pool.exchange_certificates(uuid, certificate))


def initial_auth(context: Context) -> str:
    """The pool's secret, for a host that joins."""
    return str(context.services.pool.secret)
