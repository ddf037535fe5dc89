"""Hooks: what the administrator has hosts do when a host is declared dead, joins or leaves a pool, or its agent ends; and when
it begins to lead its pool, or does so no longer.

Which programs there are is for the host to know that runs them (:mod:`xapid.agent.plugins.hooks`). Where there are none, asking
is all that it costs. They get a session of root's, if this daemon leads the pool and so has sessions to give.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from xapid.agent.interface import IHostAgent
from xapid.agent.values import AgentFailure, Errand
from xapid.auth.sessions import ROOT
from xapid.datamodel.errors import XenAPIError
from xapid.ids import Ids
from xapid.operations.agent_errors import translated
from xapid.operations.context import Context
from xapid.operations.host_plugins import errand_of, until_cancelled
from xapid.operations.services import Services

log = Logger()

PRE_DECLARE_DEAD: Final = "host-pre-declare-dead"
POST_DECLARE_DEAD: Final = "host-post-declare-dead"
PRE_SHUTDOWN: Final = "xapi-pre-shutdown"
POOL_JOIN: Final = "pool-join"
POOL_EJECT: Final = "pool-eject"
ROLE: Final = "master.d"

CLEAN_SHUTDOWN: Final = "clean-shutdown"
DESTROYED: Final = "dbdestroy"
USER: Final = "user"
NONE: Final = "none"


async def before_death(context: Context, host: str, reason: str) -> None:
    """A host is about to count as dead: its coordinator may object. Errors: XAPI_HOOK_FAILED, TASK_CANCELLED."""
    await _at_coordinator(context, PRE_DECLARE_DEAD, host, reason)


async def after_death(context: Context, host: str, reason: str) -> None:
    """A host counts as dead. Errors: XAPI_HOOK_FAILED, TASK_CANCELLED."""
    await _at_coordinator(context, POST_DECLARE_DEAD, host, reason)


async def _at_coordinator(context: Context, hook: str, host: str, reason: str) -> None:
    coordinator = context.services.role.coordinator
    await run_hook(context, hook, context.agent(coordinator), host, reason)


async def run_hook(
    context: Context, hook: str, agent: IHostAgent, host: str, reason: str = NONE, *, leads: bool | None = None
) -> None:
    """Have an agent do what is to be done about ``host``. ``leads``: whether this daemon does, where it is about to change.

    Errors: XAPI_HOOK_FAILED, CANNOT_CONTACT_HOST, TASK_CANCELLED.
    """
    services, plugins = context.services, agent.plugins
    with translated(context.db):
        if not await plugins.has_hook(hook):
            return
        leads = services.role.leader is None if leads is None else leads
        session = services.sessions.open(ROOT, host, originator=f"hook {hook}") if leads else None
        try:
            errand = errand_of(context, agent.uuid, "" if session is None else session.ref)
            args = {"hostuuid": context.db.get("host", host).uuid, "reason": reason}
            await until_cancelled(context, plugins, errand, plugins.run_hook(hook, args, errand))
        finally:
            if session is not None and not session.ended:
                services.sessions.destroy(session.ref)


async def tell_role(services: Services, ids: Ids, agent: IHostAgent, *, leads: bool) -> None:
    """Have a host do what is to be done when it begins to lead its pool, or when it does so no longer.

    Nobody can object to that: what goes wrong is only logged.
    """
    session = None
    try:
        if not await agent.plugins.has_hook(ROLE):
            return
        if leads:
            session = services.sessions.open(ROOT, services.role.coordinator, originator=f"hook {ROLE}")
        door, ref = services.door(agent.uuid), "" if session is None else session.ref
        errand = Errand(number=ids.secret(8).hex(), session=ref, url=door.url, fingerprint=door.fingerprint)
        await agent.plugins.run_hook(ROLE, {"": "start" if leads else "stop"}, errand)
    except (XenAPIError, AgentFailure) as problem:
        log.warn("what is to be done when the coordinator changes was not: {problem}", problem=problem)
    finally:
        if session is not None and not session.ended:
            services.sessions.destroy(session.ref)
