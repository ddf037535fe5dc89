"""Loose values, as they came over the wire, made into typed ones: the rules for the arguments of every message.

``decoder(type)`` and ``record_decoder(cls)`` compile a function per type, once. What does not fit is an INTERNAL_ERROR
whose text names what was expected, as the reference server says it; text that is not valid UTF-8 is an INVALID_VALUE.
Integers and floats are taken in every spelling that the reference takes (``"0x10"``, ``"1_000"``, ``"1e3"``), booleans
only as booleans, enums in any case of letters except where the enum says otherwise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any, Final

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.schema import Class, Field
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Option, Record, Ref, Set, String, Type, frozenmap
from xapid.wire.call import BrokenText, DateText, Loose

Decode = Callable[[Loose], Any]

INT_LEAST: Final = -(2**63)
INT_MOST: Final = 2**63 - 1

_INTEGER = re.compile(
    r"([+-]?)(?:(0[xX])([0-9a-fA-F][0-9a-fA-F_]*)|(0[oO])([0-7][0-7_]*)|(0[bB])([01][01_]*)|(0[uU])?([0-9][0-9_]*))"
)
_FLOAT = re.compile(r"\s*[+-]?(?:(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?|inf(?:inity)?|nan)", re.IGNORECASE)
_HEX_FLOAT = re.compile(r"\s*[+-]?0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*(?:[pP][+-]?\d+)?")
_DATE = re.compile(
    r"(?:(\d{4})(\d\d)(\d\d)T(\d\d):(\d\d):(\d\d)|(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?)(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_SHOWN: Final = 200
"""How much of an argument an error text shows."""


def integer(text: str) -> int:
    """The 64-bit integer that ``text`` spells; ValueError if it spells none.

    Hexadecimal, octal and binary digits may also spell the unsigned form of a negative number.
    """
    match = _INTEGER.fullmatch(text) if len(text) < 100 else None
    if match is None:
        raise ValueError(text)
    sign, x, hexadecimal, o, octal, b, binary, u, decimal = match.groups()
    if x or o or b:
        value = int(hexadecimal or octal or binary, 16 if x else 8 if o else 2)
        unsigned = True
    else:
        value, unsigned = int(decimal), u is not None
    if unsigned and INT_MOST < value < 2**64:
        value -= 2**64
    if sign == "-":
        value = -value
    if not INT_LEAST <= value <= INT_MOST:
        raise ValueError(text)
    return value


def number(text: str) -> float:
    """The float that ``text`` spells, also as ``inf``, ``nan`` or in hexadecimal; ValueError if it spells none."""
    if len(text) < 400:
        if _FLOAT.fullmatch(text):
            return float(text.replace("_", ""))
        if _HEX_FLOAT.fullmatch(text):
            return _from_hexadecimal(text.replace("_", "").strip())
    raise ValueError(text)


def _from_hexadecimal(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return -math.inf if text.startswith("-") else math.inf


def date(text: str) -> datetime:
    """The moment that ``text`` spells, to whole seconds, in the zone that it names, or UTC; ValueError if it spells none."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = map(int, match.groups()[:6] if match[1] else match.groups()[6:12])
    return datetime(year, month, day, hour, minute, second, tzinfo=_zone(match[13]))


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    if int(text[-2:]) > 59:
        raise ValueError(text)
    return timezone(-offset if text[0] == "-" else offset) if offset else UTC


@cache
def decoder(type_: Type) -> Decode:
    """The function that makes a value of ``type_``. It raises INTERNAL_ERROR or INVALID_VALUE, nothing else."""
    match type_:
        case Ref():
            return _text
        case Enum():
            return _enum(type_)
        case Set(of=of):
            return _set(of)
        case Map(key=key, value=value):
            return _map(key, value)
        case Option(of=of):
            return _option(decoder(of))
        case Record(of=of):
            return _full_record(catalogue().classes[of])
    return _BASIC.get(type_, _nothing)


def record_decoder(cls: Class) -> Decode:
    """For the record that the derived ``create`` takes: a dict of the fields that a constructor may set.

    Members are matched by exact name and unknown ones ignored; a field without member takes its default, and without
    default is missing (INTERNAL_ERROR).
    """
    return _record(tuple(field for field in cls.fields if field.qualifier != "RO/runtime" and not field.internal))


def _full_record(cls: Class) -> Decode:
    return _record(tuple(field for field in cls.fields if not field.internal))


def _record(fields: tuple[Field, ...]) -> Decode:
    steps: list[tuple[str, Decode, Any, bool]] = []

    def decode(value: Loose) -> dict[str, Any]:
        if not steps and fields:
            # Compiled at the first call, since a record may hold records of its own class.
            steps.extend((field.name, decoder(field.type), field.default, field.has_default) for field in fields)
        if type(value) is not dict:
            raise unfit("struct", value)
        result = {}
        for name, convert, default, has_default in steps:
            if name in value:
                result[name] = convert(value[name])
            elif has_default:
                result[name] = default
            else:
                raise XenAPIError("INTERNAL_ERROR", f'Dispatcher_FieldNotFound("{name}")')
        return result

    return decode


def unfit(expected: str, value: Loose) -> XenAPIError:
    """The error for an argument of the wrong type."""
    if isinstance(value, BrokenText):
        return XenAPIError("INVALID_VALUE", "Invalid UTF-8 string in parameter", str(value))
    return XenAPIError("INTERNAL_ERROR", f"Failure(\"Expected {expected}, got '{_show(value)}'\")")


def _show(value: Loose, depth: int = 0) -> str:
    """``value`` in the notation of the reference's error texts, cut short."""
    match value:
        case None:
            return "N"
        case bool():
            return f"B({str(value).lower()})"
        case int():
            return f"I({value})"
        case float():
            return f"F({value:.17g})"
        case bytes():
            return f"Base64({len(value)} bytes)"
        case DateText():
            shown = f"D({value})"
        case str():
            shown = f"S({value})"
        case _ if depth > 3:
            return "…"
        case list():
            shown = f"[{';'.join(_show(item, depth + 1) for item in value[:20])}]"
        case dict():
            items = list(value.items())[:20]
            shown = f"{{{';'.join(f'{name}:{_show(item, depth + 1)}' for name, item in items)}}}"
        case _:
            return type(value).__name__
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _text(value: Loose) -> str:
    if type(value) is str:
        return value
    raise unfit("string", value)


def _int(value: Loose) -> int:
    if type(value) is int and INT_LEAST <= value <= INT_MOST:
        return value
    if type(value) is str:
        try:
            return integer(value)
        except ValueError:
            pass
    raise unfit("int64", value)


def _float(value: Loose) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return _widen(value)
    if type(value) is str:
        try:
            return number(value)
        except ValueError:
            pass
    raise unfit("float", value)


def _widen(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf


def _bool(value: Loose) -> bool:
    if type(value) is bool:
        return value
    raise unfit("bool", value)


def _date(value: Loose) -> datetime:
    if type(value) is str or type(value) is DateText:
        try:
            return date(value)
        except (ValueError, OverflowError):
            pass
    raise unfit("date", value)


def _nothing(value: Loose) -> None:
    raise unfit("nothing", value)


_BASIC: Final[Mapping[Type, Decode]] = {String: _text, Int: _int, Float: _float, Bool: _bool, DateTime: _date}


def _enum(type_: Enum) -> Decode:
    if type_.exact_case:
        exact: Mapping[str, str] = {word: word for word in type_.values}
    else:
        exact = {word: word for word in type_.values} | {word.lower(): word for word in type_.values}

    def decode(value: Loose) -> str:
        if type(value) is str:
            found = exact.get(value)
            if found is None and not type_.exact_case:
                found = exact.get(value.lower())
            if found is not None:
                return found
            if not value:
                raise XenAPIError("INVALID_VALUE", type_.name, value)
        raise unfit(type_.name, value)

    return decode


def _set(of: Type) -> Decode:
    convert = decoder(of)

    def decode(value: Loose) -> tuple[Any, ...]:
        if type(value) is not list:
            raise unfit("array", value)
        return tuple([convert(item) for item in value])

    return decode


def _map(key: Type, of: Type) -> Decode:
    convert_key, convert = decoder(key), decoder(of)

    def decode(value: Loose) -> frozenmap:
        if type(value) is not dict:
            raise unfit("struct", value)
        return frozenmap({convert_key(name): convert(item) for name, item in value.items()})

    return decode


def _option(convert: Decode) -> Decode:
    def decode(value: Loose) -> Any:
        return None if value is None else convert(value)

    return decode
