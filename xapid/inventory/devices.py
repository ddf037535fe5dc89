"""Devices of a new pool that VMs can be given: graphics processors, whole or in parts, and USB devices.

None are there unless a counter or the preset ``devices`` asks for them. They are what is on record: nothing computes on them.
"""

from __future__ import annotations

from typing import Final

import attrs

from xapid.inventory.build import Build
from xapid.inventory.hosts import Host

GIB: Final = 1 << 30
VENDOR, VENDOR_NAME, DEVICE, DEVICE_NAME = "10de", "NVIDIA Corporation", "2235", "GA102GL [A40]"
USB_DEVICES: Final = (
    ("0781", "SanDisk Corp.", "5581", "Ultra", "3.00", 5000.0),
    ("04b9", "Rainbow Technologies, Inc.", "0300", "SafeNet USB SuperPro/UltraPro", "1.10", 12.0),
    ("046d", "Logitech, Inc.", "c31c", "Keyboard K120", "1.10", 1.5),
)
"""Vendor and product with their names, version and speed in Mbit/s; hosts with more begin again."""


@attrs.frozen
class Share:
    """A kind of virtual GPU, and how many of them a GPU carries."""

    model: str
    framebuffer: int
    heads: int
    at_most: int
    implementation: str = "nvidia"


SHARES: Final = (
    Share("passthrough", 0, 0, 1, "passthrough"),
    Share("NVIDIA A40-4Q", 4 * GIB, 4, 12),
    Share("NVIDIA A40-12Q", 12 * GIB, 4, 4),
)


def create_devices(build: Build, hosts: list[Host]) -> None:
    """The devices of all hosts. GPUs are in one group, each USB device is in one of its own."""
    if build.counts.gpus:
        kinds = {_kind(build, share): share for share in SHARES}
        group = build.make(
            "GPU_group",
            name_label=f"Group of {VENDOR_NAME} {DEVICE_NAME} GPUs",
            GPU_types=[f"{VENDOR}/{DEVICE}"],
            supported_VGPU_types=list(kinds),
            enabled_VGPU_types=list(kinds),
        )
        for host in hosts:
            for number in range(build.counts.gpus):
                _gpu(build, host, number, group, kinds)
    for host in hosts:
        for number in range(build.counts.usbs):
            _usb(build, host, number)


def _kind(build: Build, share: Share) -> str:
    ref = build.ids.ref()
    return build.make(
        "VGPU_type",
        ref=ref,
        vendor_name="" if share.implementation == "passthrough" else VENDOR_NAME,
        model_name=share.model,
        framebuffer_size=share.framebuffer,
        max_heads=share.heads,
        max_resolution_x=7680 if share.heads else 0,
        max_resolution_y=4320 if share.heads else 0,
        size=(1 << 20) // share.at_most,
        implementation=share.implementation,
        identifier=f"{share.implementation}:{VENDOR}:{DEVICE}:{share.model}",
        compatible_types_in_vm=[ref],
        compatible_types_on_pgpu=[ref],
    )


def _gpu(build: Build, host: Host, number: int, group: str, kinds: dict[str, Share]) -> None:
    card = build.make(
        "PCI",
        class_id="0302",
        class_name="3D controller",
        vendor_id=VENDOR,
        vendor_name=VENDOR_NAME,
        device_id=DEVICE,
        device_name=DEVICE_NAME,
        host=host.ref,
        pci_id=f"0000:{0x41 + number:02x}:00.0",
        driver_name="nvidia",
    )
    build.make(
        "PGPU",
        PCI=card,
        host=host.ref,
        GPU_group=group,
        supported_VGPU_types=list(kinds),
        enabled_VGPU_types=list(kinds),
        supported_VGPU_max_capacities={kind: share.at_most for kind, share in kinds.items()},
    )


def _usb(build: Build, host: Host, number: int) -> None:
    vendor, maker, product, name, version, speed = USB_DEVICES[number % len(USB_DEVICES)]
    group = build.make("USB_group", name_label=f"Group of {vendor} {product} USBs", name_description=f"{maker} {name}")
    build.make(
        "PUSB",
        USB_group=group,
        host=host.ref,
        path=f"1-{number + 1}",
        vendor_id=vendor,
        vendor_desc=maker,
        product_id=product,
        product_desc=name,
        serial=f"{host.number:04}{number:04}",
        version=version,
        description=f"{maker} {name}",
        speed=speed,
    )
