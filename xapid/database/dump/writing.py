"""Writes the database as XML: a manifest, and for every class its objects, each a row with its fields as attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from xapid.database.database import Database
from xapid.database.dump.notation import protect
from xapid.database.filter import text_of
from xapid.database.table import Table

SCHEMA: Final = (5, 909)
"""Version of the schema that our classes and fields are those of: older dumps have fewer of them."""
_AT_ONCE: Final = 64 * 1024


Hide = Callable[[str, str, Any], Any]
"""Given a class, a field and its value, what is written in its place."""


def write(db: Database, hide: Hide | None = None) -> Iterator[bytes]:
    """The dump, in pieces, as of the moment when the first is asked for; objects that end with the daemon are left out.

    It holds secrets, as the database does, unless somebody hides them.
    """
    major, minor = SCHEMA
    rows = {name: table.rows() if table.lasts and name != "role" else [] for name, table in sorted(db.tables.items())}
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<database><manifest>'
        f'<pair key="schema_major_vsn" value="{major}"/><pair key="schema_minor_vsn" value="{minor}"/>'
        f'<pair key="generation_count" value="{db.generation}"/></manifest>'
    ).encode()
    for name, present in rows.items():
        parts = [f'<table name="{name}">']
        size = 0
        columns = _columns(db.tables[name])
        for row in present:
            values = "".join(
                f" {column}={quoteattr(protect(text_of(value if hide is None else hide(name, field, value))))}"
                for column, field in columns
                for value in (getattr(row, field),)
            )
            parts.append(f'<row ref="{row.ref}" __ctime="{row._created}" __mtime="{row._modified}" _ref="{row.ref}"{values}/>')
            size += len(parts[-1])
            if size > _AT_ONCE:
                yield "".join(parts).encode()
                parts, size = [], 0
        parts.append("</table>")
        yield "".join(parts).encode()
    yield b"</database>"


def _columns(table: Table) -> list[tuple[str, str]]:
    """Attributes and the fields they are of: lasting ones, and the far ends of relations, in alphabetical order."""
    return sorted((field.dump_name, field.name) for field in table.cls.fields if field.derived_from or field.persist)
