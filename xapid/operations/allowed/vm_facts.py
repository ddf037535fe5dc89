"""What rules want to know about a VM, its guest and its devices. Serves the rules of VMs, VBDs, VIFs and VUSBs."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import Any

import attrs

from xapid.database import Database, Row
from xapid.datamodel.types import EMPTY_MAP
from xapid.operations.allowed.rules import Facts
from xapid.placement.virtual_functions import sriov_of

PARAVIRTUAL = ("pv", "pv_in_pvh", "pvh")
NVIDIA = ("nvidia", "nvidia_sriov")
DECISIVE = (
    "data-cant-suspend-reason", "feature-suspend", "feature-shutdown", "feature-poweroff", "feature-reboot",
    "feature-vcpu-hotplug",
)  # fmt: skip
"""What guests announce that decides about operations."""


@attrs.frozen(eq=False, slots=False)
class VmFacts(Facts):
    """What rules know about a VM; ``row`` is the VM."""

    def shape(self) -> Hashable:
        row, live = self.row, self.live
        return (
            row.power_state,
            row.is_a_snapshot,
            row.is_a_template and (row.is_a_template, is_default_template(row)),
            row.is_control_domain and (row.is_control_domain, self.is_dom0),
            tuple(row.blocked_operations),
            self.current,
            self.upgrading,
            self.suspended_may_be_cloned,
            self.nomigrate,
            self.nested_virt,
            live and (self.drivers_implied, self.has_sriov_vif, tuple(filter(self.guest_other.get, DECISIVE))),
            live and tuple(map(self.has_feature, DECISIVE)),
            tuple(self.forgetful(disk) for disk in self.disks_reset_on_boot),
            self.foreign_pcis,
            self.unmovable_vgpus,
            bool(row.VUSBs),
            bool(row.VTPMs),
            self.plans is not None,
            row.other_config.get("is_system_domain") == "true",
        )

    @cached_property
    def metrics(self) -> Row | None:
        """Its VM_metrics, if any."""
        return self.find("VM_metrics", self.row.metrics)

    @cached_property
    def guest(self) -> Row | None:
        """Its VM_guest_metrics, if any."""
        return self.find("VM_guest_metrics", self.row.guest_metrics)

    @cached_property
    def guest_other(self) -> Any:
        """What the guest's agent announced besides: features and notes."""
        return self.guest.other if self.guest is not None else EMPTY_MAP

    def has_feature(self, name: str) -> bool:
        """Whether the guest announced a feature."""
        return bool(self.guest_other.get(name) == "1")

    @cached_property
    def live(self) -> bool:
        """Whether there is a domain."""
        return self.row.power_state in ("Running", "Paused")

    @cached_property
    def has_drivers(self) -> bool:
        """Whether the guest told the version of its PV drivers."""
        return self.guest is not None and {"major", "minor"} <= self.guest.PV_drivers_version.keys()

    @cached_property
    def drivers_implied(self) -> bool:
        """Whether the guest need not announce single features: there is none, it is paravirtual, or it has PV drivers."""
        if not self.live or self.has_drivers:
            return True
        return self.metrics is not None and self.metrics.current_domain_type in PARAVIRTUAL

    @cached_property
    def nomigrate(self) -> bool:
        """Whether the guest is not to be moved."""
        return self._said("nomigrate", "nomigrate")

    @cached_property
    def nested_virt(self) -> bool:
        """Whether the guest may run a hypervisor of its own."""
        return self._said("nested_virt", "nested-virt")

    def _said(self, field: str, key: str) -> bool:
        if self.metrics is not None:
            return bool(getattr(self.metrics, field))
        return self.row.platform.get(key) in ("true", "1")

    @cached_property
    def suspended_may_be_cloned(self) -> bool:
        """Whether the pool allows clones of suspended VMs."""
        return self.pool is not None and self.pool.other_config.get("allow_clone_suspended_vm") == "true"

    @cached_property
    def is_dom0(self) -> bool:
        """Whether it is the control domain that some host runs on."""
        return self.row.is_control_domain and any(host.control_domain == self.row.ref for host in self.db.table("host"))

    @cached_property
    def disks_reset_on_boot(self) -> list[Row]:
        """Its disks that forget what was written at the next start."""
        disks = (self.find("VDI", vbd.VDI) for vbd in self.all("VBD", self.row.VBDs))
        return [d for d in disks if d is not None and "reset" in (d.on_boot, d.sm_config.get("on_boot"))]

    @staticmethod
    def forgetful(disk: Row) -> bool:
        """Whether what is written to such a disk goes to a cache on its host."""
        return bool(disk.allow_caching or disk.sm_config.get("caching") == "true")

    @cached_property
    def plans(self) -> tuple[str, str] | None:
        """What includes the VM in its plans: the class and reference of an appliance, a protection policy or a schedule."""
        row = self.row
        for cls, ref in (("VM_appliance", row.appliance), ("VMPP", row.protection_policy), ("VMSS", row.snapshot_schedule)):
            if self.find(cls, ref) is not None:
                return cls, ref
        return None

    @cached_property
    def foreign_pcis(self) -> bool:
        """Whether it has PCI devices that are not virtual functions of its own vGPUs."""
        own = {vgpu.PCI for vgpu in self._vgpus if self._implementation(vgpu) == "nvidia_sriov"}
        return any(ref not in own for ref in self.row.attached_PCIs)

    @cached_property
    def unmovable_vgpus(self) -> bool:
        """Whether it has a vGPU whose state cannot go along."""
        return any(self._implementation(v) not in NVIDIA or not v.compatibility_metadata for v in self._vgpus)

    @cached_property
    def has_sriov_vif(self) -> bool:
        """Whether a virtual function of a network card of its host is plugged into it."""
        vifs = [vif for vif in self.all("VIF", self.row.VIFs) if vif.currently_attached]
        networks = (self.find("network", vif.network) for vif in vifs)
        return any(n is not None and sriov_of(self.db, n, self.row.resident_on) is not None for n in networks)

    @cached_property
    def _vgpus(self) -> list[Row]:
        return self.all("VGPU", self.row.VGPUs)

    def _implementation(self, vgpu: Row) -> str:
        kind = self.find("VGPU_type", vgpu.type)
        return "passthrough" if kind is None else str(kind.implementation)

    @cached_property
    def is_hvm(self) -> bool:
        """Whether it was started with full virtualization."""
        return self.metrics is not None and self.metrics.current_domain_type == "hvm"

    def hotplug(self, device: str) -> tuple[str, ...] | None:
        """Why its guest would not take a ``vbd`` or ``vif`` in or out while it runs; None if it does, or does not run."""
        if self.row.power_state != "Running" or not self.is_hvm:
            return None
        able = "unspecified" if self.guest is None else getattr(self.guest, f"can_use_hotplug_{device}")
        if able == "no":
            return "OPERATION_NOT_ALLOWED", f"The guest of VM {self.row.ref} does not allow hotplug of a {device.upper()}"
        detected = self.has_drivers or (self.guest is not None and self.guest.PV_drivers_detected)
        return None if able == "yes" or detected else ("VM_MISSING_PV_DRIVERS", self.row.ref)


def is_default_template(vm: Row) -> bool:
    """Whether a VM is one of the templates that come with the product."""
    return bool(vm.is_default_template) or vm.other_config.get("default_template") in ("true", "1")


def is_system_domain(vm: Row) -> bool:
    """Whether a VM belongs to the system: a control domain, or one that provides a service to the others."""
    return bool(vm.is_control_domain) or vm.other_config.get("is_system_domain") == "true"


def facts_of_vm(db: Database, ref: str) -> VmFacts | None:
    """The facts of the VM that a device belongs to, or None if there is none."""
    row = db.table("VM").find(ref)
    return None if row is None else VmFacts(db, row)
