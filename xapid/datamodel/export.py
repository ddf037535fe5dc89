"""The catalogue as JSON: for tests that catch drift, for generators of stubs, and for whoever wants the API as data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from xapid.datamodel.catalogue import Catalogue, Entry
from xapid.datamodel.roles import ROLES
from xapid.datamodel.schema import Class, Field


def export(api: Catalogue) -> list[dict[str, Any]]:
    """One object per class, in alphabetical order, with everything that a client could depend on."""
    return [_class(api, cls) for _, cls in sorted(api.classes.items())]


def _class(api: Catalogue, cls: Class) -> dict[str, Any]:
    return {
        "name": cls.name,
        "doc": cls.doc,
        "lifecycle": cls.lifecycle.steps(),
        "constructor": cls.constructor,
        "events": cls.events,
        "persist": cls.persist,
        "in_database": cls.in_database,
        "enums": [{"name": enum.name, "values": list(enum.values)} for enum in cls.enums],
        "fields": [_field(field) for field in cls.fields],
        "messages": [_message(entry) for entry in sorted(api.of_class(cls.name), key=lambda entry: entry.name)],
    }


def _field(field: Field) -> dict[str, Any]:
    out: dict[str, Any] = {"name": field.name, "type": str(field.type), "qualifier": field.qualifier, "doc": field.doc}
    if field.has_default:
        out["default"] = _plain(field.default)
    if field.derived_from is not None:
        out["derived_from"] = [field.derived_from.cls, field.derived_from.field]
    for flag, unusual in (("internal", field.internal), ("no_events", not field.events)):
        if unusual:
            out[flag] = True
    if not field.persist:
        out["persist"] = False
    if field.lifecycle.steps():
        out["lifecycle"] = field.lifecycle.steps()
    return out


def _message(entry: Entry) -> dict[str, Any]:
    message = entry.message
    params = [[p.name, str(p.type)] + ([] if p.required else [_plain(p.default)]) for p in message.params]
    out: dict[str, Any] = {
        "name": message.name,
        "doc": message.doc,
        "params": params,
        "result": str(message.result),
        "errors": list(message.errors),
        "roles": ordered(message.roles or frozenset()),
    }
    flags = {
        "implicit": message.implicit,
        "async": message.asynchronous,
        "hidden": message.hidden,
        "has_effect": message.effect,
        "pool_internal": message.pool_internal,
        "secret": message.secret,
    }
    out |= {name: True for name, is_set in flags.items() if is_set}
    if not message.session:
        out["session"] = False
    if message.map_key_roles:
        out["map_key_roles"] = {key: ordered(roles) for key, roles in message.map_key_roles.items()}
    if message.lifecycle.steps():
        out["lifecycle"] = message.lifecycle.steps()
    return out


def ordered(roles: frozenset[str]) -> list[str]:
    """Roles from the most to the least powerful."""
    return [role for role in ROLES if role in roles]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.strftime("%Y%m%dT%H:%M:%SZ")
    return value
