"""Tells the service supervisor how the daemon is doing: READY=1, STOPPING=1, STATUS=… to the socket in $NOTIFY_SOCKET.

Without that variable, as on any run by hand, nothing happens. A supervisor that went away is not the daemon's trouble:
nothing here raises.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(*assignments: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Sends assignments such as ``READY=1`` in one datagram; says whether a supervisor took it.

    The socket's name is a path, or begins with ``@`` for Linux's abstract name space.
    """
    name = environ.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return False
    address = "\0" + name[1:] if name.startswith("@") else name
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            sock.sendto("\n".join(assignments).encode(), address)
    except OSError:
        return False
    return True


def ready(status: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Says that the daemon answers calls."""
    return notify("READY=1", f"STATUS={status}", environ=environ)


def stopping(environ: Mapping[str, str] = os.environ) -> bool:
    """Says that the daemon is on its way out."""
    return notify("STOPPING=1", environ=environ)
