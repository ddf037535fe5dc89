"""Big answers in bounded pieces: many small ones are joined into chunks, and the whole never is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

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


class Chunks:
    """Joins small pieces of an answer into chunks, never the whole."""

    def __init__(self, pieces: Iterator[bytes], done: Callable[[], None]) -> None:
        self._pieces = pieces
        self.done = done

    def next(self) -> bytes:
        """At least a chunk's worth, or the rest; empty at the end. A piece that is a chunk by itself is not copied."""
        size, parts = 0, []
        for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size >= CHUNK:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)
