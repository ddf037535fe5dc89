"""Plugins and extensions of hosts, run for clients (classes ``host``, ``pool`` and ``VM``)."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from xapid.agent.interface import IPlugins
from xapid.agent.values import AgentFailure, Errand
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations import plugins
from xapid.operations.context import Context
from xapid.operations.interrupting import interruptible

T = TypeVar("T")


async def call_plugin(context: Context, host: str, plugin: str, fn: str, args: frozenmap) -> str:
    own = plugins.find(plugin, fn)
    if own is not None:
        return await own(context, host, args)
    return await run_plugin(context, host, plugin, fn, dict(args))


async def run_plugin(context: Context, host: str, plugin: str, fn: str, args: dict[str, str]) -> str:
    """Run it on ``host`` with the session of the caller, until the task is cancelled.

    Errors: XENAPI_MISSING_PLUGIN, XENAPI_PLUGIN_FAILURE, what the plugin raises; TASK_CANCELLED.
    """
    agent = context.agent(host)
    programs, errand = agent.plugins, errand_of(context, agent.uuid)
    return await until_cancelled(context, programs, errand, programs.call(plugin, fn, args, errand))


async def has_extension(context: Context, host: str, name: str) -> bool:
    return await context.agent(host).plugins.has_extension(name)


async def pool_has_extension(context: Context, name: str) -> bool:
    """Whether every host has it; those that cannot be asked count as not having it."""
    for host in [row.ref for row in context.db.table("host")]:
        try:
            if not await context.agent(host).plugins.has_extension(name):
                return False
        except (XenAPIError, AgentFailure):
            return False
    return True


async def call_extension(context: Context, host: str, call: str) -> str:
    """The value that the extension answers with, as JSON."""
    return json.dumps(await extend(context, host, *read_call(call)))


def read_call(call: str) -> tuple[str, list[Any]]:
    """Name and parameters of a call in JSON-RPC. Errors: INTERNAL_ERROR."""
    try:
        asked = json.loads(call)
        name, params = asked["method"], asked.get("params", [])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise XenAPIError("INTERNAL_ERROR", "the call is no JSON-RPC request") from None
    if not isinstance(name, str) or not isinstance(params, list):
        raise XenAPIError("INTERNAL_ERROR", "the call is no JSON-RPC request with a list of parameters")
    return name, params


async def extend(context: Context, host: str, name: str, params: list[Any]) -> Any:
    """Run an extension on ``host``.

    Errors: MESSAGE_METHOD_UNKNOWN, INTERNAL_ERROR, EXTENSION_PROTOCOL_FAILURE, what the extension raises; TASK_CANCELLED.
    """
    agent = context.agent(host)
    programs, errand = agent.plugins, errand_of(context, agent.uuid)
    return await until_cancelled(context, programs, errand, programs.extend(name, params, errand))


async def until_cancelled(context: Context, programs: IPlugins, errand: Errand, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` under an errand of those programs brings. Errors: its own; TASK_CANCELLED."""
    try:
        return await interruptible(context, work)
    except XenAPIError as error:
        if error.code == "TASK_CANCELLED":  # where the line to another daemon broke, it may go on there
            await programs.cancel(errand["number"])
        raise


def errand_of(context: Context, host: str, session: str | None = None) -> Errand:
    """An errand on the host with this uuid, with the caller's session or the one that is given."""
    door = context.services.door(host)
    ref = context.session.ref if session is None else session
    return Errand(number=context.ids.secret(8).hex(), session=ref, url=door.url, fingerprint=door.fingerprint)
