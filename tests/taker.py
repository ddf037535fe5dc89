"""A server that takes what is sent to it, and keeps it for the test to look at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import attrs


@attrs.frozen
class Taken:
    """One upload."""

    path: str
    content_type: str
    body: bytes


@contextmanager
def taking(status: Callable[[str], int] = lambda path: 200) -> Iterator[tuple[str, list[Taken]]]:
    """Its address on loopback without a path, and what it has taken so far. ``status`` says what it answers at a path."""
    taken: list[Taken] = []

    class Taker(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(Taken(self.path, self.headers.get("Content-Type", ""), body))
            self.send_response(status(self.path))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT

        def log_message(self, *args: object) -> None:
            """What it has taken is enough."""

    server = HTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
