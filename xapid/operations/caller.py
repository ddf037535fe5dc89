"""Callers: programs and addresses whose use of the API is told apart, and the groups they are in (class ``Caller``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from xapid.auth.callers import ANY, Usage
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context

_PATTERN: Final = "user_agent/client_ip"


def create(context: Context, args: dict[str, Any]) -> str:
    """A caller that there is already is renamed. Errors: INVALID_VALUE, for one that stands for everybody."""
    user_agent, client_ip = args.get("user_agent", ""), args.get("client_ip", "")
    if not (user_agent or client_ip):
        raise XenAPIError("INVALID_VALUE", _PATTERN, "")
    if all(pattern in ("", ANY) for pattern in (user_agent, client_ip)):
        raise XenAPIError("INVALID_VALUE", _PATTERN, ANY)
    names = {name: args[name] for name in ("name_label", "name_description") if name in args}
    with context.db.transaction() as tx:
        for row in context.db.table("Caller").rows():
            if (row.user_agent, row.client_ip) == (user_agent, client_ip):
                tx.update(row, **names)
                return row.ref
        return tx.create("Caller", user_agent=user_agent, client_ip=client_ip, **names)


def add_group(context: Context, self: str, group: str) -> None:
    _check_group(group)
    row = context.db.get("Caller", self)
    if group not in row.groups:
        with context.db.transaction() as tx:
            tx.update(row, groups=(*row.groups, group))


def remove_group(context: Context, self: str, group: str) -> None:
    row = context.db.get("Caller", self)
    with context.db.transaction() as tx:
        tx.update(row, groups=tuple(present for present in row.groups if present != group))


def query_token_usage(context: Context, self: str) -> float:
    return _usage(context, self).tokens


def query_call_count(context: Context, self: str) -> int:
    return _usage(context, self).calls


def query_group_token_usage(context: Context, group: str) -> float:
    return sum(usage.tokens for usage in _group(context, group))


def query_group_call_count(context: Context, group: str) -> int:
    return sum(usage.calls for usage in _group(context, group))


def query_all_usage(context: Context) -> tuple[tuple[str, ...], ...]:
    rows = [(row, context.services.callers.usage(row.ref)) for row in context.db.table("Caller").rows()]
    rows.sort(key=lambda pair: -pair[1].tokens)
    return tuple((row.uuid, row.name_label, f"{usage.tokens:.3f}", str(usage.calls)) for row, usage in rows)


def _usage(context: Context, caller: str) -> Usage:
    return context.services.callers.usage(context.db.get("Caller", caller).ref)


def _group(context: Context, group: str) -> Iterable[Usage]:
    _check_group(group)
    callers = context.db.table("Caller").rows()
    return [context.services.callers.usage(row.ref) for row in callers if group in row.groups]


def _check_group(group: str) -> None:
    if not group:
        raise XenAPIError("INVALID_VALUE", "group", group)
