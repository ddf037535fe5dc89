"""The kinds of storage that the hosts know: the ``SM`` objects, with what each can do and which keys configure it.

A capability ``NAME/2`` is feature ``NAME`` at level 2; a plain one is level 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from xapid.inventory.build import Build

_VHD: Final = """
    SR_PROBE SR_UPDATE VDI_CREATE VDI_DELETE VDI_ATTACH VDI_DETACH VDI_ACTIVATE VDI_DEACTIVATE VDI_CLONE VDI_SNAPSHOT
    VDI_RESIZE VDI_MIRROR VDI_CONFIG_CBT ATOMIC_PAUSE
"""
_SHARED: Final = f"{_VHD} SR_CACHING VDI_UPDATE VDI_GENERATE_CONFIG VDI_RESET_ON_BOOT/2"
_BLOCK: Final = f"{_SHARED} SR_METADATA SR_TRIM"
_FILES: Final = f"{_SHARED} THIN_PROVISIONING VDI_READ_CACHING"


@attrs.frozen
class StorageType:
    """One kind of storage. ``keys`` explains the ``device_config`` keys that it takes."""

    type: str
    name: str
    doc: str
    capabilities: str
    keys: Mapping[str, str] = attrs.field(factory=dict)
    driver: str = ""
    cluster_stack: tuple[str, ...] = ()

    @property
    def features(self) -> dict[str, int]:
        """Feature names and their levels."""
        parts = (capability.partition("/") for capability in self.capabilities.split())
        return {name: int(level or 1) for name, _, level in parts}


_DEVICE: Final = {"device": "the device, or several joined by commas"}
_LUN: Final = {"SCSIid": "the SCSI identifier of the LUN", "allocation": "thick or thin"}
_TARGET: Final = {
    "target": "the address of the iSCSI target",
    "targetIQN": "the IQN of the target",
    "chapuser": "the user that the initiator authenticates as",
    "chappassword": "the password of that user",
    "incoming_chapuser": "the user that the target authenticates as",
    "incoming_chappassword": "the password of that user",
    "port": "the port of the target, 3260 unless given",
    "multihomed": "whether the target answers at several addresses",
    "usediscoverynumber": "which of several discovered targets to use",
}

_LUNS: Final = "SR_PROBE VDI_CREATE VDI_DELETE VDI_ATTACH VDI_DETACH VDI_INTRODUCE"
_RAW: Final = ("iso", "udev", "iscsi", "hba", "shm")

STORAGE_TYPES: Final = (
    StorageType("ext", "Local EXT3 VHD", "Disks as files on local devices with a file system",
                f"{_VHD} VDI_UPDATE VDI_GENERATE_CONFIG VDI_RESET_ON_BOOT/2 SR_SUPPORTS_LOCAL_CACHING THIN_PROVISIONING "
                "VDI_READ_CACHING", _DEVICE),
    StorageType("lvm", "Local VHD on LVM", "Disks as logical volumes on local devices",
                f"{_VHD} SR_TRIM VDI_UPDATE VDI_RESET_ON_BOOT/2", _DEVICE, "LVMSR"),
    StorageType("nfs", "NFS VHD", "Disks as files on an NFS server", _FILES, {
        "server": "the address of the NFS server",
        "serverpath": "the exported path",
        "nfsversion": "3, 4 or 4.1",
        "options": "further mount options",
        "probeversion": "which version to probe with",
    }),
    StorageType("smb", "SMB VHD", "Disks as files on an SMB share", _FILES, {
        "server": "the share, as //server/path",
        "username": "the user to connect as",
        "password": "the password of that user",
    }),
    StorageType("lvmoiscsi", "LVHD over iSCSI", "Disks as logical volumes on an iSCSI LUN", _BLOCK,
                {**_TARGET, **_LUN}, "LVMoISCSISR"),
    StorageType("lvmohba", "LVHD over FC", "Disks as logical volumes on a Fibre Channel LUN", _BLOCK, _LUN, "LVMoHBASR"),
    StorageType("gfs2", "GFS2", "Disks as files on a block device that the hosts share through a clustered file system",
                f"{_VHD} SR_CREATE SR_DELETE SR_ATTACH SR_DETACH SR_SCAN SR_STATS THIN_PROVISIONING LARGE_VDI",
                {"provider": "iscsi or hba", **_TARGET, **_LUN}, "gfs2", ("corosync",)),
    StorageType("file", "Local Path VHD", "Disks as files in a local directory",
                f"{_VHD} VDI_GENERATE_CONFIG THIN_PROVISIONING", {"location": "the directory"}),
    StorageType("iso", "ISO", "Removable media as image files",
                "VDI_CREATE VDI_DELETE VDI_ATTACH VDI_DETACH SR_SCAN SR_ATTACH SR_DETACH", {
        "location": "the directory, or server:/path",
        "type": "cifs or nfs_iso, where the location is not a directory",
        "options": "further mount options",
        "vers": "the SMB version",
        "username": "the user to connect as",
        "cifspassword": "the password of that user",
        "cifspassword_secret": "the uuid of the secret with that password",
        "nfsversion": "3, 4 or 4.1",
        "iso_path": "the directory below the location",
        "legacy_mode": "whether the location is a local directory",
    }),
    StorageType("udev", "udev", "Devices that come and go on the host",
                "VDI_INTRODUCE VDI_ATTACH VDI_DETACH VDI_UPDATE SR_UPDATE",
                {"location": "the directory of links to the devices"}),
    StorageType("iscsi", "iSCSI", "Each disk is a LUN of an iSCSI target", _LUNS,
                {**_TARGET, "force_tapdisk": "whether disks are opened as files are"}),
    StorageType("hba", "HBA LUN-per-VDI driver", "Each disk is a LUN that the host's adapters see", _LUNS,
                {"type": "the kind of adapter"}),
    StorageType("shm", "SHM", "Disks in the memory of the host",
                "VDI_ATTACH VDI_DETACH VDI_CLONE VDI_SNAPSHOT SR_SCAN SR_ATTACH SR_DETACH", {"location": "the directory"}),
    StorageType("dummy", "dummy", "Disks without content, for tests",
                "SR_PROBE VDI_CREATE VDI_DELETE VDI_ATTACH VDI_DETACH VDI_ACTIVATE VDI_DEACTIVATE VDI_CLONE VDI_SNAPSHOT "
                "VDI_RESIZE VDI_INTRODUCE VDI_MIRROR"),
)  # fmt: skip


def create_storage_types(build: Build) -> None:
    """An ``SM`` object for each kind."""
    for kind in STORAGE_TYPES:
        build.make(
            "SM",
            type=kind.type,
            name_label=kind.name,
            name_description=kind.doc,
            vendor="xapid",
            copyright="",
            version="3.0",
            required_api_version="1.1",
            configuration=dict(kind.keys),
            capabilities=list(kind.features),
            features=kind.features,
            driver_filename=f"/opt/xensource/sm/{kind.driver or kind.type.upper() + 'SR'}",
            required_cluster_stack=list(kind.cluster_stack),
            supported_image_formats=["raw"] if kind.type in _RAW else ["vhd"],
        )
