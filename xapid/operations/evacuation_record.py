"""What an evacuation did, kept so that it can be undone: where each VM went, and in which state it was before.

A record belongs to a host, in the database's ``meta``; a further evacuation adds to it, undoing takes it away. A VM can be
brought back as long as nobody has touched it since: it must still be the domain that the evacuation made of it (``domid``
changes with every move and every start), still have the memory image that it was suspended to, or not have run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs
import orjson

from xapid.database import Database, Row, Transaction

KEY: Final = "evacuated:"
How = Literal["moved", "suspended", "stopped"]
MODE: Final = "MAINTENANCE_MODE"
"""Key in ``host.other_config`` by which graphical clients know a host that is in maintenance."""
NOTES: Final[dict[How, str]] = {
    "moved": f"{MODE}_EVACUATED_VMS_MIGRATED", "suspended": f"{MODE}_EVACUATED_VMS_SUSPENDED",
    "stopped": f"{MODE}_EVACUATED_VMS_HALTED",
}  # fmt: skip
"""And those under which they keep the uuids of the VMs that had to leave it."""


@attrs.frozen(kw_only=True)
class Evacuated:
    """One VM that had to leave its host."""

    vm: str
    """Its uuid."""
    how: How
    state: str
    """Its power state before."""
    mark: str
    """By which it is known that nobody has touched it since; empty if nobody noted that."""
    to: str = ""
    """uuid of the host that it moved to, where that was noted."""


def note_start(db: Database, host: str) -> None:
    """An evacuation begins. What is on record of VMs that are on the host again, or are no more, is out of date."""
    away = [entry for entry in evacuated(db, host) if (vm := _row(db, entry)) is not None and vm.resident_on != host]
    _write(db, db.get("host", host).uuid, away)


def note_moved(db: Database, host: str, vm: Row) -> None:
    """A VM has moved away from ``host``, to where it is now."""
    to = db.table("host").find(vm.resident_on)
    if to is not None and to.ref != host:
        _add(db, host, Evacuated(vm=vm.uuid, how="moved", state="Running", mark=_mark(db, vm, "moved"), to=to.uuid))


def note_put_aside(db: Database, host: str, vm: Row, state: str, how: How) -> None:
    """A VM of ``host`` that cannot move was suspended or stopped; before it was in ``state``."""
    _add(db, host, Evacuated(vm=vm.uuid, how=how, state=state, mark=_mark(db, vm, how)))


def evacuated(db: Database, host: str) -> list[Evacuated]:
    """What is on record of a host, in the order of the evacuation; else what clients noted. Errors: HANDLE_INVALID."""
    row = db.get("host", host)
    text = db.meta.get(KEY + row.uuid)
    return _noted_by_clients(db, row) if text is None else [Evacuated(**entry) for entry in orjson.loads(text)]


def _noted_by_clients(db: Database, host: Row) -> list[Evacuated]:
    """Graphical clients empty a host VM by VM, and note in its ``other_config`` what became of them."""
    notes = {how: host.other_config.get(key, "") for how, key in NOTES.items()}
    listed = [(how, uuid.strip()) for how, text in notes.items() for uuid in text.split(",") if uuid.strip()]
    found = [Evacuated(vm=uuid, how=how, state="Running", mark="") for how, uuid in listed]
    here = {db.get("VM", ref).uuid for ref in host.resident_VMs}
    return [entry for entry in found if entry.vm not in here]


def note_for_clients(tx: Transaction, db: Database, host: str) -> None:
    """Let graphical clients see what they would have noted themselves; nothing, if nothing is on record."""
    row = db.get("host", host)
    entries = evacuated(db, host) if KEY + row.uuid in db.meta else []
    notes = {key: ",".join(entry.vm for entry in entries if entry.how == how) for how, key in NOTES.items()}
    for key, text in {**notes, MODE: "true" if entries or not row.enabled else ""}.items():
        if text:
            tx.add_to(row.ref, "other_config", key, text)
        elif key in row.other_config:
            tx.remove_from(row.ref, "other_config", key)


def forget(db: Database, host: str, vm: str) -> None:
    """The VM with this uuid is back, or nobody wants it back."""
    uuid = db.get("host", host).uuid
    _write(db, uuid, [entry for entry in evacuated(db, host) if entry.vm != vm])


def why_not(db: Database, entry: Evacuated) -> str | None:
    """Why a VM cannot be brought back: ``gone``, ``moved`` or ``changed``. None if it can."""
    vm = _row(db, entry)
    if vm is None:
        return "gone"
    if entry.how == "moved":
        to = db.table("host").find_uuid(entry.to)
        if vm.power_state in ("Running", "Paused") and entry.to and (to is None or vm.resident_on != to.ref):
            return "moved"
    return None if _is_as_left(db, vm, entry) else "changed"


def _is_as_left(db: Database, vm: Row, entry: Evacuated) -> bool:
    states: Mapping[str, str] = {"moved": entry.state, "suspended": "Suspended", "stopped": "Halted"}
    return bool(vm.power_state == states[entry.how]) and entry.mark in ("", _mark(db, vm, entry.how))


def _mark(db: Database, vm: Row, how: How) -> str:
    if how == "moved":
        return str(vm.domid)
    if how == "suspended":
        image = db.table("VDI").find(vm.suspend_VDI)
        return "" if image is None else str(image.uuid)
    metrics = db.table("VM_metrics").find(vm.metrics)
    return "" if metrics is None else f"{metrics.start_time.timestamp():.0f}"


def _row(db: Database, entry: Evacuated) -> Row | None:
    return db.table("VM").find_uuid(entry.vm)


def _add(db: Database, host: str, entry: Evacuated) -> None:
    uuid = db.get("host", host).uuid
    _write(db, uuid, [*(e for e in evacuated(db, host) if e.vm != entry.vm), entry])


def _write(db: Database, uuid: str, entries: list[Evacuated]) -> None:
    key, text = KEY + uuid, orjson.dumps([attrs.asdict(entry) for entry in entries]).decode() if entries else None
    if text != db.meta.get(key):
        with db.transaction() as tx:
            tx.set_meta(key, text)
