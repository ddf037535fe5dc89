"""How much memory VMs need and hosts have. Serves the memory fields of VM, and ``host.compute_free_memory``."""

from __future__ import annotations

from typing import Final

from xapid.database import Database, Row
from xapid.datamodel.types import NULL_REF

MIB: Final = 1 << 20
_PAGE: Final = 4096
_MOST_MIB: Final = 1 << 42
"""More than any machine has, and little enough for fields of 64 bits."""
_ASSUMED_VCPUS: Final = 64
"""Virtual CPUs that an approximate answer allows for."""


def overhead(domain_type: str, vcpus_max: int, static_max: int, shadow_multiplier: float) -> int:
    """Bytes that virtualization adds to a VM's own memory: page tables, shadow memory, and a shim where there is one."""
    static_mib = _mib_up(static_max)
    wanted = _mib_up((256 * vcpus_max + 2 * static_mib) * _PAGE) * shadow_multiplier
    shadow = int(max(1, min(_MOST_MIB, wanted)))  # a multiplier may be infinite, or no number
    extra = 1 if domain_type == "pv" else 2
    shim = 23 + static_mib // 90 if domain_type == "pv_in_pvh" else 0
    return min(_MOST_MIB, extra + shadow + _mib_up(38 * vcpus_max * _PAGE) + shim) * MIB


def overhead_of(vm: Row) -> int:
    """The same for a VM as it is now."""
    return overhead(domain_type_of(vm), vm.VCPUs_max, vm.memory_static_max, vm.HVM_shadow_multiplier)


def domain_type_of(vm: Row) -> str:
    """The kind of domain that a VM gets at its next boot; where it is not set, the old switch decides."""
    return str(vm.domain_type) if vm.domain_type != "unspecified" else domain_type_for(vm.HVM_boot_policy)


def domain_type_for(boot_policy: str) -> str:
    """The kind of domain that an ``HVM_boot_policy`` stands for."""
    return "hvm" if boot_policy else "pv"


def largest_static_max(vm: Row, total: int, approximate: bool) -> int:
    """The greatest static maximum, in whole MiB, that fits ``total`` bytes together with its overhead; at least 0."""
    vcpus = _ASSUMED_VCPUS if approximate else vm.VCPUs_max
    low, high = 0, max(0, total // MIB)
    while low < high:
        middle = (low + high + 1) // 2
        needed = middle * MIB + overhead(domain_type_of(vm), vcpus, middle * MIB, vm.HVM_shadow_multiplier)
        low, high = (middle, high) if needed <= total else (low, middle - 1)
    return low * MIB


def needed_to_start(vm: Row) -> int:
    """Bytes that a host must have free for a VM to start there."""
    own = vm.memory_static_max if domain_type_of(vm) == "pv_in_pvh" else vm.memory_dynamic_min
    return int(own) + overhead_of(vm)


def total(db: Database, host: Row) -> int:
    """Bytes for domains on a host, the control domain included."""
    metrics = db.table("host_metrics").find(host.metrics)
    return 0 if metrics is None else max(0, metrics.memory_total - host.memory_overhead)


def present(db: Database, host: str, besides: str = NULL_REF) -> list[Row]:
    """The VMs on a host and those that are to be there, without ``besides``."""
    row = db.get("host", host)
    find = db.table("VM").find
    refs = dict.fromkeys((*row.resident_VMs, *db.table("VM").holders("scheduled_to_be_resident_on", host)))
    return [vm for ref in refs if ref != besides and (vm := find(ref)) is not None]


def free(db: Database, host: str, besides: str = NULL_REF, bound: str = "memory_dynamic_min") -> int:
    """Bytes free on a host if every VM there had as much as ``bound`` says. May be negative."""
    used = sum(getattr(vm, bound) + vm.memory_overhead for vm in present(db, host, besides))
    return total(db, db.get("host", host)) - int(used)


def _mib_up(size: int) -> int:
    return -(-size // MIB)
