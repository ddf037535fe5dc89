"""TLS right on a socket: OpenSSL reads and writes it by itself, with no buffer of ours on the way.

Twisted's own TLS passes every byte through two memory buffers and a TCP transport, which costs more than a call. What is
written leaves at the end of the turn (:mod:`xapid.http.tls_poll`).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Any, Final

from cryptography import x509
from OpenSSL import SSL
from OpenSSL._util import ffi as _ffi
from OpenSSL._util import lib as _lib
from twisted.internet import error, interfaces, main
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.http.tls_poll import READ, WRITE, Poll

RECORD: Final = 16 * 1024
"""The most that one record of TLS holds, so a read of this size leaves nothing behind in OpenSSL."""
HIGH: Final = 64 * 1024
"""How much may wait to be sent before the producer has to pause."""
SLICE: Final = 64 * 1024
"""How much of a big answer is sent before others have their turn: some 50 microseconds."""

_DONE: Final = Failure(main.CONNECTION_DONE)  # type: ignore[no-untyped-call]  # Twisted's has no types
_LOST: Final = Failure(main.CONNECTION_LOST)  # type: ignore[no-untyped-call]  # Twisted's has no types
_ABORTED: Final = Failure(error.ConnectionAborted())  # type: ignore[no-untyped-call]  # Twisted's has no types

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""Close with a reset, and drop what has not been sent."""

# pyOpenSSL's recv and send make a buffer for each call, and look for an error after those that succeeded: half their cost.
# A read or write that succeeds is made here; any other is left to pyOpenSSL to judge.
_read: Final = _lib.SSL_read
_write: Final = _lib.SSL_write
_from_buffer: Final = _ffi.from_buffer
_BUFFER: Final = _ffi.new("char[]", RECORD)
_VIEW: Final = _ffi.buffer(_BUFFER)


@implementer(interfaces.ITransport, interfaces.IPushProducer)
class TlsSocket:
    """One connection, which has been accepted."""

    disconnecting = False

    def __init__(self, connection: SSL.Connection, accepted: socket.socket, peer: Any, protocol: Any, poll: Poll) -> None:
        """``peer`` is where it comes from, as the socket says it."""
        self.connected = True
        self._tls = connection
        self._ssl = connection._ssl
        self._socket = accepted
        self._peer = peer
        self._descriptor = accepted.fileno()
        self._protocol = protocol
        self._poll = poll
        self._events = READ
        self._secure = False
        self._waiting: list[bytes | memoryview] = []
        self._size = 0
        self._due = False
        """Whether the end of the turn will send."""
        self._said_goodbye = False
        self._producer: interfaces.IPushProducer | None = None
        self._paused = False
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.set_accept_state()
        poll.watch(self._descriptor, READ, self)

    # For the poll -----------------------------------------------------------------------------------------------------

    def ready(self, events: int) -> None:
        """There is something to read, or room to send, or an end to be noticed."""
        if events & WRITE:
            self._watch(self._events & ~WRITE)
            if self._secure:
                self.flush()
            if not events & ~WRITE and self._secure:
                return
        if not self.connected:
            return
        if not self._secure:
            self._shake_hands()
            return
        count = _read(self._ssl, _BUFFER, RECORD)
        if count == RECORD:
            self._receive_much()
        elif count > 0:
            self._protocol.dataReceived(_VIEW[:count])
        else:
            self._not_read(self._problem(count))

    def _receive_much(self) -> None:
        """The rest of what is there, up to a slice, at once: uploads come in full records, as fast as they are read."""
        parts, count = [_VIEW[:]], RECORD
        while count == RECORD and len(parts) < SLICE // RECORD:
            count = _read(self._ssl, _BUFFER, RECORD)
            if count > 0:
                parts.append(_VIEW[:count])
        problem = self._problem(count) if count <= 0 else None
        self._protocol.dataReceived(b"".join(parts))
        if problem is not None and self.connected:
            self._not_read(problem)

    def _problem(self, result: int) -> Exception | None:
        """Why nothing was read; OpenSSL knows only until it is asked for something else."""
        try:
            self._tls._raise_ssl_error(self._ssl, result)
        except SSL.Error as problem:
            return problem
        return None

    def _not_read(self, problem: Exception | None) -> None:
        match problem:
            case None | SSL.WantReadError():
                pass
            case SSL.WantWriteError():
                self._watch(self._events | WRITE)
            case SSL.ZeroReturnError():
                self._farewell()
            case SSL.SysCallError(args=(-1, *_)):
                self._lose(_DONE)  # many clients just close their socket: an end without a word, and still an end
            case _:
                self._lose(_LOST)

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.WantWriteError:
            self._watch(self._events | WRITE)
        except SSL.Error:
            self._lose(_LOST)
        else:
            self._secure = True
            self._protocol.handshakeCompleted()
            self.flush()

    def _farewell(self) -> None:
        """The client said that nothing follows; it is told the same."""
        if not self._said_goodbye:
            try:
                self._tls.shutdown()
            except SSL.Error:
                self._lose(_LOST)
                return
        self._lose(_DONE)

    def _lose(self, reason: Failure) -> None:
        """It is over, for whatever reason."""
        if self._descriptor == -1:
            return
        self._watch(0)
        self._descriptor = -1
        self.connected = False
        self._waiting.clear()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        with contextlib.suppress(OSError):
            if reason is _ABORTED:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            elif not self._said_goodbye:
                self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        # Each knows the other; letting go here spares the garbage collector thousands of them.
        protocol, self._protocol = self._protocol, None
        protocol.connectionLost(reason)

    def _watch(self, events: int) -> None:
        before, self._events = self._events, events
        if events == before or self._descriptor == -1:
            return
        if not events:
            self._poll.forget(self._descriptor)
        elif before:
            self._poll.change(self._descriptor, events)
        else:
            self._poll.watch(self._descriptor, events, self)

    # Writing ----------------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self.disconnecting or not self.connected:
            return
        self._waiting.append(data)
        self._size += len(data)
        if not self._due:
            self._due = True
            self._poll.flush_later(self)
        if self._size > HIGH and self._producer is not None and not self._paused:
            self._paused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def flush(self) -> None:
        """Send what the socket takes, but no more than a slice: others wait for their turn."""
        self._due = False
        if not self._secure or not self.connected:
            return
        waiting, left = self._waiting, SLICE
        while waiting and left > 0:
            data = waiting[0]
            size = len(data)
            if size <= left and type(data) is bytes:
                sent = _write(self._ssl, data, size)
            else:
                piece = memoryview(data)[:left]
                sent = _write(self._ssl, _from_buffer(piece), len(piece))
            if sent <= 0:
                self._blocked(sent)
                return
            self._size -= sent
            left -= sent
            if sent == size:
                del waiting[0]
            else:
                waiting[0] = memoryview(data)[sent:]
        if self._paused and self._size <= HIGH and self._producer is not None:
            self._paused = False
            self._producer.resumeProducing()
        if waiting:
            if not self._due:
                self._due = True
                self._poll.flush_later(self)
        elif self.disconnecting:
            self._say_goodbye()

    def _blocked(self, result: int) -> None:
        """The socket takes no more for now, or the connection is lost."""
        try:
            self._tls._raise_ssl_error(self._ssl, result)
        except (SSL.WantWriteError, SSL.WantReadError):
            self._watch(self._events | WRITE)
        except SSL.Error:
            self._lose(_LOST)

    def _say_goodbye(self) -> None:
        if self._said_goodbye:
            return
        self._said_goodbye = True
        try:
            self._tls.shutdown()
            self._socket.shutdown(socket.SHUT_WR)
        except (SSL.Error, OSError):
            self._lose(_LOST)

    # The rest of a transport ------------------------------------------------------------------------------------------

    def loseConnection(self) -> None:
        """Send what waits, say that nothing follows, and wait for the client to do the same."""
        if self.disconnecting or not self.connected:
            return
        self.disconnecting = True
        self.resumeProducing()
        if not self._secure:
            self.abortConnection()
        elif not self._waiting:
            self._say_goodbye()

    def abortConnection(self) -> None:
        """End it without a word, in the next turn."""
        if self.connected:
            self.connected = False
            self._watch(0)
            self._poll.reactor.callLater(0, self._lose, _ABORTED)

    def registerProducer(self, producer: interfaces.IPushProducer, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self._watch(self._events & ~READ)

    def resumeProducing(self) -> None:
        if self.connected:
            self._watch(self._events | READ)

    def stopProducing(self) -> None:
        self.loseConnection()

    @property
    def waiting(self) -> int:
        """How many bytes wait to be encrypted and sent."""
        return self._size

    def getHandle(self) -> socket.socket:
        return self._socket

    def getPeer(self) -> interfaces.IAddress:
        return _address(self._peer)

    def getHost(self) -> interfaces.IAddress:
        return _address(self._socket.getsockname())

    def getPeerCertificate(self) -> Any:
        return self._tls.get_peer_certificate()

    def peer_certificates(self) -> list[x509.Certificate]:
        """What the client presented, its own first."""
        own = self._tls.get_peer_certificate()
        chain = self._tls.get_peer_cert_chain() or []
        found = [] if own is None else [own.to_cryptography(), *(each.to_cryptography() for each in chain)]
        return list(dict.fromkeys(found))

    @property
    def negotiatedProtocol(self) -> bytes | None:
        """What was agreed on with ALPN."""
        return self._tls.get_alpn_proto_negotiated() or None


def _address(name: Any) -> interfaces.IAddress:
    host, port = name[:2]
    return (IPv6Address if len(name) == 4 else IPv4Address)("TCP", host, port)
