"""The border between VMs and templates: ``VM.set_is_a_template`` and ``set_is_default_template``."""

from __future__ import annotations

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import allowed
from xapid.operations.context import Context
from xapid.operations.vm_create import new_metrics


def set_is_a_template(context: Context, self: str, value: bool) -> None:
    vm = context.db.get("VM", self)
    if value:
        _make_template(context, vm)
    else:
        make_ordinary(context, vm)


def set_is_default_template(context: Context, vm: str, value: bool) -> None:
    row = context.db.get("VM", vm)
    if value and not row.is_a_template:
        _make_template(context, row)
    with context.db.transaction() as tx:
        tx.update(vm, is_default_template=value)
        tx.add_to(vm, "other_config", "default_template", "true" if value else "false")
        allowed.refresh(tx, context.db, context.db.get("VM", vm))


def make_ordinary(context: Context, vm: Row) -> None:
    """Make a VM that can be started of a template; it counts as installed now."""
    db = context.db
    with db.transaction() as tx:
        metrics = vm.metrics if vm.metrics in db.table("VM_metrics") else new_metrics(tx)
        tx.update(metrics, install_time=context.now())
        tx.update(vm, is_a_template=False, metrics=metrics)
        allowed.refresh(tx, db, db.get("VM", vm.ref))


def _make_template(context: Context, vm: Row) -> None:
    """Errors: those of the operation make_into_template; VM_IS_PROTECTED."""
    db = context.db
    allowed.check(db, vm, "make_into_template")
    if vm.ha_always_run or vm.ha_restart_priority == "restart":
        raise XenAPIError("VM_IS_PROTECTED", vm.ref)
    with db.transaction() as tx:
        for ref in vm.VUSBs:
            tx.destroy(ref)
        if vm.metrics in db.table("VM_metrics"):
            tx.destroy(vm.metrics)
        tx.update(vm, is_a_template=True, ha_always_run=False, groups=(), metrics=NULL_REF)
        allowed.refresh(tx, db, db.get("VM", vm.ref))
