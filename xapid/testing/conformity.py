"""Checks a reply against the type that the API declares for it, as a client that trusts nothing would."""

from __future__ import annotations

import re
import xmlrpc.client
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Option, Record, Set, String, Type, Void

_INTEGER: Final = re.compile(r"-?[0-9]+")
Check = Callable[[Any], str | None]
"""What is wrong with a value, or None."""


class Nonconformity(AssertionError):
    """A reply that its declaration does not allow."""


def check(name: str, type_: Type, value: Any) -> None:
    """Raises Nonconformity unless ``value``, read from XML-RPC by the standard library, is of ``type_``."""
    fault = checker(type_)(value)
    if fault is not None:
        raise Nonconformity(f"{name} is declared to answer {type_}: {fault}")


@cache
def checker(type_: Type) -> Check:
    """The check for values of a type."""
    match type_:
        case Enum(values=words):
            return _is(f"one of {', '.join(words)}", lambda value: value in words)
        case Set(of=of):
            return _set(checker(of))
        case Map(key=key, value=value):
            return _map(checker(_as_key(key)), checker(value))
        case Option(of=of):
            return checker(of)
        case Record(of=of):
            return _record(of)
    return _BASIC.get(type_, _TEXT)


def _is(what: str, test: Callable[[Any], bool]) -> Check:
    return lambda value: None if test(value) else f"{value!r:.80} is not {what}"


_TEXT: Final = _is("text", lambda value: isinstance(value, str))
_BASIC: Final[dict[Type, Check]] = {
    Int: _is("a whole number in text", lambda value: isinstance(value, str) and bool(_INTEGER.fullmatch(value))),
    Float: _is("a double", lambda value: isinstance(value, float)),
    Bool: _is("a boolean", lambda value: isinstance(value, bool)),
    DateTime: _is("a date", lambda value: isinstance(value, xmlrpc.client.DateTime)),
    Void: _is("the empty text", lambda value: value == ""),
}


def _as_key(type_: Type) -> Type:
    """Names of struct members are text whatever the type of the keys; only enums and numbers can be told from it."""
    return type_ if isinstance(type_, Enum) or type_ is Int else String


def _set(of: Check) -> Check:
    def fault(value: Any) -> str | None:
        if not isinstance(value, list):
            return f"{value!r:.80} is not an array"
        return next((found for item in value if (found := of(item))), None)

    return fault


def _map(key: Check, of: Check) -> Check:
    def fault(value: Any) -> str | None:
        if not isinstance(value, dict):
            return f"{value!r:.80} is not a struct"
        return next((found for name, item in value.items() if (found := key(name) or of(item))), None)

    return fault


def _record(cls: str) -> Check:
    fields: dict[str, Type] = {}

    def fault(value: Any) -> str | None:
        if not fields:  # filled at the first use, since a record may hold records of its own class
            fields.update((field.name, field.type) for field in catalogue().classes[cls].fields if not field.internal)
        if not isinstance(value, dict):
            return f"{value!r:.80} is not a struct"
        if extra := value.keys() - fields.keys():
            return f"{cls} has no field {', '.join(sorted(extra))}"
        for name, type_ in fields.items():
            if name not in value and not isinstance(type_, Option):
                return f"the field {name} is missing"
            found = checker(type_)(value[name]) if name in value else None
            if found is not None:
                return f"{cls}.{name}: {found}"
        return None

    return fault
