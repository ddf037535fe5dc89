"""What is written to terminals."""

from __future__ import annotations

import os

from xapid.xe.screen import Screen, harmless


def test_characters_that_steer_terminals_are_shown_instead():
    assert harmless(b"a\x1b[2Jb\x07\tc\n\r\x7f") == b"a^[[2Jb^G\tc\n\r^?"
    assert harmless("é \x9b2J ü".encode()) == "é ?2J ü".encode()


def test_programs_get_bytes_as_they_are():
    reader, writer = os.pipe()
    Screen(writer, writer).print(b"\x1b[0m\xff")
    assert os.read(reader, 100) == b"\x1b[0m\xff"
    os.close(reader)
    screen = Screen(writer, writer)
    screen.print(b"nobody reads this")
    assert screen.is_gone
    os.close(writer)
