"""Connections to servers: Unix sockets, plain TCP, and TLS with the checks of certificates that the user asked for.

Without a request, certificates are not checked, as with every other ``xe``: servers have certificates of their own making.
"""

from __future__ import annotations

import os
import socket

from xapid.xe.options import LOCAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xapid.xe.options import Options

CONNECT_S = 60.0
LOCAL_S = 10.0
"""For a server on this machine to greet by TLS."""


class Unreachable(Exception):
    """There is no server there, or none that may be trusted; the text says why."""


class Stream:
    """A connection, read in exact amounts and in lines, through a buffer that never holds more than a piece."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._held = b""

    def some(self, most: int = 65536) -> bytes:
        """What comes next, as soon as there is any; empty at the end. Raises OSError, TimeoutError among them."""
        if self._held:
            data, self._held = self._held[:most], self._held[most:]
            return data
        return self.socket.recv(most)

    def exactly(self, count: int) -> bytes:
        """So many bytes. Raises EOFError."""
        pieces = []
        while count:
            piece = self.some(min(count, 1 << 20))
            if not piece:
                raise EOFError
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def line(self, most: int = 65536) -> bytes:
        """A line without its end. Raises EOFError, also for one that is too long."""
        while b"\n" not in self._held:
            piece = self.socket.recv(4096)
            if not piece or len(self._held) > most:
                raise EOFError
            self._held += piece
        line, _, self._held = self._held.partition(b"\n")
        return line.rstrip(b"\r")

    @property
    def has_more(self) -> bool:
        """Whether there is something to read that the system does not know of."""
        pending = getattr(self.socket, "pending", None)
        return bool(self._held or (pending is not None and pending()))

    def close(self) -> None:
        self.socket.close()


def open_for(options: Options) -> Stream:
    """A connection to the user's server. Raises :class:`Unreachable`.

    On this very machine, that is the Unix socket if no port is given. A port there may be of TLS or of plain HTTP, which
    answers the greeting of TLS with something else.
    """
    if options.server != LOCAL:
        return _tcp(options, options.server, options.port, is_plain=options.is_plain)
    if options.port is None and os.path.exists(options.socket):
        try:
            return _unix(options.socket)
        except OSError:
            pass  # nobody listens there any more
    is_checked = options.is_verified or options.authorities or options.fingerprint
    if options.port is None or options.is_plain:
        if is_checked and not options.is_plain:
            raise Unreachable("without a port there is no TLS on this machine, and so no certificate to check")
        return _tcp(options, LOCAL, options.port, is_plain=True)
    try:
        return _tcp(options, LOCAL, options.port, is_plain=False, patience=LOCAL_S)
    except Unreachable:
        if is_checked:
            raise
    return _tcp(options, LOCAL, options.port, is_plain=True)


def open_url(options: Options, url: str) -> tuple[Stream, str]:
    """A connection to where a URL leads, and the path to ask for there. Raises :class:`Unreachable`.

    Another host without a port answers at the one that the user named: hosts of a pool use the same.
    """
    scheme, mark, rest = url.partition("://")
    if any(character <= " " or character == "\x7f" for character in url):
        raise Unreachable("what the server names is no address")
    if url.startswith("/"):
        return open_for(options), url
    place, _, path = rest.partition("/")
    host, port = _host_and_port(place)
    if scheme != "https" or not mark or not host:
        raise Unreachable(f"{url.partition('?')[0]} is no address of a server")
    return _tcp(options, host, port or (None if options.is_plain else options.port), is_plain=False), f"/{path}"


def _host_and_port(place: str) -> tuple[str, int | None]:
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = place.partition(":")
    if not port:
        return host, None
    return (host, int(port)) if port.isascii() and port.isdigit() and int(port) < 65536 else ("", None)


def _unix(path: str) -> Stream:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return Stream(connection)


def _tcp(options: Options, host: str, port: int | None, *, is_plain: bool, patience: float = CONNECT_S) -> Stream:
    host = host.removeprefix("[").removesuffix("]")
    try:
        connection = socket.create_connection((host, port or (80 if is_plain else 443)), patience)
    except OSError as problem:
        raise Unreachable(problem.strerror or str(problem)) from None
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secured = connection if is_plain else _secure(options, connection, host)
        secured.settimeout(None)
    except (OSError, ValueError) as problem:
        connection.close()
        raise Unreachable(_reason(problem)) from None
    except BaseException:
        connection.close()
        raise
    return Stream(secured)


def _secure(options: Options, connection: socket.socket, host: str) -> socket.socket:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.authorities:
        context.load_verify_locations(options.authorities)
    elif options.is_verified:
        context.load_default_certs()
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    secured = context.wrap_socket(connection, server_hostname=host)
    if options.fingerprint:
        import hashlib

        found = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
        if found != options.fingerprint:
            raise ValueError(f"the server's certificate has another fingerprint: {found}")
    return secured


def _reason(problem: Exception) -> str:
    return str(getattr(problem, "verify_message", "") or getattr(problem, "strerror", "") or problem)
