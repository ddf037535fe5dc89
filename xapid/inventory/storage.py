"""The storage of a new pool: what hosts make on their first boot, and the shared repositories of a pool.

Each host has a local repository for disks and two for devices that come and go. The pool has one with the guest tools and,
as the counters say, shared ones for disks and a library of install images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from xapid.inventory.build import Build
from xapid.inventory.hosts import Host
from xapid.inventory.presets import GIB
from xapid.inventory.sm_types import create_storage_types

SERVER: Final = "192.0.2.10"
"""Where the imagined file server stands: an address that is nobody's."""
TOOLS_ISO: Final = "guest-tools.iso"
TOOLS_PATH: Final = "/opt/xensource/packages/iso"
ISOS: Final = (
    ("debian-12.11.0-amd64-netinst.iso", 670 << 20),
    ("ubuntu-22.04.5-live-server-amd64.iso", 2087 << 20),
    ("Rocky-9.6-x86_64-minimal.iso", 2300 << 20),
    ("alpine-standard-3.22.1-x86_64.iso", 256 << 20),
)
SHARED_SIZE: Final = 2048 * GIB


@attrs.frozen
class Stores:
    """The repositories that others refer to. ``local`` has one for each host's reference."""

    local: dict[str, str]
    shared: tuple[str, ...]

    def for_disks(self, host: str) -> str:
        """Where disks go when nobody says otherwise: shared storage, else the host's own."""
        return self.shared[0] if self.shared else self.local[host]


def create_storage(build: Build, hosts: Sequence[Host]) -> Stores:
    """All repositories, plugged on the hosts that reach them."""
    create_storage_types(build)
    local = {host.ref: _local(build, host) for host in hosts}
    for host in hosts:
        _devices(build, host, "DVD drives", "cd", "Physical optical drives")
        _devices(build, host, "Removable storage", "block", "Removable disks")
    if build.counts.tools:
        _tools(build, hosts)
    shared = tuple(_shared(build, hosts, number) for number in range(1, build.counts.shared_srs + 1))
    if build.counts.isos:
        _library(build, hosts)
    return Stores(local, shared)


def _repository(build: Build, hosts: Sequence[Host], device_config: dict[str, str], **fields: Any) -> str:
    defaults: dict[str, Any] = {
        "shared": False,
        "virtual_allocation": 0,
        "physical_utilisation": 0,
        "default_vdi_visibility": True,
    }
    sr = build.make("SR", **{**defaults, **fields})
    for host in hosts:
        build.make("PBD", host=host.ref, SR=sr, device_config=device_config, currently_attached=True)
    return sr


def _local(build: Build, host: Host) -> str:
    sr = _repository(
        build,
        [host],
        {"device": f"/dev/disk/by-id/scsi-{build.ids.random.getrandbits(64):016x}-part3"},
        name_label="Local storage",
        type="ext",
        content_type="user",
        physical_size=build.counts.local_storage,
        other_config={"i18n-original-value-name_label": "Local storage", "i18n-key": "local-storage"},
        sm_config={"devserial": ""},
    )
    build.tx.update(host.ref, suspend_image_sr=sr, crash_dump_sr=sr)
    return sr


def _devices(build: Build, host: Host, name: str, kind: str, doc: str) -> None:
    _repository(
        build,
        [host],
        {"location": f"/dev/xapi/{kind}"},
        name_label=name,
        name_description=doc,
        type="udev",
        content_type="iso" if kind == "cd" else "disk",
        physical_size=0,
        other_config={
            "i18n-original-value-name_label": name,
            "i18n-original-value-name_description": doc,
            "i18n-key": "local-hotplug-cd" if kind == "cd" else "local-hotplug-disk",
        },
        sm_config={"type": kind},
    )


def _tools(build: Build, hosts: Sequence[Host]) -> None:
    size = 72 << 20
    sr = _repository(
        build,
        hosts,
        {"path": TOOLS_PATH, "location": TOOLS_PATH, "legacy_mode": "true"},
        name_label="xapid Tools",
        name_description="Guest tools for the VMs of the pool",
        type="iso",
        content_type="iso",
        shared=True,
        is_tools_sr=True,
        physical_size=size,
        physical_utilisation=size,
        virtual_allocation=size,
        other_config={
            "xenserver_tools_sr": "true",
            "xensource_internal": "true",
            "i18n-key": "xenserver-tools",
            "i18n-original-value-name_label": "xapid Tools",
        },
    )
    _image(build, sr, TOOLS_ISO, size, sm_config={"xs-tools": "true"}, is_tools_iso=True)


def _shared(build: Build, hosts: Sequence[Host], number: int) -> str:
    return _repository(
        build,
        hosts,
        {"server": SERVER, "serverpath": f"/export/disks{number}", "nfsversion": "4"},
        name_label="Shared storage" if number == 1 else f"Shared storage {number}",
        name_description=f"NFS repository on {SERVER}",
        type="nfs",
        content_type="user",
        shared=True,
        physical_size=SHARED_SIZE,
        other_config={"auto-scan": "false"},
    )


def _library(build: Build, hosts: Sequence[Host]) -> None:
    images = [ISOS[index % len(ISOS)] for index in range(build.counts.isos)]
    used = sum(size for _, size in images)
    sr = _repository(
        build,
        hosts,
        {"location": f"{SERVER}:/export/isos", "type": "nfs_iso"},
        name_label="ISO library",
        name_description=f"Install images on {SERVER}",
        type="iso",
        content_type="iso",
        shared=True,
        physical_size=512 * GIB,
        physical_utilisation=used,
        virtual_allocation=used,
        other_config={"auto-scan": "true"},
    )
    for index, (name, size) in enumerate(images):
        _image(build, sr, name if index < len(ISOS) else f"copy-{index}-of-{name}", size)


def _image(build: Build, sr: str, name: str, size: int, **fields: Any) -> None:
    build.make(
        "VDI",
        SR=sr,
        name_label=name,
        name_description="Image for an optical drive",
        location=name,
        virtual_size=size,
        physical_utilisation=size,
        type="user",
        read_only=True,
        managed=True,
        **fields,
    )
