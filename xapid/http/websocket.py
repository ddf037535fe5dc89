"""WebSockets (RFC 6455) around protocols that know only bytes: each message's bytes go in, each write is a binary message."""

from __future__ import annotations

import base64
import binascii
import hashlib
from contextlib import suppress
from typing import Any, Final

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError
from zope.interface import directlyProvides

from xapid.http.head import Head

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
NORMAL, PROTOCOL_ERROR = 1000, 1002


def upgrade(head: Head) -> bytes | None:
    """The answer that makes a connection a WebSocket; None for a request that asks for none, or not as it should.

    It always speaks of the sub-protocol ``binary``, which is what clients of consoles ask for.
    """
    headers = head.headers
    key = headers.get("sec-websocket-key", "")
    try:
        is_key = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        is_key = False
    upgrades = [word.strip().lower() for word in headers.get("upgrade", "").split(",")]
    if not is_key or "websocket" not in upgrades or headers.get("sec-websocket-version") != "13":
        return None
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: binary\r\n\r\n"
    ).encode()


class WebSocket(Protocol):
    """A connection that has been upgraded. ``inner`` is what is spoken inside."""

    def __init__(self, inner: Protocol) -> None:
        self._inner = inner
        self._frames = Connection(ConnectionType.SERVER)
        self._over = False
        self._is_full = False
        self._pong: Pong | None = None
        """What a client is owed that has enough to read."""
        if IPushProducer.providedBy(inner):
            directlyProvides(self, IPushProducer)

    def connectionMade(self) -> None:
        self._inner.makeConnection(_Inside(self))  # type: ignore[no-untyped-call]  # Twisted's has no types

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self._inner.connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        try:
            self._frames.receive_data(data)
            for event in self._frames.events():
                self._take(event)
        except RemoteProtocolError:
            self.close(PROTOCOL_ERROR)

    def _take(self, event: object) -> None:
        if self._over:
            return
        match event:
            case BytesMessage(data=data):
                self._inner.dataReceived(bytes(data))
            case TextMessage(data=text):
                self._inner.dataReceived(text.encode())
            case Ping() if self._is_full:
                self._pong = event.response()  # the last ping may stand for those before it
            case Ping():
                self._write(self._frames.send(event.response()))
            case CloseConnection():
                self._over = True
                self._write(self._frames.send(event.response()))
                self._hang_up()

    def send(self, data: bytes) -> None:
        """A message with ``data``."""
        if not self._over:
            self._write(self._frames.send(BytesMessage(data)))

    def close(self, code: int = NORMAL) -> None:
        """Say goodbye and hang up."""
        if self._over:
            return
        self._over = True
        with suppress(LocalProtocolError):  # which is when what went wrong has closed it
            self._write(self._frames.send(CloseConnection(code)))
        self._hang_up()

    def _write(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def _hang_up(self) -> None:
        transport: Any = self.transport
        transport.loseConnection()

    def pauseProducing(self) -> None:
        """The client has enough to read."""
        self._is_full = True
        self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has read it."""
        self._is_full = False
        pong, self._pong = self._pong, None
        if pong is not None and not self._over:
            self._write(self._frames.send(pong))
        self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone."""
        self._producer.stopProducing()

    @property
    def _producer(self) -> Any:
        return self._inner


class _Inside:
    """The transport of a protocol inside a WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    def write(self, data: bytes) -> None:
        self._socket.send(data)

    def loseConnection(self) -> None:
        self._socket.close()
