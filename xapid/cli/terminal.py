"""The client as commands see it: something that prints, asks, reads files and transfers them over HTTP.

What a client sends back is read by what it says, not by how long it says that it is: the older of the two clients gives wrong
lengths for its answers to prompts.
"""

from __future__ import annotations

import struct
from typing import Final

from xapid.cli import frames
from xapid.cli.frames import Blob, Command, Kind, Response
from xapid.cli.line import Disconnected, Line

HANDSHAKE_S: Final = 60.0
ANSWER_S: Final = 24 * 3600.0
"""For people to answer, and for transfers that say nothing of themselves."""
UPLOAD_S: Final = 300.0
FILE_LIMIT: Final = 32 * 1024 * 1024
"""The largest file that a client may send in answer to :meth:`Terminal.load`."""


class TooBig(Exception):
    """A file is larger than this server takes."""


class Terminal:
    """Speaks with one client."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def greet(self) -> bool:
        """Exchanges names and versions; whether the two understand each other."""
        self._line.write(frames.PREFIX)
        theirs = await self._line.read(len(frames.PREFIX), HANDSHAKE_S)
        (major,) = struct.unpack_from("<i", theirs, len(frames.NAME))
        return theirs.startswith(frames.NAME) and major == frames.MAJOR

    def print(self, text: str) -> None:
        """A text and a line end on standard output."""
        self._line.write(frames.command(Command.PRINT, frames.text(text)))

    def print_error(self, text: str) -> None:
        """A text as it is on standard error."""
        self._line.write(frames.command(Command.PRINT_STDERR, frames.text(text)))

    def error(self, code: str, params: tuple[str, ...]) -> None:
        """An error for which the client finds its own words."""
        self._line.write(frames.command(Command.ERROR, frames.text(code), frames.texts(params)))

    def exit(self, status: int) -> None:
        """The last thing that is said."""
        self._line.write(frames.command(Command.EXIT, frames.integer(status)))

    async def drained(self) -> None:
        """Waits for a client that is slow to read."""
        await self._line.drained()

    async def prompt(self) -> str:
        """A line that the user types."""
        self._line.write(frames.command(Command.PROMPT))
        return (await self._contents(ANSWER_S)).decode("utf-8", "replace").strip("\r\n")

    async def load(self, file: str) -> bytes | None:
        """The contents of a file of the user's; None if it cannot be read. Raises :class:`TooBig`."""
        self._line.write(frames.command(Command.LOAD, frames.text(file)))
        return await self._contents(UPLOAD_S) if await self._response() else None

    async def get(self, file: str, url: str) -> bool:
        """Has ``url`` fetched into a file; whether that went well."""
        self._line.write(frames.command(Command.HTTP_GET, frames.text(file), frames.text(url)))
        return await self._response()

    async def put(self, file: str, url: str) -> bool:
        """Has a file sent to ``url``; whether that went well."""
        self._line.write(frames.command(Command.HTTP_PUT, frames.text(file), frames.text(url)))
        return await self._response()

    async def connect(self, url: str) -> bool:
        """Has the user's terminal connected to ``url``; whether that went well."""
        self._line.write(frames.command(Command.HTTP_CONNECT, frames.text(url)))
        return await self._response()

    def close(self) -> None:
        """Ends the connection."""
        self._line.close()

    async def _integer(self, patience: float = UPLOAD_S) -> int:
        (value,) = struct.unpack("<i", await self._line.read(4, patience))
        return int(value)

    async def _frame(self, patience: float) -> tuple[int, int]:
        """What comes next: its first two integers."""
        length = await self._integer(patience)
        while length == 0:  # what is left of an answer that was longer than it said
            length = await self._integer(patience)
        if length < 8:
            raise Disconnected
        return await self._integer(), await self._integer()

    async def _response(self) -> bool:
        while True:
            match await self._frame(ANSWER_S):
                case (Kind.RESPONSE, Response.WAIT):
                    continue
                case (Kind.RESPONSE, Response.OK):
                    return True
                case (Kind.RESPONSE, Response.FAILED):
                    return False
                case _:
                    raise Disconnected

    async def _contents(self, patience: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            match await self._frame(patience):
                case (Kind.BLOB, Blob.CHUNK):
                    length = await self._integer()
                    size += length
                    if length < 0:
                        raise Disconnected
                    if size > FILE_LIMIT:
                        raise TooBig
                    parts.append(await self._line.read(length, UPLOAD_S))
                case (Kind.BLOB, Blob.END):
                    return b"".join(parts)
                case (Kind.RESPONSE, Response.WAIT | Response.OK):
                    continue
                case _:
                    raise Disconnected
