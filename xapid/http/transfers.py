"""How uploads and downloads of VMs and disks begin, or are refused: the heads of their answers, header by header.

Downloads say nothing of their length, where it is not known, and end with the connection. Uploads are answered before their
body is read, because clients wait for that; how it went is told by the task.
"""

from __future__ import annotations

from typing import Final, Literal, NoReturn

from xapid import __version__
from xapid.datamodel.errors import XenAPIError
from xapid.http import pages
from xapid.http.exchange import Exchange
from xapid.http.pages import BARE
from xapid.http.work import Work

BYTES: Final = "application/octet-stream"


def only_asks(exchange: Exchange) -> bool:
    """Whether a client only asks, with an upload of nothing, whether this is the place; it has been told."""
    if exchange.head.length != 0 or exchange.head.is_chunked:
        return False
    exchange.start(200, [*BARE, ("content-type", BYTES)], "HTTP/1.1")
    return True


def begin_upload(exchange: Exchange, work: Work) -> None:
    """Answer an upload that is taken."""
    exchange.start(200, [*BARE, ("task-id", work.task.ref), ("content-type", BYTES)], "HTTP/1.1")


def begin_download(
    exchange: Exchange,
    work: Work,
    filename: str,
    *,
    content_type: str = BYTES,
    length: int | None = None,
    version: Literal["HTTP/1.0", "HTTP/1.1"] = "HTTP/1.1",
) -> None:
    """Answer with the head of a file, to be saved as ``filename``."""
    head = [
        ("Connection", "close"),
        *([] if length is None else [("Content-Length", str(length))]),
        ("cache-control", pages.NO_CACHE),
        ("task-id", work.task.ref),
        ("Server", f"xapid/{__version__}"),
        ("content-type", content_type),
        ("Content-Disposition", f'attachment; filename="{filename}"'),
    ]
    exchange.start(200, head, version)


def refuse(exchange: Exchange, status: int, error: XenAPIError) -> NoReturn:
    """Answer with a bare status, and end the task with ``error``."""
    exchange.start(status, BARE, "HTTP/1.1")
    raise error
