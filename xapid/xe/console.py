"""The text console of a VM on the user's terminal, until Ctrl-] or until the server ends it."""

from __future__ import annotations

import os
import select

from xapid.xe.connection import Stream, Unreachable
from xapid.xe.transfers import Refused, asked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from xapid.xe.options import Options
    from xapid.xe.screen import Screen

END = b"\x1d"
"""Ctrl-]"""
WAIT_S = 300.0
SILENCE_S = 1.0
"""After the end of what is typed by a program, so long a silence ends the console."""


def connect(options: Options, screen: Screen, url: str, wait: Callable[[], None]) -> bool:
    """Connects the terminal to what is at ``url``; whether there was anything."""
    try:
        stream, _ = asked(options, url, lambda path: f"CONNECT {path} HTTP/1.0\r\n\r\n", wait)
    except (Refused, Unreachable, OSError, EOFError) as problem:
        screen.print_error(f"The console cannot be reached: {problem}\n".encode("utf-8", "surrogateescape"))
        return False
    try:
        if os.isatty(0):
            _on_a_terminal(stream, screen, wait)
        else:
            _relay(stream, wait)
    finally:
        stream.close()
    return True


def _on_a_terminal(stream: Stream, screen: Screen, wait: Callable[[], None]) -> None:
    import termios
    import tty

    screen.print_error(b"Press Ctrl-] to leave the console.\r\n")
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        _relay(stream, wait)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        screen.print_error(b"\r\n")


def _relay(stream: Stream, wait: Callable[[], None]) -> None:
    stream.socket.settimeout(None)
    sources = [0, stream.socket.fileno()]
    while True:
        patience = WAIT_S if 0 in sources else SILENCE_S
        ready = [stream.socket.fileno()] if stream.has_more else select.select(sources, [], [], patience)[0]
        if not ready:
            if 0 not in sources:
                return
            wait()
        if 0 in ready:
            typed = os.read(0, 4096)
            before, mark, _ = typed.partition(END)
            stream.socket.sendall(before)
            if mark:
                return
            if not typed:
                sources.remove(0)
        if stream.socket.fileno() in ready:
            data = stream.some()
            if not data:
                return
            os.write(1, data)
