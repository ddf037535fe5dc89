"""What the request path needs of a transport beyond reading and writing, for TLS, plain TCP and Unix sockets alike.

TLS is that of :mod:`xapid.http.tls_socket`.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from twisted.internet import interfaces, tcp

from xapid.http.tls_socket import TlsSocket


class Link(Protocol):
    """What the request path does with a transport: the interface that another one has to offer."""

    def write(self, data: bytes) -> None: ...

    def registerProducer(self, producer: interfaces.IPushProducer, streaming: bool) -> None: ...

    def unregisterProducer(self) -> None: ...

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def loseConnection(self) -> None: ...

    def abortConnection(self) -> None: ...


def write(transport: Any, data: bytes) -> None:
    """Writes to a socket at once what it takes at once; Twisted sends the rest when the socket takes more.

    A write that waits for the reactor's next turn costs more than the answer to a call.
    """
    if (
        isinstance(transport, tcp.Connection)
        and not transport._tempDataBuffer
        and not transport.dataBuffer
        and transport.connected
        and not transport.disconnecting
    ):
        sent = transport.writeSomeData(data)
        if isinstance(sent, int) and sent > 0:
            if sent == len(data):
                return
            data = data[sent:]
    transport.write(data)


def unsent(transport: Any) -> int:
    """How much of what was written has not reached the client, as far as the kernel knows."""
    if is_tls(transport):
        waiting = transport.waiting
    elif isinstance(transport, tcp.Connection):
        waiting = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    else:
        return 0
    try:
        (in_kernel,) = struct.unpack("i", fcntl.ioctl(transport.getHandle().fileno(), termios.TIOCOUTQ, bytes(4)))
    except (OSError, ValueError):
        return 0
    return int(waiting + in_kernel)


def is_tls(transport: Any) -> bool:
    """Whether it encrypts."""
    return isinstance(transport, TlsSocket)


def is_unix(transport: Any) -> bool:
    """Whether it is a Unix socket."""
    return interfaces.IUNIXTransport.providedBy(transport)


def peer(transport: Any) -> tuple[str, bool]:
    """The client's IP address, and whether it is root or our own user on a Unix socket."""
    if is_unix(transport):
        return "", _user(transport) in (0, os.getuid())
    return getattr(transport.getPeer(), "host", ""), False


def _user(transport: Any) -> int | None:
    """Who is at the other end of a Unix socket, as the kernel says it."""
    try:
        told = transport.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return None
    _, user, _ = struct.unpack("3i", told)
    return int(user)


def end_writing(transport: Any) -> None:
    """Says that nothing follows, but goes on reading: close_notify over TLS, else a FIN."""
    if is_tls(transport):
        transport.loseConnection()
    else:
        transport.loseWriteConnection()


def protocol_name(transport: Any) -> bytes | None:
    """What was agreed on with ALPN."""
    name: bytes | None = transport.negotiatedProtocol if is_tls(transport) else None
    return name


def peer_certificates(transport: Any) -> list[x509.Certificate]:
    """The certificate that the client proved to own, in this handshake or in the one of the session that it resumed, then those
    that it sent along. Empty if there is none.
    """
    return list(transport.peer_certificates()) if is_tls(transport) else []


def peer_fingerprint(transport: Any) -> str | None:
    """SHA-256 of the certificate that the client proved to own in this very handshake, as lower-case hex."""
    if not is_tls(transport):
        return None
    found = transport.getPeerCertificate()
    return None if found is None else found.to_cryptography().fingerprint(SHA256()).hex()
