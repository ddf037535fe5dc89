"""One command line: the request, the greeting, and then whatever the server says to do, until it says to exit.

A server may read and write the files that the user has named and no others, and it may make new ones in the current
directory.
"""

from __future__ import annotations

import os
import struct

from xapid.cli.frames import PREFIX, Blob, Command, Kind, Response, integer
from xapid.xe import transfers
from xapid.xe.connection import Unreachable, open_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xapid.xe.connection import Stream
    from xapid.xe.options import Options
    from xapid.xe.screen import Screen

UNREACHABLE = "Unable to contact server. Please check server and port settings.\n"
LONGEST = 1 << 30
"""Of one frame, in bytes; a server that says more than this does not speak the protocol."""


class Failed(Exception):
    """The command cannot go on; the text says why."""


class Fields:
    """Reads integers and texts out of a frame. Raises :class:`Failed` where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def integer(self) -> int:
        if self._at + 4 > len(self._data):
            raise Failed("Protocol error: the server sent a frame that is too short.")
        (value,) = struct.unpack_from("<i", self._data, self._at)
        self._at += 4
        return int(value)

    def text(self) -> bytes:
        length = self.integer()
        if not 0 <= length <= len(self._data) - self._at:
            raise Failed("Protocol error: the server sent a text of an impossible length.")
        text = self._data[self._at : self._at + length]
        self._at += length
        return text

    def path(self) -> str:
        return os.fsdecode(self.text())


class Conversation:
    """Does what one server says."""

    def __init__(self, options: Options, screen: Screen) -> None:
        self._options = options
        self._screen = screen
        self._debug: list[bytes] = []
        self._stream: Stream
        self._minor = 0

    def run(self) -> int:
        """The exit status. Raises :class:`Failed`, :class:`Unreachable`, and UsageError of the options."""
        request = _request(self._options)
        self._stream = open_for(self._options)
        try:
            self._stream.socket.sendall(request)
            self._minor = _greeted(self._stream)
            status = self._obey()
        except (EOFError, OSError):
            raise Failed("Lost the connection to the server.") from None
        finally:
            self._stream.close()
        if status and self._options.is_debugged_on_failure:
            self._screen.print_error(b"".join(self._debug))
        return status

    def _obey(self) -> int:
        while True:
            (length,) = struct.unpack("<i", self._stream.exactly(4))
            if not 8 <= length <= LONGEST:
                raise Failed("Protocol error: the server sent a frame of an impossible length.")
            fields = Fields(self._stream.exactly(length))
            if fields.integer() != Kind.COMMAND:
                raise Failed("Protocol error: the server sent something other than a command.")
            what = fields.integer()
            if what == Command.EXIT:
                return fields.integer()
            self._do(what, fields)
            if self._screen.is_gone:
                return 141  # as of a program that the broken pipe has ended

    def _do(self, what: int, fields: Fields) -> None:
        if what == Command.PRINT:
            self._screen.print(fields.text() + b"\n")
        elif what == Command.PRINT_STDERR:
            self._screen.print_error(fields.text())
        elif what == Command.DEBUG:
            self._note(fields.text() + b"\n")
        elif what == Command.ERROR:
            code = fields.text()
            params = [fields.text() for _ in range(fields.integer())]
            self._screen.print_error(b"Error code: %s\nError parameters: %s\n" % (code, b", ".join(params)))
        elif what == Command.PROMPT:
            self._send_contents(self._screen.line())
        elif what == Command.LOAD:
            self._load(fields.path())
        elif what == Command.HTTP_GET:
            file = self._permitted(fields.path(), is_new=True)
            self._respond(transfers.get(self._options, self._screen, file, fields.path(), self._wait))
        elif what == Command.HTTP_PUT:
            file = self._permitted(fields.path())
            self._respond(transfers.put(self._options, self._screen, file, fields.path(), self._wait))
        elif what == Command.HTTP_CONNECT:
            from xapid.xe import console

            self._respond(console.connect(self._options, self._screen, fields.path(), self._wait))
        else:
            raise Failed(f"Protocol error: the server wants something that this client does not know ({what}).")

    # Files ----------------------------------------------------------------------------------------------------------------

    def _permitted(self, file: str, *, is_new: bool = False) -> str:
        """The file, if the server may name it. Raises :class:`Failed`."""
        if file in self._options.files or (is_new and not file):
            return file
        if is_new and os.path.basename(file) == file and not file.startswith(".") and not os.path.lexists(file):
            return file
        raise Failed(f"File not permitted: {file!r}. A server may only use files that are named on the command line.")

    def _load(self, file: str) -> None:
        try:
            with open(self._permitted(file), "rb") as opened:
                contents = opened.read()
        except OSError:
            self._respond(False)
            return
        self._respond(True)
        self._send_contents(contents)

    # What is said -----------------------------------------------------------------------------------------------------------

    def _note(self, text: bytes) -> None:
        if self._options.is_debugged:
            self._screen.print_error(text)
        elif self._options.is_debugged_on_failure:
            self._debug.append(text)

    def _send(self, *integers: int) -> None:
        payload = b"".join(map(integer, integers))
        self._stream.socket.sendall(integer(len(payload)) + payload)

    def _respond(self, went_well: bool) -> None:
        self._send(Kind.RESPONSE, Response.OK if went_well else Response.FAILED)

    def _send_contents(self, contents: bytes) -> None:
        if contents:
            self._send(Kind.BLOB, Blob.CHUNK, len(contents))
            self._stream.socket.sendall(contents)
        self._send(Kind.BLOB, Blob.END)

    def _wait(self) -> None:
        """Tells a server that knows of it that a transfer still goes on."""
        if self._minor >= 2:
            self._send(Kind.RESPONSE, Response.WAIT)


def _request(options: Options) -> bytes:
    body = options.body
    more = "".join(
        f"{name}: {value}\r\n" for name, value in (("traceparent", options.traceparent), ("baggage", options.baggage)) if value
    )
    head = f"POST /cli HTTP/1.0\r\nUser-agent: xe-cli/Unix/0.2\r\noriginator: cli\r\n{more}content-length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body


def _greeted(stream: Stream) -> int:
    """Exchanges greetings; the server's minor version. Raises :class:`Failed`, :class:`Unreachable`."""
    try:
        theirs = stream.exactly(4)
    except (EOFError, OSError):
        raise Unreachable("it closes the connection") from None
    if theirs == b"HTTP":
        raise Failed("Server internal error.")
    theirs += stream.exactly(len(PREFIX) - len(theirs))
    if theirs[:-8] != PREFIX[:-8]:
        raise Failed("This is no server of the thin CLI protocol.")
    major, minor = struct.unpack("<ii", theirs[-8:])
    if theirs[-8:-4] != PREFIX[-8:-4]:
        raise Failed(f"Protocol version mismatch: the server speaks version {major}.{minor}.")
    stream.socket.sendall(PREFIX)
    return int(minor)
