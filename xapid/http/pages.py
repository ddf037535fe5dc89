"""Heads of answers, and the pages that a person sees when a request is refused.

The wording of status lines and the spelling and order of headers are the reference server's; clients compare them.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

NO_CACHE: Final = "no-cache, no-store"
BARE: Final = [("Connection", "close"), ("Cache-Control", NO_CACHE)]
"""Headers of answers that have nothing else to say."""

_REASONS: Final = {
    200: ("OK", "OK"),
    301: ("Moved Permanently", "moved permanently"),
    302: ("Found", "found"),
    304: ("Not Modified", "not modified"),
    400: ("Bad Request", "bad request"),
    401: ("Unauthorised", "unauthorised"),
    403: ("Forbidden", "forbidden"),
    404: ("Not Found", "not found"),
    408: ("Request Timeout", "request timeout"),
    431: ("Request Header Fields Too Large", "request header fields too large"),
    500: ("Internal Error", "internal server error"),
    501: ("Method not implemented", "method not implemented"),
    503: ("Service Unavailable", "service unavailable"),
}
_SAID: Final = {
    401: "Log in with credentials that this pool knows.",
    403: "This is not for you.",
    404: "There is nothing under this address.",
    408: "The request took too long to arrive.",
    431: "The request's headers are longer than this server reads.",
    500: "The request could not be served.",
    501: "This server does not do that.",
}


def reason(status: int) -> str:
    """The words of the status line."""
    return _REASONS[status][0]


def head(version: str, status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Status line and headers, as they stand."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{version} {status} {_REASONS[status][0]}\r\n{lines}\r\n".encode("utf-8", "replace")


def page(
    version: str, status: int, more: str = "", headers: Iterable[tuple[str, str]] = (), *, with_body: bool = True
) -> bytes:
    """A whole answer that refuses a request and ends the connection. ``more`` is said under 'Additional information'."""
    title = f"HTTP {status} {_REASONS[status][1]}"
    information = f"<h2>Additional information</h2><p>{escape(more)}</p>" if more else ""
    body = (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1><p>{_SAID.get(status, '')}</p>{information}</body></html>"
    ).encode("utf-8", "replace")
    fixed = (
        ("content-length", str(len(body))),
        ("content-type", "text/html"),
        ("connection", "close"),
        ("cache-control", NO_CACHE),
    )
    return head(version, status, (*fixed, *headers)) + (body if with_body else b"")
