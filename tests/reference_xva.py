"""An archive of a VM as the reference server lays it out, put together by hand: nothing here uses what is under test."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import xxhash

CHUNK = 1 << 20
NULL = "OpaqueRef:NULL"
VERSION = {
    "hostname": "elsewhere", "date": "20240229T12:30:00Z", "product_version": "8.3.0", "product_brand": "XCP-ng",
    "build_number": "cloud", "xapi_major": 2, "xapi_minor": 21, "export_vsn": 2,
}  # fmt: skip
VM = {
    "uuid": "0be2d9a9-6c1a-4d7c-9f8c-0d8b5a6a7c11", "name_label": "traveller", "name_description": "came by sea",
    "user_version": "1", "is_a_template": False, "is_default_template": False, "suspend_VDI": NULL, "resident_on": "Ref:1",
    "scheduled_to_be_resident_on": NULL, "affinity": "Ref:1", "memory_overhead": "9437184", "memory_target": "0",
    "memory_static_max": "268435456", "memory_dynamic_max": "268435456", "memory_dynamic_min": "268435456",
    "memory_static_min": "134217728", "VCPUs_params": {}, "VCPUs_max": "2", "VCPUs_at_startup": "2",
    "actions_after_softreboot": "soft_reboot", "actions_after_shutdown": "destroy", "actions_after_reboot": "restart",
    "actions_after_crash": "restart", "consoles": [], "VIFs": ["Ref:6"], "VBDs": ["Ref:4", "Ref:10"], "VUSBs": [],
    "crash_dumps": [], "VTPMs": [], "PV_bootloader": "", "PV_kernel": "", "PV_ramdisk": "", "PV_args": "",
    "PV_bootloader_args": "", "PV_legacy_args": "", "HVM_boot_policy": "BIOS order", "HVM_boot_params": {"order": "cdn"},
    "HVM_shadow_multiplier": 1.0, "platform": {"nx": "true", "acpi": "1", "cores-per-socket": "2"}, "PCI_bus": "",
    "other_config": {"mac_seed": "5cd3b6ad-0a6b-4c2c-9d6e-2b6e7ba4c7a1", "base_template_name": "Debian"}, "domid": "-1",
    "domarch": "", "last_boot_CPU_flags": {}, "is_control_domain": False, "metrics": "Ref:2", "guest_metrics": NULL,
    "last_booted_record": "", "recommendations": "<restrictions></restrictions>", "xenstore_data": {}, "ha_always_run": False,
    "ha_restart_priority": "", "is_a_snapshot": False, "snapshot_of": NULL, "snapshots": [],
    "snapshot_time": "19700101T00:00:00Z", "transportable_snapshot_id": "", "blobs": {}, "tags": ["old"],
    "blocked_operations": {}, "snapshot_info": {}, "snapshot_metadata": "", "parent": NULL, "children": [], "bios_strings": {},
    "protection_policy": NULL, "is_snapshot_from_vmpp": False, "snapshot_schedule": NULL, "is_vmss_snapshot": False,
    "appliance": NULL, "start_delay": "0", "shutdown_delay": "0", "order": "0", "VGPUs": [], "attached_PCIs": [],
    "suspend_SR": NULL, "version": "0", "generation_id": "0:0", "hardware_platform_version": "0", "has_vendor_device": False,
    "requires_reboot": False, "reference_label": "debian-12", "domain_type": "hvm", "NVRAM": {}, "pending_guidances": [],
    "power_state": "Halted", "allowed_operations": [], "current_operations": {}, "a_field_of_next_year": {"x": "y"},
}  # fmt: skip
METRICS = {
    "uuid": "f19b3b49-64a3-4e0e-a1f9-4f0a54ae1b22", "memory_actual": "268435456", "VCPUs_number": "2",
    "VCPUs_utilisation": {"0": 0.0}, "VCPUs_CPU": {}, "VCPUs_params": {}, "VCPUs_flags": {}, "state": [],
    "start_time": "20240101T00:00:00Z", "install_time": "20230101T00:00:00Z", "last_updated": "20240201T00:00:00Z",
    "other_config": {}, "hvm": True, "nested_virt": False, "nomigrate": False, "current_domain_type": "hvm",
}  # fmt: skip
VDI = {
    "uuid": "c9c1cbd0-1b7c-44a3-8e0f-3a3c3bd8d6d2", "name_label": "root", "name_description": "", "allowed_operations": [],
    "current_operations": {}, "SR": "Ref:5", "VBDs": ["Ref:4"], "crash_dumps": [], "physical_utilisation": "3000000",
    "type": "system", "sharable": False, "read_only": False, "storage_lock": False, "location": "c9c1cbd0", "managed": True,
    "missing": False, "parent": NULL, "xenstore_data": {}, "sm_config": {"vdi_type": "vhd"}, "is_a_snapshot": False,
    "snapshot_of": NULL, "snapshots": [], "snapshot_time": "19700101T00:00:00Z", "tags": [], "allow_caching": False,
    "on_boot": "persist", "metadata_of_pool": NULL, "metadata_latest": False, "is_tools_iso": False, "cbt_enabled": False,
    "other_config": {"content_id": "9a3f3c7d-0d5e-4be9-9d55-7c6b7e9d1c33"},
}  # fmt: skip
VBD = {
    "uuid": "5f6a41ac-7c25-4b7e-90d6-6f6f4ba3a944", "allowed_operations": [], "current_operations": {}, "VM": "Ref:0",
    "VDI": "Ref:3", "device": "xvda", "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "unpluggable": False,
    "storage_lock": False, "empty": False, "other_config": {"owner": ""}, "currently_attached": False, "status_code": "0",
    "status_detail": "", "runtime_properties": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    "qos_supported_algorithms": [], "metrics": NULL,
}  # fmt: skip
VIF = {
    "uuid": "8a6a9c3d-0a4a-4b63-8ff5-2f6c6d3a9a55", "allowed_operations": [], "current_operations": {}, "device": "0",
    "network": "Ref:7", "VM": "Ref:0", "MAC": "92:36:11:22:33:44", "MTU": "1500", "other_config": {},
    "currently_attached": False, "status_code": "0", "status_detail": "", "runtime_properties": {}, "qos_algorithm_type": "",
    "qos_algorithm_params": {}, "qos_supported_algorithms": [], "metrics": NULL, "MAC_autogenerated": True,
    "locking_mode": "network_default", "ipv4_allowed": [], "ipv6_allowed": [], "ipv4_configuration_mode": "None",
    "ipv4_addresses": [], "ipv4_gateway": "", "ipv6_configuration_mode": "None", "ipv6_addresses": [], "ipv6_gateway": "",
}  # fmt: skip
NETWORK = {
    "uuid": "1d3bb8e6-30c5-4f8a-bb6b-6dd1d8d3ab66", "name_label": "nobody has this", "name_description": "far away",
    "allowed_operations": [], "current_operations": {}, "VIFs": ["Ref:6"], "PIFs": [], "MTU": "1500", "other_config": {},
    "bridge": "xapi77", "managed": True, "blobs": {}, "tags": [], "default_locking_mode": "unlocked", "assigned_ips": {},
    "purpose": [],
}  # fmt: skip
SR = {"uuid": "7c9c4a6b-38b5-4d36-8f0b-0a2b8a1c9b77", "name_label": "far", "content_type": "user", "type": "ext"}
LIBRARY = {"uuid": "3f0a2b9c-77c1-4f35-9a3e-5d6f0b3b1d88", "name_label": "ISOs", "content_type": "iso", "type": "iso"}
HOST = {"uuid": "d2b2c9b8-7e2b-4b86-a2ce-1b1d8b3ec999", "name_label": "elsewhere"}


def value(what: Any) -> str:
    """An XML-RPC value the way the reference writes it."""
    match what:
        case bool():
            return f"<value><boolean>{int(what)}</boolean></value>"
        case int():
            return f"<value><i4>{what}</i4></value>"
        case float():
            return f"<value><double>{what:g}</double></value>"
        case dict():
            members = "".join(f"<member><name>{escape(k)}</name>{value(v)}</member>" for k, v in what.items())
            return f"<value><struct>{members}</struct></value>"
        case list():
            return f"<value><array><data>{''.join(map(value, what))}</data></array></value>"
    if len(what) == 18 and what[8] == "T" and what.endswith("Z"):
        return f"<value><dateTime.iso8601>{what}</dateTime.iso8601></value>"
    return f"<value>{escape(what)}</value>"


def objects(size: int, **changes: Any) -> list[dict[str, Any]]:
    """A VM with a disk of so many bytes, a CD drive and a network interface. ``changes`` are fields of the VM."""
    cd = VBD | {"uuid": "6f6a41ac-7c25-4b7e-90d6-6f6f4ba3a9bb", "VDI": "Ref:8", "userdevice": "3", "type": "CD", "mode": "RO"}
    iso = VDI | {"uuid": "d9c1cbd0-1b7c-44a3-8e0f-3a3c3bd8d6dd", "SR": "Ref:9", "location": "none.iso", "virtual_size": "4096"}
    listed = [
        ("VM", VM | changes), ("host", HOST), ("VM_metrics", METRICS), ("VDI", VDI | {"virtual_size": str(size)}), ("VBD", VBD),
        ("SR", SR), ("VIF", VIF), ("network", NETWORK), ("VDI", iso | {"name_label": "none.iso"}), ("SR", LIBRARY), ("VBD", cd),
    ]  # fmt: skip
    return [{"class": cls, "id": f"Ref:{n}", "snapshot": record} for n, (cls, record) in enumerate(listed)]


def archive(disk: bytes, version: Mapping[str, Any] | None = None, **changes: Any) -> bytes:
    """The whole archive; ``disk`` is what the VM's disk holds."""
    ova = value({"version": VERSION | dict(version or {}), "objects": objects(len(disk), **changes)})
    files = [("ova.xml", ova.encode())]
    last = (len(disk) - 1) // CHUNK
    for number in range(last + 1):
        data = disk[number * CHUNK : (number + 1) * CHUNK]
        if number in (0, last) or data.strip(b"\0"):
            name = f"Ref:3/{number:08d}"
            files += [(name, data), (f"{name}.xxhash", f"{xxhash.xxh64_intdigest(data):016X}".encode())]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def disks_of(data: bytes) -> dict[str, bytes]:
    """What the disks of an archive hold, put together from its chunks, all of whose checksums must be right."""
    disks: dict[str, bytearray] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as found:
        contents = {member.name: found.extractfile(member).read() for member in found}  # type: ignore[union-attr]
    names = list(contents)
    assert names[0] == "ova.xml"
    for name, data in list(contents.items())[1:]:
        if name.endswith(".xxhash"):
            assert names[names.index(name) - 1] == name.removesuffix(".xxhash")
            assert data.decode() == f"{xxhash.xxh64_intdigest(contents[name.removesuffix('.xxhash')]):016X}"
            continue
        disk, _, number = name.partition("/")
        held = disks.setdefault(disk, bytearray())
        held.extend(bytes(int(number) * CHUNK - len(held)))
        held.extend(data)
    return {disk: bytes(held) for disk, held in disks.items()}
