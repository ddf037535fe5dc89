"""A look into the running server: its memory, its database and its connections (class ``Diagnostics``).

The figures are those of the process that answers. Simulated hosts share it, so they all show the same.
"""

from __future__ import annotations

import gc

import psutil

from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context


def gc_compact(context: Context, host: str) -> None:
    context.db.get("host", host)
    gc.collect()


def gc_stats(context: Context, host: str) -> frozenmap:
    """Collections and what they freed, by generation; objects that are watched and frozen; memory of the process in bytes."""
    context.db.get("host", host)
    figures = {"objects": len(gc.get_objects()), "frozen": gc.get_freeze_count()}
    for generation, counts in enumerate(gc.get_stats()):
        figures |= {f"generation{generation}_{name}": value for name, value in counts.items()}
    memory = psutil.Process().memory_info()
    return _texts({**figures, "resident_memory": memory.rss, "virtual_memory": memory.vms})


def db_stats(context: Context) -> frozenmap:
    """The generation of the database, how many objects it holds, and how many of each class that has any."""
    db = context.db
    sizes = {cls: len(table) for cls, table in db.tables.items()}
    present = {f"objects_{cls}": size for cls, size in sorted(sizes.items()) if size}
    return _texts({"generation": db.generation, "objects": sum(sizes.values()), **present})


def network_stats(context: Context, host: str, params: frozenmap) -> tuple[tuple[str, ...], ...]:
    """Local address, remote address and state of every connection, of those that agree with the parameters of these names."""
    context.db.get("host", host)
    rows = []
    for connection in psutil.Process().net_connections(kind="tcp"):
        row = {"local": _address(connection.laddr), "remote": _address(connection.raddr), "state": connection.status.lower()}
        if all(row.get(name) == value for name, value in params.items()):
            rows.append(tuple(row.values()))
    return tuple(rows)


def _address(address: tuple[str, int] | tuple[()]) -> str:
    return ":".join(map(str, address[:2]))


def _texts(figures: dict[str, int]) -> frozenmap:
    return frozenmap({name: str(value) for name, value in figures.items()})
