"""Groups of physical GPUs of the same kind (class ``GPU_group``)."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context
from xapid.placement.graphics import remaining_capacity


def create(context: Context, name_label: str, name_description: str, other_config: Any) -> str:
    with context.db.transaction() as tx:
        return tx.create("GPU_group", name_label=name_label, name_description=name_description, other_config=other_config)


def destroy(context: Context, self: str) -> None:
    row = context.db.get("GPU_group", self)
    if row.PGPUs:
        raise XenAPIError.relayed("GPU_GROUP_CONTAINS_PGPU", *row.PGPUs)
    if row.VGPUs:
        raise XenAPIError.relayed("GPU_GROUP_CONTAINS_VGPU", *row.VGPUs)
    with context.db.transaction() as tx:
        tx.destroy(row)


def update_enabled_VGPU_types(context: Context, self: str) -> None:
    _gather(context, self, "enabled_VGPU_types")


def update_supported_VGPU_types(context: Context, self: str) -> None:
    _gather(context, self, "supported_VGPU_types")


def get_remaining_capacity(context: Context, self: str, vgpu_type: str) -> int:
    db = context.db
    return sum(remaining_capacity(db, db.get("PGPU", ref), vgpu_type) for ref in db.get("GPU_group", self).PGPUs)


def _gather(context: Context, group: str, field: str) -> None:
    """A group offers what any of its GPUs offers."""
    db = context.db
    row = db.get("GPU_group", group)
    types = dict.fromkeys(kind for pgpu in row.PGPUs for kind in getattr(db.get("PGPU", pgpu), field))
    with db.transaction() as tx:
        tx.update(row, **{field: tuple(types)})
