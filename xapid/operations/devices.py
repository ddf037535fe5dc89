"""Devices of VMs: how they are numbered and named, which numbers are free, and what an agent is told about them.

Serves ``VBD.create``, ``VIF.create``, ``VM.get_allowed_VBD_devices``, ``VM.get_allowed_VIF_devices``, plugging, and everything
that starts a VM.
"""

from __future__ import annotations

import hashlib
import re

from xapid.agent.values import DiskConfig, NicConfig
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.placement.memory import domain_type_of

VBD_POSITIONS = 255
"""How many positions are offered for drives; others may be asked for by name."""
VIF_POSITIONS = 16
_NUMBER = re.compile(r"-?[0-9]+")
_NAME = re.compile(r"(xvd|sd|hd|fd)([a-z]+)([0-9]*)")

Position = tuple[str, int, int]
"""Disk or floppy; number of the device, from 0; partition, 0 for the whole."""


def position_of(userdevice: str) -> Position | None:
    """Where a user wants a drive: ``0``, ``hda``, ``sda`` and ``xvda`` are the same. None if it says nothing."""
    if _NUMBER.fullmatch(userdevice):
        return "disk", int(userdevice), 0
    match = _NAME.fullmatch(userdevice)
    if match is None:
        return None
    number = 0
    for letter in match[2]:
        number = number * 26 + ord(letter) - ord("a") + 1
    return ("floppy" if match[1] == "fd" else "disk"), number - 1, int(match[3] or 0)


def device_name(position: Position) -> str:
    """What a guest with PV drivers calls a drive at this position."""
    kind, number, partition = position
    prefix = "fd" if kind == "floppy" else "xvd"
    letters, number = "", max(number, 0) + 1
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("a") + digit) + letters
    return f"{prefix}{letters}{partition or ''}"


def allowed_vbd_devices(db: Database, vm: Row) -> tuple[str, ...]:
    """The positions at which a VM could get another drive."""
    taken = {position[1] for position in _taken(db, vm) if position[0] == "disk"}
    return tuple(str(number) for number in range(VBD_POSITIONS) if number not in taken)


def allowed_vif_devices(db: Database, vm: Row) -> tuple[str, ...]:
    """The positions at which a VM could get another network interface."""
    vifs = (db.table("VIF").find(ref) for ref in vm.VIFs)
    taken = {vif.device for vif in vifs if vif is not None}
    return tuple(device for device in map(str, range(VIF_POSITIONS)) if device not in taken)


def claim_vbd_device(db: Database, vm: Row, userdevice: str) -> str:
    """The ``userdevice`` of a new drive: as given, or the first free one for ``autodetect``.

    Errors: INVALID_DEVICE, DEVICE_ALREADY_EXISTS.
    """
    if userdevice == "autodetect":
        free = allowed_vbd_devices(db, vm)
        if not free:
            raise XenAPIError("INVALID_DEVICE", userdevice)
        return free[0]
    position = position_of(userdevice)
    if position is None:
        raise XenAPIError("INVALID_DEVICE", userdevice)
    if position in _taken(db, vm):
        raise XenAPIError("DEVICE_ALREADY_EXISTS", userdevice)
    return userdevice


def _taken(db: Database, vm: Row) -> set[Position]:
    vbds = (db.table("VBD").find(ref) for ref in vm.VBDs)
    positions = (position_of(vbd.userdevice) for vbd in vbds if vbd is not None)
    return {position for position in positions if position is not None}


def mac_from_seed(seed: str, device: int) -> str:
    """The MAC address of a VM's interface that was not given one: the same for the same seed and position, everywhere."""
    digest = seed.encode()
    for _ in range(2 * device + 1):
        digest = hashlib.md5(digest, usedforsecurity=False).digest()
    tail = hashlib.md5(digest, usedforsecurity=False).digest()
    octets = (digest[0] & 0xFE | 0x02, digest[1], digest[2], digest[3], tail[1], tail[2])
    return ":".join(f"{octet:02x}" for octet in octets)


def is_hvm(db: Database, vm: Row) -> bool:
    """Whether a VM runs, or would run, fully virtualized."""
    if vm.power_state != "Halted":
        metrics = db.table("VM_metrics").find(vm.metrics)
        if metrics is not None and metrics.current_domain_type != "unspecified":
            return bool(metrics.current_domain_type == "hvm")
    return domain_type_of(vm) == "hvm"


def disk_config(db: Database, vbd: Row) -> DiskConfig:
    """What an agent is told about a drive."""
    return disk_config_with(db, vbd, None if vbd.empty else db.table("VDI").find(vbd.VDI))


def disk_config_with(db: Database, vbd: Row, disk: Row | None) -> DiskConfig:
    """What an agent is told about a drive that is to hold ``disk``, or nothing."""
    sr = None if disk is None else db.table("SR").find(disk.SR)
    return DiskConfig(
        vbd=vbd.uuid,
        device=vbd.userdevice,
        type=vbd.type,
        read_only=vbd.mode == "RO",
        bootable=vbd.bootable,
        sr="" if sr is None else sr.uuid,
        vdi="" if disk is None else disk.uuid,
        location="" if disk is None else disk.location,
        virtual_size=0 if disk is None else disk.virtual_size,
    )


def nic_config(db: Database, vif: Row, network: Row | None = None) -> NicConfig:
    """What an agent is told about a network interface, on its network or on ``network``."""
    network = db.get("network", vif.network) if network is None else network
    return NicConfig(
        vif=vif.uuid,
        device=vif.device,
        mac=vif.MAC,
        mtu=vif.MTU,
        network=network.uuid,
        bridge=network.bridge,
        locking_mode=network.default_locking_mode if vif.locking_mode == "network_default" else vif.locking_mode,
        ipv4_allowed=list(vif.ipv4_allowed),
        ipv6_allowed=list(vif.ipv6_allowed),
        addresses=[address.partition("/")[0] for address in (*vif.ipv4_addresses, *vif.ipv6_addresses)],
    )


def assert_idle(row: Row) -> None:
    """Errors: OTHER_OPERATION_IN_PROGRESS, while something is under way on an object."""
    for task, operation in row.current_operations.items():
        raise XenAPIError("OTHER_OPERATION_IN_PROGRESS", row.kind, row.ref, operation, task)
