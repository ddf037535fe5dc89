"""Whatever is in a database comes out of a dump of it as it was."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from xapid.database import Database
from xapid.database.database import UNSTORABLE
from xapid.database.dump import DumpError, Reader, write
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import frozenmap
from xapid.ids import Ids

API = catalogue()
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30).filter(lambda text: not UNSTORABLE.search(text))
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)).map(lambda d: d.replace(tzinfo=UTC, microsecond=0))


@settings(max_examples=50, deadline=None)
@given(
    name=TEXT,
    tags=st.lists(TEXT, max_size=4).map(tuple),
    config=st.dictionaries(TEXT, TEXT, max_size=4).map(frozenmap),
    number=st.integers(-(2**63), 2**63 - 1),
    share=st.floats(allow_nan=False),
    moment=MOMENTS,
    size=st.integers(1, 400),
)
def test_objects_come_back_as_they_were(name, tags, config, number, share, moment, size):
    db = Database(API, Ids(1))
    with db.transaction() as tx:
        ref = tx.create(
            "VM", name_label=name, tags=tags, other_config=config, memory_static_max=number, HVM_shadow_multiplier=share,
            snapshot_time=moment,
        )  # fmt: skip
    data = b"".join(write(db))
    reader = Reader(API)
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    other = Database(API, Ids(2))
    reader.done().put(other)
    before, after = db.find(ref), other.find(ref)
    stored = db.table("VM").stored_values
    assert stored(after) == {**stored(before), "HVM_shadow_multiplier": float(f"{share:.16g}")}


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_dump_that_was_damaged_is_read_or_refused(data):
    db = Database(API, Ids(1))
    with db.transaction() as tx:
        tx.create("network", name_label="n", other_config=frozenmap({"a": "b"}), tags=("t",))
    dump = bytearray(b"".join(write(db)))
    for _ in range(data.draw(st.integers(1, 5))):
        dump[data.draw(st.integers(0, len(dump) - 1))] = data.draw(st.integers(0, 255))
    reader = Reader(API)
    try:
        reader.feed(bytes(dump))
        reader.done()
    except DumpError:
        pass
