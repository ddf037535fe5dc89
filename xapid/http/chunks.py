"""Answers as they are sent: small ones whole, big ones in bounded pieces.

Of big ones, small pieces are joined into chunks and large ones are cut; the whole is never made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from xapid.http.head import Head
from xapid.wire.call import Answer

CHUNK: Final = 256 * 1024
"""How much of a big answer is written at once."""


class Latest:
    """The latest answer that was joined. Listeners who are woken together are given the same one, and it is joined once."""

    __slots__ = ("answer", "head", "whole")

    def __init__(self) -> None:
        self.keep(None, [], b"")

    def keep(self, head: Head | None, answer: Answer, whole: bytes) -> None:
        """``whole`` is sent for ``answer`` to a request with ``head``."""
        self.head = head
        self.answer = answer
        self.whole = whole


def joined(pieces: Iterable[bytes], size: int = CHUNK) -> Iterator[bytes]:
    """The same in chunks of at least ``size``, but for the last. A piece that is a chunk by itself is not copied."""
    held, parts = 0, []
    for piece in pieces:
        parts.append(piece)
        held += len(piece)
        if held >= size:
            yield parts[0] if len(parts) == 1 else b"".join(parts)
            held, parts = 0, []
    if held:
        yield b"".join(parts)


def cut(data: bytes) -> Iterator[bytes]:
    """The same in chunks."""
    return (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))


async def gathered(pieces: Iterable[bytes], clock: IReactorTime) -> list[bytes]:
    """All of them, for an answer that has to say its length. While they are made, others get their turns."""
    found, since = [], 0
    for piece in pieces:
        found.append(piece)
        since += len(piece)
        if since > CHUNK:
            since = 0
            await deferLater(clock, 0)
    return found


class Chunks:
    """An answer on its way: ``done`` is to be called when its last chunk has been written."""

    def __init__(self, pieces: Iterator[bytes], done: Callable[[], None]) -> None:
        self._chunks = joined(pieces)
        self.done = done

    def next(self) -> bytes:
        """A chunk; empty at the end."""
        return next(self._chunks, b"")
