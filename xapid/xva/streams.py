"""Bytes that come when they come, read in the amounts that a format asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Read = Callable[[], Awaitable[bytes]]
"""Gives some bytes; none at the end."""


class Truncated(Exception):
    """The stream ended in the middle of something."""


class ByteStream:
    """What ``read`` gives, in other pieces. Holds no more than was asked for and the piece that came last."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._held = b""
        self._ended = False

    async def some(self) -> bytes:
        """Whatever is there; empty at the end."""
        if self._held:
            data, self._held = self._held, b""
            return data
        if self._ended:
            return b""
        data = await self._read()
        self._ended = not data
        return data

    async def several(self, worth: int) -> bytes:
        """What is there, and what comes, until it is ``worth`` so many bytes; empty at the end."""
        return await self._gather(worth, cut=False)

    async def exactly(self, count: int) -> bytes:
        """``count`` bytes. Raises :class:`Truncated`."""
        data = await self._gather(count)
        if len(data) < count:
            raise Truncated
        return data

    async def peek(self, count: int) -> bytes:
        """The next ``count`` bytes, which stay; fewer if there are no more."""
        data = await self._gather(count)
        self._held = data + self._held
        return data

    async def skip(self, count: int) -> None:
        """Pass over ``count`` bytes. Raises :class:`Truncated`."""
        while count > 0:
            data = await self.some()
            if not data:
                raise Truncated
            if len(data) > count:
                self._held = data[count:]
            count -= len(data)

    async def _gather(self, count: int, *, cut: bool = True) -> bytes:
        parts, missing = [], count
        while missing > 0:
            data = await self.some()
            if not data:
                break
            if cut and len(data) > missing:
                data, self._held = data[:missing], data[missing:]
            parts.append(data)
            missing -= len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)
