"""The messages of VM about recovery (:mod:`xapid.operations.vm_recovery`)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations import vm_recovery
from xapid.operations.context import Context


def assert_can_be_recovered(context: Context, self: str, session_to: str) -> None:
    vm = context.db.get("VM", self)
    if vm.appliance in context.db.table("VM_appliance"):
        raise XenAPIError("VM_IS_PART_OF_AN_APPLIANCE", self, vm.appliance)
    vm_recovery.assert_recoverable(context, [vm], session_to)


def get_SRs_required_for_recovery(context: Context, self: str, session_to: str) -> tuple[str, ...]:
    return vm_recovery.required_srs(context, [context.db.get("VM", self)], session_to)


async def recover(context: Context, self: str, session_to: str, force: bool) -> None:
    assert_can_be_recovered(context, self, session_to)
    await vm_recovery.recover(context, [context.db.get("VM", self)], session_to, force)
