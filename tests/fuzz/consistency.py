"""Whether a database is right in itself: indexes, derived sets, types of values, and that every record can be written."""

from __future__ import annotations

from collections import defaultdict

from lxml import etree

from xapid.database import Database
from xapid.database.table import targets
from xapid.datamodel.types import Record
from xapid.wire import json_values, xml_values


def assert_consistent(db: Database) -> None:
    """AssertionError says what is wrong."""
    for name, table in db.tables.items():
        uuids: dict[str, str] = {}
        labels: dict[str, set[str]] = defaultdict(set)
        for row in table.rows():
            assert row.kind == name and table.find(row.ref) is row
            assert row._created <= row._modified <= db.generation, row.ref
            if table._has_uuid and row.uuid:
                uuids[row.uuid] = row.ref
            if table._has_name:
                labels[row.name_label].add(row.ref)
            etree.fromstring(xml_values.row_bytes(Record(name), row))
            assert json_values.row_bytes(Record(name), row)
        assert table._uuids.keys() == uuids.keys(), name
        assert {label: set(refs) for label, refs in table._names.items()} == labels, name
        assert table.modified.keys() == table._rows.keys(), name
    for table in db.tables.values():
        for relation in table.relations:
            members: dict[str, set[str]] = defaultdict(set)
            for row in table.rows():
                for target in targets(relation, row):
                    members[target].add(row.ref)
            kept = relation.far._members.get(relation.far_field, {})
            assert {ref: set(refs) for ref, refs in kept.items()} == members, (table.cls.name, relation.field)
