"""What the user sees: standard output and standard error, as bytes.

On a terminal, characters that would steer it are shown instead of obeyed: names of VMs are not always one's own.
"""

from __future__ import annotations

import os
import sys

_STEERING = bytes(byte for byte in (*range(32), 127) if byte not in b"\t\n\r")
_SHOWN = {byte: b"^" + bytes((byte ^ 64,)) for byte in _STEERING}


def harmless(data: bytes) -> bytes:
    """``data`` with what steers terminals made visible, such as ``^[`` for escape."""
    if data.translate(None, _STEERING) != data:
        data = b"".join(_SHOWN.get(byte) or bytes((byte,)) for byte in data)
    for byte in range(0x80, 0xA0) if b"\xc2" in data else ():
        data = data.replace(bytes((0xC2, byte)), b"?")
    return data


class Screen:
    """Writes at once, whole, and without a word if nobody reads it any more: then :attr:`is_gone`."""

    def __init__(self, out: int = 1, err: int = 2) -> None:
        self._out = out
        self._err = err
        self._terminals = {each for each in (out, err) if os.isatty(each)}
        self.is_gone = False

    @property
    def shows_errors(self) -> bool:
        """Whether someone is looking at standard error."""
        return self._err in self._terminals

    def print(self, data: bytes) -> None:
        """Standard output, as it is."""
        self._write(self._out, data)

    def print_error(self, data: bytes) -> None:
        """Standard error, as it is."""
        self._write(self._err, data)

    def _write(self, where: int, data: bytes) -> None:
        view = memoryview(harmless(data) if where in self._terminals else data)
        try:
            while view:
                view = view[os.write(where, view) :]
        except BrokenPipeError:
            self.is_gone = True

    @staticmethod
    def line() -> bytes:
        """A line that the user types, without its end."""
        return sys.stdin.buffer.readline().rstrip(b"\r\n")
