"""Which requests a page of another site has made a browser send.

A browser adds by itself what it remembers: cookies, and the name and password that it was once asked for. Such credentials
say who sits at the browser, not who wants the request, so they count only for pages of this server. A session in the query
is known to who wrote the request, and counts whatever page that is: interfaces served by one host show the consoles of
others in this way. Programs that are no browsers send neither of the headers that are looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_OURS = ("same-origin", "none")
"""``none``: a person has typed the address or chosen a bookmark."""


def is_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether the request with these headers (under lower-case names) comes from a page of another origin."""
    origin, is_ours = headers.get("origin"), headers.get("sec-fetch-site", "none").lower() in _OURS
    if origin is None:
        return not is_ours
    if not is_ours and origin.lower().startswith("http:"):
        return True  # a page that came unprotected, for a server of the same name that the browser knows to be protected
    return not _is_at(origin, headers.get("host", ""))


def _is_at(origin: str, host: str) -> bool:
    """Whether ``origin`` is that of pages served at ``host``."""
    try:
        page, server = urlsplit(origin), urlsplit(f"//{host}")
        default = 80 if page.scheme == "http" else 443
        return (page.hostname, page.port or default) == (server.hostname, server.port or default) and bool(page.hostname)
    except ValueError:
        return False
