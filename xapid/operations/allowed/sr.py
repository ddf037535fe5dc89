"""Which operations a storage repository allows. Serves ``SR.allowed_operations`` and messages that use an SR."""

from __future__ import annotations

from xapid.operations.allowed.rules import Refusal, Rule, Rules
from xapid.operations.allowed.sr_facts import SrFacts

FEATURES = {
    "vdi_create": "VDI_CREATE",
    "vdi_destroy": "VDI_DELETE",
    "vdi_resize": "VDI_RESIZE",
    "vdi_introduce": "VDI_INTRODUCE",
    "vdi_mirror": "VDI_MIRROR",
    "vdi_enable_cbt": "VDI_CONFIG_CBT",
    "vdi_disable_cbt": "VDI_CONFIG_CBT",
    "vdi_data_destroy": "VDI_CONFIG_CBT",
    "vdi_list_changed_blocks": "VDI_CONFIG_CBT",
    "vdi_set_on_boot": "VDI_RESET_ON_BOOT",
    "update": "SR_UPDATE",
    "vdi_snapshot": "VDI_SNAPSHOT",
    "vdi_revert": "VDI_REVERT",
}
"""Operation → the feature of the backend that it needs. A clone needs none: a copy takes its place."""
NOT_DURING_UPGRADE = {
    "vdi_introduce", "update", "vdi_enable_cbt", "vdi_disable_cbt", "vdi_data_destroy", "vdi_list_changed_blocks",
    "vdi_set_on_boot",
}  # fmt: skip


def _upgrade(sr: SrFacts, operation: str) -> Refusal | None:
    return ("NOT_SUPPORTED_DURING_UPGRADE",) if sr.upgrading else None


def _feature(sr: SrFacts, operation: str) -> Refusal | None:
    return None if FEATURES[operation] in sr.features else ("SR_OPERATION_NOT_SUPPORTED", sr.row.ref)


def _attached(sr: SrFacts, operation: str) -> Refusal | None:
    return ("SR_HAS_PBD", sr.row.ref) if sr.attached else None


def _no_pbds(sr: SrFacts, operation: str) -> Refusal | None:
    return None if sr.pbds else ("SR_HAS_NO_PBDS", sr.row.ref)


def _not_empty(sr: SrFacts, operation: str) -> Refusal | None:
    disks = (sr.find("VDI", ref) for ref in sr.row.VDIs)
    return ("SR_NOT_EMPTY",) if any(disk is not None and disk.managed and disk.type != "rrd" for disk in disks) else None


def _concurrency(sr: SrFacts, operation: str) -> Refusal | None:
    for task, current in sr.row.current_operations.items():
        if (operation, current) != ("plug", "plug"):
            return "OTHER_OPERATION_IN_PROGRESS", "SR", sr.row.ref, current, task
    return None


RULES: Rules[SrFacts] = Rules(
    "SR",
    (
        "scan", "destroy", "forget", "plug", "unplug", "vdi_create", "vdi_destroy", "vdi_resize", "vdi_clone", "vdi_snapshot",
        "vdi_mirror", "vdi_enable_cbt", "vdi_disable_cbt", "vdi_data_destroy", "vdi_list_changed_blocks", "vdi_set_on_boot",
        "vdi_introduce", "vdi_revert", "update", "pbd_create", "pbd_destroy",
    ),
    SrFacts,
    (
        Rule(_upgrade, NOT_DURING_UPGRADE),
        Rule(_feature, FEATURES),
        Rule(_attached, {"destroy", "forget"}),
        Rule(_no_pbds, {"destroy"}),
        Rule(_not_empty, {"destroy"}),
        Rule(_concurrency),
    ),
)  # fmt: skip
