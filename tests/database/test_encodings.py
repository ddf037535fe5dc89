"""How much is kept of what rows look like on the wire."""

from __future__ import annotations

from random import Random

import pytest

from rows_as_bytes import Make
from xapid.database import Database, Row
from xapid.database.encodings import OVERHEAD
from xapid.datamodel.types import Record, frozenmap
from xapid.wire import json_values, xml_values

SIZE = 1000


encode = Make(lambda row: b"x" * SIZE)


def test_what_was_made_first_goes_first_when_the_limit_is_reached(db: Database) -> None:
    db.encodings.limit = 3 * (SIZE + OVERHEAD)
    with db.transaction() as tx:
        refs = [tx.create("VM") for _ in range(5)]
    made: list[str] = []

    @Make
    def make(row: Row) -> bytes:
        made.append(row.ref)
        return encode(row)

    for ref in refs:
        db.get("VM", ref).encoded("xml", make)
    assert db.encodings.size == 3 * (SIZE + OVERHEAD)
    for ref in reversed(refs[2:]):
        db.get("VM", ref).encoded("xml", make)
    assert made == refs
    db.get("VM", refs[0]).encoded("xml", make)
    assert made == [*refs, refs[0]]


def test_changed_and_destroyed_objects_leave_nothing_behind(db: Database) -> None:
    with db.transaction() as tx:
        one, other = tx.create("VM"), tx.create("VM")
    for ref in (one, other):
        db.get("VM", ref).encoded("xml", encode)
        db.get("VM", ref).encoded("json", encode)
    for name in "abc":
        with db.transaction() as tx:
            tx.update(one, name_label=name)
        db.get("VM", one).encoded("xml", encode)
    assert db.encodings.size == 4 * (SIZE + OVERHEAD)
    with db.transaction() as tx:
        tx.destroy(one)
        tx.destroy(other)
    assert db.encodings.size == 0


def test_a_row_that_was_replaced_is_encoded_but_not_kept(db: Database) -> None:
    with db.transaction() as tx:
        ref = tx.create("VM")
    old = db.get("VM", ref)
    with db.transaction() as tx:
        tx.update(ref, name_label="new")
    assert old.encoded("xml", encode) == encode(old)
    assert db.encodings.size == 0


@pytest.mark.parametrize("notation", [xml_values, json_values], ids=["XML", "JSON"])
@pytest.mark.parametrize("seed", range(5))
def test_whatever_changes_the_encoding_is_that_of_the_row_as_it_is(db: Database, notation: object, seed: int) -> None:
    make = notation._row_maker(Record("VM"))  # type: ignore[attr-defined]
    random = Random(seed)
    texts = ["", "a", "<b>", "ä & ö", "a" * 50]
    with db.transaction() as tx:
        vm, other = tx.create("VM", name_label="a"), tx.create("VM")

    def change() -> None:
        with db.transaction() as tx:
            for _ in range(random.randrange(1, 4)):
                match random.randrange(7):
                    case 0:
                        tx.update(vm, name_label=random.choice(texts), name_description=random.choice(texts))
                    case 1:
                        tx.update(vm, memory_target=random.randrange(3), is_a_template=random.random() < 0.5)
                    case 2:
                        tx.add_to(vm, "other_config", random.choice(["name_label", "k", "<"]), random.choice(texts))
                    case 3:
                        tx.remove_from(vm, "other_config", "k")
                    case 4:
                        tx.create("VBD", VM=random.choice([vm, other]))
                    case 5 if len(db.table("VBD")):
                        tx.destroy(random.choice(db.table("VBD").rows()))
                    case _:
                        tx.update(other, tags=(random.choice(texts),), VCPUs_params=frozenmap({"a": "b"}))
                if random.random() < 0.1:
                    db.get("VM", vm).encoded("kept", make)
            if random.random() < 0.2:
                raise LookupError

    for _ in range(300):
        for ref in (vm, other):
            assert db.get("VM", ref).encoded("kept", make) == make(db.get("VM", ref))
        try:
            change()
        except LookupError:
            continue


def test_a_field_that_a_map_spells_out_as_well_is_not_mistaken_for_it(db: Database) -> None:
    make = xml_values._row_maker(Record("VM"))
    with db.transaction() as tx:
        vm = tx.create("VM", affinity="a", other_config=frozenmap({"affinity": "a"}))
    for affinity in ("b", "a"):
        assert db.get("VM", vm).encoded("kept", make) == make(db.get("VM", vm))
        with db.transaction() as tx:
            tx.update(vm, affinity=affinity)
    assert db.get("VM", vm).encoded("kept", make) == make(db.get("VM", vm))


def test_of_a_record_with_one_changed_field_only_that_one_is_written(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    make = xml_values._row_maker(Record("VM"))
    with db.transaction() as tx:
        vm = tx.create("VM")
    db.get("VM", vm).encoded("kept", make)
    with db.transaction() as tx:
        tx.update(vm, name_label="new")
    monkeypatch.setattr(type(make), "__call__", None)
    assert b"<member><name>name_label</name><value>new</value></member>" in db.get("VM", vm).encoded("kept", make)
