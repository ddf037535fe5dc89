"""The messages of VM_appliance about recovery (:mod:`xapid.operations.vm_recovery`)."""

from __future__ import annotations

from xapid.database import Row
from xapid.operations import allowed, vm_recovery
from xapid.operations.context import Context


def assert_can_be_recovered(context: Context, self: str, session_to: str) -> None:
    vm_recovery.assert_recoverable(context, _vms(context, self), session_to)


def get_SRs_required_for_recovery(context: Context, self: str, session_to: str) -> tuple[str, ...]:
    return vm_recovery.required_srs(context, _vms(context, self), session_to)


async def recover(context: Context, self: str, session_to: str, force: bool) -> None:
    db = context.db
    made = await vm_recovery.recover(context, _vms(context, self), session_to, force)
    with db.transaction() as tx:
        for ref in made:
            tx.update(ref, appliance=self)
        allowed.refresh(tx, db, db.get("VM_appliance", self), *(db.get("VM", ref) for ref in made))


def _vms(context: Context, appliance: str) -> list[Row]:
    return [context.db.get("VM", ref) for ref in context.db.get("VM_appliance", appliance).VMs]
