"""The database as XML: the same objects come out of it as went in, and what others wrote can be read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from xapid.database import Database
from xapid.database.dump import Dump, DumpError, Reader, write
from xapid.database.dump.notation import decoder, protect, tree, unprotect
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import Bool, DateTime, Float, Int, Map, Ref, Set, String, frozenmap
from xapid.ids import Ids

HEAD = (
    "<database><manifest><pair key='schema_major_vsn' value='5'/><pair key='schema_minor_vsn' value='792'/>"
    "<pair key='generation_count' value='72945'/></manifest>"
)


def read(data, size=1 << 16) -> Dump:
    data = data.encode() if isinstance(data, str) else data
    reader = Reader(catalogue())
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    return reader.done()


def lasting(db):
    return {
        row.ref: (cls, table.stored_values(row))
        for cls, table in db.tables.items() if table.lasts and cls != "role"
        for row in table
    }  # fmt: skip


AWKWARD = (" two  spaces ", "tab\tline\nreturn\r", "100%.", "%%n", "quote ' and \" and \\ back\\", "<&>", "(a 'b')", "", "é 𝄞")


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_comes_back_as_it_was(text):
    db = Database(catalogue(), Ids(1))
    with db.transaction() as tx:
        vm = tx.create("VM", name_label=text, other_config=frozenmap({text: text, "k": ""}), tags=(text, "t"))
    row = read(b"".join(write(db))).of("VM")[0]
    assert row.ref == vm
    assert row.values["name_label"] == text
    assert row.values["other_config"] == {text: text, "k": ""}
    assert row.values["tags"] == (text, "t")


def test_a_whole_pool_comes_back_as_it_was(xapid_server):
    db = xapid_server.pool.db
    data = b"".join(write(db))
    for size in (1000, 1 << 20):
        other = Database(db.api, Ids(2))
        dump = read(data, size)
        dump.put(other)
        assert lasting(other) == lasting(db)
        assert dump.passed_over == {}
        assert (dump.schema, dump.generation) == ((5, 909), db.generation)
        for table in ("VM", "host", "SR"):
            assert [row.ref for row in other.table(table)] == [row.ref for row in db.table(table)]


def test_what_was_there_before_goes_and_objects_of_this_run_stay(xapid_server, xapid_session):
    db = xapid_server.pool.db
    dump = read(b"".join(write(db)))
    extra = xapid_session.xenapi.network.create({"name_label": "extra", "name_description": "", "other_config": {}})
    task = xapid_session.xenapi.task.create("mine", "")
    dump.put(db)
    assert db.find(extra) is None
    assert db.find(task) is not None
    assert xapid_session.xenapi.VM.get_all()


def test_what_the_reference_server_writes_can_be_read():
    """Its stamps, the reference twice, sets that follow from other objects, blanks in the old way, an older schema, dates
    without dashes, numbers with a bare point, classes and fields that are gone by now.
    """
    dump = read(
        '<?xml version="1.0" encoding="UTF-8"?>' + HEAD + """
        <table name="Certificate"/><table name="user"><row ref="OpaqueRef:u" uuid="u"/></table>
        <table name="VMPP"><row ref="OpaqueRef:p" __ctime="1" __mtime="2" _ref="OpaqueRef:p"/></table>
        <table name="gone"><row ref="OpaqueRef:g" uuid="g"/></table>
        <table name="VM">
          <row ref="OpaqueRef:v" __ctime="17" __mtime="4711" _ref="OpaqueRef:v" uuid="v" name__label="my%.VM%_x"
               name__description="" memory__static_max="1073741824" VCPUs__max="2" is_a_template="false"
               power_state="Halted" VBDs="('OpaqueRef:b1'%.'OpaqueRef:b2')" resident_on="OpaqueRef:NULL"
               other_config="(('mac_seed'%.'it\\'s')%.('folder'%.'/a\\\\b'))" HVM__shadow_multiplier="1."
               snapshot_time="19700101T00:00:00Z" no_longer_there="(())" actions__after_crash="destroy"
               allowed_operations="('start'%.'clone')" user_version="0"/>
        </table></database>""",
    )  # fmt: skip
    (vm,) = dump.of("VM")
    assert (vm.cls, vm.ref, vm.created, vm.modified) == ("VM", "OpaqueRef:v", 17, 4711)
    assert vm.values == {
        "uuid": "v", "name_label": "my VM  x", "name_description": "", "memory_static_max": 1 << 30, "VCPUs_max": 2,
        "is_a_template": False, "power_state": "Halted", "resident_on": "OpaqueRef:NULL", "user_version": 0,
        "other_config": {"mac_seed": "it's", "folder": "/a\\b"}, "HVM_shadow_multiplier": 1.0,
        "snapshot_time": datetime(1970, 1, 1, tzinfo=UTC), "actions_after_crash": "destroy",
    }  # fmt: skip
    assert set(dump.passed_over) >= {"gone", "VM.no_longer_there"}
    assert (dump.schema, dump.generation) == ((5, 792), 72945)
    db = Database(catalogue(), Ids(1))
    dump.put(db)
    assert db.find("OpaqueRef:v").PV_args == ""


ROW = HEAD + "<table name='VM'><row ref='r' {}/></table></database>"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "no XML"),
        ("no xml", "no XML"),
        (HEAD, "no XML"),
        ("<database/>", "manifest has no schema_major_vsn"),
        ("<html></html>", "a html in the beginning"),
        ("<database><manifest><pair key='a'/></manifest></database>", "a pair has no value"),
        ("<database><table/></database>", "a table has no name"),
        (HEAD + "<table name='VM'><row/></table></database>", "a row has no ref"),
        (HEAD + "<table name='VM'><line/></table></database>", "a line in database/table"),
        (HEAD + "<table name='VM'><row ref='r'/><row ref='r'/></table></database>", "another object of this reference"),
        (ROW.format("VCPUs__max='two'"), "VCPUs_max: 'two' is no integer"),
        (ROW.format("VCPUs__max='9223372036854775808'"), "is no integer"),
        (ROW.format("is_a_template='maybe'"), "neither true nor false"),
        (ROW.format("power_state='Asleep'"), "'Asleep' is not one of"),
        (ROW.format("snapshot_time='yesterday'"), "is no date"),
        (ROW.format("snapshot_time='20241301T00:00:00Z'"), "month"),
        (ROW.format("HVM__shadow_multiplier='much'"), "could not convert"),
        (ROW.format("other_config=\"(('a'))\""), "something else than pairs"),
        (ROW.format("other_config='('"), "not one list"),
        (ROW.format("tags='plain'"), "is no list"),
        (ROW.format("tags='" + "(" * 50 + "'"), "lists within lists"),
        ("<!DOCTYPE d [<!ENTITY a 'x'>]>" + HEAD + "</database>", "document type"),
        ("<!DOCTYPE d SYSTEM 'file:///etc/passwd'><database/>", "document type"),
    ],
)
def test_what_is_no_dump_is_refused_with_the_reason(document, said):
    with pytest.raises(DumpError, match="(?s)" + said.replace("(", r"\(").replace(")", r"\)")):
        read(document)


def test_a_dump_that_says_a_uuid_twice_changes_nothing(xapid_server):
    db = xapid_server.pool.db
    before = lasting(db)
    rows = "".join(f"<row ref='{ref}' uuid='same'/>" for ref in "ab")
    dump = read(HEAD + f"<table name='network'>{rows}</table></database>")
    with pytest.raises(Exception, match="DB_UNIQUENESS_CONSTRAINT_VIOLATION"):
        dump.put(db)
    assert lasting(db) == before


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (Int, "-5", -5), (Float, "1.", 1.0), (Float, "-inf", float("-inf")), (Bool, "true", True), (Ref("VM"), "", ""),
        (DateTime, "20240102T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (DateTime, "2024-01-02T03:04:05.25Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (Set(Int), "('1' '2')", (1, 2)), (Set(String), "()", ()), (Set(String), '("a b" c)', ("a b", "c")),
        (Map(Int, String), "(('1' 'x'))", {1: "x"}), (Map(String, Set(String)), r"(('k' '(\'a\' \'b\')'))", {"k": ("a", "b")}),
        (Map(String, Set(String)), "(('k' ('a' 'b')))", {"k": ("a", "b")}),
    ],
)  # fmt: skip
def test_values_are_read_by_their_types(type_, text, value):
    assert decoder(type_)(text) == value


def test_blanks_are_visible():
    assert protect(" \t\n\r%x") == "%.%t%n%r%%x"
    assert unprotect("%.%t%n%r%%.x%z%") == " \t\n\r%.x%z%"
    assert tree("(a (b))") == ["a", ["b"]]
