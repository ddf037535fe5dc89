"""Observers: whose traces of calls go where (class ``Observer``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from xapid.datamodel.errors import XenAPIError
from xapid.operations.addressing import is_http_url
from xapid.operations.context import Context

COMPONENTS: Final = ("xapi", "xenopsd", "xapi-clusterd", "smapi")
"""The parts of a host that can be watched, as clients name them."""
FILE: Final = "bugtool"
"""The endpoint that is a file on the host."""


def create(context: Context, args: dict[str, Any]) -> str:
    _check_components(args.get("components", ()))
    _check_endpoints(args.get("endpoints", ()))
    _check_hosts(context, args.get("hosts", ()))
    with context.db.transaction() as tx:
        return tx.create("Observer", **args)


def register(context: Context, self: str, host: str) -> None:
    """Hosts read observers from the database."""
    context.db.get("Observer", self)


def unregister(context: Context, self: str, host: str) -> None:
    """Hosts read observers from the database."""
    context.db.get("Observer", self)


def set_hosts(context: Context, self: str, value: tuple[str, ...]) -> None:
    _check_hosts(context, value)
    _set(context, self, hosts=value)


def set_enabled(context: Context, self: str, value: bool) -> None:
    _set(context, self, enabled=value)


def set_attributes(context: Context, self: str, value: Any) -> None:
    _set(context, self, attributes=value)


def set_endpoints(context: Context, self: str, value: tuple[str, ...]) -> None:
    context.db.get("Observer", self)
    _check_endpoints(value)
    _set(context, self, endpoints=value)


def set_components(context: Context, self: str, value: tuple[str, ...]) -> None:
    context.db.get("Observer", self)
    _check_components(value)
    _set(context, self, components=value)


def _set(context: Context, observer: str, **fields: Any) -> None:
    with context.db.transaction() as tx:
        tx.update(context.db.get("Observer", observer), **fields)


def _check_hosts(context: Context, hosts: Iterable[str]) -> None:
    """Errors: HANDLE_INVALID."""
    for host in hosts:
        context.db.get("host", host)


def _check_components(components: Iterable[str]) -> None:
    """Errors: INVALID_VALUE."""
    for component in components:
        if component not in COMPONENTS:
            raise XenAPIError("INVALID_VALUE", "component", component)


def _check_endpoints(endpoints: Iterable[str]) -> None:
    """Errors: INVALID_VALUE, for what is neither the file nor an address to send traces to."""
    for endpoint in endpoints:
        if endpoint != FILE and not is_http_url(endpoint):
            raise XenAPIError("INVALID_VALUE", "endpoint", endpoint)
