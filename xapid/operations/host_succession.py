"""What a host is told when the coordinator changes, and what it is given to be one itself (class ``host``)."""

from __future__ import annotations

from typing import Any

from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context


async def request_backup(context: Context, host: str, generation: int, force: bool) -> None:
    """Give a host a copy of the database, unless it has the one of this generation."""
    await context.services.pool.back_up_to(host, generation, force)


async def request_config_file_sync(context: Context, host: str, hash: str) -> None:
    """Give a host the settings that all hosts share, unless it has those with this hash."""
    await _reach(context, host, context.services.pool.sync_settings(host, hash))


async def propose_new_master(context: Context, address: str, manual: bool) -> None:
    """First phase of a change. Errors: HA_ABORT_NEW_MASTER."""
    context.services.pool.propose(address)


async def commit_new_master(context: Context, address: str) -> None:
    """Second phase. Errors: HA_ABORT_NEW_MASTER, when that coordinator was not proposed."""
    await context.services.pool.commit(address)


def abort_new_master(context: Context, address: str) -> None:
    """Forget a proposal."""
    context.services.pool.abort(address)


async def update_master(context: Context, host: str, master_address: str) -> None:
    """Have a host follow the coordinator at an address."""
    await _reach(context, host, context.services.pool.redirect(host, master_address))


async def _reach(context: Context, host: str, asking: Any) -> None:
    try:
        await asking
    except AgentFailure as failure:
        raise XenAPIError("CANNOT_CONTACT_HOST", host) from failure
