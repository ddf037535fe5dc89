"""The types of the XenAPI, and the Python values that stand for them past the wire.

==============  =====================================================  =========================
XenAPI          Python                                                 ``str(type)``
==============  =====================================================  =========================
string          ``str``                                                ``string``
int (64 bits)   ``int``                                                ``int``
float           ``float``                                              ``float``
bool            ``bool``                                               ``bool``
datetime        ``datetime.datetime``, aware; naive means local time   ``datetime``
enum            ``str``, one of its values                             ``enum vbd_type``
reference       ``str``, ``OpaqueRef:…``                               ``VM ref``
set             ``tuple``                                              ``VM ref set``
map             :class:`frozenmap`                                     ``(string -> int) map``
record          ``dict`` of field name to value                        ``VM record``
option          the value, or ``None``                                 ``string option``
void            ``None``                                               ``void``
==============  =====================================================  =========================
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

import attrs

NULL_REF = "OpaqueRef:NULL"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class frozenmap(dict[Any, Any]):
    """A map value. Rows share their maps, so one that could change would change every row that holds it."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("map values are immutable; make a new one")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> frozenmap:
        return self

    def with_item(self, key: Any, value: Any) -> frozenmap:
        """This map with ``key`` set to ``value``; new keys come first, as the reference server puts them."""
        if key in self:
            return frozenmap({**self, key: value})
        return frozenmap({key: value, **self})

    def without(self, *keys: Any) -> frozenmap:
        """This map without ``keys``; keys that it does not have are passed over."""
        return frozenmap({k: v for k, v in self.items() if k not in keys})


EMPTY_MAP = frozenmap()


@attrs.frozen
class Type:
    """One XenAPI type. ``empty`` is the value that stands for 'nothing there'."""

    @property
    def empty(self) -> Any:
        raise NotImplementedError


@attrs.frozen
class Basic(Type):
    """A type without parts: string, int, float, bool, datetime or void."""

    name: str
    zero: Any = attrs.field(eq=False)

    def __str__(self) -> str:
        return self.name

    @property
    def empty(self) -> Any:
        return self.zero


String = Basic("string", "")
Int = Basic("int", 0)
Float = Basic("float", 0.0)
Bool = Basic("bool", False)
DateTime = Basic("datetime", EPOCH)
Void = Basic("void", None)


@attrs.frozen
class Enum(Type):
    """A closed set of words. ``values`` maps each word, in the reference's order, to what it means."""

    name: str
    doc: str = attrs.field(eq=False)
    values: Mapping[str, str] = attrs.field(eq=False)
    exact_case: bool = attrs.field(default=False, kw_only=True, eq=False)
    """Whether clients must spell the words exactly; most enums are read case-insensitively."""

    def __str__(self) -> str:
        return f"enum {self.name}"

    @property
    def empty(self) -> str:
        return next(iter(self.values))


@attrs.frozen
class Ref(Type):
    """A reference to an object of the class named ``to``."""

    to: str

    def __str__(self) -> str:
        return f"{self.to} ref"

    @property
    def empty(self) -> str:
        return NULL_REF


@attrs.frozen
class Record(Type):
    """All published fields of one object of the class named ``of``."""

    of: str

    def __str__(self) -> str:
        return f"{self.of} record"

    @property
    def empty(self) -> dict[str, Any]:
        return {}


@attrs.frozen
class Set(Type):
    """Any number of values of one type. The order carries no meaning, but is kept."""

    of: Type

    def __str__(self) -> str:
        return f"{self.of} set"

    @property
    def empty(self) -> tuple[Any, ...]:
        return ()


@attrs.frozen
class Map(Type):
    """Values of one type under keys of another."""

    key: Type
    value: Type

    def __str__(self) -> str:
        return f"({self.key} -> {self.value}) map"

    @property
    def empty(self) -> frozenmap:
        return EMPTY_MAP


@attrs.frozen
class Option(Type):
    """A value that may be absent."""

    of: Type

    def __str__(self) -> str:
        return f"{self.of} option"

    @property
    def empty(self) -> None:
        return None


def ref_class(type_: Type) -> str | None:
    """The class that a reference type, or a set of references, points at."""
    if isinstance(type_, Set):
        type_ = type_.of
    return type_.to if isinstance(type_, Ref) else None


def freeze(type_: Type, value: Any) -> Any:
    """``value`` in the immutable form of the table above, from whatever list, dict or iterable it came as."""
    if isinstance(type_, Set):
        return tuple(freeze(type_.of, item) for item in value)
    if isinstance(type_, Map):
        return frozenmap({freeze(type_.key, k): freeze(type_.value, v) for k, v in value.items()})
    if type_ is DateTime and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value
