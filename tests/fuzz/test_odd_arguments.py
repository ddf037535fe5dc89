"""Every message with one argument that is out of all bounds, or that names nothing there is: refused clearly, or carried out.

The arguments come from the catalogue, so that a new message is tried as soon as it is declared. The server fails the test
where an exception escapes, where a failure is logged, and where its database is not right in itself afterwards.
"""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

import pytest

from fuzz import calls
from fuzz.consistency import assert_consistent
from fuzz.whole_path import WholePath
from xapid.database import Database
from xapid.datamodel.catalogue import Entry, catalogue
from xapid.datamodel.schema import Field
from xapid.datamodel.types import Enum, Float, Int, Map, Option, Record, Ref, Set, String, Type
from xapid.wire import json_values

WHOLE = ("-1", "0", str(2**62), str(2**63 - 1), str(-(2**63)))
BROKEN = ("-1.0", "0.0", "1e300", "nan", "inf", "-inf")
STALE = "OpaqueRef:6ba7b810-9dad-11d1-80b4-00c04fd430c8"
FOREIGN = {"role": "@pool@"}
"""A reference of another class, by the class that is meant; that of a role everywhere else."""
WAITS = {"event.next", "event.from"}
CONSTRUCTORS = {"create", "pool_create"}
TAKES_ANY = {
    ("VM.create", "args"), ("VM.maximise_memory", "total"), ("VM.set_memory_target_live", "target"),
    ("VIF.remove_trunks", "value"), ("PIF.db_introduce", "MTU"), ("PIF.db_introduce", "VLAN"), ("PIF.pool_introduce", "MTU"),
    ("PIF.pool_introduce", "VLAN"), ("network.pool_introduce", "MTU"), ("host.backup_rrds", "delay"),
    ("pool.ha_failover_plan_exists", "n"), ("pool.ha_prevent_restarts_for", "seconds"),
}  # fmt: skip
"""Arguments of which no number is refused: a VM is judged when it starts, and the rest does nothing or answers a question."""
TELLS_THE_SAME = {
    "role.get_by_permission", "host.get_uncooperative_resident_VMs", "pool_patch.clean", "VM.get_cooperative",
}  # fmt: skip
"""Messages that do not look at what they are asked about. The pool is one and need not be named right either."""
TRANSIENT = {"task", "session"}
"""What comes and goes with calls themselves."""


class Fitting(calls.Loosely):
    """Makes arguments that fit, of whole records, naming objects that are there; ``refs`` has some by class."""

    def __init__(self, refs: Mapping[str, str]) -> None:
        super().__init__(Random(1), 0.0)
        self._refs = refs

    def value(self, type_: Type) -> Any:
        """A value of a type."""
        match type_:
            case Ref(to=to):
                return self._refs.get(to, f"@{to}@")
            case Record(of=of):
                return {field.name: self.field(field) for field in catalogue().classes[of].fields if not field.internal}
            case Set(of=of):
                return [self.value(of)]
            case Option(of=of):
                return self.value(of)
            case Enum(values=values):
                return next(iter(values))
        if type_ is Int:
            return "1"
        if type_ is Float:
            return 1.0
        if type_ is String:
            return "1"
        return super().value(type_)

    def field(self, field: Field) -> Any:
        """That of a field of a record."""
        return "" if field.name in ("MAC", "suspend_VDI") else self.value(field.type)


def numbers(type_: Type, fitting: Fitting) -> Iterator[Any]:
    """Values of a type in which one number is odd."""
    match type_:
        case Set(of=of):
            yield from ([value] for value in numbers(of, fitting))
        case Option(of=of):
            yield from numbers(of, fitting)
        case Map(key=key, value=value):
            yield from ({odd: fitting.value(value)} for odd in numbers(key, fitting))
            yield from ({str(fitting.value(key)): odd} for odd in numbers(value, fitting))
        case Record(of=of):
            whole = fitting.value(type_)
            for field in catalogue().classes[of].fields:
                if not field.internal:
                    yield from (whole | {field.name: odd} for odd in numbers(field.type, fitting))
    if type_ is Int:
        yield from WHOLE
    if type_ is Float:
        yield from BROKEN


def names(type_: Type, fitting: Fitting) -> Iterator[Any]:
    """Values of a type in which a reference leads nowhere or elsewhere, or an enumeration has another value."""
    match type_:
        case Set(of=of):
            yield from ([value] for value in names(of, fitting))
        case Option(of=of):
            yield from names(of, fitting)
        case Map(key=key, value=value):
            yield from ({odd: fitting.value(value)} for odd in names(key, fitting) if odd)
            yield from ({str(fitting.value(key)): odd} for odd in names(value, fitting))
        case Record(of=of):
            whole = fitting.value(type_)
            for field in catalogue().classes[of].fields:
                if not field.internal:
                    yield from (whole | {field.name: odd} for odd in names(field.type, fitting))
        case Ref(to=to):
            yield from (STALE, FOREIGN.get(to, "@role@"), calls.NULL, "")
        case Enum():
            yield from ("", "no_such_value")


def explicit() -> list[Entry]:
    """Messages with arguments of their own, and constructors."""
    entries = catalogue().messages.values()
    return [entry for entry in entries if entry.message.name in CONSTRUCTORS or not entry.message.implicit]


def with_one_odd(entry: Entry, odd: Any, fitting: Fitting) -> Iterator[tuple[str, list[Any]]]:
    """The message's name and arguments for each odd value of each parameter, and the parameter's name."""
    params = entry.message.params
    session = [calls.SESSION] if entry.message.session else []
    fit = [fitting.value(param.type) for param in params]
    for number, param in enumerate(params):
        for value in odd(param.type, fitting):
            yield param.name, [*session, *fit[:number], value, *fit[number + 1 :]]


def answered(path: WholePath, name: str, params: Sequence[Any]) -> dict[str, Any] | None:
    """What a call is answered; nothing if it waits for events."""
    answer = path.check(b"X" + calls.xml(name, list(params)))
    if name in WAITS and not answer:
        return None
    (envelope,), _ = xmlrpc.client.loads(answer.partition(b"\r\n\r\n")[2])
    assert isinstance(envelope, dict)
    return envelope


def lasting(db: Database) -> dict[str, int]:
    """When each object was changed last."""
    return {row.ref: row._modified for name, table in db.tables.items() if name not in TRANSIENT for row in table.rows()}


def assert_sane(db: Database, made: set[str]) -> None:
    """No number that objects hang on is out of bounds. ``made``: VMs that were made as clients said, who may say anything."""
    for disk in db.table("VDI").rows():
        assert disk.virtual_size >= 0 and disk.physical_utilisation >= 0, disk
    for vm in db.table("VM").rows():
        if vm.ref not in made:
            assert vm.memory_static_min <= vm.memory_dynamic_min <= vm.memory_dynamic_max <= vm.memory_static_max, vm
            assert 0 < vm.VCPUs_at_startup <= vm.VCPUs_max, vm
            assert vm.HVM_shadow_multiplier >= 1, vm
            assert 0 <= vm.memory_overhead < 1 << 63, vm


class Pool:
    """A server with a VM that is halted and one that runs, whatever was done to them before."""

    def __init__(self) -> None:
        self.path = WholePath()
        guests = [row for row in self.db.table("VM").rows() if not row.is_a_template and not row.is_control_domain]
        self._vms = {"Halted": guests[0].ref, "Running": guests[1].ref}
        self.created: set[str] = set()
        self._seen: tuple[Database, int, dict[str, bytes]] | None = None

    @property
    def db(self) -> Database:
        """The server's."""
        return self.path.server.pool.db

    def fitting(self, state: str) -> Fitting:
        """Arguments that are about the VM in that state, and about objects that go with it."""
        db, vm = self.db, self.db.get("VM", self._vms[state])
        disk = next(row for row in map(partial(db.get, "VBD"), vm.VBDs) if not row.empty)
        pool = db.table("pool").rows()[0]
        physical = next(row for row in db.table("PIF").rows() if row.physical)
        return Fitting({
            "VM": vm.ref, "VBD": disk.ref, "VDI": disk.VDI, "VIF": vm.VIFs[0], "host": pool.master, "SR": pool.default_SR,
            "PIF": physical.ref, "network": physical.network, "role": db.table("role").rows()[0].ref,
        })  # fmt: skip

    def ready(self, state: str) -> None:
        """Has the VM in that state, in a new server if need be."""
        self.path.renew_if_due()
        vm = self.db.table("VM").find(self._vms[state])
        if vm is None or vm.is_a_template or vm.power_state not in ("Halted", state):
            self._renew()
        elif vm.power_state == state:
            return
        if state == "Running":
            self.call("VM.start", [calls.SESSION, self._vms[state], False, True])
        assert self.db.get("VM", self._vms[state]).power_state == state

    def call(self, name: str, params: Sequence[Any]) -> dict[str, Any] | None:
        """What a call is answered; nothing if it waits for events."""
        answer = self.path.check(b"X" + calls.xml(name, list(params)))
        if name in WAITS and not answer:
            return None
        (envelope,), _ = xmlrpc.client.loads(answer.partition(b"\r\n\r\n")[2])
        assert isinstance(envelope, dict)
        if name == "VM.create" and envelope["Status"] == "Success":
            self.created.add(envelope["Value"])
        return envelope

    def lasting(self) -> dict[str, bytes]:
        """Every object but those that come and go with calls themselves, as JSON."""
        db = self.db
        if self._seen is None or self._seen[:2] != (db, db.generation):
            tables = [(Record(name), table) for name, table in db.tables.items() if name not in TRANSIENT]
            rows = {row.ref: json_values.row_bytes(record, row) for record, table in tables for row in table.rows()}
            self._seen = db, db.generation, rows
        return self._seen[2]

    def _renew(self) -> None:
        self.check()
        self.path._renew()

    def check(self) -> None:
        """AssertionError if the database is not right."""
        assert_consistent(self.db)
        assert_sane(self.db, self.created)


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    made.check()
    made.path.close()


@pytest.mark.parametrize("state", ["Halted", "Running"])
def test_numbers_out_of_all_bounds_are_refused_or_taken_and_spoil_nothing(pool: Pool, state: str) -> None:
    tried, refused, seen = 0, set(), set()
    for entry in explicit():
        for name, params in with_one_odd(entry, numbers, pool.fitting(state)):
            pool.ready(state)
            answer = pool.call(entry.name, params)
            tried += 1
            seen.add((entry.name, name))
            if answer is not None and answer["Status"] == "Failure":
                refused.add((entry.name, name))
            assert_sane(pool.db, pool.created)
    assert tried > 500
    assert seen - refused <= TAKES_ANY


def test_what_names_nothing_or_something_else_is_refused_and_changes_nothing(pool: Pool) -> None:
    tried = 0
    for entry in explicit():
        about = next((param.name for param in entry.message.params if param.type == entry.cls.ref), "")
        for name, params in with_one_odd(entry, names, pool.fitting("Halted")):
            pool.ready("Halted")
            before = pool.lasting()
            answer = pool.call(entry.name, params)
            tried += 1
            if answer is None or answer["Status"] == "Failure":
                assert pool.lasting() == before, (entry.name, params)
            else:
                assert name != about or entry.cls.name == "pool" or entry.name in TELLS_THE_SAME, (entry.name, params)
    assert tried > 2000


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("memory_static_max", {"MEMORY_CONSTRAINT_VIOLATION", "HOST_NOT_ENOUGH_FREE_MEMORY"}),
        ("memory_dynamic_max", {"MEMORY_CONSTRAINT_VIOLATION"}),
        ("memory_dynamic_min", {"MEMORY_CONSTRAINT_VIOLATION"}),
        ("VCPUs_max", {"INVALID_VALUE", "NO_HOSTS_AVAILABLE"}),
        ("VCPUs_at_startup", {"INVALID_VALUE", "VALUE_NOT_SUPPORTED"}),
        ("HVM_shadow_multiplier", {"INVALID_VALUE", "HOST_NOT_ENOUGH_FREE_MEMORY"}),
    ],
)
def test_a_vm_made_of_odd_numbers_does_not_start(pool: Pool, name: str, codes: set[str]) -> None:
    fitting = pool.fitting("Halted")
    memory = dict.fromkeys(("memory_static_min", "memory_static_max", "memory_dynamic_min", "memory_dynamic_max"), str(1 << 28))
    whole = fitting.value(Record("VM")) | memory | {
        "HVM_boot_policy": "BIOS order", "domain_type": "hvm", "is_a_template": False, "affinity": calls.NULL,
        "suspend_VDI": calls.NULL, "recommendations": "",
    }  # fmt: skip
    good = made(pool, whole)
    pool.call("VM.start", [calls.SESSION, good, False, False])
    assert pool.db.get("VM", good).power_state == "Running"
    found = set()
    for odd in numbers(catalogue().field("VM", name).type, fitting):
        vm = made(pool, whole | {name: odd})
        answer = pool.call("VM.start", [calls.SESSION, vm, False, False])
        assert answer is not None and answer["Status"] == "Failure", odd
        found.add(answer["ErrorDescription"][0])
        assert pool.db.get("VM", vm).power_state == "Halted"
    assert found == codes


def made(pool: Pool, record: Mapping[str, Any]) -> str:
    answer = pool.call("VM.create", [calls.SESSION, record])
    assert answer is not None and answer["Status"] == "Success", answer
    return str(answer["Value"])
