"""What a parameter of an object says, as text."""

from __future__ import annotations

from typing import Any, Final

from xapid.cli.api import Api
from xapid.cli.records.declared import Parameter, Record
from xapid.cli.records.special import SPECIAL
from xapid.cli.values import INVALID, NOT_THERE, show
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Map, Set, String, Type

EXPENSIVE: Final = "<expensive field>"


async def text(api: Api, record: Record, parameter: Parameter, row: Row) -> str:
    """The parameter as it is shown."""
    try:
        if parameter.path:
            return plain(api, parameter, row)
        made = SPECIAL[f"{record.cls} {parameter.name}"](api, row)
        return made if isinstance(made, str) else await made
    except XenAPIError as error:
        if error.code == "HANDLE_INVALID":
            return INVALID
        raise


def plain(api: Api, parameter: Parameter, row: Row) -> str:
    """A parameter that is a field, as it is shown."""
    found = _field(api, parameter, row)
    if found is None:
        return NOT_THERE
    type_, value = found
    if _is_current(parameter):
        assert isinstance(type_, Map)
        return show(Set(type_.value), value.values(), api.uuid)
    return show(type_, value, api.uuid)


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
        return [] if shown in ("", NOT_THERE) else shown.split("; ")
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


def _is_current(parameter: Parameter) -> bool:
    """Operations under way are shown without the tasks that they are keyed by."""
    return parameter.path[-1][1].name == "current_operations"
