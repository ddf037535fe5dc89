"""What a coordinator puts in order before it serves: traces of calls that the end of a process cut short, and of hosts that are
gone.

Nothing is under way when a coordinator begins, so nothing is kept for anything. VMs on hosts that are there are another matter:
:mod:`~xapid.operations.adoption` asks those.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.logger import Logger

from xapid.database import Database, Transaction
from xapid.datamodel.types import NULL_REF
from xapid.operations.power_state import set_halted
from xapid.operations.vm_create import new_metrics

log = Logger()

_KEPT: Final = (
    ("VM", "scheduled_to_be_resident_on"),
    ("VGPU", "scheduled_to_be_resident_on"),
    ("PCI", "scheduled_to_be_attached_to"),
)
"""Fields with what is kept for something that is about to be."""


def put_in_order(db: Database) -> None:
    """VMs without their host are halted; halted ones hold nothing; nothing is kept for anybody; every VM has metrics."""
    for vm in db.table("VM").rows():
        if vm.power_state in ("Running", "Paused") and vm.resident_on not in db.table("host"):
            log.warn("VM {name} ran on a host that is not there any more: it is halted", name=vm.name_label)
            set_halted(db, vm)
    with db.transaction() as tx:
        for cls, field in _KEPT:
            for row in db.table(cls).rows():
                if getattr(row, field) != NULL_REF:
                    tx.update(row, **{field: NULL_REF})
        for vm in db.table("VM").rows():
            if vm.metrics not in db.table("VM_metrics"):
                tx.update(vm, metrics=new_metrics(tx))
        for cls in ("VBD", "VIF"):
            _let_go(tx, db, cls)


def _let_go(tx: Transaction, db: Database, cls: str) -> None:
    vms = db.table("VM")
    for row in db.table(cls).rows():
        changes: dict[str, Any] = {"reserved": False} if row.reserved else {}
        vm = vms.find(row.VM)
        if row.currently_attached and vm is not None and vm.power_state == "Halted" and not vm.is_a_snapshot:
            changes["currently_attached"] = False
        if changes:
            tx.update(row, **changes)
