"""Typed values written as XML-RPC ``<value>`` elements, as wire clients of the XenAPI need them.

No white space between elements; integers, strings, enums and references as bare text; ``<data>`` in every array; nothing
at all for an absent option. Characters that XML cannot carry are dropped. One function is compiled per type, once.
Records of rows are made once per change of the row: their bytes are kept by the row under the key ``xml``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Final

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.schema import Field
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Option, Record, Ref, Set, String, Type, Void, frozenmap
from xapid.wire.events import NO_TIMESTAMP, EventBatch, EventLike, snapshot_type
from xapid.wire.loose_values import ANYTHING, value_text
from xapid.wire.text import date_text

Encode = Callable[[Any], str]

_ROW_KEY: Final = "xml"
KEPT: Final = 256
"""How many values of each field are kept in encoded form; when there are more, it begins anew."""
LONGEST_KEPT: Final = 1024
"""Letters of one that is kept: dumps and certificates are long, and no other object has the same."""
_UNSAFE = re.compile('[&<>"\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_REPLACEMENTS: Final = {
    **dict.fromkeys(set(range(0x20)) - set(b"\t\n\r")),
    **dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF)),
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
}
_EMPTY_VALUE: Final = "<value></value>"
_EMPTY_ARRAY: Final = "<value><array><data></data></array></value>"
_MEMBER: Final = "<member><name>"
_NAMED: Final = "</name>"
_MEMBER_END: Final = "</member>"
_TRUE: Final = "<value><boolean>1</boolean></value>"
_FALSE: Final = "<value><boolean>0</boolean></value>"


def escape(text: str) -> str:
    """``text`` as it stands in XML."""
    return text.translate(_REPLACEMENTS) if _UNSAFE.search(text) else text


def encode_text(value: str) -> str:
    """Text, or anything else that is text on the wire: enums and references."""
    return f"<value>{value.translate(_REPLACEMENTS) if _UNSAFE.search(value) else value}</value>"


def _int(value: int) -> str:
    return f"<value>{value}</value>"


def _float(value: float) -> str:
    return f"<value><double>{value:.16g}</double></value>"


def _bool(value: bool) -> str:
    return _TRUE if value else _FALSE


def _date(value: datetime) -> str:
    return f"<value><dateTime.iso8601>{date_text(value)}</dateTime.iso8601></value>"


def _void(_value: None) -> str:
    return _EMPTY_VALUE


_BASIC: Final[Mapping[Type, Encode]] = {
    String: encode_text,
    Int: _int,
    Float: _float,
    Bool: _bool,
    DateTime: _date,
    Void: _void,
    ANYTHING: value_text,
}


@cache
def encoder(type_: Type) -> Encode:
    """The function that writes a value of ``type_`` as one ``<value>`` element."""
    match type_:
        case Ref() | Enum():
            return encode_text
        case Set(of=of):
            return _set(of)
        case Map():
            return _map(type_)
        case Option(of=of):
            return encoder(of)
        case Record():
            return _record(type_)
    return _BASIC[type_]


def _set(of: Type) -> Encode:
    encode = encoder(of)

    def encode_set(values: Any) -> str:
        if not values:
            return _EMPTY_ARRAY
        return f"<value><array><data>{''.join(map(encode, values))}</data></array></value>"

    return encode_set


def _map(type_: Map) -> Encode:
    write = _pair(type_)

    def encode_map(value: Mapping[Any, Any]) -> str:
        return f"<value><struct>{''.join(map(write, value.items()))}</struct></value>"

    return encode_map


def _pair(type_: Map) -> Encode:
    """Writes one key of a map with its value."""
    encode = encoder(type_.value)
    name = date_text if type_.key is DateTime else str
    return lambda pair: f"<member><name>{escape(name(pair[0]))}</name>{encode(pair[1])}</member>"


class _Kept(dict[Any, str]):
    """What ``encode`` made of values that it met of late: most objects have most values in common."""

    def __init__(self, encode: Encode) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, value: Any) -> str:
        text = self._encode(value)
        if len(text) <= LONGEST_KEPT:
            if len(self) >= KEPT:
                self.clear()
            self[value] = text
        return text


def _member(field: Field) -> Encode:
    """Writes a field with its name; an absent option leaves no member."""
    head, encode = f"<member><name>{field.name}</name>", encoder(field.type)
    type_ = field.type
    if type_ is String or isinstance(type_, Ref | Enum):
        return _Kept(lambda text: f"{head}<value>{escape(text)}</value></member>").__getitem__
    if type_ in (Int, Bool):
        return _Kept(lambda value: f"{head}{encode(value)}</member>").__getitem__
    if isinstance(type_, Set) and (type_.of in (String, Int) or isinstance(type_.of, Ref | Enum)):
        return _Kept(lambda value: f"{head}{encode(value)}</member>").__getitem__
    if isinstance(type_, Map):
        return _map_member(head, type_)
    if isinstance(type_, Option):
        return lambda value: "" if value is None else f"{head}{encode(value)}</member>"
    return lambda value: f"{head}{encode(value)}</member>"


def _map_member(head: str, type_: Map) -> Encode:
    """Writes a map with its name. Rows share their maps, and maps do not change, so one is known by its identity."""
    nothing = f"{head}<value><struct></struct></value></member>"
    kept: dict[int, tuple[Any, str]] = {}
    write = _Kept(_pair(type_)).__getitem__ if {type_.key, type_.value} <= {String, Int} else _pair(type_)

    def write_map(value: Mapping[Any, Any]) -> str:
        if not value:
            return nothing
        hit = kept.get(id(value))
        if hit is not None:
            return hit[1]
        text = f"{head}<value><struct>{''.join(map(write, value.items()))}</struct></value></member>"
        if type(value) is frozenmap and len(text) <= LONGEST_KEPT:
            if len(kept) >= KEPT:
                kept.clear()
            kept[id(value)] = value, text
        return text

    return write_map


def _record(type_: Record) -> Encode:
    if type_.of == "event":
        return encode_event

    def encode_record(value: Any) -> str:
        if isinstance(value, dict):
            return encode_dict(value)
        return row_bytes(type_, value).decode()

    def encode_dict(value: Mapping[str, Any]) -> str:
        members = [encode(value[name]) for name, encode in _members(type_) if name in value or not _is_option(type_, name)]
        return f"<value><struct>{''.join(members)}</struct></value>"

    return encode_record


@cache
def _members(type_: Record) -> tuple[tuple[str, Encode], ...]:
    return tuple((field.name, _member(field)) for field in catalogue().classes[type_.of].fields if not field.internal)


@cache
def _is_option(type_: Record, name: str) -> bool:
    return isinstance(catalogue().field(type_.of, name).type, Option)


class _RowMaker:
    """Writes a row as a member of a listing: its reference, then its record."""

    def __init__(self, type_: Record) -> None:
        members = _members(type_)
        self._read = attrgetter(*(name for name, _ in members))
        self._encoders = tuple(encode for _, encode in members)
        self._by_name = dict(members)

    def __call__(self, row: Any) -> bytes:
        parts = [encode(value) for encode, value in zip(self._encoders, self._read(row), strict=True)]
        return f"{_MEMBER}{escape(row.ref)}{_NAMED}<value><struct>{''.join(parts)}</struct></value>{_MEMBER_END}".encode()

    def again(self, before: Any, encoded: bytes, row: Any, names: Iterable[str]) -> bytes | None:
        """As the row before, with those members in place of its own that have changed."""
        for name in names:
            encode = self._by_name.get(name)
            if encode is None:
                continue  # a field that is not shown
            old, new = encode(getattr(before, name)).encode(), encode(getattr(row, name)).encode()
            if old == new:
                continue
            at = encoded.find(old) if old else -1
            if at < 0 or encoded.find(old, at + 1) >= 0:
                return None  # no member, or one that a map holds as well
            encoded = b"".join((encoded[:at], new, encoded[at + len(old) :]))
        return encoded


_row_maker = cache(_RowMaker)


def row_bytes(type_: Record, row: Any) -> bytes:
    """The record of a row, which keeps it until the object changes."""
    member: bytes = row.encoded(_ROW_KEY, _row_maker(type_))
    return member[member.index(_NAMED.encode()) + len(_NAMED) : -len(_MEMBER_END)]


def record_bytes(type_: Record, value: Any) -> bytes:
    """The record of a row or a dict."""
    return encoder(type_)(value).encode() if isinstance(value, dict) else row_bytes(type_, value)


def pieces(type_: Type, value: Any) -> list[bytes]:
    """The ``<value>`` element in as many pieces as its size asks for: listings of records are never joined."""
    if type(value) is EventBatch:
        return value.kept(_ROW_KEY, _batch)
    if isinstance(type_, Record) and not isinstance(value, dict) and type_.of != "event":
        return [row_bytes(type_, value)]
    if isinstance(type_, Map) and isinstance(type_.value, Record) and value:
        return [b"<value><struct>", *_listing(type_.value, value), b"</struct></value>"]
    return [encoder(type_)(value).encode()]


def _listing(type_: Record, value: Mapping[str, Any]) -> list[bytes]:
    if not isinstance(value, dict):
        members: list[bytes] = value.encoded(_ROW_KEY, _row_maker(type_))  # type: ignore[attr-defined]  # a whole table
        return members
    result: list[bytes] = []
    for ref, record in value.items():
        result.append(f"{_MEMBER}{escape(ref)}{_NAMED}".encode())
        result.append(record_bytes(type_, record))
        result.append(_MEMBER_END.encode())
    return result


def encode_event(event: EventLike) -> str:
    """One event, with its snapshot if it has one."""
    snapshot = event.snapshot
    if snapshot is None:
        return f"{_event_head(event)}</struct></value>"
    record = record_bytes(snapshot_type(event.cls), snapshot).decode()
    return f"{_event_head(event)}<member><name>snapshot</name>{record}</member></struct></value>"


def _event_head(event: EventLike) -> str:
    return (
        f"<value><struct><member><name>id</name><value>{event.id}</value></member>"
        f"<member><name>timestamp</name><value>{getattr(event, 'timestamp', NO_TIMESTAMP)}</value></member>"
        f"<member><name>class</name><value>{event.cls}</value></member>"
        f"<member><name>operation</name><value>{event.operation}</value></member>"
        f"<member><name>ref</name><value>{escape(event.ref)}</value></member>"
    )


def _batch(batch: EventBatch) -> list[bytes]:
    result = [b"<value><struct><member><name>events</name><value><array><data>"]
    for event in batch.events:
        if event.snapshot is None:
            result.append(encode_event(event).encode())
        else:
            result.append(f"{_event_head(event)}<member><name>snapshot</name>".encode())
            result.append(record_bytes(snapshot_type(event.cls), event.snapshot))
            result.append(b"</member></struct></value>")
    counts = "".join(
        f"<member><name>{name}</name><value><i4>{count}</i4></value></member>" for name, count in batch.valid_ref_counts.items()
    )
    result.append(
        f"</data></array></value></member><member><name>valid_ref_counts</name><value><struct>{counts}</struct></value></member>"
        f"<member><name>token</name>{encode_text(batch.token)}</member></struct></value>".encode()
    )
    return result
