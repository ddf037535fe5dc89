"""Parameters of objects set, added to, removed from and cleared, by whatever messages there are for that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from xapid.cli.api import Api
from xapid.cli.failures import ClientError, CommandFailed
from xapid.cli.records import reading
from xapid.cli.records.declared import Parameter, Record, older_spelling, singulars
from xapid.cli.values import NOT_THERE, comma_separated, plain
from xapid.database import Row
from xapid.datamodel.types import NULL_REF, Map, Ref, Set, Type

_SCHEDULER: Final = "VCPUs-params"
_CLEARED: Final = "xenstore-data"
"""A map that users may clear, even where they may not write it."""
_SCHEDULED: Final = ("weight", "cap", "mask")
"""What the scheduler of virtual processors can be told."""


def find(record: Record, name: str) -> Parameter:
    """A parameter by its name. Raises :class:`ClientError`."""
    parameter = record.by_name.get(name)
    if parameter is None:
        raise ClientError("Missing parameter", name)
    return parameter


async def set_all(api: Api, record: Record, row: Row, given: Iterable[tuple[str, str]]) -> None:
    """Sets parameters, or with ``map:key`` for a name one key of a map. Of maps that are set as a whole, all keys at once."""
    maps: dict[str, dict[str, str]] = {}
    for name, value in given:
        base, _, key = name.partition(":")
        parameter = record.by_name.get(base)
        setter = parameter.map_setter if parameter is not None and key else None
        if setter is None:
            await _set(api, record, row, name, value)
        else:
            maps.setdefault(setter, {})[key] = value
    for setter, whole in maps.items():
        await api.call(setter, row.ref, whole)


async def _set(api: Api, record: Record, row: Row, name: str, value: str) -> None:
    base, colon, key = name.partition(":")
    parameter = record.by_name.get(base)
    if parameter is None and not colon:
        parameter, key = _older_spelling(record, name)
    if parameter is None and colon:
        raise CommandFailed(f"Unknown field '{base}'")
    if parameter is None:
        raise ClientError("Missing parameter", base)
    if colon or key:
        await _set_key(api, record, row, parameter, key, value)
    elif parameter.is_settable or parameter.mark == "RW":
        await _set_whole(api, record, row, parameter, value)
    elif parameter.is_map or parameter.mark == "SRW":
        raise CommandFailed(f"Field '{base}' is a map or set. use the 'name:key=value' syntax.")
    else:
        raise CommandFailed(f"Field '{base}' is read-only.")


def _older_spelling(record: Record, name: str) -> tuple[Parameter | None, str]:
    """``other-config-key`` for ``other-config:key``."""
    found = older_spelling(record, name)
    return (None, "") if found is None or not found[0].is_map else found


async def _set_whole(api: Api, record: Record, row: Row, parameter: Parameter, value: str) -> None:
    message = f"{record.cls}.set_{parameter.written}"
    type_ = api.catalogue.messages[message].message.params[1].type
    await api.call(message, row.ref, await typed(api, type_, parameter.name, value))


async def _set_key(api: Api, record: Record, row: Row, parameter: Parameter, key: str, value: str) -> None:
    if parameter.is_set:
        raise CommandFailed("Cannot param-set on set fields")
    if not parameter.is_map:
        raise CommandFailed(f"Field '{parameter.name}' is not a map or set")
    if parameter.key_setter is not None:
        await api.call(parameter.key_setter, row.ref, key, value)
        return
    if parameter.mark == "MRO":
        raise CommandFailed(f"Map field '{parameter.name}' is read-only.")
    if parameter.name == _SCHEDULER and key not in _SCHEDULED:
        raise CommandFailed(f"Failed to add parameter '{key}': expecting one of {', '.join(_SCHEDULED)}")
    add, remove = _message(api, record, "add_to", parameter), _message(api, record, "remove_from", parameter)
    if add and remove:
        await api.call(remove, row.ref, key)
        await api.call(add, row.ref, key, value)
    else:
        whole = await reading.pairs(api, record, parameter, row)
        await api.call(f"{record.cls}.set_{parameter.written}", row.ref, {**whole, key: value})


async def add(api: Api, record: Record, row: Row, parameter: Parameter, key: str | None, rest: dict[str, str]) -> None:
    """Adds ``key`` to a set, or ``rest`` to a map."""
    if parameter.mark in ("SRO", "MRO"):
        raise CommandFailed("Parameter is read-only")
    if parameter.mark == "MRW":
        for name, value in rest.items():
            if parameter.name == _SCHEDULER and name not in _SCHEDULED:
                raise CommandFailed(f"Failed to add parameter '{name}': expecting one of {', '.join(_SCHEDULED)}")
            message = _message(api, record, "add_to", parameter)
            if message:
                await api.call(message, row.ref, name, value)
            else:
                await _set_key(api, record, row, parameter, name, value)
    elif parameter.mark == "SRW":
        if key is None:
            raise CommandFailed("When adding a key to a set, use the syntax: *-param-add param-name=<name> param-key=<key>")
        await _change_set(api, record, row, parameter, key, "add")
    else:
        raise CommandFailed("Can only add to parameters of type Set or Map")


async def remove(api: Api, record: Record, row: Row, parameter: Parameter, key: str) -> None:
    """Removes ``key`` from a set or a map, which must have it."""
    if parameter.mark == "SRW":
        if key not in await reading.items(api, record, parameter, row):
            raise CommandFailed(f"Key {key} is not in the set")
        await _change_set(api, record, row, parameter, key, "remove")
    elif parameter.mark == "MRW":
        if key not in await reading.pairs(api, record, parameter, row):
            raise CommandFailed(f"Key {key} is not in map")
        await _remove_key(api, record, row, parameter, key)
    elif parameter.mark == "MRO":
        raise CommandFailed("Cannot remove parameters from read-only map")
    elif parameter.mark == "SRO":
        raise CommandFailed("Cannot remove parameters from read-only set")
    else:
        raise CommandFailed("Can only remove from parameters of type Set or Map")


async def clear(api: Api, record: Record, row: Row, parameter: Parameter) -> None:
    """Empties a set, a map or a text."""
    if parameter.mark == "SRW":
        for item in await reading.items(api, record, parameter, row):
            await _change_set(api, record, row, parameter, item, "remove")
    elif parameter.mark == "MRW":
        for key in await reading.pairs(api, record, parameter, row):
            await _remove_key(api, record, row, parameter, key)
    elif parameter.map_setter is not None:
        await api.call(parameter.map_setter, row.ref, {})
    elif parameter.name == _CLEARED:
        await api.call(f"{record.cls}.set_{parameter.written}", row.ref, {})
    elif parameter.mark == "RW":
        try:
            await _set_whole(api, record, row, parameter, "")
        except CommandFailed:
            raise CommandFailed("Cannot clear this parameter") from None
    else:
        raise CommandFailed("Can only clear RW parameters")


async def _remove_key(api: Api, record: Record, row: Row, parameter: Parameter, key: str) -> None:
    message = _message(api, record, "remove_from", parameter)
    if message:
        await api.call(message, row.ref, key)
    else:
        whole = await reading.pairs(api, record, parameter, row)
        del whole[key]
        await api.call(f"{record.cls}.set_{parameter.written}", row.ref, whole)


async def _change_set(api: Api, record: Record, row: Row, parameter: Parameter, item: str, verb: str) -> None:
    message = _message(api, record, verb, parameter)
    if message is None:
        now = await reading.items(api, record, parameter, api.row(record.cls, row.ref) or row)
        whole = [*now, item] if verb == "add" else [each for each in now if each != item]
        await _set_whole(api, record, row, parameter, ",".join(whole))
        return
    type_ = api.catalogue.messages[message].message.params[1].type
    await api.call(message, row.ref, await typed(api, type_, parameter.name, item))


def _message(api: Api, record: Record, verb: str, parameter: Parameter) -> str | None:
    """The message that changes one item; named after the field or, of a set, after one of what is in it."""
    name = parameter.written
    for each in singulars(name):
        if (message := f"{record.cls}.{verb}_{each}") in api.catalogue.messages:
            return message
    return None


async def typed(api: Api, type_: Type, name: str, value: str) -> Any:
    """What a user wrote, as a message takes it: uuids as references, lists as sets."""
    if isinstance(type_, Ref):
        return NULL_REF if value in ("", NULL_REF, NOT_THERE) else await api.ref(type_.to, value)
    if isinstance(type_, Set):
        return [await typed(api, type_.of, name, item) for item in comma_separated(value)]
    if isinstance(type_, Map):
        pairs = (item.partition(":") for item in comma_separated(value))
        return {key.strip(): of.strip() for key, _, of in pairs}
    return plain(type_, name, value)
