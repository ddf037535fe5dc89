"""Files fetched and sent over HTTP, on connections beside the conversation, as the server says.

The server hears of a transfer that takes long, and the user sees how far it is if someone looks.
"""

from __future__ import annotations

import os
import stat
from time import monotonic

from xapid.xe.connection import Unreachable, open_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xapid.xe.connection import Stream
    from xapid.xe.options import Options
    from xapid.xe.screen import Screen

    Wait = Callable[[], None]

PIECE = 256 * 1024
WAIT_S = 300.0
"""How often a server hears that a transfer goes on."""
REDIRECTIONS = 5


class Refused(Exception):
    """The other side does not give or take it; the text says why."""


def get(options: Options, screen: Screen, file: str, url: str, wait: Wait) -> bool:
    """Fetches ``url`` into a file, which must be new, or to standard output if it has no name; whether that went well."""
    try:
        with _Target(file) as target:
            stream, size = asked(options, url, lambda path: f"GET {path} HTTP/1.0\r\n\r\n", wait)
            try:
                _receive(stream, target, size, _Progress(options, screen, size, shown=bool(file)), wait)
            finally:
                stream.close()
            target.is_whole = True
    except (Refused, Unreachable, OSError, EOFError) as problem:
        return _say(screen, problem, file)
    return True


def put(options: Options, screen: Screen, file: str, url: str, wait: Wait) -> bool:
    """Sends a file to ``url``; whether that went well."""
    try:
        with open(file, "rb", buffering=0) as source:
            info = os.fstat(source.fileno())
            if stat.S_ISDIR(info.st_mode):
                raise Refused("it is a directory")
            size = info.st_size if stat.S_ISREG(info.st_mode) else None
            length = "" if size is None else f"Content-length: {size}\r\n"
            stream, _ = asked(options, url, lambda path: f"PUT {path} HTTP/1.0\r\n{length}\r\n", wait)
            try:
                _send_all(stream, source.fileno(), size, _Progress(options, screen, size), wait)
                _until_taken(stream, wait)
            finally:
                stream.close()
    except (Refused, Unreachable, OSError, EOFError) as problem:
        return _say(screen, problem, file)
    return True


def asked(options: Options, url: str, request: Callable[[str], str], wait: Wait) -> tuple[Stream, int | None]:
    """A connection on which the request was answered well, and how long the answer's body is, if that is known."""
    for _ in range(REDIRECTIONS):
        stream, path = open_url(options, url)
        try:
            stream.socket.settimeout(WAIT_S)
            stream.socket.sendall(request(path).encode("utf-8", "surrogateescape"))
            status, headers = _answer(stream, wait)
        except BaseException:
            stream.close()
            raise
        if status == 200:
            length = headers.get(b"content-length", b"")
            return stream, int(length) if length.isdigit() else None
        stream.close()
        if status not in (301, 302, 303, 307):
            raise Refused(f"the server answers with HTTP status {status}")
        url = os.fsdecode(headers.get(b"location", b""))
    raise Refused("the server sends the client from one place to another")


def _answer(stream: Stream, wait: Wait) -> tuple[int, dict[bytes, bytes]]:
    line = _patiently(stream.line, wait)
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise Refused("the answer is not HTTP")
    headers: dict[bytes, bytes] = {}
    for _ in range(100):
        line = _patiently(stream.line, wait)
        if not line:
            return int(words[1]), headers
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    raise Refused("the answer has no end of headers")


def _patiently(act: Callable[[], bytes], wait: Wait) -> bytes:
    """What ``act`` gives, for which one waits as long as it takes, telling the server so."""
    while True:
        try:
            return act()
        except TimeoutError:
            wait()


def _receive(stream: Stream, target: _Target, size: int | None, progress: _Progress, wait: Wait) -> None:
    done = 0
    told = monotonic()
    while size is None or done < size:
        data = _patiently(lambda: stream.some(PIECE), wait)
        if not data:
            break
        target.write(data)
        done += len(data)
        progress.show(done)
        if monotonic() - told > WAIT_S:
            wait()
            told = monotonic()
    progress.end()
    if size is not None and done < size:
        raise Refused(f"the connection broke off after {done} of {size} bytes")


def _send_all(stream: Stream, source: int, size: int | None, progress: _Progress, wait: Wait) -> None:
    done = 0
    told = monotonic()
    while size is None or done < size:
        data = memoryview(os.read(source, PIECE if size is None else min(PIECE, size - done)))
        if not data:
            break
        done += len(data)
        while data:
            try:
                data = data[stream.socket.send(data) :]
            except TimeoutError:
                wait()
        progress.show(done)
        if monotonic() - told > WAIT_S:
            wait()
            told = monotonic()
    progress.end()
    if size is not None and done < size:
        raise Refused(f"the file became shorter while it was sent: {done} of {size} bytes")


def _until_taken(stream: Stream, wait: Wait) -> None:
    """Says that there is no more, and waits until the server has read it all, which it shows by closing the connection."""
    try:
        # The end of TLS first, so that nothing looks cut off. It is answered by a server that has read all.
        unwrap = getattr(stream.socket, "unwrap", None)
        connection = stream.socket if unwrap is None else unwrap()
        connection.shutdown(1)
        while _patiently(lambda: stream.some(4096), wait):
            pass
    except (OSError, ValueError):
        return  # the server did not wait for it


class _Target:
    """A new file, which is removed again unless it came whole; standard output; or a device or pipe that is there."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._is_ours = False
        self.is_whole = False
        self._number = 1

    def __enter__(self) -> _Target:
        if self._file:
            try:
                self._number = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                self._is_ours = True
            except FileExistsError:
                if stat.S_ISREG(os.stat(self._file).st_mode):
                    raise Refused("the file exists already; please specify a different file name") from None
                self._number = os.open(self._file, os.O_WRONLY | os.O_CLOEXEC)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            os.close(self._number)
        if self._is_ours and not self.is_whole:
            os.unlink(self._file)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._number, view) :]


class _Progress:
    """A line on a terminal, from the second second on; with ``--progress`` wherever, and at once."""

    def __init__(self, options: Options, screen: Screen, size: int | None, *, shown: bool = True) -> None:
        self._screen = screen
        self._size = size
        self._began = self._last = monotonic()
        self._is_on = (shown and screen.shows_errors) or options.shows_progress
        self._patience = 0.0 if options.shows_progress else 1.0
        self._is_shown = False

    def show(self, done: int) -> None:
        now = monotonic()
        if self._is_on and now - self._last > 0.5 and now - self._began > self._patience:
            self._last = now
            self._is_shown = True
            speed = done / (now - self._began) / 1e6
            part = f"{done / 1e6:,.1f} MB" if not self._size else f"{100 * done // self._size:3d} %, {done / 1e6:,.1f} MB"
            self._screen.print_error(f"\r{part} at {speed:,.1f} MB/s   ".encode())

    def end(self) -> None:
        if self._is_shown:
            self._screen.print_error(b"\r" + b" " * 60 + b"\r")


def _say(screen: Screen, problem: Exception, file: str) -> bool:
    """Tells the user why it did not go well; False."""
    if isinstance(problem, BrokenPipeError) and not file:
        return False  # nobody reads it any more
    text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem) or "the connection broke off"
    screen.print_error(f"{file or 'The transfer'}: {text}\n".encode("utf-8", "surrogateescape"))
    return False
