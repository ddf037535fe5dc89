"""How the journal's file spells the fields of an object: JSON, read back by the types that the class declares."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from xapid.database.journal.seals import Seal, opened
from xapid.datamodel.schema import Class
from xapid.datamodel.types import EMPTY_MAP, Bool, DateTime, Enum, Float, Int, Map, Ref, Set, String, Type, frozenmap

_OPTIONS = orjson.OPT_NON_STR_KEYS

Thaw = Callable[[Any], Any]


def written(value: Any) -> bytes:
    """A value, or a dict of them, in JSON; :func:`reader` reads it. Numbers that JSON has not are text.

    Raises TypeError for what cannot be written: text with lone surrogates, integers over 64 bits.
    """
    made = orjson.dumps(value, option=_OPTIONS)
    # Infinity became null. Looking for that afterwards is cheaper than looking at every value before.
    return orjson.dumps(_spelled(value), option=_OPTIONS) if b"null" in made else made


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_spelled(item) for item in value]
    return value


class Sharing:
    """Makes equal values one object. Values of different types stay apart, even equal ones (``0``, ``False``)."""

    def __init__(self) -> None:
        self._known: dict[str, dict[Any, Any]] = {}

    def of(self, type_: Type) -> Thaw:
        """What gives, for a value of ``type_``, the equal one that was seen first."""
        if not _can_share(type_):
            return _same
        known = self._known.setdefault("text" if isinstance(type_, Ref | Enum) or type_ is String else str(type_), {})
        share = known.setdefault
        if isinstance(type_, Map):
            return lambda value: share((*value, None, *value.values()), value) if value else EMPTY_MAP
        return lambda value: share(value, value)


def _can_share(type_: Type) -> bool:
    """Whether values are the same wherever they are equal (0.0 and -0.0 are not) and can be looked up."""
    if isinstance(type_, Set):
        return _can_share(type_.of)
    if isinstance(type_, Map):
        return _can_share(type_.value) and not isinstance(type_.value, Map)
    return type_ not in (Float, Bool)


class ClassReader:
    """Reads the fields of objects of one class, with values that rows share. ``seal`` opens what is sealed."""

    def __init__(self, cls: Class, sharing: Sharing, seal: Seal | None = None) -> None:
        self._thaws: dict[str, Thaw] = {
            field.name: _then(reader(field.type), sharing.of(field.type)) for field in cls.fields if field.derived_from is None
        }
        for name in (field.name for field in cls.fields if field.secret):
            self._thaws[name] = partial(opened, what=f"{cls.name}.{name}", seal=seal)

    def __call__(self, body: bytes) -> dict[str, Any]:
        """The fields that the class has, by name; others are passed over. Raises ValueError for what is no such body."""
        thaws = self._thaws
        try:
            return {name: thaws[name](value) for name, value in orjson.loads(body).items() if name in thaws}
        except (AttributeError, TypeError) as problem:
            raise ValueError(str(problem)) from problem


def _then(first: Thaw | None, second: Thaw) -> Thaw:
    if first is None:
        return second
    return first if second is _same else lambda value: second(first(value))


def reader(type_: Type) -> Thaw | None:
    """What makes a value of ``type_`` of what JSON has for it; None if they are the same."""
    if type_ is Float:
        return float
    if type_ is DateTime:
        return datetime.fromisoformat
    if isinstance(type_, Set):
        return _set(reader(type_.of))
    if isinstance(type_, Map):
        return _map(int if type_.key is Int else None, reader(type_.value))
    return None


def _set(item: Thaw | None) -> Thaw:
    return tuple if item is None else lambda value: tuple(map(item, value))


def _map(key: Thaw | None, item: Thaw | None) -> Thaw:
    return frozenmap if key is None and item is None else partial(_thawed_map, key or _same, item or _same)


def _thawed_map(key: Thaw, item: Thaw, value: dict[str, Any]) -> frozenmap:
    return frozenmap({key(k): item(v) for k, v in value.items()})


def _same(value: Any) -> Any:
    return value
