"""The objects of a host that joins: what it brings along, and how they find their place in the pool's database.

References and uuids stay what they are. Networks are the pool's where it has one on the same bridge (physical ones) or of the
same name (those inside hosts); so are the tools SR with its disks, and groups of graphics cards and USB devices. What every
pool has stays behind: default templates, drivers, users, roles, and all that concerns the joiner's former pool as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from xapid.database import Database, Row, Transaction
from xapid.database.journal.notation import ClassReader, Sharing, written
from xapid.datamodel.types import NULL_REF, Map, Ref, Set, Type, frozenmap

LEFT_BEHIND: Final = frozenset({
    "pool", "session", "task", "user", "role", "subject", "SM", "message", "event", "blob", "Cluster", "Cluster_host",
    "SDN_controller", "Repository", "pool_patch", "pool_update", "DR_task",
})  # fmt: skip
"""Classes of which a host brings nothing: they are the pool's, or mean nothing there."""

Brought = tuple[str, str, dict[str, Any]]
"""Class, reference and fields of an object."""


def pack(db: Database) -> bytes:
    """Everything that the only host of this pool brings along."""
    return orjson.dumps([[row.kind, row.ref, written(row._table.stored_values(row)).decode()] for row in _brought(db)])


def _brought(db: Database) -> Iterator[Row]:
    templates = {row.ref for row in db.table("VM") if row.is_default_template}
    for cls, table in db.tables.items():
        if cls in LEFT_BEHIND or not table.lasts:
            continue
        for row in table.rows():
            authority = cls == "Certificate" and row.host == NULL_REF
            if row.ref not in templates and getattr(row, "VM", NULL_REF) not in templates and not authority:
                yield row


def unpack(db: Database, body: bytes) -> str:
    """Take in what :func:`pack` made; returns the reference of the host. Errors: those of creating objects."""
    sharing = Sharing()
    readers: dict[str, ClassReader] = {}
    rows: list[Brought] = []
    for cls, ref, text in orjson.loads(body):
        if cls in db.tables and cls not in LEFT_BEHIND:
            reader = readers.get(cls) or readers.setdefault(cls, ClassReader(db.api.classes[cls], sharing))
            rows.append((cls, ref, reader(text.encode())))
    moved = _moved(db, rows)
    host = NULL_REF
    with db.transaction() as tx:
        for cls, ref, values in rows:
            if ref not in moved:
                fields = {field.name: field.type for field in db.api.classes[cls].fields}
                at_home = {name: _at_home(fields[name], value, moved) for name, value in values.items()}
                _create(tx, db, cls, ref, at_home)
                host = ref if cls == "host" else host
        tx.update(host, enabled=True)
        tx.update(db.get("host", host).metrics, live=True)
    return host


def _at_home(type_: Type, value: Any, moved: dict[str, str]) -> Any:
    """A value with the pool's objects in the place of the joiner's."""
    if isinstance(type_, Ref):
        return moved.get(value, value)
    if isinstance(type_, Set) and isinstance(type_.of, Ref):
        return tuple(moved.get(item, item) for item in value)
    if isinstance(type_, Map) and isinstance(type_.value, Ref):
        return frozenmap({key: moved.get(item, item) for key, item in value.items()})
    return value


def _moved(db: Database, rows: Sequence[Brought]) -> dict[str, str]:
    """References that mean an object of the pool here."""
    moved = _networks(db, rows)
    for cls in ("GPU_group", "USB_group"):
        own = {row.name_label: row.ref for row in db.table(cls).rows()}
        moved |= {ref: own[values["name_label"]] for kind, ref, values in rows if kind == cls and values["name_label"] in own}
    tools = next((row for row in db.table("SR") if row.is_tools_sr), None)
    theirs = {ref for cls, ref, values in rows if cls == "SR" and values["is_tools_sr"]}
    if tools is not None and theirs:
        disks = {db.get("VDI", ref).location: ref for ref in tools.VDIs}
        moved |= dict.fromkeys(theirs, tools.ref)
        for cls, ref, values in rows:
            if cls == "VDI" and values["SR"] in theirs:
                moved[ref] = disks.get(values["location"], NULL_REF)
    return moved


def _networks(db: Database, rows: Sequence[Brought]) -> dict[str, str]:
    pifs = {values["network"] for cls, _, values in rows if cls == "PIF"}
    outward = {row.bridge: row.ref for row in db.table("network") if row.PIFs}
    known = {row.uuid: row.ref for row in db.table("network")}
    internal = {row.ref for row in db.table("network") if _is_of_hosts(row.other_config)}
    moved = {}
    for cls, ref, values in rows:
        if cls != "network":
            continue
        if _is_of_hosts(values["other_config"]):
            moved[ref] = next(iter(internal), ref)
        elif ref in pifs and values["bridge"] in outward:
            moved[ref] = outward[values["bridge"]]
        elif ref not in pifs and values["uuid"] in known:
            moved[ref] = known[values["uuid"]]
    return {ref: target for ref, target in moved.items() if ref != target}


def _is_of_hosts(other_config: Any) -> bool:
    """Whether this is the network on which hosts talk to their own VMs."""
    return bool(other_config.get("is_host_internal_management_network") == "true")


def _create(tx: Transaction, db: Database, cls: str, ref: str, values: dict[str, Any]) -> None:
    if cls == "SR" and values.get("shared"):
        values["shared"] = False
    if cls == "network" and any(row.bridge == values["bridge"] for row in db.table("network")):
        values["bridge"] = _free_bridge(db)
    if db.table(cls).find_uuid(values.get("uuid", "")) is None and db.find(ref) is None:
        tx.create(cls, ref=ref, **values)


def _free_bridge(db: Database) -> str:
    taken = {row.bridge for row in db.table("network")}
    return next(name for number in range(len(taken) + 1) if (name := f"xapi{number}") not in taken)
