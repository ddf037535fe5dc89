"""Transactions, indexes and derived sets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rows_as_bytes import Make
from xapid.database import Database, Row
from xapid.database.table import Objects
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.ids import Ids


def code(caught: pytest.ExceptionInfo[XenAPIError]) -> tuple[str, ...]:
    return caught.value.description


def test_a_new_object_has_what_was_given_and_defaults_for_the_rest(db: Database) -> None:
    with db.transaction() as tx:
        ref = tx.create("network", name_label="n")
    row = db.get("network", ref)
    assert (row.name_label, row.MTU, row.tags, row.PIFs) == ("n", 1500, (), ())
    assert db.table("network").by_uuid(row.uuid) is row
    assert db.table("network").by_name("n") == [row]


def test_what_is_not_there_is_refused_by_class(db: Database) -> None:
    with pytest.raises(XenAPIError) as caught:
        db.get("VM", NULL_REF)
    assert code(caught) == ("HANDLE_INVALID", "VM", NULL_REF)
    with pytest.raises(XenAPIError) as caught:
        db.table("VM").by_uuid("x")
    assert code(caught) == ("UUID_INVALID", "VM", "x")


def test_a_set_at_the_far_end_follows_the_reference(db: Database) -> None:
    with db.transaction() as tx:
        vm, other = tx.create("VM"), tx.create("VM")
        vbd = tx.create("VBD", VM=vm)
    assert db.get("VM", vm).VBDs == (vbd,)
    with db.transaction() as tx:
        tx.update(vbd, VM=other)
    assert (db.get("VM", vm).VBDs, db.get("VM", other).VBDs) == ((), (vbd,))
    with db.transaction() as tx:
        tx.destroy(vbd)
    assert db.get("VM", other).VBDs == ()


def test_objects_are_found_by_what_is_looked_for_often(db: Database) -> None:
    """Also after changes that were taken back."""
    with db.transaction() as tx:
        image, vms = tx.create("VDI"), [tx.create("VM") for _ in range(3)]
        for vm in vms[:2]:
            tx.update(vm, suspend_VDI=image)
    table = db.table("VM")
    assert table.holders("suspend_VDI", image) == tuple(vms[:2])
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        tx.destroy(vms[0])
        tx.update(vms[2], suspend_VDI=image)
        raise ZeroDivisionError
    assert set(table.holders("suspend_VDI", image)) == set(vms[:2])
    with db.transaction() as tx:
        tx.update(vms[1], suspend_VDI="")
    assert (table.holders("suspend_VDI", image), table.holders("suspend_VDI", "none")) == ((vms[0],), ())


def test_a_many_to_many_set_has_two_ends(db: Database) -> None:
    with db.transaction() as tx:
        update = tx.create("pool_update")
        host = tx.create("host", updates=(update,))
    assert db.get("pool_update", update).hosts == (host,)


def test_a_transaction_that_fails_leaves_nothing_behind(db: Database) -> None:
    with db.transaction() as tx:
        vm = tx.create("VM", name_label="before")
        vbd = tx.create("VBD", VM=vm)
        tx.set_meta("key", "before")
    before, generation = db.get("VM", vm), db.generation
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        tx.update(vm, name_label="after")
        tx.destroy(vbd)
        tx.create("VBD", VM=vm)
        tx.set_meta("key", "after")
        raise ZeroDivisionError
    assert db.get("VM", vm) is before
    assert before.VBDs == (vbd,)
    assert db.table("VM").by_name("after") == []
    assert db.table("VBD").refs() == {vbd}
    assert (db.generation, db.meta["key"]) == (generation, "before")


def test_a_transaction_inside_another_joins_it(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction() as outer:
        outer.create("VM")
        with db.transaction() as inner:
            assert inner is outer
            inner.create("VM")
        raise ZeroDivisionError
    assert len(db.table("VM")) == 0


def test_a_change_to_the_same_value_is_none(db: Database) -> None:
    with db.transaction() as tx:
        vm = tx.create("VM", name_label="same")
    row, generation = db.get("VM", vm), db.generation
    with db.transaction() as tx:
        tx.update(vm, name_label="same")
    assert db.get("VM", vm) is row
    assert db.generation == generation


def test_rows_and_their_maps_cannot_change(db: Database) -> None:
    with db.transaction() as tx:
        row = db.get("VM", tx.create("VM", platform=frozenmap({"a": "b"})))
    with pytest.raises(AttributeError):
        row.name_label = "x"
    with pytest.raises(TypeError):
        row.platform["a"] = "c"


def test_references_and_uuids_are_unique(db: Database) -> None:
    with db.transaction() as tx:
        tx.create("VM", ref="OpaqueRef:1", uuid="u")
    for again in ({"ref": "OpaqueRef:1"}, {"uuid": "u"}):
        with pytest.raises(XenAPIError) as caught, db.transaction() as tx:
            tx.create("VM", **again)
        assert caught.value.code == "DB_UNIQUENESS_CONSTRAINT_VIOLATION"


def test_text_that_xml_cannot_carry_is_dropped_at_creation_and_refused_later(db: Database) -> None:
    with db.transaction() as tx:
        vm = tx.create("VM", name_label="a\x01b", other_config=frozenmap({"k\x00": "v\x02"}))
    assert (db.get("VM", vm).name_label, db.get("VM", vm).other_config) == ("ab", {"k": "v"})
    with pytest.raises(XenAPIError) as caught, db.transaction() as tx:
        tx.update(vm, name_label="\x01")
    assert caught.value.code == "INTERNAL_ERROR"
    assert db.get("VM", vm).name_label == "ab"


def test_a_field_that_is_not_stored_is_a_mistake_of_ours(db: Database) -> None:
    with pytest.raises(LookupError, match="VBDs"), db.transaction() as tx:
        tx.create("VM", VBDs=())


def test_encodings_are_kept_until_the_object_or_a_derived_set_changes(db: Database) -> None:
    with db.transaction() as tx:
        vm = tx.create("VM", name_label="one")
    made: list[str] = []

    def make(row: Row) -> bytes:
        made.append(row.name_label)
        return b"x"

    def encode() -> bytes:
        return db.get("VM", vm).encoded("test", make)

    encode(), encode()
    assert made == ["one"]
    with db.transaction() as tx:
        tx.create("VBD", VM=vm)
    encode()
    assert made == ["one", "one"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["create", "move", "destroy", "rename"]), st.integers(0, 9), st.booleans())))
def test_indexes_agree_with_the_rows_whatever_happens(steps: list[tuple[str, int, bool]]) -> None:
    """After any mixture of changes, kept or taken back, every index says what a walk over the rows says."""
    db = Database(catalogue(), Ids(seed=2))
    with db.transaction() as tx:
        vms = [tx.create("VM", name_label=str(number)) for number in range(3)]
    for what, number, keep in steps:
        vbds = list(db.table("VBD").refs())
        try:
            with db.transaction() as tx:
                if what == "create":
                    tx.create("VBD", VM=vms[number % 3])
                elif what == "rename":
                    tx.update(vms[number % 3], name_label=str(number))
                elif vbds and what == "move":
                    tx.update(vbds[number % len(vbds)], VM=vms[number % 3])
                elif vbds:
                    tx.destroy(vbds[number % len(vbds)])
                if not keep:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
    for vm in vms:
        row = db.get("VM", vm)
        assert set(row.VBDs) == {vbd.ref for vbd in db.table("VBD") if vm == vbd.VM}
        assert row in db.table("VM").by_name(row.name_label)
    assert sum(len(db.table("VM").by_name(str(number))) for number in range(10)) == 3
    assert all(db.table("VBD").by_uuid(row.uuid) is row for row in db.table("VBD"))


def test_a_listing_of_all_objects_is_made_once_until_one_of_them_changes(db: Database) -> None:
    with db.transaction() as tx:
        first, second = tx.create("secret", value="a"), tx.create("secret", value="b")
    table, made = db.table("secret"), []

    @Make
    def make(row: Row) -> bytes:
        made.append(row.ref)
        return row.value.encode()

    everything = Objects(table)
    assert everything.encoded("test", make) == everything.encoded("test", make) == [b"a", b"b"]
    assert made == [first, second]
    with db.transaction() as tx:
        tx.update(second, value="c")
    assert everything.encoded("test", make) == [b"a", b"c"]
    assert made == [first, second, second]
    with db.transaction() as tx:
        tx.destroy(first)
    assert everything.encoded("test", make) == [b"c"]
    assert dict(everything) == {second: db.get("secret", second)}


def test_what_was_destroyed_and_taken_back_stands_in_the_order_in_which_it_was_made(db: Database) -> None:
    with db.transaction() as tx:
        made = [tx.create("VM", name_label="same") for _ in range(3)]
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        for ref in made:
            tx.destroy(ref)
        raise ZeroDivisionError
    assert list(db.table("VM").refs()) == made
    assert [row.ref for row in db.table("VM").by_name("same")] == made
