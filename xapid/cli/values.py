"""Values of the API as ``xe`` shows them, and as its users write them.

Objects are shown as their uuids, moments as ``20240131T09:05:07Z``, floats with three decimals, and some words of enums by
other names than they have on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from functools import cache
from typing import Any, Final

from xapid.cli.failures import CommandFailed
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Option, Record, Ref, Set, String, Type

NOT_THERE: Final = "<not in database>"
INVALID: Final = "<invalid reference>"
UNKNOWN: Final = "<unknown>"

Uuid = Callable[[str, str], str | None]
"""From an object's class and reference to its uuid."""

_EXITS: Final = {
    "soft_reboot": "Soft reboot",
    "destroy": "Destroy",
    "restart": "Restart",
    "preserve": "Preserve",
    "coredump_and_destroy": "Core dump and destroy",
    "coredump_and_restart": "Core dump and restart",
    "rename_restart": "Rename restart",
}
_WORDS: Final[dict[str, dict[str, str]]] = {
    "on_normal_exit": _EXITS,
    "on_softreboot_behavior": _EXITS,
    "on_crash_behaviour": _EXITS,
    "vm_power_state": {"Halted": "halted", "Paused": "paused", "Running": "running", "Suspended": "suspended"},
    "console_protocol": {"vt100": "VT100", "rfb": "RFB", "rdp": "RDP"},
    "domain_type": {"pv_in_pvh": "pv-in-pvh"},
    "allocation_algorithm": {"breadth_first": "breadth-first", "depth_first": "depth-first"},
    "host_allowed_operations": {"vm_start": "VM.start", "vm_resume": "VM.resume", "vm_migrate": "VM.migrate"},
    "vdi_type": {
        "system": "System",
        "user": "User",
        "ephemeral": "Ephemeral",
        "suspend": "Suspend",
        "crashdump": "Crashdump",
        "ha_statefile": "HA statefile",
        "metadata": "Metadata",
        "redo_log": "Redo log",
        "pvs_cache": "PVS cache",
        "cbt_metadata": "CBT metadata",
    },
}
_SIZE = re.compile(r"(\d+)\s*([a-z]*)", re.IGNORECASE)
_UNITS: Final = {"": 0, "b": 0, "bytes": 0, **{f"{unit}{ib}": n for n, unit in enumerate("kmgt", 1) for ib in ("", "b", "ib")}}
_TRUE: Final = frozenset(("true", "t", "yes", "y", "1"))
_FALSE: Final = frozenset(("false", "f", "no", "n", "0"))


# Shown -------------------------------------------------------------------------------------------------------------------


def show(type_: Type, value: Any, uuid: Uuid) -> str:
    """``value`` as text."""
    return shower(type_)(value, uuid)


@cache
def shower(type_: Type) -> Callable[[Any, Uuid], str]:
    """The function that makes text of values of a type."""
    match type_:
        case Ref(to=cls):
            return lambda value, uuid: uuid(cls, value) or NOT_THERE
        case Set(of=of):
            item = shower(of)
            return lambda value, uuid: "; ".join([item(each, uuid) for each in value]) if value else ""
        case Map(key=key, value=of):
            name, item = shower(key), shower(of)
            return lambda value, uuid: "; ".join([f"{name(k, uuid)}: {item(v, uuid)}" for k, v in value.items()])
        case Enum():
            words = {value: word(type_, value) for value in type_.values}
            return lambda value, uuid: words.get(value, value)
        case Option(of=of):
            item = shower(of)
            return lambda value, uuid: NOT_THERE if value is None else item(value, uuid)
        case Record():
            return lambda value, uuid: "; ".join(f"{name}: {item}" for name, item in value.items())
    return _BASIC.get(type_, lambda value, uuid: str(value))


_BASIC: Final[dict[Type, Callable[[Any, Uuid], str]]] = {
    String: lambda value, uuid: str(value),
    Bool: lambda value, uuid: "true" if value else "false",
    Float: lambda value, uuid: f"{value:.3f}",
    DateTime: lambda value, uuid: f"{value.astimezone(UTC):%Y%m%dT%H:%M:%SZ}",
}


def word(type_: Enum, value: str) -> str:
    """The word for one value of an enum."""
    if type_.name == "storage_operations":
        for prefix in ("vdi", "pbd"):
            if value.startswith(f"{prefix}_"):
                return f"{prefix.upper()}.{value.removeprefix(prefix)[1:]}"
    return _WORDS.get(type_.name, {}).get(value, value)


# Written -----------------------------------------------------------------------------------------------------------------


def boolean(name: str, text: str) -> bool:
    """What a user means by yes or no."""
    lower = text.lower()
    if lower in _TRUE:
        return True
    if lower in _FALSE:
        return False
    raise CommandFailed(f"Failed to parse parameter '{name}': expecting 'true' or 'false'")


def size(name: str, text: str) -> int:
    """A number of bytes, perhaps with a unit."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2].lower() not in _UNITS:
        raise CommandFailed(f"Failed to parse parameter '{name}': expecting an integer with an optional unit, such as 512MiB")
    return int(match[1]) << 10 * _UNITS[match[2].lower()]


def integer(name: str, text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise CommandFailed(f"Parameter {name} must be an integer") from None


def number(name: str, text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise CommandFailed(f"Parameter {name} must be a floating-point number") from None


def chosen(type_: Enum, text: str) -> str:
    """The value of an enum that a user means."""
    for value in type_.values:
        if text.lower() in (value.lower(), word(type_, value).lower()):
            return value
    raise CommandFailed(f"'{text}' is none of {', '.join(word(type_, value) for value in type_.values)}")


def plain(type_: Type, name: str, text: str) -> Any:
    """The value of a type without references that a user wrote for a parameter."""
    if type_ is Bool:
        lower = text.lower()
        if lower not in _TRUE | _FALSE:
            raise CommandFailed(f"Parameter {name} must be a boolean (true or false)")
        return lower in _TRUE
    if type_ is Int:
        return size(name, text) if "memory" in name else integer(name, text)
    if type_ is Float:
        return number(name, text)
    if isinstance(type_, Enum):
        return chosen(type_, text)
    return text


def comma_separated(text: str) -> list[str]:
    """The items of a list."""
    return [item.strip() for item in text.split(",") if item.strip()]
