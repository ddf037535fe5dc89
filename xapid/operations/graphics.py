"""How many more virtual GPUs physical ones can carry. Serves PGPU and GPU_group."""

from __future__ import annotations

from xapid.database import Database, Row


def remaining_capacity(db: Database, pgpu: Row, vgpu_type: str) -> int:
    """How many more virtual GPUs of that type fit on a physical one. A GPU carries one type at a time."""
    if vgpu_type not in pgpu.enabled_VGPU_types:
        return 0
    resident = [db.get("VGPU", ref).type for ref in pgpu.resident_VGPUs]
    if any(kind != vgpu_type for kind in resident):
        return 0
    return max(0, int(pgpu.supported_VGPU_max_capacities.get(vgpu_type, 0)) - len(resident))
