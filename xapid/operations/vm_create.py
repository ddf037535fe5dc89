"""How VMs come and go: ``VM.create`` and ``VM.destroy``."""

from __future__ import annotations

from typing import Any

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP, NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.allowed.vm_facts import is_default_template
from xapid.operations.context import Context
from xapid.operations.disks import remove_vbd
from xapid.placement.memory import domain_type_for, overhead_of

FRESH_UTILISATION = frozenmap({0: 0.0})
VENDOR_DEVICE_PLATFORM = 2
"""The first virtual hardware that has the device for which Windows finds drivers by itself."""


def create(context: Context, args: dict[str, Any]) -> str:
    db = context.db
    suspended = args["power_state"] == "Suspended"
    complete = args["suspend_VDI"] in db.table("VDI") and args["last_booted_record"] and args["last_boot_CPU_flags"]
    with db.transaction() as tx:
        ref = context.ids.ref()
        if suspended and not complete:
            raise XenAPIError("VM_BAD_POWER_STATE", ref, "halted", "suspended")
        fixed: dict[str, Any] = {
            "power_state": "Suspended" if suspended else "Halted",
            "suspend_VDI": args["suspend_VDI"] if suspended else NULL_REF,
            "last_booted_record": args["last_booted_record"] if suspended else "",
            "last_boot_CPU_flags": args["last_boot_CPU_flags"] if suspended else EMPTY_MAP,
            "other_config": with_mac_seed(args["other_config"], context.ids.uuid()),
            "domain_type": effective_type(args["domain_type"], args["HVM_boot_policy"]),
            "hardware_platform_version": platform_version(args["hardware_platform_version"], args["has_vendor_device"]),
            "blocked_operations": EMPTY_MAP,
            "protection_policy": NULL_REF,
            "is_snapshot_from_vmpp": False,
            "snapshot_schedule": args["snapshot_schedule"] if args["snapshot_schedule"] in db.table("VMSS") else NULL_REF,
            "is_vmss_snapshot": False,
            "domid": -1,
            "metrics": new_metrics(tx),
        }
        tx.create("VM", **{"ref": ref, **args, **fixed})
        tx.update(ref, memory_overhead=overhead_of(db.get("VM", ref)))
        allowed.refresh(tx, db, db.get("VM", ref))
    return ref


def new_metrics(tx: Transaction) -> str:
    """The metrics object of a VM that has not run yet."""
    return tx.create("VM_metrics", VCPUs_utilisation=FRESH_UTILISATION)


def with_mac_seed(other_config: frozenmap, seed: str) -> frozenmap:
    """Extra settings with something from which the MAC addresses of a VM follow."""
    return other_config if "mac_seed" in other_config else other_config.with_item("mac_seed", seed)


def effective_type(domain_type: str, boot_policy: str) -> str:
    """The kind of domain, where need be after the old switch."""
    return domain_type_for(boot_policy) if domain_type == "unspecified" else domain_type


def platform_version(version: int, vendor_device: bool) -> int:
    """The virtual hardware that a VM needs at least."""
    return max(version, VENDOR_DEVICE_PLATFORM) if vendor_device else version


async def destroy(context: Context, self: str) -> None:
    db = context.db
    vm = db.get("VM", self)
    if is_default_template(vm):
        raise XenAPIError("VM_CANNOT_DELETE_DEFAULT_TEMPLATE", self)
    with db.transaction() as tx:
        for child in vm.children:
            tx.update(child, parent=vm.parent)
        remove_devices(tx, db, vm)
        for cls, refs in (
            ("VM_metrics", (vm.metrics,)), ("VM_guest_metrics", (vm.guest_metrics,)), ("console", vm.consoles),
            ("blob", tuple(vm.blobs.values())), ("crashdump", vm.crash_dumps),
        ):  # fmt: skip
            for ref in refs:
                if ref in db.table(cls):
                    tx.destroy(ref)
        appliance = db.table("VM_appliance").find(vm.appliance)
        tx.destroy(self)
        if appliance is not None:
            allowed.refresh(tx, db, appliance)


def remove_devices(tx: Transaction, db: Database, vm: Row) -> None:
    """Take all devices of a VM away; the disks in its drives stay."""
    disks = []
    for ref in vm.VBDs:
        vbd = db.get("VBD", ref)
        disks.append(db.table("VDI").find(vbd.VDI))
        remove_vbd(tx, db, vbd)
    for ref in vm.VIFs:
        remove_vif(tx, db, db.get("VIF", ref))
    for ref in vm.VTPMs:
        contents = db.get("VTPM", ref).contents
        if contents in db.table("secret"):
            tx.destroy(contents)
        tx.destroy(ref)
    for ref in (*vm.VGPUs, *vm.VUSBs):
        tx.destroy(ref)
    for ref in vm.attached_PCIs:
        tx.update(ref, attached_VMs=tuple(other for other in db.get("PCI", ref).attached_VMs if other != vm.ref))
    allowed.refresh(tx, db, *(disk for disk in disks if disk is not None))


def remove_vif(tx: Transaction, db: Database, vif: Row) -> None:
    """Take the record of a network interface out of the database, with its metrics."""
    if vif.metrics in db.table("VIF_metrics"):
        tx.destroy(vif.metrics)
    tx.destroy(vif)
