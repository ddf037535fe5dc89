"""Which physical GPU carries a virtual one. Serves PGPU, GPU_group, and every start of a VM with graphics."""

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


def gpus_of(db: Database, vgpu: Row, host: Row) -> list[Row]:
    """The physical GPUs of a host that are in the group of a virtual one."""
    found = (db.table("PGPU").find(ref) for ref in host.PGPUs)
    return [pgpu for pgpu in found if pgpu is not None and pgpu.GPU_group == vgpu.GPU_group]


def room_for(db: Database, vgpu: Row, host: Row) -> list[tuple[int, Row]]:
    """Those of them with room for it, each with how much; a GPU of which no types are known is given away whole."""
    found = []
    for pgpu in gpus_of(db, vgpu, host):
        others = [ref for ref in pgpu.resident_VGPUs if ref != vgpu.ref]
        if pgpu.ref == vgpu.resident_on:
            room = 1
        elif pgpu.supported_VGPU_types:
            room = remaining_capacity(db, pgpu, vgpu.type)
        else:
            room = 0 if others else 1
        if room:
            found.append((room, pgpu))
    return found


def choose_gpu(db: Database, vgpu: Row, host: Row) -> Row | None:
    """The physical GPU for a virtual one, by the rule of its group: the fullest that has room, or the emptiest."""
    rated = sorted(room_for(db, vgpu, host), key=lambda rated: rated[0], reverse=is_spread(db, vgpu))
    return rated[0][1] if rated else None


def is_spread(db: Database, vgpu: Row) -> bool:
    """Whether the group of a virtual GPU wants the emptiest physical one for it."""
    group = db.table("GPU_group").find(vgpu.GPU_group)
    return group is not None and bool(group.allocation_algorithm == "breadth_first")
