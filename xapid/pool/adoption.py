"""The objects of a host that joins: what it brings along, and how they find their place in the pool's database.

References and uuids stay what they are. Networks are the pool's where it has one on the same bridge; the tools SR is the
pool's; templates that every pool has stay behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from xapid.database import Database, Row, Transaction
from xapid.database.journal.notation import ClassReader, Sharing, written
from xapid.datamodel.schema import Field
from xapid.datamodel.types import NULL_REF, Ref, frozenmap

BROUGHT: Final = (
    "host_metrics", "host", "host_cpu", "PIF_metrics", "network", "PIF", "SR", "PBD", "VDI", "VM_metrics",
    "VM_guest_metrics", "VM", "VBD", "VIF", "console", "Certificate", "secret",
)  # fmt: skip
"""Classes of what a host brings, an object after those that it refers to."""


Brought = tuple[str, str, dict[str, Any]]
"""Class, reference and fields of an object."""


def pack(db: Database) -> bytes:
    """Everything that the only host of this pool brings along."""
    return orjson.dumps([[row.kind, row.ref, written(row._table.stored_values(row)).decode()] for row in _brought(db)])


def _brought(db: Database) -> Iterator[Row]:
    templates = {row.ref for row in db.table("VM") if row.is_default_template}
    for cls in BROUGHT:
        for row in db.table(cls).rows():
            owner = getattr(row, "VM", NULL_REF)
            if row.ref not in templates and owner not in templates and not (cls == "SR" and row.is_tools_sr):
                yield row


def unpack(db: Database, body: bytes) -> str:
    """Take in what :func:`pack` made; returns the reference of the host. Errors: those of creating objects."""
    sharing = Sharing()
    readers = {cls: ClassReader(db.api.classes[cls], sharing) for cls in BROUGHT}
    rows = [(cls, ref, readers[cls](text.encode())) for cls, ref, text in orjson.loads(body) if cls in readers]
    moved = _moved(db, rows)
    host = NULL_REF
    with db.transaction() as tx:
        for cls, ref, values in rows:
            if ref not in moved:
                fields = {field.name: field for field in db.api.classes[cls].fields}
                _create(tx, db, cls, ref, {name: _at_home(fields[name], value, moved) for name, value in values.items()})
                host = ref if cls == "host" else host
        tx.update(host, enabled=True)
        tx.update(db.get("host", host).metrics, live=True)
    return host


def _at_home(field: Field, value: Any, moved: dict[str, str]) -> Any:
    return moved.get(value, value) if isinstance(field.type, Ref) else value


def _moved(db: Database, rows: Sequence[Brought]) -> dict[str, str]:
    """References that mean an object of the pool here: networks by bridge, the tools SR."""
    bridges = {row.bridge: row.ref for row in db.table("network")}
    moved = {ref: bridges[values["bridge"]] for cls, ref, values in rows if cls == "network" and values["bridge"] in bridges}
    known = {ref for _, ref, _ in rows}
    tools = [row.ref for row in db.table("SR") if row.is_tools_sr]
    for cls, _, values in rows:
        if cls == "PBD" and values["SR"] not in known and tools:
            moved[values["SR"]] = tools[0]
    return moved


def _create(tx: Transaction, db: Database, cls: str, ref: str, values: dict[str, Any]) -> None:
    if cls == "SR" and values.get("shared"):
        values["shared"] = False
    if db.table(cls).find_uuid(values.get("uuid", "")) is None:
        tx.create(cls, ref=ref, **values)


def introduce_shared_storage(tx: Transaction, db: Database, host: str) -> list[str]:
    """A PBD on ``host`` for each shared SR of the pool that has none there; returns them, unplugged."""
    coordinator = next(str(pool.master) for pool in db.table("pool"))
    made = []
    for sr in db.table("SR").rows():
        pbds = [db.get("PBD", ref) for ref in sr.PBDs]
        if sr.shared and not any(pbd.host == host for pbd in pbds):
            model = next((pbd for pbd in pbds if pbd.host == coordinator), None)
            if model is not None:
                config = model.device_config.without("SRmaster")
                made.append(tx.create("PBD", host=host, SR=sr.ref, device_config=config, other_config=frozenmap()))
    return made
