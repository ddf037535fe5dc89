"""What a parameter of an object says, as text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from xapid.cli.api import Api
from xapid.cli.records.declared import Parameter, Record
from xapid.cli.records.special import SPECIAL
from xapid.cli.values import INVALID, NOT_THERE, Uuid, show, shower
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Map, Ref, Set, String, Type

EXPENSIVE: Final = "<expensive field>"


async def text(api: Api, record: Record, parameter: Parameter, row: Row) -> str:
    """The parameter as it is shown."""
    if parameter.path:
        return plain(parameter)(api, row)
    try:
        made = SPECIAL[f"{record.cls} {parameter.name}"](api, row)
        return made if isinstance(made, str) else await made
    except XenAPIError as error:
        if error.code == "HANDLE_INVALID":
            return INVALID
        raise


@cache
def plain(parameter: Parameter) -> Callable[[Api, Row], str]:
    """The function that shows a parameter that is a field."""
    *steps, (_, last) = parameter.path
    name, type_ = last.name, last.type
    if name == "current_operations":
        # Operations under way are shown without the tasks that they are keyed by.
        assert isinstance(type_, Map)
        operations = shower(Set(type_.value))
        return lambda api, row: operations(getattr(row, name).values(), api.uuid)
    shown = _comma_separated(type_) if parameter.separator == ", " and isinstance(type_, Set) else shower(type_)
    if not steps:
        return lambda api, row: shown(getattr(row, name), api.uuid)
    path = [(field.type.to, field.name) for _, field in steps if isinstance(field.type, Ref)]

    def follow(api: Api, row: Row) -> str:
        here: Row | None = row
        for cls, field in path:
            here = api.row(cls, getattr(here, field))
            if here is None:
                return NOT_THERE
        return shown(getattr(here, name), api.uuid)

    return follow


def _comma_separated(type_: Set) -> Callable[[Any, Uuid], str]:
    item = shower(type_.of)
    return lambda value, uuid: ", ".join([item(each, uuid) for each in value])


async def pairs(api: Api, record: Record, parameter: Parameter, row: Row) -> dict[str, str]:
    """A map's keys and values, as they are shown."""
    found = _field(api, parameter, row) if parameter.path else None
    if found is None or not isinstance(found[0], Map):
        shown = await text(api, record, parameter, row)
        return dict(part.split(": ", 1) for part in shown.split("; ") if ": " in part)
    type_, value = found
    assert isinstance(type_, Map)
    return {show(type_.key, k, api.uuid): show(type_.value, v, api.uuid) for k, v in value.items()}


async def items(api: Api, record: Record, parameter: Parameter, row: Row) -> list[str]:
    """A set's items, as they are shown."""
    found = _field(api, parameter, row) if parameter.path else None
    if found is None:
        shown = await text(api, record, parameter, row)
        return [] if shown in ("", NOT_THERE) else shown.split(parameter.separator)
    type_, value = found
    if isinstance(type_, Map):
        return [show(type_.value, item, api.uuid) for item in value.values()]
    if isinstance(type_, Set):
        return [show(type_.of, item, api.uuid) for item in value]
    return [show(String, value, api.uuid)]


def _field(api: Api, parameter: Parameter, row: Row) -> tuple[Type, Any] | None:
    """The type and value at the end of a path; None if it leads to no object."""
    here: Row | None = row
    *steps, (_, last) = parameter.path
    for _, field in steps:
        here = api.row(field.type.to, getattr(here, field.name))  # type: ignore[attr-defined]  # steps are references
        if here is None:
            return None
    return last.type, getattr(here, last.name)
