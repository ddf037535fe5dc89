"""A client that rests after every quarter of a mebibyte that it reads."""

from __future__ import annotations

import socket
import time

PIECE = 1 << 18
REST_S = 0.05


def size_of_all(client: socket.socket) -> int:
    """How much there was to read until the server ended the connection."""
    size = rested = 0
    while data := client.recv(PIECE):
        size += len(data)
        if size - rested > PIECE:
            rested = size
            time.sleep(REST_S)
    return size
