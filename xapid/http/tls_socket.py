"""TLS right on a socket: OpenSSL reads and writes it by itself, with no buffer of ours on the way.

Twisted's own TLS passes every byte through two memory buffers and a TCP transport, which costs more than a call. Here the
reactor watches the socket for us. What is written leaves at the end of the reactor's turn, together with what other
connections wrote in it: the first answer wakes its client, and those that follow find it awake.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from OpenSSL import SSL
from twisted.internet import error, interfaces, main
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.python.failure import Failure
from zope.interface import implementer

RECORD: Final = 16 * 1024
"""The most that one record of TLS holds, so a read of this size leaves nothing behind in OpenSSL."""
HIGH: Final = 64 * 1024
"""How much may wait to be sent before the producer has to pause."""

_LOST: Final = Failure(main.CONNECTION_LOST)  # type: ignore[no-untyped-call]  # Twisted's has no types
_ABORTED: Final = Failure(error.ConnectionAborted())  # type: ignore[no-untyped-call]  # Twisted's has no types


class Turn:
    """The sockets that have something to send at the end of this turn of the reactor."""

    def __init__(self, clock: interfaces.IReactorTime) -> None:
        self._clock = clock
        self._sockets: list[TlsSocket] = []

    def add(self, each: TlsSocket) -> None:
        """Have ``each`` send at the end of the turn."""
        if not self._sockets:
            self._clock.callLater(0, self._end)
        self._sockets.append(each)

    def _end(self) -> None:
        sockets, self._sockets = self._sockets, []
        for each in sockets:
            each.flush()


@implementer(interfaces.ITransport, interfaces.IReadWriteDescriptor, interfaces.IPushProducer)
class TlsSocket:
    """One connection. The TCP transport that accepted it keeps the socket, and closes it in the end."""

    disconnecting = False

    def __init__(self, connection: SSL.Connection, accepted: Any, protocol: Any, turn: Turn) -> None:
        self.connected = True
        self._tls = connection
        self._accepted = accepted
        self._reactor = accepted.reactor
        self._descriptor: int = accepted.fileno()
        self._protocol = protocol
        self._turn = turn
        self._secure = False
        self._waiting: deque[bytes | memoryview] = deque()
        self._size = 0
        self._due = False
        """Whether the end of the turn will send."""
        self._said_goodbye = False
        self._producer: interfaces.IPushProducer | None = None
        self._paused = False

    def start(self) -> None:
        """Take the socket over, and shake hands when the client begins."""
        self._accepted.stopReading()
        self._accepted.setTcpNoDelay(True)
        self._tls.set_accept_state()
        self._reactor.addReader(self)
        self._protocol.makeConnection(self)

    # For the reactor --------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "TLS"

    def doRead(self) -> Any:
        """Returns why the connection is lost, if it is."""
        try:
            if self._secure:
                data = self._tls.recv(RECORD)
            else:
                self._tls.do_handshake()
                self._secure = True
                self._protocol.handshakeCompleted()
                self.flush()
                return None
        except SSL.WantReadError:
            return None
        except SSL.WantWriteError:
            self._reactor.addWriter(self)
            return None
        except SSL.ZeroReturnError:
            return self._farewell()
        except SSL.Error:
            return main.CONNECTION_LOST
        self._protocol.dataReceived(data)
        return None

    def doWrite(self) -> Any:
        self._reactor.removeWriter(self)
        if not self._secure:
            return self.doRead()
        self.flush()
        return None

    def connectionLost(self, reason: Failure) -> None:
        """It is over, for whatever reason."""
        if self._descriptor == -1:
            return
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        self._descriptor = -1
        self.connected = False
        self._waiting.clear()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        self._accepted.connectionLost(reason)
        # Each knows the other; letting go here spares the garbage collector thousands of them.
        protocol, self._protocol = self._protocol, None
        protocol.connectionLost(reason)

    def _farewell(self) -> Exception:
        """The client said that nothing follows; it is told the same."""
        if not self._said_goodbye:
            try:
                self._tls.shutdown()
            except SSL.Error:
                return main.CONNECTION_LOST
        return main.CONNECTION_DONE

    # Writing ----------------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self.disconnecting or not self.connected:
            return
        self._waiting.append(data)
        self._size += len(data)
        if not self._due:
            self._due = True
            self._turn.add(self)
        if self._size > HIGH and self._producer is not None and not self._paused:
            self._paused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def flush(self) -> None:
        """Send what the socket takes."""
        self._due = False
        if not self._secure or not self.connected:
            return
        waiting, send = self._waiting, self._tls.send
        try:
            while waiting:
                data = waiting[0]
                sent = send(data)
                self._size -= sent
                if sent == len(data):
                    waiting.popleft()
                else:
                    waiting[0] = memoryview(data)[sent:]
        except (SSL.WantWriteError, SSL.WantReadError):
            self._reactor.addWriter(self)
            return
        except SSL.Error:
            self.connectionLost(_LOST)
            return
        if self._paused and self._producer is not None:
            self._paused = False
            self._producer.resumeProducing()
        if self.disconnecting and not waiting:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        if self._said_goodbye:
            return
        self._said_goodbye = True
        try:
            self._tls.shutdown()
            self._accepted.getHandle().shutdown(socket.SHUT_WR)
        except (SSL.Error, OSError):
            self.connectionLost(_LOST)

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
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self._reactor.callLater(0, self.connectionLost, _ABORTED)

    def registerProducer(self, producer: interfaces.IPushProducer, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self._reactor.removeReader(self)

    def resumeProducing(self) -> None:
        if self.connected:
            self._reactor.addReader(self)

    def stopProducing(self) -> None:
        self.loseConnection()

    def getHandle(self) -> Any:
        return self._accepted.getHandle()

    def getPeer(self) -> Any:
        return self._accepted.getPeer()

    def getHost(self) -> Any:
        return self._accepted.getHost()

    def getPeerCertificate(self) -> Any:
        return self._tls.get_peer_certificate()

    @property
    def negotiatedProtocol(self) -> bytes | None:
        """What was agreed on with ALPN."""
        return self._tls.get_alpn_proto_negotiated() or None


class _Accepted(Protocol):
    """Hands an accepted connection over."""

    def __init__(self, take: Callable[[Any], None]) -> None:
        self._take = take

    def connectionMade(self) -> None:
        self._take(self.transport)


class TlsSockets(ServerFactory):
    """Makes the protocols of ``factory`` speak TLS."""

    noisy = False

    def __init__(
        self, connect: Callable[[Any], SSL.Connection], factory: interfaces.IProtocolFactory, clock: interfaces.IReactorTime
    ) -> None:
        """``connect`` makes the TLS connection over a socket."""
        self._connect = connect
        self._factory = factory
        self._turn = Turn(clock)

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, addr: Any) -> Protocol | None:
        protocol = self._factory.buildProtocol(addr)
        if protocol is None:
            return None

        def take(accepted: Any) -> None:
            TlsSocket(self._connect(accepted.getHandle()), accepted, protocol, self._turn).start()

        return _Accepted(take)
