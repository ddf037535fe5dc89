"""Plugins that are called for a VM: what its guest is asked to do, and plugins of the host where it runs (class ``VM``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xapid.agent.plugins.programs import failure
from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.agent_errors import translated
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.host_plugins import run_plugin

_GUEST_PLUGIN: Final = "guest-agent-operation"
_INTERVAL: Final = 10.0
"""Seconds between questions to the same guest."""
_RUN_SCRIPT: Final = "run-script"
_FUNCTIONS: Final = ("request-rdp-on", "request-rdp-off", _RUN_SCRIPT)
_ALLOWS_SCRIPTS: Final = "allow_guest_agent_run_script"
"""Key of ``pool.other_config`` without which no guest is asked to run anything."""
_SCRIPT_RIGHTS: Final = "vm.checkpoint"
"""The permission that running a script takes: that of looking into the memory of a VM."""
_SCRIPT_ARGUMENTS: Final = ("username", "password", "script")
_LONGEST_SCRIPT: Final = 1024
_UNABLE: Final = ("no_acknowledgment", "not_supported")


async def call_plugin(context: Context, vm: str, plugin: str, fn: str, args: frozenmap) -> str:
    row = context.db.get("VM", vm)
    if plugin != _GUEST_PLUGIN:
        raise XenAPIError("XENAPI_MISSING_PLUGIN", plugin)
    _assert_patient(context, vm)
    if fn not in _FUNCTIONS:
        text = f"The plugin {plugin} has no function {fn}"
        raise failure("failed to find fn", text, text)
    if fn == _RUN_SCRIPT:
        _assert_may_run(context, args)
    with translated(context.db, vm):
        try:
            return await context.agent().hypervisor.call_guest(row.uuid, fn, dict(args))
        except AgentFailure as refusal:
            if refusal.reason not in _UNABLE:
                raise
    text = f"The guest has no agent that could do what {fn} of {plugin} asks for"
    raise failure("failed to execute fn", text, text)


async def call_host_plugin(context: Context, vm: str, plugin: str, fn: str, args: frozenmap) -> str:
    row = context.db.get("VM", vm)
    if row.resident_on == NULL_REF:
        raise XenAPIError("VM_BAD_POWER_STATE", vm, "running", row.power_state.lower())
    with translated(context.db, vm):
        return await run_plugin(context, row.resident_on, plugin, fn, {**args, "vm_uuid": row.uuid})


def _assert_patient(context: Context, vm: str) -> None:
    """That a guest is not asked again at once. Errors: VM_CALL_PLUGIN_RATE_LIMIT."""
    asked, now = context.services.guests_asked, context.clock.seconds()
    wait = asked.get(vm, -_INTERVAL) + _INTERVAL - now
    if wait > 0:
        raise XenAPIError("VM_CALL_PLUGIN_RATE_LIMIT", vm, f"{_INTERVAL:g}", f"{wait:g}")
    for old in [ref for ref, then in asked.items() if now - then >= _INTERVAL]:
        del asked[old]
    asked[vm] = now


def _assert_may_run(context: Context, args: Mapping[str, str]) -> None:
    """Errors: FEATURE_RESTRICTED, XENAPI_PLUGIN_FAILURE, RBAC_PERMISSION_DENIED."""
    if the_pool(context.db).other_config.get(_ALLOWS_SCRIPTS) != "true":
        raise XenAPIError("FEATURE_RESTRICTED")
    for name in _SCRIPT_ARGUMENTS:
        if name not in args:
            raise failure("missing argument", "", f"Argument {name} is required.")
    if not context.services.rbac.allows(context.session, _SCRIPT_RIGHTS):
        raise XenAPIError("RBAC_PERMISSION_DENIED", "vm.call_plugin", "Running a script takes the role vm-power-admin")
    if len(args["script"].encode()) > _LONGEST_SCRIPT:
        raise failure("length restriction", "", f"The script is longer than {_LONGEST_SCRIPT} bytes")
