"""One client of the network block device protocol: fixed newstyle negotiation, then reads, one after the other.

Where TLS is required, nothing is negotiated before it. Exports are not listed, since their names hold sessions, and nothing can
be written. A client holds its disk open until it goes; requests that it sends ahead wait in the buffer, and while many do, or
while it does not take what it asked for, it is not read from.

https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import IntEnum
from typing import Any, Final, Protocol

from twisted.internet import defer
from twisted.internet.interfaces import IDelayedCall, IOpenSSLServerConnectionCreator, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from xapid.datamodel.errors import XenAPIError

log = Logger()

PATIENCE: Final = 60.0
"""Seconds for the negotiation."""
LONGEST_OPTION: Final = 8192
LONGEST_READ: Final = 32 << 20
PIECE: Final = 1 << 20
"""Bytes that are read of a disk at once."""
BACKLOG: Final = 16 * 1024
"""Bytes of requests that may wait before the client is no longer read from."""

_INIT: Final = b"NBDMAGIC"
_OPTION_MAGIC: Final = b"IHAVEOPT"
_REPLY_MAGIC: Final = 0x3E889045565A9
_REQUEST_MAGIC: Final = 0x25609513
_ANSWER_MAGIC: Final = 0x67446698
_FIXED, _NO_ZEROES = 1, 2
_FLAGS: Final = 1 | 2 | 256
"""Of an export: flags are sent, it is read-only, and several connections see the same."""
_ZEROES: Final = bytes(124)
_OPTION: Final = struct.Struct(">8sII")
_REPLY: Final = struct.Struct(">QIII")
_REQUEST: Final = struct.Struct(">IHHQQI")
_ANSWER: Final = struct.Struct(">IIQ")
_EXPORT: Final = struct.Struct(">QH")


class _Option(IntEnum):
    EXPORT_NAME = 1
    ABORT = 2
    LIST = 3
    STARTTLS = 5
    INFO = 6
    GO = 7


class _Reply(IntEnum):
    ACK = 1
    INFO = 3
    ERR_UNSUP = 0x80000001
    ERR_POLICY = 0x80000002
    ERR_INVALID = 0x80000003
    ERR_TLS_REQD = 0x80000005
    ERR_UNKNOWN = 0x80000006


class _Info(IntEnum):
    EXPORT = 0
    BLOCK_SIZE = 3


class _Command(IntEnum):
    READ = 0
    WRITE = 1
    DISC = 2
    FLUSH = 3


EPERM, EIO, EINVAL = 1, 5, 22


class Disk(Protocol):
    """What is served."""

    size: int

    async def read(self, offset: int, length: int) -> bytes:
        """So many bytes. Raises XenAPIError."""


Open = Callable[[str, Callable[[], None]], AbstractAsyncContextManager[Disk]]
"""Opens what a name means, for as long as the block lasts; calls back when it has to end. Raises XenAPIError."""


class Garbage(Exception):
    """What came is not this protocol."""


@implementer(IPushProducer)
class NbdProtocol(TwistedProtocol):
    """Serves one client. With ``tls``, it has to start that first."""

    transport: Any
    """Of TCP, which can start TLS."""

    def __init__(self, open_: Open, tls: IOpenSSLServerConnectionCreator | None, clock: IReactorTime) -> None:
        self._open = open_
        self._tls = tls
        self._clock = clock
        self._buffer = b""
        self._step: Callable[[], bool] | None = self._read_flags
        """Takes something off the buffer and says whether it could; None while something is being done."""
        self._advancing = False
        self._wants_tls = tls is not None
        self._no_zeroes = False
        self._skip = 0
        self._disk: Disk | None = None
        self._over: defer.Deferred[None] = defer.Deferred()
        self._room: defer.Deferred[None] | None = None
        """Fires when the client has taken what waits for it."""
        self._timer: IDelayedCall | None = None

    # Connection -------------------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._timer = self._clock.callLater(PATIENCE, self.end)
        self.transport.setTcpKeepAlive(True)
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._write(_INIT + _OPTION_MAGIC + struct.pack(">H", _FIXED | _NO_ZEROES))

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        self._advance()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        self._step = None
        self._calm()
        self._taken()
        if not self._over.called:
            self._over.callback(None)

    def end(self) -> None:
        """Hang up."""
        self._step = None
        if self.transport is not None:
            self.transport.abortConnection()

    def pauseProducing(self) -> None:
        """The client does not take what is sent."""
        if self._room is None:
            self._room = defer.Deferred()

    def resumeProducing(self) -> None:
        """It does again."""
        self._taken()

    def stopProducing(self) -> None:
        """It never will."""
        self._taken()

    def _taken(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def _calm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _write(self, data: bytes) -> None:
        self.transport.write(data)

    def _advance(self) -> None:
        if self._advancing:  # what was waited for came at once
            return
        self._advancing = True
        try:
            while self._step is not None and self._step():
                pass
        except Garbage as problem:
            log.info("a client of a disk sent what is no NBD: {problem}", problem=problem)
            self.end()
        finally:
            self._advancing = False
        if self._step is not None:
            self.transport.resumeProducing()
        elif len(self._buffer) > BACKLOG:
            self.transport.pauseProducing()

    def _take(self, size: int) -> bytes:
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _while(self, work: Any) -> None:
        """Do not look at what comes until a coroutine ends, which says what to look for then."""
        self._step = None
        defer.Deferred.fromCoroutine(work).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        log.failure("serving a disk failed", failure)
        self.end()

    def _go_on(self, step: Callable[[], bool]) -> None:
        if self.connected:
            self._step = step
            self._advance()

    # Negotiation ------------------------------------------------------------------------------------------------------

    def _read_flags(self) -> bool:
        if len(self._buffer) < 4:
            return False
        (flags,) = struct.unpack(">I", self._take(4))
        if flags & ~(_FIXED | _NO_ZEROES) or not flags & _FIXED:
            raise Garbage(f"flags {flags:#x}")
        self._no_zeroes = bool(flags & _NO_ZEROES)
        self._step = self._read_option
        return True

    def _read_option(self) -> bool:
        if len(self._buffer) < _OPTION.size:
            return False
        magic, option, length = _OPTION.unpack_from(self._buffer)
        if magic != _OPTION_MAGIC or length > LONGEST_OPTION:
            raise Garbage("an option that is none")
        if len(self._buffer) < _OPTION.size + length:
            return False
        data = self._take(_OPTION.size + length)[_OPTION.size :]
        self._negotiate(option, data)
        return True

    def _negotiate(self, option: int, data: bytes) -> None:
        if option == _Option.ABORT:
            self._reply(option, _Reply.ACK)
            self._step = None
            self.transport.loseConnection()
        elif option == _Option.STARTTLS:
            self._start_tls(option, data)
        elif self._wants_tls:
            if option == _Option.EXPORT_NAME:
                raise Garbage("an export without TLS, to which there is no other answer")
            self._reply(option, _Reply.ERR_TLS_REQD)
        elif option == _Option.EXPORT_NAME:
            self._while(self._transmit(option, _text(data), ()))
        elif option in (_Option.INFO, _Option.GO):
            asked = _asked(data)
            if asked is None:
                self._reply(option, _Reply.ERR_INVALID)
            elif option == _Option.GO:
                self._while(self._transmit(option, *asked))
            else:
                self._while(self._describe(option, *asked))
        else:
            self._reply(option, _Reply.ERR_POLICY if option == _Option.LIST else _Reply.ERR_UNSUP)

    def _start_tls(self, option: int, data: bytes) -> None:
        if data or not self._wants_tls:
            self._reply(option, _Reply.ERR_INVALID if data or self._tls is not None else _Reply.ERR_POLICY)
            return
        if self._buffer:
            raise Garbage("something in the clear after the start of TLS")
        self._reply(option, _Reply.ACK)
        self._wants_tls = False
        self.transport.unregisterProducer()
        self.transport.startTLS(self._tls)
        self.transport.registerProducer(self, True)

    def _reply(self, option: int, kind: int, data: bytes = b"") -> None:
        self._write(_REPLY.pack(_REPLY_MAGIC, option, kind, len(data)) + data)

    async def _describe(self, option: int, name: str, infos: tuple[int, ...]) -> None:
        try:
            async with self._open(name, self.end) as disk:
                self._tell(option, disk, infos)
        except XenAPIError as refusal:
            self._refuse(option, refusal)
        self._go_on(self._read_option)

    async def _transmit(self, option: int, name: str, infos: tuple[int, ...]) -> None:
        """Serve a disk until the client goes."""
        try:
            async with self._open(name, self.end) as disk:
                if not self.connected:
                    return
                self._calm()
                self._disk = disk
                if option == _Option.GO:
                    self._tell(option, disk, infos)
                else:
                    self._write(_EXPORT.pack(disk.size, _FLAGS) + (b"" if self._no_zeroes else _ZEROES))
                self._go_on(self._read_request)
                await self._over
        except XenAPIError as refusal:
            if option != _Option.GO:
                log.info("a disk is not served: {refusal}", refusal=refusal.code)
                self.end()
                return
            self._refuse(option, refusal)
            self._go_on(self._read_option)

    def _tell(self, option: int, disk: Disk, infos: tuple[int, ...]) -> None:
        self._reply(option, _Reply.INFO, struct.pack(">H", _Info.EXPORT) + _EXPORT.pack(disk.size, _FLAGS))
        if _Info.BLOCK_SIZE in infos:
            self._reply(option, _Reply.INFO, struct.pack(">HIII", _Info.BLOCK_SIZE, 1, 64 * 1024, LONGEST_READ))
        self._reply(option, _Reply.ACK)

    def _refuse(self, option: int, refusal: XenAPIError) -> None:
        """By the code alone: parameters may hold the session."""
        self._reply(option, _Reply.ERR_UNKNOWN, refusal.code.encode())

    # Transmission -----------------------------------------------------------------------------------------------------

    def _read_request(self) -> bool:
        if self._skip:
            self._skip -= len(self._take(self._skip))
            return not self._skip and bool(self._buffer)
        if len(self._buffer) < _REQUEST.size:
            return False
        magic, _, command, handle, offset, length = _REQUEST.unpack(self._take(_REQUEST.size))
        if magic != _REQUEST_MAGIC:
            raise Garbage("a request that is none")
        assert self._disk is not None
        if command == _Command.DISC:
            self._step = None
            self.transport.loseConnection()
        elif command == _Command.READ:
            if 0 < length <= LONGEST_READ and offset + length <= self._disk.size:
                self._while(self._read(self._disk, handle, offset, length))
            else:
                self._answer(handle, EINVAL)
        elif command == _Command.FLUSH:
            self._answer(handle, 0)
        else:
            if command == _Command.WRITE:
                self._skip = length
            self._answer(handle, EPERM)
        return self._step is not None

    def _answer(self, handle: int, problem: int) -> None:
        self._write(_ANSWER.pack(_ANSWER_MAGIC, problem, handle))

    async def _read(self, disk: Disk, handle: int, offset: int, length: int) -> None:
        end = offset + length
        for at in range(offset, end, PIECE):
            try:
                piece = await disk.read(at, min(PIECE, end - at))
            except XenAPIError as problem:
                log.warn("a disk could not be read: {problem}", problem=problem.code)
                if at > offset:  # the client counts on the rest
                    self.end()
                    return
                self._answer(handle, EIO)
                break
            if not self.connected:
                return
            if at == offset:
                self._answer(handle, 0)
            self._write(piece)
            if self._room is not None:
                await self._room
        self._go_on(self._read_request)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _asked(data: bytes) -> tuple[str, tuple[int, ...]] | None:
    """The name and the kinds of information that an option asks for; None if it is not well formed."""
    if len(data) < 6:
        return None
    (size,) = struct.unpack_from(">I", data)
    if len(data) < 6 + size:
        return None
    (count,) = struct.unpack_from(">H", data, 4 + size)
    if len(data) != 6 + size + 2 * count:
        return None
    return _text(data[4 : 4 + size]), struct.unpack_from(f">{count}H", data, 6 + size)
