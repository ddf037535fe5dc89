"""What a user of ``xe`` sees, and what servers say."""

from __future__ import annotations

import attrs

from xapid.cli import frames
from xapid.cli.frames import Command
from xapid.xe.screen import Screen


class Said(Screen):
    """Notes what a user would see."""

    def __init__(self, typed: bytes = b"") -> None:
        super().__init__()
        self.out = b""
        self.err = b""
        self.typed = typed

    def print(self, data):
        self.out += data

    def print_error(self, data):
        self.err += data

    def line(self):
        return self.typed


@attrs.frozen
class Outcome:
    status: int | None
    out: bytes
    err: bytes
    problem: str
    sent: bytes
    """What the server received after the greeting."""


def exit_(status=0):
    return frames.command(Command.EXIT, frames.integer(status))


def told(command, *texts):
    return frames.command(command, *map(frames.text, texts))
