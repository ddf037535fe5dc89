"""One object of the database at one moment.

A row never changes: a transaction puts another row in its place. So whoever holds one may keep it over an await, and a
long listing is a list of rows. Stored fields are attributes; the far ends of relations (``VM.VBDs``) are attributes too,
computed from the tables as they are now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, cast

import attrs

from xapid.datamodel.schema import Class

if TYPE_CHECKING:
    from xapid.database.encodings import Make
    from xapid.database.table import Table


class Row:
    """Base of the row classes, of which :func:`row_class` makes one per class of the API.

    ``ref`` is the reference; ``created`` and ``modified`` stamps are generations of the database. Fields of the class are
    further attributes.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        ref: str
        _table: Table
        _created: int
        _modified: int

        def __getattr__(self, name: str) -> Any: ...

    @property
    def kind(self) -> str:
        """The name of the row's class."""
        return self._table.cls.name

    def encoded(self, key: str, make: Make) -> bytes:
        """The bytes that ``make`` makes of this row, made once for each ``key`` until the object changes."""
        return self._table.encodings.get(self, key, make)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Every field that goes over the wire, with its value."""
        return ((name, getattr(self, name)) for name in self._table.published)

    def record(self) -> dict[str, Any]:
        """Every field that goes over the wire, as a record value."""
        return dict(self.items())

    def __repr__(self) -> str:
        return f"<{self.kind} {self.ref}>"


STAMPS = ("ref", "_table", "_created", "_modified")
"""The first arguments of every row class."""


@cache
def _row_class(name: str, stored: tuple[str, ...], derived: tuple[str, ...]) -> type[Row]:
    properties = {field: _members(field) for field in derived}
    base = cast(type[Row], type(f"{name}Base", (Row,), {"__slots__": (), **properties}))
    fields = {each: attrs.field(alias=f"argument_{number}") for number, each in enumerate((*STAMPS, *stored))}
    made = attrs.make_class(name, fields, bases=(base,), slots=True, frozen=True, eq=False, repr=False)
    return cast(type[Row], made)


def row_class(cls: Class) -> type[Row]:
    """The class of the rows of ``cls``: its stored fields in order, and a property for each derived one."""
    stored = tuple(field.name for field in cls.fields if field.derived_from is None)
    derived = tuple(field.name for field in cls.fields if field.derived_from is not None)
    return _row_class(cls.name, stored, derived)


def _members(field: str) -> property:
    def get(row: Row) -> tuple[str, ...]:
        return row._table.members(field, row.ref)

    get.__doc__ = f"The objects at the far end of ``{field}``."
    return property(get)


def reader(names: Iterable[str]) -> Callable[[Row], tuple[Any, ...]]:
    """A function that reads attributes ``names`` of a row, fast, always as a tuple."""
    names = tuple(names)
    if not names:
        return lambda row: ()
    if len(names) == 1:
        (name,) = names
        return lambda row: (getattr(row, name),)
    return attrgetter(*names)


def picker(names: Iterable[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """A function that reads keys ``names`` of a mapping, fast, always as a tuple."""
    names = tuple(names)
    if len(names) == 1:
        (name,) = names
        return lambda mapping: (mapping[name],)
    return itemgetter(*names)
