"""``ova.xml``: the objects of an archive, as one XML-RPC value.

A struct of ``version`` and ``objects``; each object has its class, a reference of its own (``Ref:7``) and its record, in which
those references stand for the objects. Records are written with all fields of their class and read with whatever fields are
there: archives come from other versions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, Map, Record, Ref, Set, Type, freeze
from xapid.wire.call import Loose, Malformed
from xapid.wire.marshal import decoder
from xapid.wire.text import date_text
from xapid.wire.xml_values import encode_text, encoder
from xapid.wire.xmlrpc import parse_value

EXPORT_VERSION: Final = 2
_RECORD_END: Final = "</struct></value>"
LARGEST: Final = 64 << 20
"""How long a document may be."""


@attrs.frozen(kw_only=True)
class Version:
    """Who wrote an archive."""

    hostname: str
    date: datetime
    product_version: str
    product_brand: str
    build_number: str
    api: tuple[int, int]
    export: int = EXPORT_VERSION


@attrs.frozen
class Object:
    """An object of an archive. ``fields`` are values as rows hold them; references are those of the archive.

    ``extras`` is text that goes along under names that are no fields: the contents of a virtual TPM.
    """

    cls: str
    id: str
    fields: Mapping[str, Any]
    extras: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Document:
    """What an archive says of its objects."""

    objects: tuple[Object, ...]

    def of(self, cls: str) -> list[Object]:
        """The objects of a class, in order."""
        return [found for found in self.objects if found.cls == cls]


def renamed(type_: Type, value: Any, name: Callable[[str], str]) -> Any:
    """``value`` with other references: those that ``name`` gives."""
    match type_:
        case Ref():
            return name(value)
        case Set(of=Ref()):
            return tuple(found for found in map(name, value) if found != NULL_REF)
        case Map(key=key, value=of) if isinstance(key, Ref) or isinstance(of, Ref):
            return freeze(type_, {renamed(key, k, name): renamed(of, v, name) for k, v in value.items()})
    return value


def write(version: Version, objects: list[Object]) -> bytes:
    """The document."""
    members = (
        ("hostname", version.hostname),
        ("date", date_text(version.date)),
        ("product_version", version.product_version),
        ("product_brand", version.product_brand),
        ("build_number", version.build_number),
        ("xapi_major", str(version.api[0])),
        ("xapi_minor", str(version.api[1])),
        ("export_vsn", str(version.export)),
    )
    head = "".join(f"<member><name>{name}</name>{encode_text(text)}</member>" for name, text in members)
    body = "".join(map(_object, objects))
    return (
        f"<value><struct><member><name>version</name><value><struct>{head}</struct></value></member>"
        f"<member><name>objects</name><value><array><data>{body}</data></array></value></member></struct></value>"
    ).encode()


def _object(found: Object) -> str:
    record = encoder(Record(found.cls))(found.fields)
    if found.extras:
        extras = "".join(f"<member><name>{name}</name>{encode_text(text)}</member>" for name, text in found.extras.items())
        record = record.removesuffix(_RECORD_END) + extras + _RECORD_END
    return (
        f"<value><struct><member><name>class</name>{encode_text(found.cls)}</member>"
        f"<member><name>id</name>{encode_text(found.id)}</member>"
        f"<member><name>snapshot</name>{record}</member></struct></value>"
    )


def read(data: bytes, api: tuple[int, int]) -> Document:
    """What a document says, for a server that speaks version ``api``.

    Objects of classes that nobody knows here are left out. Errors: IMPORT_ERROR; IMPORT_INCOMPATIBLE_VERSION for one written
    by a newer version.
    """
    try:
        root = parse_value(data.decode())
        version = _struct(_struct(root)["version"])
        theirs = _number(version.get("xapi_major")), _number(version.get("xapi_minor"))
        if _number(version.get("export_vsn")) > EXPORT_VERSION or theirs > api:
            raise XenAPIError("IMPORT_INCOMPATIBLE_VERSION")
        listed = _struct(root)["objects"]
        if not isinstance(listed, list):
            raise ValueError("objects are no list")
        return Document(tuple(found for item in listed if (found := _read_object(_struct(item))) is not None))
    except (Malformed, ValueError, KeyError) as error:
        raise XenAPIError("IMPORT_ERROR", f"ova.xml cannot be read: {error}") from error


def _read_object(item: Mapping[str, Loose]) -> Object | None:
    cls, name = item["class"], item["id"]
    if not isinstance(cls, str) or not isinstance(name, str):
        raise ValueError("an object without class or name")
    known = catalogue().classes.get(cls)
    if known is None:
        return None
    given = _struct(item["snapshot"])
    fields = {field.name: field.type for field in known.fields if field.name in given}
    extras = {key: text for key, text in given.items() if key not in fields and isinstance(text, str)}
    try:
        return Object(cls, name, {field: decoder(type_)(given[field]) for field, type_ in fields.items()}, extras)
    except XenAPIError as error:
        raise ValueError(f"{cls} {name}: {' '.join(error.params)}") from error


def _struct(value: Loose) -> Mapping[str, Loose]:
    if not isinstance(value, dict):
        raise ValueError("a struct is missing")
    return value


def _number(value: Loose) -> int:
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) else 0
