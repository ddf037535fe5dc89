"""Physical GPUs: their groups and what they offer (class ``PGPU``)."""

from __future__ import annotations

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.context import Context
from xapid.placement.graphics import remaining_capacity

_DISABLED = {"enabled": "disable_on_reboot", "enable_on_reboot": "disabled"}
_ENABLED = {"disabled": "enable_on_reboot", "disable_on_reboot": "enabled"}


def add_enabled_VGPU_types(context: Context, self: str, value: str) -> None:
    present = context.db.get("PGPU", self).enabled_VGPU_types
    set_enabled_VGPU_types(context, self, tuple(dict.fromkeys((value, *present))))


def remove_enabled_VGPU_types(context: Context, self: str, value: str) -> None:
    present = context.db.get("PGPU", self).enabled_VGPU_types
    set_enabled_VGPU_types(context, self, tuple(kind for kind in present if kind != value))


def set_enabled_VGPU_types(context: Context, self: str, value: tuple[str, ...]) -> None:
    db = context.db
    row = db.get("PGPU", self)
    for kind in value:
        if kind not in row.supported_VGPU_types:
            raise XenAPIError.relayed("VGPU_TYPE_NOT_SUPPORTED", kind, *row.supported_VGPU_types)
    for vgpu in (db.get("VGPU", ref) for ref in row.resident_VGPUs):
        if vgpu.type not in value:
            raise XenAPIError.relayed("PGPU_IN_USE_BY_VM", vgpu.VM)
    with db.transaction() as tx:
        tx.update(row, enabled_VGPU_types=value)
        _sum_up(tx, db, row.GPU_group)


def set_GPU_group(context: Context, self: str, value: str) -> None:
    db = context.db
    row = db.get("PGPU", self)
    group = db.get("GPU_group", value)
    if row.resident_VGPUs:
        raise XenAPIError.relayed("PGPU_IN_USE_BY_VM", *(db.get("VGPU", ref).VM for ref in row.resident_VGPUs))
    kind = _kind(db, row)
    if group.PGPUs and kind not in group.GPU_types:
        raise XenAPIError.relayed("PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP", kind, f"[{', '.join(group.GPU_types)}]")
    with db.transaction() as tx:
        tx.update(row, GPU_group=value)
        tx.update(db.get("GPU_group", value), GPU_types=tuple(dict.fromkeys((*group.GPU_types, kind))))
        _sum_up(tx, db, value)
        _sum_up(tx, db, row.GPU_group)


def get_remaining_capacity(context: Context, self: str, vgpu_type: str) -> int:
    return remaining_capacity(context.db, context.db.get("PGPU", self), vgpu_type)


def enable_dom0_access(context: Context, self: str) -> str:
    return _give_access(context, self, _ENABLED)


def disable_dom0_access(context: Context, self: str) -> str:
    return _give_access(context, self, _DISABLED)


def _give_access(context: Context, pgpu: str, changes: dict[str, str]) -> str:
    row = context.db.get("PGPU", pgpu)
    changed: str = changes.get(row.dom0_access, row.dom0_access)
    with context.db.transaction() as tx:
        tx.update(row, dom0_access=changed)
    return changed


def _kind(db: Database, pgpu: Row) -> str:
    card = db.table("PCI").find(pgpu.PCI)
    return "" if card is None else f"{card.vendor_id}/{card.device_id}"


def _sum_up(tx: Transaction, db: Database, group: str) -> None:
    """A group offers what any of its GPUs offers."""
    if group == NULL_REF or group not in db.table("GPU_group"):
        return
    row = db.get("GPU_group", group)
    pgpus = [db.get("PGPU", ref) for ref in row.PGPUs]
    for field in ("enabled_VGPU_types", "supported_VGPU_types"):
        tx.update(group, **{field: tuple(dict.fromkeys(kind for pgpu in pgpus for kind in getattr(pgpu, field)))})
