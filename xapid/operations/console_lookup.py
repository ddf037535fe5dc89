"""Which console a request means: one can be named itself, or by its VM. Serves the requests to ``/console``."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError

GRAPHICAL = "rfb"


@attrs.frozen
class FoundConsole:
    """A console, in words that any host of the pool understands."""

    vm: str
    """uuid of the VM."""
    is_control_domain: bool
    protocol: str
    """Empty: the VM has no such console."""


def find_console(db: Database, named: Mapping[str, str], host: str) -> FoundConsole:
    """The console that ``ref`` or ``uuid`` stands for; the graphical one, if that is a VM's. ``host`` is who shows it.

    Errors: HANDLE_INVALID, UUID_INVALID, VM_BAD_POWER_STATE, VM_NOT_RESIDENT_HERE.
    """
    vm, console = _named(db, named)
    if vm.power_state != "Running":
        raise XenAPIError("VM_BAD_POWER_STATE", vm.ref, "running", vm.power_state.lower())
    if vm.resident_on != host:
        raise XenAPIError("VM_NOT_RESIDENT_HERE", vm.ref, host)
    return FoundConsole(vm.uuid, vm.is_control_domain, "" if console is None else console.protocol)


def _named(db: Database, named: Mapping[str, str]) -> tuple[Row, Row | None]:
    if "ref" in named:
        found = db.find(named["ref"])
        if found is None or found.kind not in ("VM", "console"):
            raise XenAPIError("HANDLE_INVALID", "console", named["ref"])
    else:
        uuid = named.get("uuid", "")
        found = db.table("VM").find_uuid(uuid) or db.table("console").by_uuid(uuid)
    if found.kind == "console":
        return db.get("VM", found.VM), found
    rows = [db.get("console", ref) for ref in found.consoles]
    return found, next((row for row in rows if row.protocol == GRAPHICAL), None)


def admits_one(db: Database) -> bool:
    """Whether a console takes only one connection at a time."""
    pool = next(iter(db.table("pool")), None)
    return pool is not None and bool(pool.limit_console_sessions)
