"""What an archive of VMs holds: their objects and all that those refer to, as a document; and the disks to send with it.

Serves ``/export``, ``/export_metadata`` and moves to other pools.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import attrs

from xapid.database import Database, Row
from xapid.datamodel.types import EMPTY_MAP, EPOCH, NULL_REF
from xapid.xva import document
from xapid.xva.document import Object, Version

DEVICES: Final = {"vif": "VIFs", "vbd": "VBDs", "vgpu": "VGPUs", "vtpm": "VTPMs"}
"""Names of kinds of devices in ``excluded_device_types`` → where a VM has them."""
_WITHOUT_DATA: Final = ("iso", "udev")
_IDLE: Final[dict[str, Any]] = {"current_operations": EMPTY_MAP, "allowed_operations": ()}
_HISTORY: Final[dict[str, Any]] = {
    "is_a_snapshot": False, "snapshot_of": NULL_REF, "snapshot_time": EPOCH, "snapshots": (), "parent": NULL_REF,
    "children": (),
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Extent:
    """How much goes along. ``left_out`` are kinds of devices, as in :data:`DEVICES`."""

    snapshots: bool = False
    power_state: bool = False
    """Whether VMs are told to be as they are, with the memory of suspended ones; else they are switched off."""
    left_out: frozenset[str] = frozenset()


def holds_data(db: Database, vbd: Row) -> bool:
    """Whether what is in a drive goes along with the VM. CDs and physical devices are only mentioned."""
    disk = None if vbd.empty or vbd.type == "CD" else db.table("VDI").find(vbd.VDI)
    sr = None if disk is None else db.table("SR").find(disk.SR)
    return disk is not None and (sr is None or (sr.content_type != "iso" and sr.type not in _WITHOUT_DATA))


def own_disks(db: Database, vm: Row, *, memory: bool = True) -> list[Row]:
    """The disks that are a VM's own; with ``memory`` also the image of a suspended one."""
    vbds = (db.table("VBD").find(ref) for ref in vm.VBDs)
    refs = [vbd.VDI for vbd in vbds if vbd is not None and holds_data(db, vbd)]
    if memory and vm.power_state == "Suspended":
        refs.append(vm.suspend_VDI)
    return [disk for ref in dict.fromkeys(refs) if (disk := db.table("VDI").find(ref)) is not None]


class Collection:
    """The objects of an archive, as they are now. ``disks`` are those whose contents go along, by name, in order."""

    def __init__(self, db: Database, vms: Iterable[Row], extent: Extent) -> None:
        self._db = db
        self._extent = extent
        self._names: dict[str, str] = {}
        self._rows: list[Row] = []
        self.disks: dict[str, Row] = {}
        for vm in vms:
            self._add_vm(vm)

    def document(self, now: datetime) -> bytes:
        """``ova.xml``."""
        return document.write(version(self._db, now), [self._object(row) for row in self._rows])

    # What belongs to it -------------------------------------------------------------------------------------------------

    def _add(self, cls: str, ref: str) -> Row | None:
        """An object, unless there is none behind ``ref`` or it is there already."""
        row = self._db.table(cls).find(ref)
        if row is None or ref in self._names:
            return None
        self._names[ref] = f"Ref:{len(self._rows)}"
        self._rows.append(row)
        return row

    def _add_vm(self, vm: Row) -> None:
        if self._add("VM", vm.ref) is None:
            return
        for cls, ref in (("VM_metrics", vm.metrics), ("VM_guest_metrics", vm.guest_metrics)):
            self._add(cls, ref)
        for ref in (vm.affinity, vm.resident_on):
            self._add("host", ref)
        kept = {kind for kind in DEVICES if kind not in self._extent.left_out}
        if "vbd" in kept:
            for ref in vm.VBDs:
                self._add_vbd(ref)
        if self._extent.power_state and vm.power_state == "Suspended":
            self._add_disk(vm.suspend_VDI)
        for ref in vm.VIFs if "vif" in kept else ():
            vif = self._add("VIF", ref)
            if vif is not None:
                self._add("network", vif.network)
        for ref in vm.VGPUs if "vgpu" in kept else ():
            vgpu = self._add("VGPU", ref)
            if vgpu is not None:
                self._add("VGPU_type", vgpu.type)
                self._add("GPU_group", vgpu.GPU_group)
        for ref in vm.VTPMs if "vtpm" in kept else ():
            self._add("VTPM", ref)
        for ref in vm.snapshots if self._extent.snapshots else ():
            self._add_vm(self._db.get("VM", ref))

    def _add_vbd(self, ref: str) -> None:
        vbd = self._add("VBD", ref)
        if vbd is None or vbd.empty:
            return
        if holds_data(self._db, vbd):
            self._add_disk(vbd.VDI)
        else:
            self._mention_disk(vbd.VDI)

    def _add_disk(self, ref: str) -> None:
        self._mention_disk(ref)
        if ref in self._names:
            self.disks[self._names[ref]] = self._db.get("VDI", ref)

    def _mention_disk(self, ref: str) -> None:
        disk = self._add("VDI", ref)
        if disk is not None:
            self._add("SR", disk.SR)

    # How it is written --------------------------------------------------------------------------------------------------

    def _object(self, row: Row) -> Object:
        fields = {
            field.name: document.renamed(field.type, getattr(row, field.name), self._name)
            for field in self._db.table(row.kind).cls.fields
            if not field.internal
        }
        fields |= {name: value for name, value in _IDLE.items() if name in fields}
        extras = {}
        match row.kind:
            case "VM":
                fields |= self._vm_fields(row)
            case "VBD" | "VIF" if not self._extent.power_state:
                fields["currently_attached"] = False
            case "VTPM":
                secret = self._db.table("secret").find(row.contents)
                extras = {} if secret is None else {"content": secret.value}
        return Object(row.kind, self._names[row.ref], fields, extras)

    def _vm_fields(self, vm: Row) -> dict[str, Any]:
        fields = {} if self._extent.snapshots else dict(_HISTORY)
        if not self._extent.power_state:
            fields |= {"power_state": "Halted", "suspend_VDI": NULL_REF, "resident_on": NULL_REF, "domid": -1}
        return fields

    def _name(self, ref: str) -> str:
        return self._names.get(ref, NULL_REF)


def version(db: Database, now: datetime) -> Version:
    """Who we are."""
    coordinator = next(db.get("host", pool.master) for pool in db.table("pool"))
    software = coordinator.software_version
    return Version(
        hostname=coordinator.hostname,
        date=now,
        product_version=software.get("product_version", ""),
        product_brand=software.get("product_brand", ""),
        build_number=software.get("build_number", ""),
        api=api_version(db),
    )


def api_version(db: Database) -> tuple[int, int]:
    """The version of the API that is spoken here."""
    coordinator = next(db.get("host", pool.master) for pool in db.table("pool"))
    return coordinator.API_version_major, coordinator.API_version_minor
