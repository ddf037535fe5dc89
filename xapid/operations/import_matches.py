"""What an imported archive refers to, found here: SRs, disks, networks, graphics. Nothing is made or changed."""

from __future__ import annotations

from collections.abc import Mapping

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.xva.document import Document, Object


class Matches:
    """Finds things of the archive in this pool. ``disks`` and ``networks`` are what the caller says, by uuid of VDI and VIF."""

    def __init__(self, db: Database, document: Document, disks: Mapping[str, str], networks: Mapping[str, str]) -> None:
        self._db = db
        self._disks = disks
        self._networks = networks
        self._objects = {found.id: found for found in document.objects}

    def object(self, cls: str, name: str) -> Object | None:
        """An object of the archive."""
        found = self._objects.get(name)
        return found if found is not None and found.cls == cls else None

    def same(self, cls: str, name: str) -> str:
        """The object here with the uuid of one in the archive; null if there is none."""
        found = self.object(cls, name)
        row = None if found is None else self._db.table(cls).find_uuid(found.fields.get("uuid", ""))
        return NULL_REF if row is None else row.ref

    def has_data(self, disk: Object) -> bool:
        """Whether the contents of a disk go along with it. Those of ISO libraries and physical devices do not."""
        sr = self.object("SR", disk.fields.get("SR", NULL_REF))
        return sr is None or (sr.fields.get("content_type") != "iso" and sr.fields.get("type") not in ("iso", "udev"))

    def medium(self, disk: Object) -> str:
        """The CD here that one of the archive is: the same on the same SR, or one of its name in any library. Null if none."""
        db, location, name = self._db, disk.fields.get("location", ""), disk.fields.get("name_label", "")
        same = db.table("VDI").find_uuid(disk.fields.get("uuid", ""))
        if same is not None:
            return same.ref
        found = self._at(self.same("SR", disk.fields.get("SR", NULL_REF)), location)
        if found is not None:
            return found.ref
        libraries = [sr for sr in db.table("SR") if sr.content_type == "iso"]
        media = [vdi for sr in libraries for ref in sr.VDIs if (vdi := db.table("VDI").find(ref)) is not None]
        return next((vdi.ref for vdi in media if vdi.location == location or (name and vdi.name_label == name)), NULL_REF)

    def existing(self, disk: Object) -> str:
        """The disk here that one of the archive is: what the caller says; or that at the same place; or, where nobody has heard
        of the SR, one of the same contents.

        Errors: HANDLE_INVALID for what the caller says; VDI_LOCATION_MISSING, VDI_CONTENT_ID_MISSING.
        """
        db, said = self._db, self._disks.get(disk.fields.get("uuid", ""))
        if said is not None:
            found = db.table("VDI").find(said) or db.table("VDI").find_uuid(said)
            return db.get("VDI", said).ref if found is None else found.ref
        sr, location = self.same("SR", disk.fields.get("SR", NULL_REF)), disk.fields.get("location", "")
        found = self._at(sr, location)
        if found is not None:
            return found.ref
        content = disk.fields.get("other_config", {}).get("content_id", "")
        if sr != NULL_REF or not content:
            raise XenAPIError("VDI_LOCATION_MISSING", sr, location)
        for vdi in db.table("VDI"):
            if vdi.other_config.get("content_id") == content:
                return vdi.ref
        raise XenAPIError.relayed("VDI_CONTENT_ID_MISSING")

    def network(self, vif: Object) -> tuple[str, Object | None]:
        """The network here for a VIF of the archive: what the caller says, or that of the same name, or of the same bridge.

        Null if there is none; then what the archive says of it comes along. Errors: HANDLE_INVALID for what the caller says.
        """
        table, said = self._db.table("network"), self._networks.get(vif.fields.get("uuid", ""))
        if said is not None:
            row = table.find(said) or table.find_uuid(said)
            return self._db.get("network", said).ref if row is None else row.ref, None
        found = self.object("network", vif.fields.get("network", NULL_REF))
        if found is None:
            raise XenAPIError("IMPORT_ERROR_FAILED_TO_FIND_OBJECT", vif.fields.get("network", NULL_REF))
        name, bridge = found.fields.get("name_label", ""), found.fields.get("bridge", "")
        named = table.by_name(name)
        if named:
            return named[0].ref, None
        return next((row.ref for row in table if row.bridge == bridge), NULL_REF), found

    def graphics(self, vgpu: Object) -> tuple[str, str] | None:
        """The kind and the group of a virtual GPU here, if the pool has such."""
        kind = self.object("VGPU_type", vgpu.fields.get("type", NULL_REF))
        if kind is None:
            return None
        wanted = kind.fields.get("vendor_name"), kind.fields.get("model_name")
        for row in self._db.table("VGPU_type"):
            if (row.vendor_name, row.model_name) == wanted and row.enabled_on_GPU_groups:
                return row.ref, row.enabled_on_GPU_groups[0]
        return None

    def _at(self, sr: str, location: str) -> Row | None:
        row = self._db.table("SR").find(sr)
        disks = (self._db.table("VDI").find(ref) for ref in (row.VDIs if row is not None else ()))
        return next((disk for disk in disks if disk is not None and disk.location == location), None)
