"""Which operations a disk allows. Serves ``VDI.allowed_operations`` and every message that takes a VDI operation."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cached_property

import attrs

from xapid.database import Database, Row
from xapid.operations.allowed.rules import Facts, Refusal, Rule, Rules, in_progress
from xapid.operations.allowed.sr_facts import SrFacts

FEATURES = {
    "clone": "VDI_CLONE",
    "resize": "VDI_RESIZE",
    "resize_online": "VDI_RESIZE_ONLINE",
    "snapshot": "VDI_SNAPSHOT",
    "destroy": "VDI_DELETE",
    "update": "VDI_UPDATE",
    "generate_config": "VDI_GENERATE_CONFIG",
    "set_on_boot": "VDI_RESET_ON_BOOT",
    "mirror": "VDI_MIRROR",
    "enable_cbt": "VDI_CONFIG_CBT",
    "disable_cbt": "VDI_CONFIG_CBT",
    "data_destroy": "VDI_CONFIG_CBT",
    "list_changed_blocks": "VDI_CONFIG_CBT",
    "revert_to": "VDI_CLONE",
    "revert_from": "VDI_CLONE",
}
"""Operation → the feature of the storage backend that it needs."""
UNATTACHED = {"resize", "destroy", "forget", "update", "generate_config", "force_unlock", "set_on_boot", "revert_from"}
"""Operations for which no VBD may be attached."""
WITH_DATA = {
    "clone", "copy", "resize", "resize_online", "snapshot", "set_on_boot", "mirror", "enable_cbt", "disable_cbt", "revert_to",
    "revert_from",
}  # fmt: skip
"""Operations for which the disk must still have its contents."""
TRACKING = {"enable_cbt", "disable_cbt"}
NOT_DURING_UPGRADE = {*TRACKING, "data_destroy", "list_changed_blocks", "set_on_boot"}
FOR_HA = ("ha_statefile", "redo_log")


@attrs.frozen(eq=False, slots=False)
class VdiFacts(Facts):
    """What rules know about a disk; ``row`` is the VDI."""

    def shape(self) -> Hashable:
        row, sr = self.row, self.sr
        vms = [self.find("VM", vbd.VM) for vbd in self.attached]
        return (
            self.current,
            self.upgrading,
            sr is not None and (sr.attached, sr.features, sr.row.type == "udev", sr.row.is_tools_sr),
            tuple(vbd.mode for vbd in self.attached),
            all(vm.is_a_snapshot for vm in vms if vm is not None),
            any(vbd.current_operations for vbd in self.vbds),
            row.type,
            row.is_a_snapshot,
            row.sharable,
            row.on_boot,
            row.cbt_enabled,
            row.type in FOR_HA and self.pool is not None and (self.pool.ha_enabled, *self.pool.current_operations.values()),
        )

    @cached_property
    def sr(self) -> SrFacts | None:
        """Its SR."""
        row = self.find("SR", self.row.SR)
        return None if row is None else SrFacts(self.db, row)

    @cached_property
    def vbds(self) -> list[Row]:
        """The VBDs that it is in."""
        return self.all("VBD", self.row.VBDs)

    @cached_property
    def attached(self) -> list[Row]:
        """Those that are attached, or about to be."""
        return [vbd for vbd in self.vbds if vbd.currently_attached or vbd.reserved]


def _upgrade(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("NOT_SUPPORTED_DURING_UPGRADE",) if vdi.upgrading else None


def _concurrency(vdi: VdiFacts, operation: str) -> Refusal | None:
    for task, current in vdi.row.current_operations.items():
        if current != "copy" and (operation, current) != ("destroy", "mirror"):
            return "OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.row.ref, current, task
    return None


def _plugged(vdi: VdiFacts, operation: str) -> Refusal | None:
    return None if vdi.sr is not None and vdi.sr.attached else ("SR_HAS_NO_PBDS", vdi.row.SR)


def _in_use(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("VDI_IN_USE", vdi.row.ref, operation) if vdi.attached else None


def _written_to(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("VDI_IN_USE", vdi.row.ref, operation) if any(vbd.mode == "RW" for vbd in vdi.attached) else None


def _in_use_by_live_vm(vdi: VdiFacts, operation: str) -> Refusal | None:
    vms = vdi.all("VM", (vbd.VM for vbd in vdi.attached))
    return None if all(vm.is_a_snapshot for vm in vms) else ("VDI_IN_USE", vdi.row.ref, operation)


def _vbd_busy(vdi: VdiFacts, operation: str) -> Refusal | None:
    if operation != "data_destroy":
        for vbd in vdi.vbds:
            if vbd.current_operations:
                return in_progress(vbd, cls="VDI", ref=vdi.row.ref)
    return None


def _feature(vdi: VdiFacts, operation: str) -> Refusal | None:
    if vdi.sr is not None and FEATURES[operation] not in vdi.sr.features:
        return "SR_OPERATION_NOT_SUPPORTED", vdi.row.SR
    return None


def _has_data(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("VDI_INCOMPATIBLE_TYPE", vdi.row.ref, vdi.row.type) if vdi.row.type == "cbt_metadata" else None


def _not_for_ha(vdi: VdiFacts, operation: str) -> Refusal | None:
    if vdi.row.type in FOR_HA:
        return "OPERATION_NOT_ALLOWED", f"Disks of type {vdi.row.type} are not copied"
    return None


def _keeps_writes(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",) if vdi.row.on_boot == "reset" else None


def _not_shared(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("VDI_IS_SHARABLE", vdi.row.ref) if vdi.row.sharable else None


def _not_copied(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("OPERATION_NOT_ALLOWED", f"VDI {vdi.row.ref} is being copied") if "copy" in vdi.current else None


def _physical(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("VDI_IS_A_PHYSICAL_DEVICE", vdi.row.ref) if vdi.sr is not None and vdi.sr.row.type == "udev" else None


def _tools(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("SR_OPERATION_NOT_SUPPORTED", vdi.row.SR) if vdi.sr is not None and vdi.sr.row.is_tools_sr else None


def _statistics(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("VDI_HAS_RRDS", vdi.row.ref) if vdi.row.type == "rrd" else None


def _kept_by_ha(vdi: VdiFacts, operation: str) -> Refusal | None:
    if vdi.row.type not in FOR_HA or vdi.pool is None:
        return None
    if vdi.pool.ha_enabled:
        return ("HA_IS_ENABLED",)
    under_way = vdi.pool.current_operations.values()
    if "ha_enable" in under_way:
        return ("HA_ENABLE_IN_PROGRESS",)
    return ("HA_DISABLE_IN_PROGRESS",) if "ha_disable" in under_way else None


def _not_tracked(vdi: VdiFacts, operation: str) -> Refusal | None:
    return ("VDI_CBT_ENABLED", vdi.row.ref) if vdi.row.cbt_enabled else None


def _trackable(vdi: VdiFacts, operation: str) -> Refusal | None:
    if vdi.row.is_a_snapshot:
        return "OPERATION_NOT_ALLOWED", f"VDI {vdi.row.ref} is a snapshot"
    if vdi.row.type not in ("user", "system"):
        return "VDI_INCOMPATIBLE_TYPE", vdi.row.ref, vdi.row.type
    return None


def _destroyable_data(vdi: VdiFacts, operation: str) -> Refusal | None:
    if not vdi.row.is_a_snapshot:
        return "OPERATION_NOT_ALLOWED", f"VDI {vdi.row.ref} is not a snapshot"
    refusal = _tools(vdi, operation)
    if refusal is None and not vdi.row.cbt_enabled and vdi.row.type != "cbt_metadata":
        return "VDI_NO_CBT_METADATA", vdi.row.ref
    return refusal


def _is_snapshot(vdi: VdiFacts, operation: str) -> Refusal | None:
    return None if vdi.row.is_a_snapshot else ("REVERT_ONLY_ALLOWED_ON_SNAPSHOT",)


def _dependants(db: Database, vdi: Row) -> Iterator[Row]:
    for ref in vdi.VBDs:
        vbd = db.table("VBD").find(ref)
        if vbd is not None:
            yield vbd


RULES: Rules[VdiFacts] = Rules(
    "VDI",
    ("clone", "copy", "resize", "resize_online", "snapshot", "destroy", "forget", "update", "generate_config"),
    VdiFacts,
    (
        Rule(_upgrade, NOT_DURING_UPGRADE),
        Rule(_concurrency),
        Rule(_plugged, {"resize"}),
        Rule(_in_use, UNATTACHED),
        Rule(_written_to, {"copy"}),
        Rule(_in_use_by_live_vm, {"list_changed_blocks"}),
        Rule(_vbd_busy),
        Rule(_feature, FEATURES.keys() - {"destroy"}),
        Rule(_not_shared, {"snapshot"}),
        Rule(_not_for_ha, {"copy"}),
        Rule(_keeps_writes, {"snapshot", "copy"}),
        Rule(_not_copied, {"snapshot"}),
        Rule(_physical, {"destroy"}),
        Rule(_tools, {"destroy"}),
        Rule(_statistics, {"destroy", "forget"}),
        Rule(_kept_by_ha, {"destroy", "forget"}),
        Rule(_feature, {"destroy"}),
        Rule(_trackable, TRACKING),
        Rule(_keeps_writes, TRACKING),
        Rule(_destroyable_data, {"data_destroy"}),
        Rule(_is_snapshot, {"revert_to"}),
        Rule(_has_data, WITH_DATA),
        Rule(_not_tracked, {"set_on_boot", "mirror"}),
    ),
    _dependants,
)
