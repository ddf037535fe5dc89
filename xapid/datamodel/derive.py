"""The messages that follow from a class and its fields: seven out of ten of all there are.

=========================================  =====================================================
messages                                   follow from
=========================================  =====================================================
``get_record``                             a class whose objects the database keeps
``get_by_uuid``, ``get_by_name_label``     a field of that name
``get_all`` and three kin                  a class that is listed
``create``, ``destroy``                    a class with a constructor
``get_F``                                  every field that is not internal
``set_F``                                  a writable field
``add_F``, ``remove_F``                    a writable set of plain values
``add_to_F``, ``remove_from_F``            a writable map
=========================================  =====================================================

A class that declares a message of such a name itself keeps its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from xapid.datamodel.lifecycle import UNPUBLISHED
from xapid.datamodel.schema import Class, Field, Message, Param
from xapid.datamodel.types import Map, Record, Ref, Set, String, Type, Void


def messages_of(cls: Class) -> tuple[Message, ...]:
    """Every message of ``cls``, derived and explicit, each with its roles filled in."""
    explicit = {message.name for message in cls.messages}
    derived = [message for message in _derived(cls) if message.name not in explicit]
    own = [message if message.roles is not None else attrs.evolve(message, roles=cls.roles) for message in cls.messages]
    return (*derived, *own)


def _derived(cls: Class) -> Iterator[Message]:
    if cls.in_database:
        yield from _of_objects(cls)
    if cls.constructor:
        yield _implicit(cls, "create", (Param("args", cls.record),), cls.ref, asynchronous=True, effect=True, roles=cls.roles)
        yield _implicit(cls, "destroy", (Param("self", cls.ref),), Void, asynchronous=True, effect=True, roles=cls.roles)
    if cls.in_database:
        for field in cls.fields:
            if not field.internal:
                yield from _of_field(cls, field)


def _of_objects(cls: Class) -> Iterator[Message]:
    names = {field.name for field in cls.fields}
    yield _implicit(cls, "get_record", (Param("self", cls.ref),), cls.record)
    if "uuid" in names:
        yield _implicit(cls, "get_by_uuid", (Param("uuid", String),), cls.ref)
    if "name_label" in names and cls.by_name:
        yield _implicit(cls, "get_by_name_label", (Param("label", String),), Set(cls.ref))
    if cls.listed:
        expression = (Param("expr", String),)
        records = Map(cls.ref, Record(cls.name))
        yield _implicit(cls, "get_all", (), Set(cls.ref))
        yield _implicit(cls, "get_all_records", (), records)
        yield _implicit(cls, "get_all_where", expression, Set(cls.ref), hidden=True, lifecycle=UNPUBLISHED)
        yield _implicit(cls, "get_all_records_where", expression, records, hidden=True, lifecycle=UNPUBLISHED)


def _of_field(cls: Class, field: Field) -> Iterator[Message]:
    target = Param("self", Ref(cls.name))

    def message(verb: str, *params: Param, **options: Any) -> Message:
        options.setdefault("roles", field.writers or cls.roles)
        options |= {"field": field, "lifecycle": field.lifecycle}
        return _implicit(cls, f"{verb}_{field.name}", (target, *params), Void, **options)

    yield _implicit(cls, f"get_{field.name}", (target,), field.type, field=field, lifecycle=field.lifecycle)
    if field.qualifier != "RW":
        return
    yield message("set", Param("value", field.type))
    if isinstance(field.type, Map):
        key, value = Param("key", field.type.key), Param("value", field.type.value)
        yield message("add_to", key, value, map_key_roles=field.map_key_roles)
        yield message("remove_from", key, map_key_roles=field.map_key_roles)
    elif isinstance(field.type, Set) and not isinstance(field.type.of, Ref):
        yield message("add", Param("value", field.type.of))
        yield message("remove", Param("value", field.type.of))


def _implicit(cls: Class, name: str, params: tuple[Param, ...], result: Type, **options: Any) -> Message:
    options = {
        "lifecycle": cls.lifecycle,
        "roles": cls.readers,
        "asynchronous": False,
        "effect": False,
        "implicit": True,
        **options,
        **cls.policy.get(name, {}),
    }
    return Message(name, params, result, _DOCS.get(name) or _field_doc(name, options["field"]), **options)


_DOCS = {
    "get_record": "Returns every published field of one object.",
    "get_by_uuid": "Returns the object with the given uuid.",
    "get_by_name_label": "Returns the objects with exactly the given name.",
    "get_all": "Returns a reference to every object of the class.",
    "get_all_records": "Returns the record of every object of the class.",
    "get_all_where": "Returns the objects that a filter expression selects.",
    "get_all_records_where": "Returns the records of the objects that a filter expression selects.",
    "create": "Creates an object from a record and returns a reference to it.",
    "destroy": "Destroys an object.",
}
_VERBS = {
    "get_": "Returns the field {0}.",
    "set_": "Sets the field {0}.",
    "add_to_": "Adds a pair to the map {0}, which must not have the key yet.",
    "remove_from_": "Removes a key from the map {0}, if it is there.",
    "add_": "Adds a value to the set {0}, if it is not there yet.",
    "remove_": "Removes a value from the set {0}, if it is there.",
}


def _field_doc(name: str, field: Field) -> str:
    verb = name.removesuffix(field.name)
    return f"{_VERBS[verb].format(field.name)} {field.doc}"
