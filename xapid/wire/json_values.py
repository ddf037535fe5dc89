"""Typed values written as JSON, as JSON-RPC clients of the XenAPI need them.

Integers are numbers; floats always have a fraction or an exponent, or are the bare words ``NaN``, ``Infinity`` and
``-Infinity``; dates are text; an absent option is an absent member; no result is ``""``. One function is compiled per
type, once; what it gives is for :func:`dumps`. Records of rows are made once per change of the row: their bytes are kept
by the row under the key ``json``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, Final

import orjson

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Option, Record, Ref, Set, String, Type, Void
from xapid.wire.events import NO_TIMESTAMP, EventBatch, EventLike, snapshot_type
from xapid.wire.loose_values import ANYTHING
from xapid.wire.text import date_text, without_surrogates

Prepare = Callable[[Any], Any]
"""From a typed value to one that :func:`dumps` writes."""

_ROW_KEY: Final = "json"


def dumps(prepared: Any) -> bytes:
    """JSON without white space."""
    try:
        return orjson.dumps(prepared, default=list)
    except orjson.JSONEncodeError:
        # Only text that is not fit for UTF-8 brings us here, or an integer beyond 64 bits.
        return orjson.dumps(_mended(prepared), default=list)


def _mended(value: Any) -> Any:
    match value:
        case str():
            return without_surrogates(value)
        case int() if not -(2**63) <= value < 2**64:
            return orjson.Fragment(str(value))
        case dict():
            return {without_surrogates(name): _mended(item) for name, item in value.items()}
        case list() | tuple():
            return [_mended(item) for item in value]
    return value


def float_text(value: float) -> str:
    """A float as a JSON number that is no integer."""
    if math.isfinite(value):
        text = f"{value:.16g}"
        if float(text) != value:
            text = f"{value:.17g}"
        return text if "." in text or "e" in text else f"{text}.0"
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _same(value: Any) -> Any:
    return value


def _float(value: float) -> orjson.Fragment:
    return orjson.Fragment(float_text(value))


def _void(_value: None) -> str:
    return ""


_BASIC: Final[Mapping[Type, Prepare]] = {
    String: _same,
    Int: _same,
    Float: _float,
    Bool: _same,
    DateTime: date_text,
    Void: _void,
    ANYTHING: _same,
}


@cache
def preparer(type_: Type) -> Prepare:
    """The function that makes a value of ``type_`` ready for :func:`dumps`."""
    match type_:
        case Ref() | Enum():
            return _same
        case Set(of=of):
            return _set(of)
        case Map(key=key, value=value):
            return _map(key, value)
        case Option(of=of):
            return _option(of)
        case Record():
            return prepare_event if type_.of == "event" else _record(type_)
    return _BASIC[type_]


def _set(of: Type) -> Prepare:
    prepare = preparer(of)
    if prepare is _same:
        return _same
    return lambda values: [prepare(value) for value in values]


def _map(key: Type, of: Type) -> Prepare:
    prepare = preparer(of)
    if prepare is _same and key is not Int and key is not DateTime:
        return _same
    name = date_text if key is DateTime else str
    return lambda value: {name(k): prepare(v) for k, v in value.items()}


def _option(of: Type) -> Prepare:
    prepare = preparer(of)
    return lambda value: None if value is None else prepare(value)


def _record(type_: Record) -> Prepare:
    def prepare(value: Any) -> Any:
        if not isinstance(value, dict):
            return orjson.Fragment(row_bytes(type_, value))
        result = {}
        for name, convert, optional in _members(type_):
            if not (optional and value.get(name) is None):
                result[name] = convert(value[name])
        return result

    return prepare


@cache
def _members(type_: Record) -> tuple[tuple[str, Prepare, bool], ...]:
    fields = [field for field in catalogue().classes[type_.of].fields if not field.internal]
    return tuple((field.name, preparer(field.type), isinstance(field.type, Option)) for field in fields)


class _RowMaker:
    """Writes a row as a member of a listing: a comma, its reference, then its record."""

    def __init__(self, type_: Record) -> None:
        members = _members(type_)
        self._names = tuple(name for name, _, _ in members)
        # Most fields go out as they are: only the others are touched.
        self._converted = tuple((name, convert) for name, convert, _ in members if convert is not _same)
        self._read = attrgetter(*self._names)

    def __call__(self, row: Any) -> bytes:
        record = dict(zip(self._names, self._read(row), strict=True))
        for name, convert in self._converted:
            record[name] = convert(record[name])
        return b",%s:%s" % (dumps(row.ref), dumps(record))

    def again(self, *_: Any) -> None:
        """It is made anew every time, which costs as little."""


_row_maker = cache(_RowMaker)


def row_bytes(type_: Record, row: Any) -> bytes:
    """The record of a row, which keeps it until the object changes."""
    member: bytes = row.encoded(_ROW_KEY, _row_maker(type_))
    return member[len(dumps(row.ref)) + 2 :]


def record_bytes(type_: Record, value: Any) -> bytes:
    """The record of a row or a dict."""
    return dumps(preparer(type_)(value)) if isinstance(value, dict) else row_bytes(type_, value)


def pieces(type_: Type, value: Any) -> list[bytes]:
    """A value in as many pieces as its size asks for: listings of records are never joined."""
    if type(value) is str:  # by far the most; of whichever type, it is text
        return [dumps(value)]
    if type(value) is EventBatch:
        return value.kept(_ROW_KEY, _batch)
    if isinstance(type_, Record) and not isinstance(value, dict) and type_.of != "event":
        return [row_bytes(type_, value)]
    if isinstance(type_, Map) and isinstance(type_.value, Record) and value:
        return _listing(type_.value, value)
    return [dumps(preparer(type_)(value))]


def _listing(type_: Record, value: Mapping[str, Any]) -> list[bytes]:
    if not isinstance(value, dict):
        members: list[bytes] = value.encoded(_ROW_KEY, _row_maker(type_))  # type: ignore[attr-defined]  # a whole table
    else:
        members = []
        for ref, record in value.items():
            members.append(b",%s:" % dumps(ref))
            members.append(record_bytes(type_, record))
    return [b"{", members[0][1:], *members[1:], b"}"]


def prepare_event(event: EventLike) -> dict[str, Any]:
    """One event, with its snapshot if it has one."""
    result = {
        "id": str(event.id),
        "timestamp": getattr(event, "timestamp", NO_TIMESTAMP),
        "class": event.cls,
        "operation": event.operation,
        "ref": event.ref,
    }
    if event.snapshot is not None:
        result["snapshot"] = orjson.Fragment(record_bytes(snapshot_type(event.cls), event.snapshot))
    return result


def _batch(batch: EventBatch) -> list[bytes]:
    result = []
    before = b'{"events":['
    for event in batch.events:
        result.append(before)
        result.append(dumps(prepare_event(event)))
        before = b","
    if not batch.events:
        result.append(before)
    result.append(b'],"valid_ref_counts":%s,"token":%s}' % (dumps(dict(batch.valid_ref_counts)), dumps(batch.token)))
    return result
