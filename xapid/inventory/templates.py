"""The built-in templates: what VMs are made from, one for each guest system that a new pool knows.

A template says in ``other_config`` which disks ``VM.provision`` makes and how the system can be installed, and in
``recommendations`` within which limits it should run.
"""

from __future__ import annotations

from typing import Any, Final, Literal
from xml.etree import ElementTree

import attrs

from xapid.inventory.build import Build
from xapid.inventory.presets import GIB
from xapid.placement.memory import overhead

MIB: Final = 1 << 20

PLATFORM: Final = {"nx": "true", "acpi": "1", "apic": "true", "pae": "true", "hpet": "true"}
LINUX: Final = {**PLATFORM, "cores-per-socket": "1", "vga": "std", "videoram": "8", "viridian": "false", "device_id": "0001"}
WINDOWS: Final = {
    **PLATFORM,
    "cores-per-socket": "2",
    "vga": "std",
    "videoram": "8",
    "device_id": "0002",
    "device-model": "qemu-upstream-compat",
    "viridian": "true",
    "viridian_time_ref_count": "true",
    "viridian_reference_tsc": "true",
    "viridian_apic_assist": "true",
    "viridian_crash_ctl": "true",
    "viridian_stimer": "true",
}


@attrs.frozen
class Template:
    """One guest system. ``memory`` is the least it needs, in MiB; ``disk`` the size of its system disk in GiB, 0 for none."""

    name: str
    reference_label: str
    distro: Literal["debianlike", "rhlike", "sleslike", "windows", "other"]
    memory: int
    disk: int
    firmware: Literal["uefi", "bios"] = "uefi"
    secure_boot: bool = False
    vcpus_max: int = 32
    memory_max: int = 1536 * 1024
    tpm: bool = False

    @property
    def is_linux(self) -> bool:
        return self.distro.endswith("like")

    @property
    def vcpus(self) -> int:
        return 2 if self.distro == "windows" else 1


def _windows(name: str, label: str, memory: int, disk: int, *, tpm: bool = False) -> Template:
    return Template(name, label, "windows", memory, disk, secure_boot=True, tpm=tpm)


TEMPLATES: Final = (
    Template("Other install media", "other-install-media", "other", 128, 0, "bios"),
    Template("AlmaLinux 8", "almalinux-8", "rhlike", 2048, 15),
    Template("AlmaLinux 9", "almalinux-9", "rhlike", 2048, 15),
    Template("CentOS Stream 9", "centos-stream-9", "rhlike", 2048, 15),
    Template("Debian Bullseye 11", "debian-11", "debianlike", 1024, 10),
    Template("Debian Bookworm 12", "debian-12", "debianlike", 1024, 10),
    Template("Debian Trixie 13", "debian-13", "debianlike", 1024, 10),
    Template("Oracle Linux 8", "oel-8", "rhlike", 2048, 15),
    Template("Oracle Linux 9", "oel-9", "rhlike", 2048, 15),
    Template("Red Hat Enterprise Linux 8", "rhel-8", "rhlike", 2048, 15),
    Template("Red Hat Enterprise Linux 9", "rhel-9", "rhlike", 2048, 15),
    Template("Rocky Linux 8", "rocky-8", "rhlike", 2048, 15),
    Template("Rocky Linux 9", "rocky-9", "rhlike", 2048, 15),
    Template("SUSE Linux Enterprise 15 (64-bit)", "sles-15-64bit", "sleslike", 1024, 8),
    Template("Ubuntu Focal Fossa 20.04", "ubuntu-20.04", "debianlike", 1024, 10),
    Template("Ubuntu Jammy Jellyfish 22.04", "ubuntu-22.04", "debianlike", 1024, 10),
    Template("Ubuntu Noble Numbat 24.04", "ubuntu-24.04", "debianlike", 1024, 10),
    _windows("Windows 10 (64-bit)", "windows-10-64bit", 2048, 24),
    _windows("Windows 11", "windows-11", 4096, 64, tpm=True),
    _windows("Windows Server 2016 (64-bit)", "windows-server-2016-64bit", 2048, 32),
    _windows("Windows Server 2019 (64-bit)", "windows-server-2019-64bit", 2048, 32),
    _windows("Windows Server 2022 (64-bit)", "windows-server-2022-64bit", 2048, 32),
    _windows("Windows Server 2025 (64-bit)", "windows-server-2025-64bit", 4096, 32),
)


def create_templates(build: Build) -> None:
    """A default template for each guest system."""
    for template in TEMPLATES:
        metrics = build.make("VM_metrics", VCPUs_number=template.vcpus, last_updated=build.now)
        fields = vm_fields(template, build.ids.uuid())
        build.make("VM", **fields, is_a_template=True, is_default_template=True, metrics=metrics)


def template_named(name: str) -> Template:
    """The built-in template of that name. StopIteration: there is none."""
    return next(template for template in TEMPLATES if template.name == name)


def vm_fields(template: Template, mac_seed: str) -> dict[str, Any]:
    """The fields of a VM object that is this template, save the flags that say that it is one."""
    least = template.memory * MIB
    installed = template.disk and {"disks": disks_xml(template)}
    return {
        "name_label": template.name,
        "name_description": f"To install {template.name}"
        if template.disk
        else "To install a system that has no template of its own",
        "reference_label": template.reference_label,
        "user_version": 1,
        "memory_static_min": least,
        "memory_dynamic_min": 2 * least,
        "memory_dynamic_max": 2 * least,
        "memory_static_max": 2 * least,
        "memory_target": 0,
        "memory_overhead": overhead("hvm", template.vcpus, 2 * least, 1.0),
        "VCPUs_max": template.vcpus,
        "VCPUs_at_startup": template.vcpus,
        "actions_after_shutdown": "destroy",
        "actions_after_reboot": "restart",
        "actions_after_crash": "restart",
        "HVM_boot_policy": "BIOS order",
        "HVM_boot_params": _boot_params(template),
        "platform": _platform(template),
        "recommendations": recommendations_xml(template),
        "domain_type": "hvm",
        "domid": -1,
        "has_vendor_device": False,
        "other_config": {
            "mac_seed": mac_seed,
            "default_template": "true",
            "install-methods": "cdrom,nfs,http,ftp" if template.is_linux else "cdrom",
            **({"linux_template": "true", "install-distro": template.distro} if template.is_linux else {}),
            **(installed or {}),
        },
    }


def disks_xml(template: Template) -> str:
    """The ``disks`` entry of ``other_config``: what is provisioned, on a repository to be chosen later."""
    root = ElementTree.Element("provision")
    attributes = {
        "device": "0",
        "size": str(template.disk * GIB),
        "sr": "",
        "bootable": "true" if template.is_linux else "false",
        "type": "system",
    }
    ElementTree.SubElement(root, "disk", attributes)
    return ElementTree.tostring(root, encoding="unicode")


def recommendations_xml(template: Template) -> str:
    """The limits within which the system should run."""
    root = ElementTree.Element("restrictions")

    def restrict(**attributes: str) -> None:
        ElementTree.SubElement(root, "restriction", attributes)

    restrict(field="memory-static-max", max=str(template.memory_max * MIB))
    restrict(field="vcpus-min", min=str(template.vcpus))
    restrict(field="vcpus-max", max=str(template.vcpus_max))
    restrict(field="has-vendor-device", value="true" if template.distro == "windows" else "false")
    restrict(field="allow-gpu-passthrough", value="1")
    restrict(field="allow-vgpu", value="1")
    restrict(field="allow-network-sriov", value="1")
    restrict(field="supports-bios", value="no" if template.tpm else "yes")
    restrict(field="supports-uefi", value="yes")
    restrict(field="supports-secure-boot", value="yes" if template.firmware == "uefi" else "no")
    restrict(property="number-of-vbds", max="255")
    restrict(property="number-of-vifs", max="7")
    return ElementTree.tostring(root, encoding="unicode")


def _boot_params(template: Template) -> dict[str, str]:
    if template.firmware == "bios":
        return {"order": "dc"}
    return {"firmware": "uefi", "order": "cd" if template.distro == "windows" else "cdn"}


def _platform(template: Template) -> dict[str, str]:
    if template.distro == "windows":
        tpm = {"vtpm": "true"} if template.tpm else {}
        return {**WINDOWS, **tpm, "secureboot": "true" if template.secure_boot else "false"}
    if template.distro == "other":
        return {**LINUX, "viridian": "true"}
    return {**LINUX, "secureboot": "false"}
