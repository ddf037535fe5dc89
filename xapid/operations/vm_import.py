"""VMs made of an archive: their disks, their records, and none of it if anything fails.

Serves ``/import``, ``/import_metadata``, ``VM.import`` and moves from other pools. An import goes through
:meth:`Import.create`, then the contents of the disks arrive, then :meth:`Import.finish`; or :meth:`Import.undo`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from xapid.database import Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import EMPTY_MAP, NULL_REF, frozenmap
from xapid.operations import allowed
from xapid.operations.addressing import check_mac
from xapid.operations.constructor import constructor_record
from xapid.operations.context import Context
from xapid.operations.devices import assert_idle, mac_from_seed
from xapid.operations.import_matches import Matches
from xapid.operations.vm_copying import discard_disks
from xapid.operations.vm_create import effective_type, new_metrics, platform_version
from xapid.placement.memory import overhead_of
from xapid.xva.document import Document, Object

IMPORT_TASK: Final = "import_task"
_NOT_HERE: Final[dict[str, Any]] = {
    "allowed_operations": (), "current_operations": EMPTY_MAP, "resident_on": NULL_REF,
    "scheduled_to_be_resident_on": NULL_REF, "domid": -1, "blobs": EMPTY_MAP, "appliance": NULL_REF, "groups": (),
    "protection_policy": NULL_REF, "snapshot_schedule": NULL_REF, "ha_always_run": False, "is_default_template": False,
    "is_control_domain": False, "requires_reboot": False, "pending_guidances": (), "pending_guidances_recommended": (),
    "pending_guidances_full": (),
}  # fmt: skip
"""What an imported VM does not take over."""
_DEVICE: Final = re.compile("[0-9]{1,3}")
_LEFT_OUT: Final = ("default_template", "xensource_internal")


@attrs.frozen(kw_only=True)
class Request:
    """How to import. ``disks`` and ``networks``: what is to be used here, by uuid of the archive's VDIs and VIFs."""

    sr: str | None = None
    """Where disks are made; None: they are here already."""
    restore: bool = False
    """Whether uuids and addresses stay, and a VM with the same uuid is replaced."""
    force: bool = False
    dry_run: bool = False
    """Whether it is only asked if that could be done; disks may still be on their way."""
    live: bool = False
    """Whether the VM comes running from another pool: it keeps its addresses and what is known of its guest."""
    disks: Mapping[str, str] = attrs.field(factory=dict)
    networks: Mapping[str, str] = attrs.field(factory=dict)


class Import:
    """One import. ``vms`` are the VMs made; ``targets`` the disks whose contents are to come, by name in the archive."""

    def __init__(self, context: Context, document: Document, request: Request) -> None:
        self._context = context
        self._db = context.db
        self._document = document
        self._request = request
        self._matches = Matches(context.db, document, request.disks, request.networks)
        self._refs: dict[str, str] = {}
        self._seeds: dict[str, str] = {}
        self._made_disks: list[str] = []
        self._made: list[str] = []
        self._gone: list[Row] = []
        self._moved: dict[str, str] = {}
        self.vms: list[str] = []
        self.targets: dict[str, str] = {}

    @property
    def sizes(self) -> dict[str, int]:
        """How long the disks are whose contents are to come."""
        return {found.id: found.fields["virtual_size"] for found in self._document.of("VDI") if found.id in self.targets}

    async def create(self) -> None:
        """Make everything but the contents of disks. On failure there is something to undo.

        Errors: VM_BAD_POWER_STATE, VM_TO_IMPORT_IS_NOT_NEWER_VERSION and DUPLICATE_MAC_SEED when restoring;
        IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND; what :class:`Matches` finds missing; what making disks and networks fails with.
        """
        vms = [found for found in self._document.of("VM") if not found.fields.get("is_control_domain", False)]
        self._check()
        self._to_replace(vms)
        self._match_disks()
        self._check_attached(vms)
        if self._request.dry_run:
            return
        for disk in self._document.of("VDI"):
            if disk.id in self.targets:
                await self._make_disk(disk)
        for vif in self._document.of("VIF"):
            if any(vif.fields.get("VM") == vm.id for vm in vms):
                await self._match_network(vif)
        with self._db.transaction() as tx:
            replaced = self._to_replace(vms)  # it may have been started meanwhile
            for row in replaced.values():
                self._take_away(tx, row)
            for vm in vms:
                self._make_vm(tx, vm, vm.id in replaced)
            for vm in vms:
                self._link(tx, vm, replaced.get(vm.id))
            self._make_devices(tx)
            for ref in self.vms:
                allowed.begin(tx, self._db, self._db.get("VM", ref), "import", self._context.task.ref)
            allowed.refresh(tx, self._db, *(self._db.get("VM", ref) for ref in self.vms))

    def finish(self) -> None:
        """The disks have their contents: the VMs are there for everybody."""
        with self._db.transaction() as tx:
            vms = [vm for ref in self.vms if (vm := self._db.table("VM").find(ref)) is not None]
            for vm in vms:
                allowed.end(tx, self._db, vm, self._context.task.ref)
            allowed.refresh(tx, self._db, *vms)

    async def undo(self) -> None:
        """Take away what was made, and put back what was replaced."""
        with self._db.transaction() as tx:
            for ref in reversed(self._made):
                if self._db.find(ref) is not None:
                    tx.destroy(ref)
            for row in reversed(self._gone):
                tx.create(row.kind, ref=row.ref, **{name: getattr(row, name) for name in self._db.table(row.kind).stored})
            for snapshot, vm in self._moved.items():
                if snapshot in self._db.table("VM"):
                    tx.update(snapshot, snapshot_of=vm)
            allowed.refresh(tx, self._db, *(row for row in self._gone if row.kind == "VM"))
        await discard_disks(self._context, self._made_disks)

    def _check(self) -> None:
        """That what is to be made has what it needs. Errors: IMPORT_ERROR."""
        for disk in self._document.of("VDI"):
            if disk.fields.get("virtual_size", -1) < 0:
                raise XenAPIError("IMPORT_ERROR", f"{disk.id} has no size")
        for vif in self._document.of("VIF"):
            if not _DEVICE.fullmatch(vif.fields.get("device", "")):
                raise XenAPIError("IMPORT_ERROR", f"{vif.id} has no position")
            if self._keeps_macs:
                check_mac(vif.fields.get("MAC", ""))

    # Before anything is made --------------------------------------------------------------------------------------------

    def _to_replace(self, vms: list[Object]) -> dict[str, Row]:
        """The VMs here that those of the archive are to take the place of, by their names there."""
        if not self._request.restore:
            return {}
        return {vm.id: row for vm in vms if (row := self._former(vm)) is not None}

    def _former(self, vm: Object) -> Row | None:
        fields, force = vm.fields, self._request.force
        row = self._db.table("VM").find_uuid(fields.get("uuid", ""))
        if row is not None:
            if row.power_state != "Halted":
                raise XenAPIError("VM_BAD_POWER_STATE", row.ref, "halted", row.power_state.lower())
            assert_idle(row)
            if fields.get("version", 0) < row.version and not force:
                versions = str(row.version), str(fields.get("version", 0))
                raise XenAPIError("VM_TO_IMPORT_IS_NOT_NEWER_VERSION", row.ref, *versions)
        seed = fields.get("other_config", {}).get("mac_seed")
        if seed and not force and not fields.get("is_a_snapshot", False):
            for other in self._db.table("VM"):
                if other.other_config.get("mac_seed") == seed and not other.is_a_snapshot and other is not row:
                    raise XenAPIError("DUPLICATE_MAC_SEED", seed)
        return row

    def _match_disks(self) -> None:
        """Find the disks that are here, and list those that are to be made."""
        in_drives = {vbd.fields.get("VDI") for vbd in self._document.of("VBD") if vbd.fields.get("type") != "CD"}
        images = {vm.fields.get("suspend_VDI") for vm in self._document.of("VM")}
        for disk in self._document.of("VDI"):
            if disk.id not in in_drives | images or not self._matches.has_data(disk):
                self._refs[disk.id] = self._matches.medium(disk)
            elif self._request.sr is not None:
                self.targets[disk.id] = NULL_REF
            else:
                try:
                    self._refs[disk.id] = self._matches.existing(disk)
                except XenAPIError:
                    if not (self._request.force or self._request.dry_run):
                        raise

    def _check_attached(self, vms: list[Object]) -> None:
        """That VMs which were not off find what was in their drives, since their memory speaks of it. A CD may be ejected from
        what is no PV guest, and the sender of a VM that comes live ejects its media.

        Errors: IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND.
        """
        on = {vm.id: vm.fields for vm in vms if vm.fields.get("power_state", "Halted") != "Halted"}
        for vbd in self._document.of("VBD"):
            vm, disk = on.get(vbd.fields.get("VM", NULL_REF)), vbd.fields.get("VDI", NULL_REF)
            if vm is None or vbd.fields.get("empty") or not vbd.fields.get("currently_attached", False):
                continue
            found = disk in self.targets or self._refs.get(disk, NULL_REF) != NULL_REF
            coming = self._request.dry_run and self._request.live and vm["power_state"] != "Suspended"
            type_ = effective_type(vm.get("domain_type", "unspecified"), vm.get("HVM_boot_policy", ""))
            if not (found or coming or (vbd.fields.get("type") == "CD" and type_ == "hvm")):
                raise XenAPIError("IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND")

    # Making -------------------------------------------------------------------------------------------------------------

    async def _make_disk(self, disk: Object) -> None:
        fields = disk.fields
        record = constructor_record(
            self._db,
            "VDI",
            SR=self._request.sr,
            name_label=fields.get("name_label", ""),
            name_description=fields.get("name_description", ""),
            virtual_size=fields["virtual_size"],
            type=fields.get("type", "user"),
            sharable=fields.get("sharable", False),
            read_only=fields.get("read_only", False),
            other_config=fields.get("other_config", EMPTY_MAP),
            xenstore_data=fields.get("xenstore_data", EMPTY_MAP),
            tags=fields.get("tags", ()),
            sm_config=frozenmap({IMPORT_TASK: self._context.task.ref}),
        )
        ref = await self._context.call("VDI.create", record)
        self._made_disks.append(ref)
        self._refs[disk.id] = self.targets[disk.id] = ref

    async def _match_network(self, vif: Object) -> None:
        found, missing = self._matches.network(vif)
        if found == NULL_REF and missing is not None:
            fields = missing.fields
            names = ("name_label", "name_description", "MTU", "other_config", "tags")
            record = constructor_record(self._db, "network", **{name: fields[name] for name in names if name in fields})
            found = await self._context.call("network.create", record)
            self._made.append(found)
        self._refs[vif.id] = found

    def _make(self, tx: Transaction, cls: str, found: Object, **changes: Any) -> str:
        """An object like one of the archive, with references of here; those of objects that are not here are null."""
        stored = set(self._db.table(cls).stored) - {"uuid"}
        fields = {name: value for name, value in found.fields.items() if name in stored}
        ref = tx.create(cls, **{**fields, **changes})
        self._made.append(ref)
        self._refs[found.id] = ref
        return ref

    def _make_vm(self, tx: Transaction, vm: Object, replaces: bool) -> None:
        fields, request = vm.fields, self._request
        image = self._refs.get(fields.get("suspend_VDI", NULL_REF), NULL_REF)
        suspended = fields.get("power_state") == "Suspended" and image != NULL_REF
        other_config: frozenmap = fields.get("other_config", EMPTY_MAP).without(*_LEFT_OUT)
        changes: dict[str, Any] = _NOT_HERE | {
            "power_state": "Suspended" if suspended else "Halted",
            "suspend_VDI": image if suspended else NULL_REF,
            "suspend_SR": self._matches.same("SR", fields.get("suspend_SR", NULL_REF)),
            "affinity": self._matches.same("host", fields.get("affinity", NULL_REF)),
            "other_config": frozenmap(
                {**other_config, "mac_seed": self._seed(other_config), IMPORT_TASK: self._context.task.ref}
            ),
            "metrics": self._metrics(tx, fields),
            "guest_metrics": self._part(tx, "VM_guest_metrics", fields.get("guest_metrics", NULL_REF)),
            "domain_type": effective_type(fields.get("domain_type", "unspecified"), fields.get("HVM_boot_policy", "")),
            "hardware_platform_version": platform_version(
                fields.get("hardware_platform_version", 0), fields.get("has_vendor_device", False)
            ),
            "parent": NULL_REF,
            "snapshot_of": NULL_REF,
        }
        uuid = fields.get("uuid", "")
        if request.restore and uuid and (replaces or self._db.table("VM").find_uuid(uuid) is None):
            changes["uuid"] = uuid
        ref = self._make(tx, "VM", vm, **changes)
        tx.update(ref, memory_overhead=overhead_of(self._db.get("VM", ref)))
        self.vms.append(ref)

    def _seed(self, other_config: Mapping[str, str]) -> str:
        """What addresses follow from: the same for a VM and its snapshots, and a new one unless they are to stay."""
        old = other_config.get("mac_seed", "")
        if old and self._keeps_macs:
            return old
        return self._seeds.setdefault(old, self._context.ids.uuid()) if old else self._context.ids.uuid()

    @property
    def _keeps_macs(self) -> bool:
        return self._request.restore or self._request.live

    def _metrics(self, tx: Transaction, fields: Mapping[str, Any]) -> str:
        made = self._part(tx, "VM_metrics", fields.get("metrics", NULL_REF))
        if made == NULL_REF:
            made = new_metrics(tx)
            self._made.append(made)
        return made

    def _part(self, tx: Transaction, cls: str, name: str) -> str:
        found = self._matches.object(cls, name)
        return NULL_REF if found is None else self._make(tx, cls, found)

    def _link(self, tx: Transaction, vm: Object, replaced: Row | None) -> None:
        """Snapshots are those of the VMs that came with them, or of the VM that took another's place."""
        ref = self._refs[vm.id]
        parent = self._refs.get(vm.fields.get("parent", NULL_REF), NULL_REF)
        of = self._refs.get(vm.fields.get("snapshot_of", NULL_REF), NULL_REF)
        tx.update(ref, parent=parent, snapshot_of=of)
        for snapshot, former in list(self._moved.items()):
            if replaced is not None and former == replaced.ref:
                tx.update(snapshot, snapshot_of=ref)

    def _make_devices(self, tx: Transaction) -> None:
        for vbd in self._of_vms("VBD"):
            disk = NULL_REF if vbd.fields.get("empty") else self._refs.get(vbd.fields.get("VDI", NULL_REF), NULL_REF)
            if disk == NULL_REF and vbd.fields.get("type") != "CD":
                continue
            self._device(tx, vbd, "VBD", VDI=disk, empty=disk == NULL_REF, metrics=self._fresh(tx, "VBD_metrics"))
        for vif in self._of_vms("VIF"):
            changes = {"network": self._refs[vif.id], "metrics": self._fresh(tx, "VIF_metrics"), "reserved": False}
            if not self._keeps_macs:
                seed = self._db.get("VM", self._refs[vif.fields["VM"]]).other_config["mac_seed"]
                changes |= {"MAC": mac_from_seed(seed, int(vif.fields["device"])), "MAC_autogenerated": True}
            self._device(tx, vif, "VIF", **changes)
        for vgpu in self._of_vms("VGPU"):
            found = self._matches.graphics(vgpu)
            if found is not None:
                kind, group = found
                gone = {"resident_on": NULL_REF, "scheduled_to_be_resident_on": NULL_REF, "PCI": NULL_REF}
                self._device(tx, vgpu, "VGPU", type=kind, GPU_group=group, **gone)
        for vtpm in self._of_vms("VTPM"):
            secret = tx.create("secret", value=vtpm.extras.get("content", ""))
            self._made.append(secret)
            self._device(tx, vtpm, "VTPM", contents=secret, backend=NULL_REF)

    def _of_vms(self, cls: str) -> list[Object]:
        return [found for found in self._document.of(cls) if self._refs.get(found.fields.get("VM", NULL_REF)) in self.vms]

    def _device(self, tx: Transaction, found: Object, cls: str, **changes: Any) -> None:
        vm = self._db.get("VM", self._refs[found.fields["VM"]])
        idle = {"current_operations": EMPTY_MAP, "allowed_operations": (), "currently_attached": False}
        if vm.power_state == "Suspended":
            idle["currently_attached"] = found.fields.get("currently_attached", False)
        stored = set(self._db.table(cls).stored)
        idle = {name: value for name, value in idle.items() if name in stored}
        changes = {name: value for name, value in changes.items() if name in stored}
        self._make(tx, cls, found, **{"VM": vm.ref, **idle, **changes})

    def _fresh(self, tx: Transaction, cls: str) -> str:
        ref = tx.create(cls)
        self._made.append(ref)
        return ref

    # Replacing ----------------------------------------------------------------------------------------------------------

    def _take_away(self, tx: Transaction, vm: Row) -> None:
        """Remove a VM, its devices and metrics, but not its disks; all of it can be put back."""
        db = self._db
        self._moved |= dict.fromkeys(vm.snapshots, vm.ref)
        devices = [row for cls in ("VBD", "VIF", "VTPM", "VGPU", "VUSB") for ref in getattr(vm, f"{cls}s")
                   if (row := db.table(cls).find(ref)) is not None]  # fmt: skip
        parts = [("VM_metrics", vm.metrics), ("VM_guest_metrics", vm.guest_metrics)]
        parts += [(f"{row.kind}_metrics", row.metrics) for row in devices if row.kind in ("VBD", "VIF")]
        parts += [("secret", row.contents) for row in devices if row.kind == "VTPM"]
        rows = [vm, *devices, *(row for cls, ref in parts if (row := db.table(cls).find(ref)) is not None)]
        self._gone += rows
        for row in rows:
            tx.destroy(row)
