"""The bytes of the thin CLI protocol, version 0.2.

Both sides begin with :data:`PREFIX`. Then the server sends commands and the client responses, each in a frame: its length,
and integers and texts, all integers in four bytes, the lowest first. Contents of files follow their frames unframed.

Both the server and the client are made with this, and the client has to be there at once: nothing is imported that takes time.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum

NAME = b"XenSource thin CLI protocol"
MAJOR = 0
MINOR = 2
PREFIX = NAME + struct.pack("<ii", MAJOR, MINOR)


class Kind(IntEnum):
    """The first integer of a frame: who speaks, and of what."""

    COMMAND = 9
    RESPONSE = 10
    BLOB = 11


class Command(IntEnum):
    """What the server tells the client to do."""

    PRINT = 0
    LOAD = 1
    PROMPT = 3
    EXIT = 4
    HTTP_GET = 12
    HTTP_PUT = 13
    ERROR = 14
    DEBUG = 15
    PRINT_STDERR = 16
    HTTP_CONNECT = 17


class Response(IntEnum):
    """How it went, or that it still goes on."""

    OK = 5
    FAILED = 6
    WAIT = 18


class Blob(IntEnum):
    """A piece of a file, or its end."""

    CHUNK = 7
    END = 8


def integer(value: int) -> bytes:
    """Four bytes."""
    return struct.pack("<i", value)


def text(value: str) -> bytes:
    """Its length in bytes, and its bytes."""
    data = value.encode("utf-8", "replace")
    return integer(len(data)) + data


def texts(values: Sequence[str]) -> bytes:
    """How many, and each."""
    return integer(len(values)) + b"".join(map(text, values))


def command(kind: Command, *fields: bytes) -> bytes:
    """A whole frame. ``fields`` are made by the functions above."""
    payload = b"".join((integer(Kind.COMMAND), integer(kind), *fields))
    return integer(len(payload)) + payload
