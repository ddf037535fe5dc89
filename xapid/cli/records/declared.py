"""The shapes in which records of ``xe`` are declared, and what a declaration means.

A record's parameters are written as a list of words. Of each group, the first word says what users may do with them:

======= ===============================================================
RO, RW  a single value, to read or to set
SRO SRW a set, to read or to add to and remove from
MRO MRW a map, likewise
======= ===============================================================

A word is a parameter's name, and after ``=`` where its value is found: a field, or a field of the object that a field refers
to (``network.name_label``); by itself, the field of the same name. ``=@`` says that :mod:`xapid.cli.records.special` knows.
Marks after it: ``*`` takes time, so lists leave it out; ``^`` deprecated; ``%`` never shown unless asked for by name; ``+`` a
set that can also be set as a whole; ``~`` a set whose items are told with commas between them, as they always were, and not
with semicolons; ``|`` the same for filters in capitals and small letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

import attrs

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.schema import Class, Field
from xapid.datamodel.types import Ref

_MARKS = ("RO", "RW", "SRO", "SRW", "MRO", "MRW")
_WORD = re.compile(r"([\w-]+)(?:=([\w.]+|@))?([*^%+~|]*)")


_VALUE = 2
_KEY_AND_VALUE = 3
"""Parameters of messages that set a map, or a key of one, the object included."""


def singulars(name: str) -> Iterator[str]:
    """The name of a field, and what one of the things that are in it may be called."""
    yield from dict.fromkeys((name, name.removesuffix("s"), f"{name.removesuffix('ies')}y"))


class DeclarationError(Exception):
    """A record is declared that cannot be."""


@attrs.frozen(eq=False)
class Parameter:
    """One parameter of a record."""

    name: str
    mark: str
    path: tuple[tuple[str, Field], ...]
    """The class and field of each step; empty for special ones."""
    is_expensive: bool = False
    is_deprecated: bool = False
    is_hidden: bool = False
    is_settable: bool = False
    """As a whole."""
    separator: str = "; "
    """Between items of a set."""
    is_caseless: bool = False
    """Whether filters do not tell capitals from small letters."""

    label: str = attrs.field(init=False)
    """Its name in listings."""

    @label.default
    def _label(self) -> str:
        return f"{self.name} ({self.mark:>3}){' [DEPRECATED]' if self.is_deprecated else ''}"

    @property
    def is_map(self) -> bool:
        return self.mark.startswith("M")

    @property
    def is_set(self) -> bool:
        return self.mark.startswith("S")

    @property
    def key_setter(self) -> str | None:
        """The message that sets one key of a map which is not written otherwise."""
        return self._setter(_KEY_AND_VALUE) if self.mark == "MRO" else None

    @property
    def map_setter(self) -> str | None:
        """The message that sets a map as a whole which is not written otherwise."""
        return self._setter(_VALUE) if self.mark == "MRO" else None

    def _setter(self, parameters: int) -> str | None:
        messages = catalogue().messages
        if len(self.path) == 1:
            ((cls, field),) = self.path
            for name in singulars(field.name):
                entry = messages.get(f"{cls}.set_{name}")
                if entry is not None and not entry.message.implicit and len(entry.message.params) == parameters:
                    return entry.name
        return None

    @property
    def written(self) -> str:
        """The name by which messages that write it call it."""
        return self.path[0][1].name if len(self.path) == 1 else self.name.replace("-", "_")


@attrs.frozen
class Listing:
    """A family of commands over a record: ``NAME-list``, ``NAME-param-list`` and so on."""

    name: str
    shown: str
    """Names of the parameters that lists show, if nobody asks for others; empty for all."""
    only: Mapping[str, str] = attrs.field(factory=dict)
    """What lists are limited to, if nobody asks for ``--all``."""
    expression: str = "true"
    """What is listed in the first place."""
    standard: bool = False
    """Whether ``help`` names its list among the common commands."""

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(self.shown.split())


@attrs.frozen(eq=False, init=False, slots=False)
class Record:
    """What ``xe`` knows of a class."""

    cls: str
    words: str = attrs.field(repr=False)
    listings: tuple[Listing, ...]

    def __init__(self, cls: str, words: str, *listings: Listing) -> None:
        self.__attrs_init__(cls, words, listings)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """In the order in which they are shown. Raises :class:`DeclarationError`."""
        return tuple(_parameters(catalogue().classes[self.cls], self.words))

    @cached_property
    def by_name(self) -> Mapping[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def _visible(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if not parameter.is_hidden)

    @cached_property
    def is_settable(self) -> bool:
        """Whether users may set anything of it, be it a key of a map."""
        return any(
            each.mark in ("RW", "MRW") or each.is_settable or each.key_setter or each.map_setter for each in self._visible
        )

    @cached_property
    def is_addable(self) -> bool:
        """Whether it has a set or a map that users may add to."""
        return any(each.mark in ("SRW", "MRW") for each in self._visible)

    @cached_property
    def is_clearable(self) -> bool:
        """Whether there is anything that could be emptied, if users may do that."""
        return any(each.mark == "RW" or each.is_settable or each.is_set or each.is_map for each in self._visible)


def older_spelling(record: Record, name: str) -> tuple[Parameter, str] | None:
    """What ``other-config-key`` means: the map or else the set of the longest name that it begins with, and the rest."""
    for kind in "MS":
        fits = [each for each in record.parameters if each.mark.startswith(kind) and name.startswith(f"{each.name}-")]
        if fits:
            found = max(fits, key=lambda each: len(each.name))
            return found, name.removeprefix(f"{found.name}-")
    return None


def _parameters(cls: Class, words: str) -> Iterator[Parameter]:
    mark = ""
    for word in words.split():
        if word in _MARKS:
            mark = word
            continue
        match = _WORD.fullmatch(word)
        if match is None or not mark:
            raise DeclarationError(f"{cls.name}: {word}")
        name, path, marks = match.groups()
        yield Parameter(
            name,
            mark,
            () if path == "@" else tuple(_steps(cls, path or name.replace("-", "_"))),
            is_expensive="*" in marks,
            is_deprecated="^" in marks,
            is_hidden="%" in marks,
            is_settable="+" in marks,
            separator=", " if "~" in marks else "; ",
            is_caseless="|" in marks,
        )


def _steps(cls: Class, path: str) -> Iterator[tuple[str, Field]]:
    here = cls
    for name in path.split("."):
        field = next((field for field in here.fields if field.name.lower() == name.lower()), None)
        if field is None:
            raise DeclarationError(f"{here.name} has no field {name}")
        yield here.name, field
        if isinstance(field.type, Ref):
            here = catalogue().classes[field.type.to]
