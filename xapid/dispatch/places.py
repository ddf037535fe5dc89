"""Where a message runs and what it locks, read off its declaration and its arguments."""

from __future__ import annotations

from typing import Any

import attrs

from xapid.database import Database, Row
from xapid.datamodel.catalogue import Entry, locked_path
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.schema import THE_HOST, THE_POOL, Forward
from xapid.datamodel.types import NULL_REF, Record, Ref, ref_class
from xapid.operations import disk_contents
from xapid.operations.services import Services


@attrs.frozen
class Mark:
    """One object that is to get an entry in ``current_operations``."""

    row: Row
    operation: str


def marks_for_reading(db: Database, disk: Row) -> list[Mark]:
    """What is busy while a disk is read for a client: the disk, as with a copy.

    Unlike a copy, disks of suspended VMs are read, and so those of checkpoints: nothing writes to them. They are not marked.
    """
    attached = any(vbd is not None and vbd.currently_attached for vbd in map(db.table("VBD").find, disk.VBDs))
    return [] if attached and not disk_contents.users(db, disk) else [Mark(disk, "copy")]


@attrs.frozen
class Places:
    """Resolves paths of declarations for one call."""

    db: Database
    services: Services
    entry: Entry
    args: list[Any]

    @property
    def named(self) -> dict[str, Any]:
        """The arguments by the names of their parameters."""
        return {param.name: arg for param, arg in zip(self.entry.message.params, self.args, strict=True)}

    def assert_known(self) -> None:
        """Errors: HANDLE_INVALID, for a parameter that refers to nothing."""
        for param, ref in zip(self.entry.message.params, self.args, strict=True):
            if isinstance(param.type, Ref):
                self.db.get(param.type.to, ref)

    def assert_not_null(self) -> None:
        """Errors: HANDLE_INVALID, for a parameter that is the null reference."""
        for param, ref in zip(self.entry.message.params, self.args, strict=True):
            if isinstance(param.type, Ref) and ref == NULL_REF:
                self.db.get(param.type.to, ref)

    def primary(self) -> list[Mark]:
        """The object that carries the message's own operation, if it has one. Errors: HANDLE_INVALID."""
        operation = self.entry.message.operation
        if operation is None:
            return []
        return [Mark(row, operation) for row in self.at(locked_path(self.entry.message), NULL_REF)]

    def also(self) -> list[Mark]:
        """The related objects that are marked as well, the host apart."""
        locks = [lock for lock in self.entry.message.also_locks if lock.path != THE_HOST]
        return [Mark(row, lock.operation) for lock in locks for row in self.at(lock.path, NULL_REF)]

    def on(self, host: str) -> list[Mark]:
        """The marks on the host that the message runs on, once it is known."""
        locks = [lock for lock in self.entry.message.also_locks if lock.path == THE_HOST]
        return [Mark(self.db.get("host", host), lock.operation) for lock in locks]

    def at(self, path: str, host: str) -> list[Row]:
        """The objects that ``path`` leads to. A parameter must lead to one, unless the path goes through the drives of a disk:
        those of no disk are none. References further on may be null.
        """
        head, *rest = path.split(".")
        if head == THE_POOL:
            rows = self.db.table("pool").rows()
        elif head == THE_HOST:
            rows = [self.db.get("host", host)]
        else:
            index = next(i for i, param in enumerate(self.entry.message.params) if param.name == head)
            type_ = self.entry.message.params[index].type
            value = self.args[index]
            if isinstance(type_, Record):
                ref = value.get(rest[0], NULL_REF)
                cls = ref_class(self.services.api.field(type_.of, rest[0]).type)
                rest = rest[1:]
                found = self.db.table(cls or "").find(ref)
                rows = [] if found is None else [found]
            else:
                cls = ref_class(type_) or ""
                refs = value if isinstance(value, tuple) else (value,)
                table = self.db.table(cls)
                rows = [table.get(ref) for ref in refs if ref in table or "VBDs" not in rest]
        for name in rest:
            rows = [found for row in rows for found in _follow(self.db, row, name)]
        return rows

    def host(self, coordinator: str) -> str:
        """Reference of the host that the message runs on. Errors: HANDLE_INVALID, HOST_OFFLINE, SR_HAS_NO_PBDS, …"""
        forward = self.entry.message.forward
        while forward is not None:
            found = self._host(forward, coordinator)
            if found is not None:
                return found
            forward = forward.otherwise
        return coordinator

    def _host(self, forward: Forward, coordinator: str) -> str | None:
        try:
            rows = self.at(forward.path, coordinator)
        except XenAPIError as error:
            if error.code == "HANDLE_INVALID" and error.params[0] == "host":
                raise XenAPIError("HOST_OFFLINE", error.params[1]) from None
            raise
        if not rows:
            return None
        row = rows[0]
        match forward.kind:
            case "host":
                ref = row.ref if row.kind == "host" else getattr(row, "host", NULL_REF)
                return self._live(ref)
            case "vm":
                vm = row if row.kind == "VM" else self.db.table("VM").find(getattr(row, "VM", NULL_REF))
                ref = NULL_REF if vm is None else vm.resident_on
                return self._live(ref)
            case "sr":
                return self._with_sr(row, coordinator, forward.unplugged)
            case "disks":
                return self._with_disks(row, coordinator)
            case "choose":
                return None  # the operation asks placement itself, since only it knows what the VM needs

    def _live(self, ref: str) -> str | None:
        if ref == NULL_REF or self.db.table("host").find(ref) is None:
            return None
        self.services.agents.assert_live(ref)
        return ref

    def _with_sr(self, row: Row, coordinator: str, unplugged: bool) -> str | None:
        sr = self._sr_of(row)
        if sr is None:
            return None
        hosts = hosts_of_sr(self.db, sr, unplugged)
        if not hosts:
            raise XenAPIError("SR_HAS_NO_PBDS", sr.ref)
        return coordinator if coordinator in hosts else hosts[0]

    def _sr_of(self, row: Row) -> Row | None:
        table = self.db.table("SR")
        match row.kind:
            case "SR":
                return row
            case "VBD":
                disk = self.db.table("VDI").find(row.VDI)
                return None if disk is None else table.find(disk.SR)
            case _:
                return table.find(getattr(row, "SR", NULL_REF))

    def _with_disks(self, vm: Row, coordinator: str) -> str | None:
        srs = [sr for vbd in _follow(self.db, vm, "VBDs") if (sr := self._sr_of(vbd)) is not None]
        if not srs:
            return None
        common = set.intersection(*(set(hosts_of_sr(self.db, sr)) for sr in srs))
        if coordinator in common or not common:
            return coordinator
        return min(common)


def hosts_of_sr(db: Database, sr: Row, unplugged: bool = False) -> list[str]:
    """References of the hosts on which an SR is plugged (or at least introduced)."""
    pbds = [db.get("PBD", ref) for ref in sr.PBDs]
    return [pbd.host for pbd in pbds if pbd.currently_attached or unplugged]


def _follow(db: Database, row: Row, field: str) -> list[Row]:
    value = getattr(row, field)
    cls = ref_class(next(f.type for f in db.table(row.kind).cls.fields if f.name == field)) or ""
    refs = value if isinstance(value, tuple) else (value,)
    return [found for ref in refs if (found := db.table(cls).find(ref)) is not None]
