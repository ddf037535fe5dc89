"""``GET /`` and every GET that nothing else answers: the files of a web interface that somebody has put into a directory.

Only files below the directory are served, whatever a path or a symbolic link says; a directory stands for its
``index.html``; what is not there is a 404 page. Without a directory there is our own console
(:mod:`xapid.http.web_console`).
"""

from __future__ import annotations

import mimetypes
import os
import stat
from pathlib import Path
from typing import IO

from xapid.http import pages
from xapid.http.chunks import CHUNK
from xapid.http.exchange import Exchange


class WebRoot:
    """Serves the files below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()

    def has(self, path: str) -> bool:
        """Whether a path is that of a file."""
        file = self._open(self._directory, path)
        if file is None:
            return False
        file.close()
        return True

    async def serve(self, exchange: Exchange) -> None:
        """Serves ``GET`` of any path."""
        file = self._open(self._directory, exchange.head.path)
        if file is None:
            exchange.refuse(404)
            return
        with file:
            _answer(exchange, _type_of(file.name), os.fstat(file.fileno()).st_size)
            await exchange.send(iter(lambda: file.read(CHUNK), b""))

    @staticmethod
    def _open(root: Path, path: str) -> IO[bytes] | None:
        try:
            found = (root / path.lstrip("/")).resolve()
            if found.is_dir():
                found = (found / "index.html").resolve()
            if not found.is_relative_to(root) or not stat.S_ISREG(found.stat().st_mode):
                return None
            return found.open("rb")
        except (OSError, ValueError):
            return None


def _answer(exchange: Exchange, content_type: str, size: int) -> None:
    head = exchange.head
    exchange.keep_alive = head.keep_alive
    exchange.start(
        200,
        [
            ("content-length", str(size)),
            ("connection", "keep-alive" if head.keep_alive else "close"),
            ("cache-control", pages.NO_CACHE),
            ("content-type", content_type),
        ],
    )


def _type_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
