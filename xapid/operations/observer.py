"""Observers: whose traces of calls go where (class ``Observer``)."""

from __future__ import annotations

from typing import Any

from xapid.operations.context import Context


def register(context: Context, self: str, host: str) -> None:
    """Hosts read observers from the database."""
    context.db.get("Observer", self)


def unregister(context: Context, self: str, host: str) -> None:
    """Hosts read observers from the database."""
    context.db.get("Observer", self)


def set_hosts(context: Context, self: str, value: tuple[str, ...]) -> None:
    for host in value:
        context.db.get("host", host)
    _set(context, self, hosts=value)


def set_enabled(context: Context, self: str, value: bool) -> None:
    _set(context, self, enabled=value)


def set_attributes(context: Context, self: str, value: Any) -> None:
    _set(context, self, attributes=value)


def set_endpoints(context: Context, self: str, value: tuple[str, ...]) -> None:
    _set(context, self, endpoints=value)


def set_components(context: Context, self: str, value: tuple[str, ...]) -> None:
    _set(context, self, components=value)


def _set(context: Context, observer: str, **fields: Any) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("Observer", observer), **fields)
