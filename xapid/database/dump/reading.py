"""Reads a dump as it comes, in pieces of any size, and puts it into a database.

A dump may be of another schema than ours: fields that it lacks are as new objects have them, classes and fields that we do not
know are passed over and counted. Values that are none of their type are errors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import attrs
from lxml import etree

from xapid.database.database import UNSTORABLE, Database
from xapid.database.dump.notation import Decode, decoder, unprotect
from xapid.datamodel.catalogue import Catalogue
from xapid.datamodel.schema import Class

OWN: Final = ("role",)
"""Classes whose objects are made anew by each server."""
_STAMP: Final = re.compile(r"[0-9]{1,18}")


class DumpError(Exception):
    """It is no dump, or one that cannot be read. The text says why and where."""


class Found(NamedTuple):
    """An object in a dump."""

    cls: str
    ref: str
    created: int
    modified: int
    values: dict[str, Any]


@attrs.define
class Dump:
    """What a dump holds."""

    manifest: dict[str, str] = attrs.field(factory=dict)
    objects: list[Found] = attrs.field(factory=list)
    passed_over: Counter[str] = attrs.field(factory=Counter)
    """Classes, and fields as ``class.field``, that we do not know."""

    @property
    def schema(self) -> tuple[int, int]:
        """Version of the schema, major and minor."""
        return self._number("schema_major_vsn"), self._number("schema_minor_vsn")

    @property
    def generation(self) -> int:
        """How many commits its database had seen."""
        return self._number("generation_count")

    def of(self, cls: str) -> list[Found]:
        """The objects of one class."""
        return [found for found in self.objects if found.cls == cls]

    def _number(self, key: str) -> int:
        try:
            return int(self.manifest[key])
        except (KeyError, ValueError):
            raise DumpError(f"the manifest has no {key}") from None

    def put(self, db: Database) -> None:
        """Make these objects the whole content of ``db``, in one transaction; objects that end with the daemon stay.

        Errors: DB_UNIQUENESS_CONSTRAINT_VIOLATION.
        """
        with db.transaction() as tx:
            for name, table in db.tables.items():
                if table.lasts and name not in OWN:
                    for row in table.rows():
                        tx.destroy(row)
            for found in sorted(self.objects, key=lambda found: found.created):
                tx.create(found.cls, ref=found.ref, **found.values)


class Reader:
    """Takes the bytes of a dump with :meth:`feed`, and is :meth:`done` with a :class:`Dump`. Both raise :class:`DumpError`."""

    def __init__(self, api: Catalogue) -> None:
        self._target = _Target(api)
        target: Any = self._target
        entities: Any = "internal"  # what XML itself has, such as &amp;; documents that declare more are refused
        self._parser = etree.XMLParser(target=target, resolve_entities=entities, no_network=True, huge_tree=False)

    def feed(self, data: bytes) -> None:
        """Read some more."""
        try:
            self._parser.feed(data)
        except etree.XMLSyntaxError as problem:
            raise DumpError(f"it is no XML: {problem}") from problem

    def done(self) -> Dump:
        """Everything has come."""
        try:
            self._parser.close()
        except etree.XMLSyntaxError as problem:
            raise DumpError(f"it is no XML: {problem}") from problem
        dump = self._target.dump
        _ = dump.schema, dump.generation
        return dump


class _Columns:
    """The attributes of the rows of one class: lasting fields, by their names in dumps."""

    def __init__(self, cls: Class) -> None:
        self._lasting = [field for field in cls.fields if field.derived_from is None and field.persist]
        self.known = frozenset(field.dump_name for field in cls.fields) | {"ref", "_ref", "__ctime", "__mtime"}

    @cached_property
    def decoders(self) -> Mapping[str, tuple[str, Decode]]:
        return {field.dump_name: (field.name, decoder(field.type)) for field in self._lasting}


class _Target:
    """What lxml tells of the document."""

    def __init__(self, api: Catalogue) -> None:
        self._api = api
        self._path: list[str] = []
        self._cls: str | None = None
        self._columns: dict[str, _Columns] = {}
        self._refs: set[str] = set()
        self.dump = Dump()

    def doctype(self, *_: object) -> None:
        raise DumpError("a document type is declared")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        where = "/".join(self._path)
        self._path.append(tag)
        match where, tag:
            case ("", "database") | ("database", "manifest"):
                pass
            case ("database/manifest", "pair"):
                self.dump.manifest[_attribute(tag, attributes, "key")] = _attribute(tag, attributes, "value")
            case ("database", "table"):
                self._table(_attribute(tag, attributes, "name"))
            case ("database/table", "row"):
                if self._cls is not None:
                    self._row(self._cls, attributes)
            case _:
                raise DumpError(f"there is a {tag[:40]} in {where or 'the beginning'}")

    def end(self, _: str) -> None:
        self._path.pop()

    def data(self, _: str) -> None:
        """White space between elements."""

    def comment(self, _: str) -> None:
        """Comments."""

    def close(self) -> None:
        """The document is whole."""

    def _table(self, name: str) -> None:
        known = self._api.classes.get(name)
        if known is None or not (known.in_database or name == "message"):
            self.dump.passed_over[name[:80]] += 1
            self._cls = None
        elif name in OWN or not (known.persist or name == "message"):
            self._cls = None
        else:
            self._cls = name
            self._columns.setdefault(name, _Columns(known))

    def _row(self, cls: str, attributes: Mapping[str, str]) -> None:
        ref = _attribute("row", attributes, "ref")
        if ref in self._refs or UNSTORABLE.search(ref):
            raise DumpError(f"{cls} {ref}: there is another object of this reference")
        self._refs.add(ref)
        columns, values = self._columns[cls], {}
        for name, text in attributes.items():
            column = columns.decoders.get(name)
            if column is not None:
                field, decode = column
                try:
                    values[field] = decode(unprotect(text))
                except ValueError as problem:
                    raise DumpError(f"{cls} {ref}: {field}: {problem}") from problem
            elif name not in columns.known:
                self.dump.passed_over[f"{cls}.{name}"[:80]] += 1
        created, modified = (_stamp(attributes.get(name, "0")) for name in ("__ctime", "__mtime"))
        self.dump.objects.append(Found(cls, ref, created, modified, values))


def _attribute(tag: str, attributes: Mapping[str, str], name: str) -> str:
    found = attributes.get(name)
    if found is None:
        raise DumpError(f"a {tag} has no {name}")
    return found


def _stamp(text: str) -> int:
    return int(text) if _STAMP.fullmatch(text) else 0
