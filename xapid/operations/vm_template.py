"""The border between VMs and templates: ``VM.set_is_a_template`` and ``set_is_default_template``."""

from __future__ import annotations

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations import allowed
from xapid.operations.context import Context


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
    """Make a VM that can be started of a template; it counts as installed now, if it has metrics to say so."""
    db = context.db
    with db.transaction() as tx:
        if vm.metrics in db.table("VM_metrics"):
            tx.update(vm.metrics, install_time=context.now())
        tx.update(vm, is_a_template=False)
        allowed.refresh(tx, db, db.get("VM", vm.ref))


def _make_template(context: Context, vm: Row) -> None:
    """Errors: those of the operation make_into_template; VM_IS_PROTECTED; HANDLE_INVALID without metrics.

    A template has no metrics, and a VM that was one gets new ones when it is started.
    """
    db = context.db
    allowed.check(db, vm, "make_into_template")
    if vm.ha_always_run or vm.ha_restart_priority == "restart":
        raise XenAPIError("VM_IS_PROTECTED", vm.ref)
    with db.transaction() as tx:
        for ref in vm.VUSBs:
            tx.destroy(ref)
        tx.destroy(db.get("VM_metrics", vm.metrics))
        tx.update(vm, is_a_template=True, ha_always_run=False, groups=(), metrics=NULL_REF)
        allowed.refresh(tx, db, db.get("VM", vm.ref))
