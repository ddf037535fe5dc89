"""Archives in gzip or zstd: told by their first bytes, and unpacked in bounded amounts whatever is in them.

gzip is always there; zstd needs the package ``zstandard``.
"""

from __future__ import annotations

import zlib
from typing import Any, Final, Literal, Protocol

from xapid.xva.checksums import Missing
from xapid.xva.streams import ByteStream, Read, Truncated

try:
    import zstandard

    HAS_ZSTD = True
except ImportError:  # the extra "xva" is not installed
    HAS_ZSTD = False

Method = Literal["", "gzip", "zstd"]

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
_GZIP_FORMAT: Final = 31
_GZIP_LEVEL: Final = 1
"""The archive is written while a client waits, in the thread that serves everyone."""
_BOUND: Final = 1 << 20
_SLICE: Final = 2048
"""How much of a zstd stream is unpacked at once: a hostile one can grow it by five powers of ten."""


class Compressor(Protocol):
    """Takes pieces of a stream and gives pieces of the compressed one."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def compressor(method: Method) -> Compressor:
    """What compresses an archive. Raises :class:`~xapid.xva.checksums.Missing`."""
    if method == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_FORMAT)
    if method == "zstd":
        return _zstandard().ZstdCompressor().compressobj()  # type: ignore[no-any-return]  # the package has no types
    return _Plain()


async def decompressed(stream: ByteStream) -> ByteStream:
    """The same stream without its compression, if it has one. Raises :class:`~xapid.xva.checksums.Missing`.

    Reading raises :class:`Truncated` when the compressed stream ends early, and ValueError when it is damaged.
    """
    start = await stream.peek(len(ZSTD))
    if start.startswith(ZSTD):
        return ByteStream(_zstd(stream))
    return ByteStream(_gzip(stream)) if start.startswith(GZIP) else stream


def _gzip(stream: ByteStream) -> Read:
    inflate = zlib.decompressobj(_GZIP_FORMAT)
    waiting = b""

    async def read() -> bytes:
        nonlocal inflate, waiting
        while True:
            if not waiting:
                waiting = await stream.some()
                if not waiting:
                    if not inflate.eof:
                        raise Truncated
                    return b""
            if inflate.eof:
                inflate = zlib.decompressobj(_GZIP_FORMAT)  # archives may be put together from several
            try:
                data = inflate.decompress(waiting, _BOUND)
            except zlib.error as error:
                raise ValueError(str(error)) from None
            waiting = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            if data:
                return data

    return read


def _zstd(stream: ByteStream) -> Read:
    package = _zstandard()
    unpack = package.ZstdDecompressor(max_window_size=1 << 27)
    frame = unpack.decompressobj()
    waiting = b""

    async def read() -> bytes:
        nonlocal frame, waiting
        while True:
            if not waiting:
                waiting = await stream.some()
                if not waiting:
                    if not frame.eof:
                        raise Truncated
                    return b""
            if frame.eof:
                frame = unpack.decompressobj()
            piece, waiting = waiting[:_SLICE], waiting[_SLICE:]
            try:
                data: bytes = frame.decompress(piece)
            except package.ZstdError as error:
                raise ValueError(str(error)) from None
            waiting = frame.unused_data + waiting
            if data:
                return data

    return read


def _zstandard() -> Any:
    if not HAS_ZSTD:
        raise Missing("zstd needs the package zstandard, which is not installed (xapid[xva])")
    return zstandard
