"""Tar, as far as archives of VMs need it: regular files with short names, one after the other."""

from __future__ import annotations

import re
from typing import Final

import attrs

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
"""What follows the last file."""
_ZERO: Final = bytes(BLOCK)
_REGULAR: Final = (b"0", b"\0", b"7")
_BLANK_SUM: Final = b" " * 8
_OCTAL = re.compile(rb"[0-7]*")


class NotTar(Exception):
    """A block that should be a header is none."""


@attrs.frozen
class Member:
    """What a header says. ``is_file`` is false for folders, links and the extras that some programs write."""

    name: str
    size: int
    is_file: bool = True


def header(name: str, size: int) -> bytes:
    """The header of a file. Names are short and plain, so the oldest form that POSIX knows is enough."""
    encoded = name.encode()
    if len(encoded) > 100:
        raise ValueError(f"{name} is too long for a tar header")
    block = bytearray(BLOCK)
    block[0 : len(encoded)] = encoded
    block[100:108] = b"0000644\0"
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = f"{size:011o}\0".encode()
    block[136:148] = b"00000000000\0"
    block[148:156] = _BLANK_SUM
    block[156:157] = b"0"
    block[257:265] = b"ustar\00000"
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def padding(size: int) -> bytes:
    """What fills the last block of a file."""
    return bytes(-size % BLOCK)


def parse(block: bytes) -> Member | None:
    """What a header says; None for the empty block at the end of an archive. Raises :class:`NotTar`."""
    if block == _ZERO:
        return None
    if len(block) != BLOCK:
        raise NotTar
    summed = block[:148] + _BLANK_SUM + block[156:]
    # Some old programs summed signed characters.
    if _octal(block[148:156]) not in (sum(summed), sum(byte - 256 if byte > 127 else byte for byte in summed)):
        raise NotTar
    size = int.from_bytes(block[125:136], "big") if block[124] & 0x80 else _octal(block[124:136])
    name = block[:100].partition(b"\0")[0]
    if block[257:262] == b"ustar":
        prefix = block[345:500].partition(b"\0")[0]
        name = prefix + b"/" + name if prefix else name
    return Member(name.decode("utf-8", "replace"), size, block[156:157] in _REGULAR)


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not _OCTAL.fullmatch(digits):
        raise NotTar
    return int(digits or b"0", 8)
