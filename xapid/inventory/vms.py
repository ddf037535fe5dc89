"""The VMs of a new pool: each host's control domain, and as many halted VMs as the counters say."""

from __future__ import annotations

from typing import Any, Final

from xapid.inventory.build import Build
from xapid.inventory.hosts import CONTROL_DOMAIN_MEMORY, Host
from xapid.inventory.networks import Fabric
from xapid.inventory.presets import GIB
from xapid.inventory.storage import Stores
from xapid.inventory.templates import PLATFORM, template_named, vm_fields

MODEL: Final = "Debian Bookworm 12"
"""The template that counted VMs are like."""


def create_control_domain(build: Build, host: Host) -> str:
    """The VM that stands for the host's own system: running as domain 0, with its consoles and metrics."""
    vcpus = build.counts.cpus
    vm = build.ids.ref()
    build.make(
        "VM",
        ref=vm,
        name_label=f"Control domain on host: {host.name}",
        name_description="The domain that manages the hardware of its host",
        user_version=1,
        power_state="Running",
        resident_on=host.ref,
        affinity=host.ref,
        is_control_domain=True,
        domid=0,
        domarch="x64",
        domain_type="pv",
        memory_target=CONTROL_DOMAIN_MEMORY,
        memory_static_min=CONTROL_DOMAIN_MEMORY,
        memory_dynamic_min=CONTROL_DOMAIN_MEMORY,
        memory_dynamic_max=CONTROL_DOMAIN_MEMORY,
        memory_static_max=CONTROL_DOMAIN_MEMORY,
        VCPUs_max=vcpus,
        VCPUs_at_startup=vcpus,
        actions_after_shutdown="destroy",
        actions_after_reboot="destroy",
        actions_after_crash="destroy",
        platform={**PLATFORM, "cores-per-socket": "1"},
        other_config={"storage_driver_domain": host.ref, "is_system_domain": "true"},
        has_vendor_device=False,
        metrics=_metrics(
            build,
            memory_actual=CONTROL_DOMAIN_MEMORY,
            VCPUs_number=vcpus,
            VCPUs_CPU={number: number for number in range(vcpus)},
            VCPUs_utilisation=dict.fromkeys(range(vcpus), 0.0),
            VCPUs_flags={number: ["online"] for number in range(vcpus)},
            start_time=build.now,
            current_domain_type="pv",
            state=["running"],
        ),
    )
    for protocol in ("rfb", "vt100"):
        _console(build, host, vm, protocol)
    build.tx.update(host.ref, control_domain=vm)
    return vm


def create_vms(build: Build, host: Host, fabric: Fabric, stores: Stores) -> None:
    """The counted VMs of one host: halted, with a system disk and an interface on the first network."""
    template = template_named(MODEL)
    sr = stores.for_disks(host.ref)
    for number in range(1, build.counts.vms_per_host + 1):
        fields = vm_fields(template, build.ids.uuid())
        other_config = {key: value for key, value in fields["other_config"].items() if key not in ("disks", "default_template")}
        changes: dict[str, Any] = {
            "name_label": f"vm-{host.number}-{number}",
            "name_description": "",
            "affinity": host.ref,
            "other_config": {**other_config, "base_template_name": template.name},
            "metrics": _metrics(
                build, memory_actual=0, VCPUs_number=template.vcpus, install_time=build.now, current_domain_type="hvm"
            ),
        }
        _devices(build, build.make("VM", **{**fields, **changes}), fabric, sr)


def console_location(address: str, port: int, uuid: str) -> str:
    """The URL of a console at a host's address."""
    host = f"[{address}]" if ":" in address else address
    return f"https://{host}{'' if port == 443 else f':{port}'}/console?uuid={uuid}"


def _devices(build: Build, vm: str, fabric: Fabric, sr: str) -> None:
    size = template_named(MODEL).disk * GIB
    uuid = build.ids.uuid()
    disk = build.make(
        "VDI",
        uuid=uuid,
        SR=sr,
        name_label="0",
        name_description="System disk",
        location=uuid,
        virtual_size=size,
        physical_utilisation=0,
        type="system",
        managed=True,
        other_config={"content_id": build.ids.uuid()},
    )
    row = build.tx.database.get("SR", sr)
    build.tx.update(row, virtual_allocation=row.virtual_allocation + size)
    build.make(
        "VBD",
        VM=vm,
        VDI=disk,
        userdevice="0",
        device="xvda",
        bootable=True,
        mode="RW",
        type="Disk",
        unpluggable=False,
        other_config={"owner": ""},
        metrics=build.make("VBD_metrics", last_updated=build.now),
    )
    build.make(
        "VIF",
        VM=vm,
        network=fabric.physical[0],
        device="0",
        MAC=build.ids.mac(),
        MTU=1500,
        metrics=build.make("VIF_metrics", last_updated=build.now),
    )


def _console(build: Build, host: Host, vm: str, protocol: str) -> None:
    uuid = build.ids.uuid()
    location = console_location(host.address, build.port, uuid)
    build.make("console", uuid=uuid, VM=vm, protocol=protocol, location=location, port=0)


def _metrics(build: Build, **fields: Any) -> str:
    return build.make("VM_metrics", last_updated=build.now, **fields)
