"""How much is kept of what rows look like on the wire."""

from __future__ import annotations

from xapid.database import Database, Row
from xapid.database.encodings import OVERHEAD

SIZE = 1000


def encode(row: Row) -> bytes:
    return b"x" * SIZE


def test_what_was_made_first_goes_first_when_the_limit_is_reached(db: Database) -> None:
    db.encodings.limit = 3 * (SIZE + OVERHEAD)
    with db.transaction() as tx:
        refs = [tx.create("VM") for _ in range(5)]
    made: list[str] = []

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
