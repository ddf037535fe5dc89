"""The plugin ``coalesce-leaf``: merges what is left of deleted snapshots into the disks of a VM that does not run.

Simulated disks share blocks without chains of parents, so there never is anything left to merge, and it says so.
"""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context


async def leaf_coalesce(context: Context, host: str, args: frozenmap) -> str:
    """What was done, in words. The argument is ``vm_uuid``. Errors: UUID_INVALID, VM_BAD_POWER_STATE."""
    vm = context.db.table("VM").by_uuid(args.get("vm_uuid", ""))
    if vm.power_state not in ("Halted", "Suspended"):
        raise XenAPIError("VM_BAD_POWER_STATE", vm.ref, "halted, suspended", vm.power_state.lower())
    return "no disk of the VM has anything to coalesce"
