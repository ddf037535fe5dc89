"""What an agent has to know to run a VM: the rows of a VM and its devices as the plain values that agents take."""

from __future__ import annotations

from typing import Any

from xapid.agent.values import DiskConfig, DomainState, VmConfig
from xapid.database import Database, Row
from xapid.operations.devices import disk_config, nic_config
from xapid.placement.memory import domain_type_of


def vm_config(db: Database, vm: Row) -> VmConfig:
    """The configuration with which a VM starts now."""
    type_: Any = domain_type_of(vm)
    vbds = (db.table("VBD").find(ref) for ref in vm.VBDs)
    vifs = (db.table("VIF").find(ref) for ref in vm.VIFs)
    return VmConfig(
        uuid=vm.uuid,
        name=vm.name_label,
        domain_type=type_,
        memory_static_max=vm.memory_static_max,
        memory_dynamic_max=vm.memory_dynamic_max,
        memory_dynamic_min=vm.memory_dynamic_min,
        vcpus_max=vm.VCPUs_max,
        vcpus=vm.VCPUs_at_startup,
        vcpus_params=dict(vm.VCPUs_params),
        firmware=vm.HVM_boot_params.get("firmware", "bios") if type_ == "hvm" else "",
        boot_order=vm.HVM_boot_params.get("order", "cd") if type_ == "hvm" else "",
        pv_boot={} if type_ == "hvm" else {
            "bootloader": vm.PV_bootloader, "bootloader_args": vm.PV_bootloader_args, "kernel": vm.PV_kernel,
            "ramdisk": vm.PV_ramdisk, "args": vm.PV_args, "legacy_args": vm.PV_legacy_args,
        },
        platform=_platform(db, vm),
        other_config=dict(vm.other_config),
        xenstore_data=dict(vm.xenstore_data),
        bios_strings=dict(vm.bios_strings),
        nvram=dict(vm.NVRAM),
        on_shutdown=vm.actions_after_shutdown,
        on_reboot=vm.actions_after_reboot,
        on_crash=vm.actions_after_crash,
        disks=[disk_config(db, vbd) for vbd in vbds if vbd is not None],
        nics=[nic_config(db, vif) for vif in vifs if vif is not None and vif.network in db.table("network")],
    )  # fmt: skip


def _platform(db: Database, vm: Row) -> dict[str, str]:
    """The virtual hardware. Secure boot that is left to the pool is on if the pool has certificates for it."""
    platform: dict[str, str] = dict(vm.platform)
    if platform.get("secureboot") == "auto":
        platform["secureboot"] = "true" if any(pool.uefi_certificates for pool in db.table("pool")) else "false"
    return platform


def image_config(db: Database, disk: Row) -> DiskConfig:
    """A disk that holds the memory of a suspended VM."""
    sr = db.get("SR", disk.SR)
    return DiskConfig(
        vbd="",
        device="",
        type="Disk",
        read_only=False,
        bootable=False,
        sr=sr.uuid,
        vdi=disk.uuid,
        location=disk.location,
        virtual_size=disk.virtual_size,
    )


def believed_state(db: Database, vm: Row) -> DomainState:
    """A VM's domain as the database has it, for an agent that was restarted and is to take the domain up again."""
    metrics = db.table("VM_metrics").find(vm.metrics)
    ports = {row.protocol: row.port for ref in vm.consoles if (row := db.table("console").find(ref)) is not None}
    return DomainState(
        vm=vm.uuid,
        power=vm.power_state,
        domid=vm.domid,
        start_time=0.0 if metrics is None else metrics.start_time.timestamp(),
        memory_actual=0 if metrics is None else metrics.memory_actual,
        vcpus=vm.VCPUs_at_startup if metrics is None else metrics.VCPUs_number,
        domain_type="unspecified" if metrics is None else metrics.current_domain_type,
        vnc_port=ports.get("rfb", -1),
        text_port=ports.get("vt100", -1),
        cpu_flags=dict(vm.last_boot_CPU_flags),
        devices={},
    )
