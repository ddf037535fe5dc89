"""The whole API in one place: every class, message, enum and error, looked up by the names that clients use.

``catalogue()`` gathers the declarations once. No list of classes is kept anywhere: a :class:`Class` in a module of
:mod:`xapid.datamodel.classes` is part of the API.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

import attrs

from xapid.datamodel import classes as class_modules
from xapid.datamodel.derive import messages_of
from xapid.datamodel.error_codes import BY_CODE
from xapid.datamodel.errors import Error
from xapid.datamodel.schema import THE_HOST, THE_POOL, Class, Field, Message
from xapid.datamodel.types import Enum, Map, Option, Record, Ref, Set, Type, ref_class


class DeclarationError(Exception):
    """The declarations contradict each other."""


@attrs.frozen(eq=False)
class Entry:
    """One message of one class, under its wire name."""

    cls: Class
    message: Message

    @property
    def name(self) -> str:
        return f"{self.cls.name}.{self.message.name}"

    @property
    def removed(self) -> bool:
        """Whether the API has lost it: it answers MESSAGE_REMOVED unless an operation says otherwise."""
        message = self.message
        of_class = message.implicit and message.field is None and self.cls.lifecycle.removed is not None
        return of_class or message.lifecycle.removed is not None


@attrs.frozen(eq=False)
class Catalogue:
    """Everything that is declared, by name."""

    classes: Mapping[str, Class]
    messages: Mapping[str, Entry]
    enums: Mapping[str, Enum]
    errors: Mapping[str, Error]

    def of_class(self, name: str) -> list[Entry]:
        """The messages of one class, derived ones first."""
        return [entry for entry in self.messages.values() if entry.cls.name == name]

    def field(self, cls: str, name: str) -> Field:
        """The field ``name`` of class ``cls``."""
        return next(field for field in self.classes[cls].fields if field.name == name)


@cache
def catalogue() -> Catalogue:
    """The API, checked: every class, enum, error, relation and lock that a declaration names is declared too."""
    gathered = {cls.name: cls for cls in _gather()}
    messages = {f"{cls.name}.{message.name}": Entry(cls, message) for cls in gathered.values() for message in messages_of(cls)}
    enums: dict[str, Enum] = {}
    for type_ in _types(gathered.values(), messages.values()):
        for part in _parts(type_):
            if isinstance(part, Enum) and enums.setdefault(part.name, part) is not part:
                raise DeclarationError(f"enum {part.name} is declared twice")
            if isinstance(part, Ref | Record) and _named(part) not in gathered:
                raise DeclarationError(f"{part}: there is no such class")
    result = Catalogue(gathered, messages, enums, BY_CODE)
    for cls in gathered.values():
        _check_relations(result, cls)
    for entry in messages.values():
        _check_message(result, entry)
    return result


def _gather() -> list[Class]:
    found: dict[str, Class] = {}
    for info in sorted(pkgutil.iter_modules(class_modules.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{class_modules.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, Class) and found.setdefault(value.name, value) is not value:
                raise DeclarationError(f"class {value.name} is declared twice")
    return list(found.values())


def _types(classes: object, entries: object) -> list[Type]:
    fields = [field.type for cls in classes for field in cls.fields]  # type: ignore[attr-defined]
    listed = [enum for cls in classes for enum in cls.enums]  # type: ignore[attr-defined]
    calls = [t for e in entries for t in (*(p.type for p in e.message.params), e.message.result)]  # type: ignore[attr-defined]
    return [*listed, *fields, *calls]


def _parts(type_: Type) -> list[Type]:
    match type_:
        case Set(of=inner) | Option(of=inner):
            return _parts(inner)
        case Map(key=key, value=value):
            return [*_parts(key), *_parts(value)]
        case _:
            return [type_]


def _named(type_: Ref | Record) -> str:
    return type_.to if isinstance(type_, Ref) else type_.of


def _check_relations(api: Catalogue, cls: Class) -> None:
    names = [field.name for field in cls.fields]
    if len(names) != len(set(names)):
        raise DeclarationError(f"{cls.name} declares a field twice")
    for field in cls.fields:
        far = field.derived_from
        if far is None:
            continue
        if far.cls not in api.classes or far.field not in {f.name for f in api.classes[far.cls].fields}:
            raise DeclarationError(f"{cls.name}.{field.name} is derived from {far.cls}.{far.field}, which is not declared")
        if ref_class(api.field(far.cls, far.field).type) != cls.name or ref_class(field.type) != far.cls:
            raise DeclarationError(f"{cls.name}.{field.name} and {far.cls}.{far.field} do not point at each other")


def _check_message(api: Catalogue, entry: Entry) -> None:
    message = entry.message
    for code in (*message.errors, *([message.refused] if message.refused else [])):
        if code not in api.errors:
            raise DeclarationError(f"{entry.name} gives {code}, which is not declared")
    forward = message.forward
    while forward is not None:
        _class_at(api, entry, forward.path)
        forward = forward.otherwise
    if message.operation is not None:
        _check_operation(api, entry, _class_at(api, entry, locked_path(message)), message.operation)
    for lock in message.also_locks:
        _check_operation(api, entry, _class_at(api, entry, lock.path), lock.operation)


def locked_path(message: Message) -> str:
    """Where the object is that carries the message's operation: as declared, or the first reference parameter."""
    return message.locked or next(param.name for param in message.params if isinstance(param.type, Ref))


def _class_at(api: Catalogue, entry: Entry, path: str) -> str | None:
    """The class of the objects that a path leads to."""
    head, *rest = path.split(".")
    if head in (THE_POOL, THE_HOST):
        return head.removeprefix("@")
    param = next((param for param in entry.message.params if param.name == head), None)
    if param is None:
        raise DeclarationError(f"{entry.name} has no parameter {head}")
    cls = param.type.of if isinstance(param.type, Record) else ref_class(param.type)
    for name in rest:
        if cls is None:
            break
        cls = ref_class(api.field(cls, name).type)
    return cls


def _check_operation(api: Catalogue, entry: Entry, cls: str | None, operation: str) -> None:
    if cls is None:
        raise DeclarationError(f"{entry.name} locks something that is not an object")
    current = api.field(cls, "current_operations").type
    if not (isinstance(current, Map) and isinstance(current.value, Enum) and operation in current.value.values):
        raise DeclarationError(f"{entry.name} takes operation {operation}, which {cls} does not have")
