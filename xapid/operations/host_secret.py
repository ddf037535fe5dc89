"""The stages of a rotation of the pool's secret on one host (class ``host``): :mod:`xapid.pool.secrets` says what they mean."""

from __future__ import annotations

import re
from typing import Final

from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context

_SECRET: Final = re.compile(r"[0-9A-Za-z/-]{37,}")


async def notify_accept_new_pool_secret(context: Context, host: str, old_ps: str, new_ps: str) -> None:
    await _tell(context, host, "accept", old_ps, new_ps)


async def notify_send_new_pool_secret(context: Context, host: str, old_ps: str, new_ps: str) -> None:
    await _tell(context, host, "send", old_ps, new_ps)


async def cleanup_pool_secret(context: Context, host: str, old_ps: str, new_ps: str) -> None:
    await _tell(context, host, "clean-up", old_ps, new_ps)


async def update_pool_secret(context: Context, host: str, pool_secret: str) -> None:
    """Have a host present and accept this secret alone."""
    await _tell(context, host, "clean-up", context.services.pool.secret, pool_secret)


async def _tell(context: Context, host: str, stage: str, old: str, new: str) -> None:
    """Errors: INVALID_VALUE for what is no secret, or not this pool's; CANNOT_CONTACT_HOST."""
    if not _SECRET.fullmatch(new):
        raise XenAPIError("INVALID_VALUE", "pool_secret", "a secret has more than 36 letters, digits, '-' and '/'")
    try:
        await context.services.pool.secret_stage(host, stage, old, new)
    except AgentFailure as failure:
        raise XenAPIError("CANNOT_CONTACT_HOST", host) from failure
    except ValueError as problem:
        raise XenAPIError("INVALID_VALUE", "old_ps", str(problem)) from problem
