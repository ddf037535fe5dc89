"""Archives in gzip or zstd: told by their first bytes, and unpacked in bounded amounts whatever is in them.

gzip is always there; zstd needs the package ``zstandard``.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeVar

from xapid.xva.checksums import Missing
from xapid.xva.streams import ByteStream, Truncated

try:
    import zstandard

    HAS_ZSTD = True
except ImportError:  # the extra "xva" is not installed
    HAS_ZSTD = False

Method = Literal["", "gzip", "zstd"]
T = TypeVar("T")

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
_GZIP_FORMAT: Final = 31
_GZIP_LEVEL: Final = 1
"""Clients wait for archives more than they lack room for them."""
_BOUND: Final = 1 << 20
_WORTH: Final = 64 << 10
"""How much of a compressed stream is waited for before a thread is bothered with it."""
_SLICE: Final = 2048
"""How much of a zstd stream is unpacked at once: a hostile one can grow it by five powers of ten."""


class InThread(Protocol):
    """Runs a function where it may take its time."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]: ...


async def here(function: Callable[[], T]) -> T:
    """Runs it in this thread."""
    return function()


class Compressor(Protocol):
    """Takes pieces of a stream and gives pieces of the compressed one."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


PLAIN: Final[Compressor] = _Plain()
"""Leaves everything as it is."""


def compressor(method: Method) -> Compressor:
    """What compresses an archive. Raises :class:`~xapid.xva.checksums.Missing`."""
    if method == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_FORMAT)
    if method == "zstd":
        return _zstandard().ZstdCompressor().compressobj()  # type: ignore[no-any-return]  # the package has no types
    return PLAIN


async def decompressed(stream: ByteStream, in_thread: InThread = here) -> ByteStream:
    """The same stream without its compression, if it has one; it is unpacked in a thread. Raises
    :class:`~xapid.xva.checksums.Missing`.

    Reading raises :class:`Truncated` when the compressed stream ends early, and ValueError when it is damaged.
    """
    start = await stream.peek(len(ZSTD))
    if start.startswith(ZSTD):
        return ByteStream(_Unpacking(stream, _Zstd(), in_thread).read)
    return ByteStream(_Unpacking(stream, _Gzip(), in_thread).read) if start.startswith(GZIP) else stream


class _Unpacker(Protocol):
    """Unpacks a stream that consists of frames, one after the other."""

    ended: bool
    """Whether a frame has come to its end, and no other has begun."""

    def unpack(self, data: bytes, /) -> tuple[bytes, bytes]:
        """What comes of some bytes, but not of all where that would be too much: the others come second."""


class _Gzip:
    def __init__(self) -> None:
        self.ended = True

    def unpack(self, data: bytes) -> tuple[bytes, bytes]:
        if self.ended:
            self._inflate = zlib.decompressobj(_GZIP_FORMAT)
        try:
            done = self._inflate.decompress(data, _BOUND)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        self.ended = self._inflate.eof
        return done, self._inflate.unused_data if self.ended else self._inflate.unconsumed_tail


class _Zstd:
    def __init__(self) -> None:
        self.ended = True
        self._package = _zstandard()
        self._context = self._package.ZstdDecompressor(max_window_size=1 << 27)

    def unpack(self, data: bytes) -> tuple[bytes, bytes]:
        done: list[bytes] = []
        size = at = 0
        while at < len(data) and size < _BOUND:
            if self.ended:
                self._frame = self._context.decompressobj()
            piece = data[at : at + _SLICE]
            try:
                done.append(self._frame.decompress(piece))
            except self._package.ZstdError as error:
                raise ValueError(str(error)) from None
            size += len(done[-1])
            at += len(piece) - len(self._frame.unused_data)
            self.ended = self._frame.eof
        return b"".join(done), data[at:]


class _Unpacking:
    """A compressed stream that is being read."""

    def __init__(self, stream: ByteStream, unpacker: _Unpacker, in_thread: InThread) -> None:
        self._stream = stream
        self._unpacker = unpacker
        self._in_thread = in_thread
        self._waiting = b""

    async def read(self) -> bytes:
        """Some bytes; none at the end."""
        while True:
            if not self._waiting:
                self._waiting = await self._stream.several(_WORTH)
                if not self._waiting:
                    if not self._unpacker.ended:
                        raise Truncated
                    return b""
            done, self._waiting = await self._in_thread(partial(self._unpacker.unpack, self._waiting))
            if done:
                return done


def _zstandard() -> Any:
    if not HAS_ZSTD:
        raise Missing("zstd needs the package zstandard, which is not installed (xapid[xva])")
    return zstandard
