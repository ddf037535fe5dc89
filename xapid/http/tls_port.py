"""The port that clients of TLS come to: as Twisted's own, but its connections are made for TLS from the first."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet import tcp
from twisted.internet.interfaces import IProtocolFactory

from xapid.http.tls_poll import Poll
from xapid.http.tls_socket import TlsSocket


class TlsPort(tcp.Port):
    """Accepts connections at a listening socket, which it takes over."""

    _type = "TLS"

    def __init__(
        self,
        listening: socket.socket,
        connect: Callable[[socket.socket], SSL.Connection],
        factory: IProtocolFactory,
        poll: Poll,
    ) -> None:
        """``connect`` makes the TLS connection over a socket."""
        super().__init__(0, factory, interface=listening.getsockname()[0], reactor=poll.reactor)
        self._preexistingSocket = listening
        self._connect = connect
        self._poll = poll
        self.startListening()

    def transport(self, accepted: socket.socket, protocol: Any, peer: Any, *_: Any) -> TlsSocket:  # type: ignore[override]
        """For Twisted: the transport of a new connection."""
        return TlsSocket(self._connect(accepted), accepted, peer, protocol, self._poll)
