"""How many virtual CPUs a VM has: ``VM.set_VCPUs_max``, ``set_VCPUs_at_startup`` and ``set_VCPUs_number_live``."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.agent_errors import translated
from xapid.operations.context import Context
from xapid.placement.memory import overhead_of


def set_VCPUs_max(context: Context, self: str, value: int) -> None:
    db = context.db
    vm = db.get("VM", self)
    if value < 1 or value < vm.VCPUs_at_startup:
        raise XenAPIError("INVALID_VALUE", "VCPUs_max must be at least 1 and not less than VCPUs_at_startup", str(value))
    with db.transaction() as tx:
        tx.update(vm, VCPUs_max=value)
        tx.update(self, memory_overhead=overhead_of(db.get("VM", self)))


def set_VCPUs_at_startup(context: Context, self: str, value: int) -> None:
    db = context.db
    vm = db.get("VM", self)
    if any(host.control_domain == self for host in db.table("host")):
        raise XenAPIError("OPERATION_NOT_ALLOWED", "The virtual CPUs of a host's control domain are not set in this way")
    if value < 1 or value > vm.VCPUs_max:
        raise XenAPIError("INVALID_VALUE", "VCPUs_at_startup must be at least 1 and not more than VCPUs_max", str(value))
    with db.transaction() as tx:
        tx.update(vm, VCPUs_at_startup=value)


async def set_VCPUs_number_live(context: Context, self: str, nvcpu: int) -> None:
    db = context.db
    vm = db.get("VM", self)
    if not 1 <= nvcpu <= vm.VCPUs_max:
        raise XenAPIError("INVALID_VALUE", "the number must be at least 1 and not more than VCPUs_max", str(nvcpu))
    with translated(db, self):
        await context.agent().hypervisor.set_vcpus(vm.uuid, nvcpu)
    with db.transaction() as tx:
        tx.update(self, VCPUs_at_startup=nvcpu)
        if vm.metrics in db.table("VM_metrics"):
            tx.update(
                vm.metrics,
                VCPUs_number=nvcpu,
                VCPUs_CPU=frozenmap({number: number for number in range(nvcpu)}),
                VCPUs_flags=frozenmap(dict.fromkeys(range(nvcpu), ("online",))),
                last_updated=context.now(),
            )
