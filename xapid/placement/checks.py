"""Whether a VM can run on a host, and why not. Serves ``VM.assert_can_boot_here``, and every start, resume and migration.

The checks come in the order in which clients see their errors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Final

import attrs

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.placement.graphics import gpus_of, room_for
from xapid.placement.memory import domain_type_of, free, needed_to_start
from xapid.placement.roles import role_of, takes_vms
from xapid.placement.versions import newest_of, version_of
from xapid.placement.virtual_functions import assert_functions, may_be_sriov

_NOT_FOR_HVM: Final = ("rename_restart", "coredump_and_destroy", "coredump_and_restart")


@attrs.frozen(eq=False)
class Reach:
    """Where a network that a VM needs is."""

    network: Row
    hosts: Collection[str] | None
    """The hosts that have it or can have it; None for all."""
    bonded: Collection[str]
    """Hosts that have given their connection to it away to a bond."""


@attrs.frozen(eq=False, slots=False)
class Needs:
    """What a VM needs of a host, whichever it is: worked out once for all hosts that are asked about."""

    db: Database
    vm: Row

    @cached_property
    def storage(self) -> list[tuple[str, frozenset[str]]]:
        """Each SR, with the hosts that reach it."""
        return [(sr, hosts_with(self.db, sr)) for sr in srs_of(self.db, self.vm)]

    @cached_property
    def networks(self) -> list[Reach]:
        """Each network."""
        return [self._reach(network) for network in networks_of(self.db, self.vm)]

    def _reach(self, network: Row) -> Reach:
        bonds = self.db.table("Bond")
        pifs = [self.db.get("PIF", ref) for ref in network.PIFs]
        bonded = {pif.host for pif in pifs if bonds.find(pif.bond_slave_of) is not None}
        return Reach(network, hosts_of_network(self.db, network, self.vm.ref), bonded)

    @cached_property
    def newest(self) -> tuple[int, ...] | None:
        """The version that a host must have on which it starts; None if any will do."""
        return newest_of(self.db)

    @cached_property
    def functions(self) -> bool:
        """Whether it needs a virtual function of a network card anywhere."""
        return any(may_be_sriov(self.db, reach.network) for reach in self.networks)


@attrs.frozen(kw_only=True)
class Question:
    """May ``vm`` run on ``host``? With parts of the question left out on demand."""

    db: Database
    vm: Row
    host: Row
    needs: Needs = attrs.Factory(lambda self: Needs(self.db, self.vm), takes_self=True)
    memory: bool = True
    cpu_features: bool = True
    disabled_too: bool = False
    boots: bool = False
    """Whether it would get a domain there, instead of bringing its own."""


def assert_can_boot_here(question: Question) -> None:
    """Errors: the first of the checks that fails."""
    for check in CHECKS:
        check(question)


def can_boot_here(question: Question) -> bool:
    """Whether no check fails."""
    try:
        assert_can_boot_here(question)
    except XenAPIError:
        return False
    return True


def assert_sane(vm: Row) -> None:
    """What no host could start. Errors: INVALID_VALUE, VALUE_NOT_SUPPORTED, MEMORY_CONSTRAINT_VIOLATION."""
    if vm.VCPUs_max < 1:
        raise XenAPIError("INVALID_VALUE", "VCPUs_max", str(vm.VCPUs_max))
    if vm.VCPUs_at_startup < 1:
        raise XenAPIError("INVALID_VALUE", "VCPUs-at-startup", str(vm.VCPUs_at_startup))
    if vm.VCPUs_at_startup > vm.VCPUs_max:
        raise XenAPIError(
            "VALUE_NOT_SUPPORTED", "VCPUs-at-startup", str(vm.VCPUs_at_startup), f"it must not be more than {vm.VCPUs_max}"
        )
    if not vm.memory_static_min <= vm.memory_dynamic_min <= vm.memory_dynamic_max <= vm.memory_static_max:
        raise XenAPIError("MEMORY_CONSTRAINT_VIOLATION", "static_min <= dynamic_min <= dynamic_max <= static_max")
    if vm.HVM_shadow_multiplier < 1.0:
        raise XenAPIError("INVALID_VALUE", "HVM_shadow_multiplier", str(vm.HVM_shadow_multiplier))
    if vm.actions_after_crash in _NOT_FOR_HVM and domain_type_of(vm) in ("hvm", "pvh"):
        raise XenAPIError(
            "VALUE_NOT_SUPPORTED", "VM.actions_after_crash", vm.actions_after_crash, "this kind of domain does not support it"
        )


def is_live(db: Database, host: Row) -> bool:
    """Whether a host has been heard of lately."""
    metrics = db.table("host_metrics").find(host.metrics)
    return metrics is not None and bool(metrics.live)


def disks_of(db: Database, vm: Row) -> list[Row]:
    """The disks that are in a VM's drives."""
    rows = (db.table("VBD").find(ref) for ref in vm.VBDs)
    found = (db.table("VDI").find(vbd.VDI) for vbd in rows if vbd is not None and not vbd.empty)
    return [disk for disk in found if disk is not None]


def srs_of(db: Database, vm: Row) -> list[str]:
    """The SRs that a VM's disks are on, and that of the suspend image of a suspended one."""
    disks = disks_of(db, vm)
    image = db.table("VDI").find(vm.suspend_VDI) if vm.power_state == "Suspended" else None
    return list(dict.fromkeys(disk.SR for disk in ([*disks, image] if image is not None else disks)))


def hosts_with(db: Database, sr: str) -> frozenset[str]:
    """The hosts on which an SR is plugged."""
    row = db.table("SR").find(sr)
    pbds = (db.table("PBD").find(ref) for ref in (row.PBDs if row is not None else ()))
    return frozenset(pbd.host for pbd in pbds if pbd is not None and pbd.currently_attached)


def reaches(db: Database, host: str, sr: str) -> bool:
    """Whether an SR is plugged on a host."""
    return host in hosts_with(db, sr)


def networks_of(db: Database, vm: Row) -> list[Row]:
    """The networks that a VM's interfaces are on."""
    vifs = (db.table("VIF").find(ref) for ref in vm.VIFs)
    found = (db.table("network").find(vif.network) for vif in vifs if vif is not None)
    return list({network.ref: network for network in found if network is not None}.values())


def hosts_of_network(db: Database, network: Row, vm: str = NULL_REF) -> frozenset[str] | None:
    """The hosts that have a network, or can have it for ``vm``; None for all.

    One with PIFs is where they are. One without is a bridge inside a host: free to be anywhere until a VM uses it.
    """
    if network.PIFs:
        return frozenset(db.get("PIF", ref).host for ref in network.PIFs)
    if network.other_config.get("assume_network_is_shared") == "true" or not network.managed:
        return None
    vifs = (db.table("VIF").find(ref) for ref in network.VIFs)
    users = (db.table("VM").find(vif.VM) for vif in vifs if vif is not None and vif.currently_attached)
    pinned = {user.resident_on for user in users if user is not None and user.power_state == "Running" and user.ref != vm}
    pinned.discard(NULL_REF)
    return frozenset(pinned) or None


def reaches_network(db: Database, host: str, network: Row, vm: str = NULL_REF) -> bool:
    """Whether a host has a network, or can have it."""
    hosts = hosts_of_network(db, network, vm)
    return hosts is None or host in hosts


def _sane(q: Question) -> None:
    assert_sane(q.vm)


def _live(q: Question) -> None:
    if not is_live(q.db, q.host):
        raise XenAPIError("HOST_NOT_LIVE")


def _control_domain(q: Question) -> None:
    if q.vm.is_control_domain and q.vm.affinity != q.host.ref:
        raise XenAPIError("OPERATION_NOT_ALLOWED", "A control domain runs on the host of its affinity only")


def _enabled(q: Question) -> None:
    if not q.host.enabled and not q.vm.is_control_domain and not q.disabled_too:
        raise XenAPIError("HOST_DISABLED", q.host.ref)


def _role(q: Question) -> None:
    if not takes_vms(q.host) and not q.vm.is_control_domain:
        raise XenAPIError("OPERATION_NOT_ALLOWED", f"The host has the role '{role_of(q.host)}': VMs run on processing hosts")


def _platform_version(q: Question) -> None:
    versions = q.host.virtual_hardware_platform_versions
    if q.vm.hardware_platform_version not in versions:
        raise XenAPIError(
            "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION",
            q.host.ref, f"[{'; '.join(map(str, versions))}]", q.vm.ref, str(q.vm.hardware_platform_version),
        )  # fmt: skip


def _version(q: Question) -> None:
    newest = q.needs.newest if q.boots else None
    if newest is not None and version_of(q.host.software_version) < newest:
        raise XenAPIError("VM_HOST_INCOMPATIBLE_VERSION", q.host.ref, q.vm.ref)


def _cpu_features(q: Question) -> None:
    if q.cpu_features:
        assert_processor(q.vm, q.host.ref, q.host.cpu_info)


def assert_processor(vm: Row, host: str, info: Mapping[str, str], *, pool: bool = False) -> None:
    """A VM that goes on where it stopped needs the processor features with which it was booted. ``info`` is the ``cpu_info``
    of the host, or of its ``pool``. Errors: VM_INCOMPATIBLE_WITH_THIS_HOST.
    """
    flags = vm.last_boot_CPU_flags
    if not flags or vm.power_state == "Halted":
        return
    wanted = flags.get("features", "")
    kind = "features_pv" if domain_type_of(vm) == "pv" else "features_hvm"
    offered = info.get(f"{kind}_host" if pool else kind, "")
    if flags.get("vendor", info.get("vendor")) != info.get("vendor"):
        raise XenAPIError("VM_INCOMPATIBLE_WITH_THIS_HOST", vm.ref, host, "the processors have different vendors")
    if wanted and not offered:
        raise XenAPIError("VM_INCOMPATIBLE_WITH_THIS_HOST", vm.ref, host, "the host does not tell its features")
    if wanted and not _covers(offered, wanted):
        raise XenAPIError("VM_INCOMPATIBLE_WITH_THIS_HOST", vm.ref, host, "the processor lacks features in use")


def _covers(offered: str, wanted: str) -> bool:
    """Whether every bit of the feature words ``wanted`` is in ``offered``."""
    try:
        have = [int(word, 16) for word in offered.split("-")]
        want = [int(word, 16) for word in wanted.split("-")]
    except ValueError:
        return True
    have += [0] * (len(want) - len(have))
    return all(need & ~has == 0 for need, has in zip(want, have, strict=False))


def _storage(q: Question) -> None:
    for sr, hosts in q.needs.storage:
        if q.host.ref not in hosts:
            raise XenAPIError("VM_REQUIRES_SR", q.vm.ref, sr)


def _networks(q: Question) -> None:
    host = q.host.ref
    for reach in q.needs.networks:
        if reach.hosts is not None and host not in reach.hosts:
            raise XenAPIError("VM_REQUIRES_NETWORK", q.vm.ref, reach.network.ref)
        if host in reach.bonded:
            raise XenAPIError("HOST_CANNOT_ATTACH_NETWORK", host, reach.network.ref)


def _devices(q: Question) -> None:
    if q.vm.other_config.get("pci") and q.host.chipset_info.get("iommu") != "true":
        raise XenAPIError("VM_REQUIRES_IOMMU", q.host.ref)
    if q.vm.VGPUs:
        _vgpus(q)
    for ref in q.vm.VUSBs:
        group = q.db.table("USB_group").find(q.db.get("VUSB", ref).USB_group)
        if group is None or all(q.db.get("PUSB", port).host != q.host.ref for port in group.PUSBs):
            raise XenAPIError("OPERATION_NOT_ALLOWED", f"The USB device of {ref} is plugged into another host")
    if q.needs.functions:
        assert_functions(q.db, q.vm, q.host.ref)


def _vgpus(q: Question) -> None:
    for vgpu in (q.db.table("VGPU").find(ref) for ref in q.vm.VGPUs):
        if vgpu is None:
            continue
        cards = gpus_of(q.db, vgpu, q.host)
        if not cards:
            raise XenAPIError("VM_REQUIRES_GPU", q.vm.ref, vgpu.GPU_group)
        if any(card.supported_VGPU_types for card in cards) and not any(vgpu.type in c.enabled_VGPU_types for c in cards):
            raise XenAPIError("VM_REQUIRES_VGPU", q.vm.ref, vgpu.GPU_group, vgpu.type)
        if not room_for(q.db, vgpu, q.host):
            raise XenAPIError("VM_REQUIRES_GPU", q.vm.ref, vgpu.GPU_group)


def _hvm(q: Question) -> None:
    if domain_type_of(q.vm) != "pv" and not any(word.startswith("hvm") for word in q.host.capabilities):
        raise XenAPIError("VM_HVM_REQUIRED", q.vm.ref)


def _memory(q: Question) -> None:
    if q.memory:
        assert_memory(q.db, q.vm, q.host.ref)


def assert_memory(db: Database, vm: Row, host: str) -> None:
    """Errors: HOST_NOT_ENOUGH_FREE_MEMORY."""
    needed, available = needed_to_start(vm), max(0, free(db, host, besides=vm.ref))
    if needed > available:
        raise XenAPIError("HOST_NOT_ENOUGH_FREE_MEMORY", str(needed), str(available))


def _processors(q: Question) -> None:
    if q.vm.platform.get("vcpu-unrestricted") == "true":
        return
    count = int(q.host.cpu_info.get("cpu_count", "0")) or len(q.host.host_CPUs)
    if count and q.vm.VCPUs_max > count:
        raise XenAPIError("HOST_NOT_ENOUGH_PCPUS", str(q.vm.VCPUs_max), str(count))


CHECKS: Final[tuple[Callable[[Question], None], ...]] = (
    _sane, _live, _control_domain, _enabled, _role, _platform_version, _version, _cpu_features, _storage, _networks, _devices,
    _hvm, _memory, _processors,
)  # fmt: skip
"""Every check, in order."""
