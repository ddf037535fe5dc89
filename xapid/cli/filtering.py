"""Objects chosen by what is shown of them: ``power-state=running``, ``other-config:key=value``, ``tags:contains=value``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from xapid.cli.api import Api
from xapid.cli.records import reading
from xapid.cli.records.declared import Parameter, Record, older_spelling
from xapid.database import Row


class UnknownField(Exception):
    """A filter is on something that the objects do not have."""


@attrs.frozen
class Filter:
    """A parameter, perhaps a key of it, and what it must say. ``refused`` turns it round."""

    name: str
    value: str
    refused: bool = False


async def matching(api: Api, record: Record, rows: Iterable[Row], filters: Sequence[Filter]) -> list[Row]:
    """The objects that pass every filter. Raises :class:`UnknownField`, but never for no objects at all."""
    left = list(rows)
    for each in filters:
        if not left:
            break
        parameter, key = _find(record, each.name)
        if parameter is None:
            raise UnknownField(each.name)
        left = [row for row in left if await _passes(api, record, parameter, key, row, each) != each.refused]
    return left


async def _passes(api: Api, record: Record, parameter: Parameter, key: str, row: Row, wanted: Filter) -> bool:
    if key and parameter.is_map:
        return (await reading.pairs(api, record, parameter, row)).get(key) == wanted.value
    if key == "contains":
        return wanted.value in await reading.items(api, record, parameter, row)
    text = await reading.text(api, record, parameter, row)
    return text == wanted.value or (parameter.is_caseless and text.lower() == wanted.value.lower())


def _find(record: Record, name: str) -> tuple[Parameter | None, str]:
    """The parameter and key that a filter names."""
    if name in record.by_name:
        return record.by_name[name], ""
    base, colon, key = name.partition(":")
    parameter = record.by_name.get(base)
    found = (parameter, key) if colon and parameter is not None else older_spelling(record, name)
    if found is not None and found[1] and (found[0].is_map or (found[0].is_set and found[1] == "contains")):
        return found
    return None, ""
