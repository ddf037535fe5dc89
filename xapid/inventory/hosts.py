"""The hosts of a new pool: their rows with everything that clients read from them, metrics, processors and display card."""

from __future__ import annotations

from typing import Any, Final

import attrs

from xapid.inventory.build import Build, stamp
from xapid.inventory.processors import cpu_info
from xapid.operations.levelling import host_cpus

API_VERSION: Final = (2, 23)
PRODUCT_VERSION: Final = "8.4.0"
MEMORY_OVERHEAD: Final = 600 << 20
"""What the hypervisor keeps for itself."""
CONTROL_DOMAIN_MEMORY: Final = 4 << 30

CAPABILITIES: Final = ("xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64")
_FEATURES: Final = """
    ad cbt certificate_verification checkpoint connection corosync cpu_masking dmc dr email_alerting export_resource_data
    gpu historical_performance igmp_snooping intellicache internal_repo_access live_patching nested_virt network_sriov
    pool_secret_rotation pool_size pooling pvs_proxy qos rbac rpu set_vcpus_number_live storage_xen_motion updates
    usb_passthrough vgpu vlan vm_groups vm_start vmss vss vtpm wlb xen_motion zstd_export
"""
UNRESTRICTED: Final = tuple(_FEATURES.split())
"""Features that clients look up as ``restrict_…``: none of them is restricted."""


@attrs.frozen
class Host:
    """A host in the making: its number from 1, its names, and where it answers."""

    number: int
    ref: str
    name: str
    address: str
    processor: str
    """The generation of its processors."""


def create_host(build: Build, number: int, address: str) -> Host:
    """Host ``number`` of the pool, running and enabled, with its metrics, processors, display card and certificate."""
    generations = build.counts.processors
    host = Host(number, build.ids.ref(), f"xapid-{number}", address, generations[(number - 1) % len(generations)])
    build.make("host", **{"ref": host.ref, **_record(build, host)})
    _processors(build, host)
    if build.counts.displays:
        _display_card(build, host)
    if build.certificate is not None:
        build.make(
            "Certificate",
            type="host",
            host=host.ref,
            fingerprint=build.certificate.fingerprint_sha256,
            **attrs.asdict(build.certificate),
        )
    return host


def free_memory(build: Build) -> int:
    """What a host that runs only its control domain has left."""
    return build.counts.memory - MEMORY_OVERHEAD - CONTROL_DOMAIN_MEMORY


def license_params() -> dict[str, str]:
    """A licence that never expires and restricts nothing."""
    return {
        **{f"restrict_{feature}": "false" for feature in UNRESTRICTED},
        "enable_xha": "true",
        "sku_type": "free",
        "sku_marketing_name": "xapid",
        "version": PRODUCT_VERSION,
        "expiry": "20991231T23:59:59Z",
        "grace": "no",
        "productcode": "",
        "serialnumber": "",
        "sockets": "1",
        "name": "",
        "company": "",
        "address1": "",
        "address2": "",
        "city": "",
        "state": "",
        "postalcode": "",
        "country": "",
    }


def _record(build: Build, host: Host) -> dict[str, Any]:
    counts, started = build.counts, stamp(build.now)
    iqn = f"iqn.2026-01.org.xapid:{build.ids.random.getrandbits(32):08x}"
    return {
        "name_label": host.name,
        "name_description": "Simulated host",
        "hostname": host.name,
        "address": host.address,
        "memory_overhead": MEMORY_OVERHEAD,
        "boot_free_mem": counts.memory - MEMORY_OVERHEAD,
        "API_version_major": API_VERSION[0],
        "API_version_minor": API_VERSION[1],
        "API_version_vendor": "XenSource",
        "enabled": True,
        "software_version": _software_version(host),
        "other_config": {"agent_start_time": started, "boot_time": started, "iscsi_iqn": iqn, "multipathing": "false"},
        "capabilities": CAPABILITIES,
        "sched_policy": "credit",
        "supported_bootloaders": ["pygrub", "eliloader"],
        "cpu_info": cpu_info(host.processor, counts.cpus, counts.sockets),
        "metrics": build.make(
            "host_metrics", memory_total=counts.memory, memory_free=free_memory(build), live=True, last_updated=build.now
        ),
        "license_params": license_params(),
        "edition": "free",
        "editions": ["free"],
        "bios_strings": _bios_strings(build, host),
        "chipset_info": {"iommu": "true"},
        "ssl_legacy": False,
        "virtual_hardware_platform_versions": [0, 1, 2],
        "iscsi_iqn": iqn,
        "last_software_update": build.now,
    }


def _software_version(host: Host) -> dict[str, str]:
    return {
        "product_brand": "xapid",
        "product_version": PRODUCT_VERSION,
        "product_version_text": PRODUCT_VERSION,
        "product_version_text_short": PRODUCT_VERSION,
        "platform_name": "XCP",
        "platform_version": "3.4.0",
        "build_number": "0",
        "git_id": "0",
        "hostname": "localhost",
        "date": "2026-01-01",
        "dbv": "2026.0101",
        "db_schema": "5.792",
        "xapi": "26.17",
        "xapi_build": "26.17.0",
        "xen": "4.17.5",
        "linux": "4.19.0+1",
        "xencenter_min": "2.21",
        "xencenter_max": "2.21",
        "network_backend": "openvswitch",
    }


def _bios_strings(build: Build, host: Host) -> dict[str, str]:
    serial = f"SIM{build.ids.random.getrandbits(32):08X}"
    return {
        "bios-vendor": "xapid",
        "bios-version": "1.0",
        "system-manufacturer": "xapid",
        "system-product-name": "Simulated host",
        "system-version": "1.0",
        "system-serial-number": serial,
        "baseboard-manufacturer": "xapid",
        "baseboard-product-name": "Simulated board",
        "baseboard-version": "1.0",
        "baseboard-serial-number": serial,
        "oem-1": "Xen",
        "hp-rombios": "",
    }


def _processors(build: Build, host: Host) -> None:
    info = cpu_info(host.processor, build.counts.cpus, build.counts.sockets)
    for row in host_cpus(info):
        build.make("host_cpu", host=host.ref, **row)


def _display_card(build: Build, host: Host) -> None:
    card = build.make(
        "PCI",
        class_id="0300",
        class_name="VGA compatible controller",
        vendor_id="102b",
        vendor_name="Matrox Electronics Systems Ltd.",
        device_id="0536",
        device_name="Integrated Matrox G200eW3 Graphics Controller",
        host=host.ref,
        pci_id="0000:03:00.0",
        driver_name="mgag200",
    )
    build.make("PGPU", PCI=card, host=host.ref, GPU_group=_gpu_group(build), is_system_display_device=True)


def _gpu_group(build: Build) -> str:
    """The one group that all hosts' display cards are in."""
    label = "Group of Matrox Integrated Matrox G200eW3 Graphics Controller GPUs"
    for row in build.tx.database.table("GPU_group").by_name(label):
        return row.ref
    return build.make("GPU_group", name_label=label, GPU_types=["102b/0536"])
