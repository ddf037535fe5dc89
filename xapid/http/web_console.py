"""``GET /``: the web console of our own, as it was built into ``web/`` beside this module (sources: ``web/`` at the top).

The files are few and are kept in memory, plain and compressed. A browser asks each time whether one has changed, and is
told so by its tag, so that an upgrade of the server is an upgrade of the console. What the headers forbid is what an
attacker would need: other scripts than these, scripts in pages, frames around it, requests to elsewhere. The session lives
in its page, so a request from another site has nothing to ride on; a cookie has it only while a download begins, for the
path of that download and for requests of these pages.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

import attrs

from xapid.http.exchange import Exchange

DIRECTORY: Final = Path(__file__).parent / "web"
INDEX: Final = "index.html"

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # the pointer that a VM's screen wants is drawn into a data URL
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Final = (
    ("cache-control", "no-cache"),
    ("content-security-policy", POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("referrer-policy", "no-referrer"),
    ("vary", "accept-encoding"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@attrs.frozen
class Asset:
    """One file, ready to be sent."""

    content_type: str
    tag: str
    plain: bytes = attrs.field(repr=False)
    zipped: bytes = attrs.field(repr=False)

    @classmethod
    def of(cls, file: Path) -> Asset:
        """The contents of ``file``."""
        data = file.read_bytes()
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        return cls(_TYPES[file.suffix], tag, data, gzip.compress(data, 9, mtime=0))


@cache
def assets() -> dict[str, Asset]:
    """Every file by its path."""
    found = {f"/{file.name}": Asset.of(file) for file in sorted(DIRECTORY.iterdir()) if file.suffix in _TYPES}
    return {"/": found[f"/{INDEX}"], **found}


class WebConsole:
    """Serves the console."""

    async def serve(self, exchange: Exchange) -> None:
        """Serves ``GET`` of its files, and 404 for any other path."""
        head = exchange.head
        asset = assets().get(head.path)
        if asset is None:
            exchange.refuse(404)
            return
        exchange.keep_alive = head.keep_alive
        known = [tag.strip().removeprefix("W/") for tag in head.headers.get("if-none-match", "").split(",")]
        zips = "gzip" in [word.partition(";")[0].strip() for word in head.headers.get("accept-encoding", "").split(",")]
        body = asset.zipped if zips else asset.plain
        fixed = [("connection", "keep-alive" if head.keep_alive else "close"), ("etag", asset.tag), *_HEADERS]
        if asset.tag in known:
            exchange.start(304, fixed)
            return
        encoding = [("content-encoding", "gzip")] if zips else []
        described = [("content-length", str(len(body))), ("content-type", asset.content_type), *encoding]
        exchange.start(200, [*described, *fixed])
        await exchange.send((body,))
