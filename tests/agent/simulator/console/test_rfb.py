"""The screen of a simulated guest: what it shows when, and what VNC clients of every kind get to see of it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from xapid.agent.simulator.console import glyphs
from xapid.agent.simulator.console.guest import GuestConsole
from xapid.agent.simulator.console.pixels import PixelFormat
from xapid.agent.simulator.console.rfb import RfbProtocol
from xapid.agent.simulator.console.terminal import COLUMNS, ROWS, Terminal

ALL = struct.pack(">BBHHHH", 3, 0, 0, 0, 640, 400)
MORE = struct.pack(">BBHHHH", 3, 1, 0, 0, 640, 400)


class Guest:
    """A guest that can be paused and killed."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.alive = self.awake = True
        script = [(0.0, "first\n"), (2.0, "second\n"), (3.0, "login: ")]
        self.console = GuestConsole(self.clock, "guest", script, "login: ", 0.0, lambda: self.alive, lambda: self.awake)


class Viewer:
    """A VNC client of few words."""

    def __init__(self, guest: Guest, version: bytes = b"RFB 003.008\n") -> None:
        self.transport = StringTransport()
        self.protocol = RfbProtocol(guest.console)
        self.protocol.makeConnection(self.transport)
        assert self.take() == b"RFB 003.008\n"
        self.protocol.dataReceived(version)

    def take(self) -> bytes:
        data = self.transport.value()
        self.transport.clear()
        return data

    def ask(self, data: bytes) -> bytes:
        self.protocol.dataReceived(data)
        return self.take()

    def begin(self) -> Viewer:
        self.ask(b"\x01\x01")
        return self

    def type(self, text: str) -> bytes:
        return self.ask(b"".join(struct.pack(">BBxxI", 4, down, ord(key)) for key in text for down in (1, 0)))


def rectangles(data: bytes, size: int = 4) -> list[tuple[int, int, int, int, bytes]]:
    """An update, taken apart."""
    kind, number = struct.unpack_from(">BxH", data)
    assert kind == 0
    found, at = [], 4
    for _ in range(number):
        x, y, width, height, encoding = struct.unpack_from(">HHHHi", data, at)
        assert encoding == 0
        end = at + 12 + width * height * size
        found.append((x, y, width, height, data[at + 12 : end]))
        at = end
    assert at == len(data)
    return found


def test_a_guest_boots_while_somebody_looks() -> None:
    guest = Guest()
    viewer = Viewer(guest).begin()
    guest.clock.advance(1)
    assert "second" not in guest.console.screen.text()
    guest.clock.pump([0.5] * 5)
    assert guest.console.screen.text().endswith("first\nsecond\nlogin: ")
    viewer.protocol.connectionLost()
    assert not guest.clock.getDelayedCalls()


def test_who_looks_later_finds_it_booted() -> None:
    guest = Guest()
    guest.clock.advance(100)
    Viewer(guest).begin().protocol.connectionLost()
    assert guest.console.screen.text().endswith("first\nsecond\nlogin: ")


def test_a_paused_guest_neither_boots_nor_echoes() -> None:
    guest = Guest()
    guest.clock.advance(1)
    viewer = Viewer(guest).begin()
    guest.awake = False
    guest.clock.pump([0.5] * 10)
    viewer.type("x")
    assert guest.console.screen.text().endswith("first\n")
    guest.awake = True
    guest.clock.advance(0.5)
    viewer.type("x")
    assert guest.console.screen.text().endswith("login: x")


def test_viewers_of_a_guest_that_is_gone_are_let_go() -> None:
    guest = Guest()
    viewer = Viewer(guest).begin()
    guest.alive = False
    guest.clock.advance(0.5)
    assert viewer.transport.disconnecting


def test_what_is_typed_can_be_taken_back_but_the_prompt_cannot() -> None:
    guest = Guest()
    guest.clock.advance(10)
    viewer = Viewer(guest).begin()
    viewer.type("ab")
    for _ in range(5):
        viewer.ask(struct.pack(">BBxxI", 4, 1, 0xFF08))
    assert guest.console.screen.text().endswith("\nlogin: ")
    viewer.ask(
        struct.pack(">BBxxI", 4, 1, 0xFFE3) + struct.pack(">BBxxI", 4, 1, ord("c")) + struct.pack(">BBxxI", 4, 0, 0xFFE3)
    )
    viewer.ask(struct.pack(">BBxxI", 4, 1, 0x010000E9))
    assert guest.console.screen.text().endswith("login: ^C\xe9")


@pytest.mark.parametrize(
    ("version", "answers"),
    [
        (b"RFB 003.008\n", [b"\x01\x01", b"\0\0\0\0"]),
        (b"RFB 003.889\n", [b"\x01\x01", b"\0\0\0\0"]),
        (b"RFB 003.007\n", [b"\x01\x01", b""]),
    ],
)
def test_the_beginning_follows_the_version_of_the_client(version: bytes, answers: list[bytes]) -> None:
    viewer = Viewer(Guest(), version)
    assert [viewer.take(), viewer.ask(b"\x01")] == answers
    hello = viewer.ask(b"\x01")
    assert struct.unpack_from(">HH", hello) == (640, 400)
    assert hello[20:] == struct.pack(">I", 5) + b"guest"
    viewer.protocol.connectionLost()


def test_old_clients_are_told_what_security_there_is() -> None:
    viewer = Viewer(Guest(), b"RFB 003.003\n")
    assert viewer.take() == struct.pack(">I", 1)
    assert struct.unpack_from(">HH", viewer.ask(b"\x01")) == (640, 400)
    viewer.protocol.connectionLost()


@pytest.mark.parametrize("said", [b"GET / HTTP/1", b"RFB 003.008\n\x02", b"RFB 003.008\n\x01\x01\xfa"])
def test_who_speaks_something_else_is_let_go(said: bytes) -> None:
    viewer = Viewer(Guest(), said)
    assert viewer.transport.disconnecting
    viewer.protocol.connectionLost()


def test_the_first_picture_is_whole_and_the_next_has_what_changed() -> None:
    guest = Guest()
    guest.clock.advance(10)
    viewer = Viewer(guest).begin()
    whole = rectangles(viewer.ask(ALL))
    assert sum(width * height for _, _, width, height, _ in whole) == 640 * 400
    assert viewer.ask(MORE) == b""
    ((x, y, width, height, pixels),) = rectangles(viewer.type("A"))
    row, column = 4, len("login: ")
    assert (x, y, width, height) == (8 * column, 16 * row, 16, 16)
    ink = [sum(0x80 >> i for i in range(8) if pixels[64 * line + 4 * i + 1] > 100) for line in range(16)]
    assert ink == glyphs.lines("A")
    viewer.protocol.connectionLost()


def test_changes_wait_until_they_are_asked_for() -> None:
    guest = Guest()
    guest.clock.advance(10)
    viewer = Viewer(guest).begin()
    viewer.ask(ALL)
    assert viewer.type("abc") == b""
    ((_, _, width, _, _),) = rectangles(viewer.ask(MORE))
    assert width == 8 * 4
    viewer.protocol.connectionLost()


def test_a_part_is_all_that_is_sent_of_what_is_asked_in_part() -> None:
    guest = Guest()
    viewer = Viewer(guest).begin()
    found = rectangles(viewer.ask(struct.pack(">BBHHHH", 3, 0, 100, 20, 30, 40)))
    assert all(x == 100 and width == 30 and y >= 20 and y + height <= 60 for x, y, width, height, _ in found)
    assert sum(height for _, _, _, height, _ in found) == 40
    assert viewer.ask(struct.pack(">BBHHHH", 3, 0, 700, 500, 10, 10)) == b""
    viewer.protocol.connectionLost()


@pytest.mark.parametrize(
    ("format_", "pixel"),
    [
        (PixelFormat(32, 24, False, True, (255, 255, 255), (0, 8, 16)), bytes((20, 60, 140, 0))),
        (PixelFormat(32, 24, True, True, (255, 255, 255), (16, 8, 0)), bytes((0, 20, 60, 140))),
        (PixelFormat(16, 16, False, True, (31, 63, 31), (11, 5, 0)), (2 << 11 | 14 << 5 | 17).to_bytes(2, "little")),
        (PixelFormat(8, 8, False, True, (7, 7, 3), (0, 3, 6)), bytes([0 | 1 << 3 | 1 << 6])),
    ],
)
def test_pixels_come_in_the_format_that_was_asked_for(format_: PixelFormat, pixel: bytes) -> None:
    viewer = Viewer(Guest()).begin()
    assert viewer.ask(b"\0\0\0\0" + format_.written()) == b""
    first, *_ = rectangles(viewer.ask(ALL), format_.bits // 8)
    assert first[4][: len(pixel)] == pixel
    viewer.protocol.connectionLost()


def test_clients_without_true_colour_get_a_palette() -> None:
    viewer = Viewer(Guest()).begin()
    colours = viewer.ask(b"\0\0\0\0" + PixelFormat(8, 8, False, False).written())
    assert colours[:6] == b"\x01\0\0\0\0\x04"
    assert len(colours) == 6 + 4 * 6
    first, *_ = rectangles(viewer.ask(ALL), 1)
    assert first[4][0] == 3
    viewer.protocol.connectionLost()


def test_pixels_of_other_sizes_are_refused() -> None:
    viewer = Viewer(Guest()).begin()
    viewer.ask(b"\0\0\0\0" + PixelFormat(24, 24).written())
    assert viewer.transport.disconnecting
    viewer.protocol.connectionLost()


def test_what_is_not_used_is_read_over_however_long_it_is() -> None:
    """A pasted text, the list of encodings and the mouse leave nothing behind."""
    viewer = Viewer(Guest()).begin()
    viewer.ask(struct.pack(">BxH", 2, 3) + bytes(12) + struct.pack(">BBHH", 5, 0, 1, 1) + struct.pack(">BxxxI", 6, 1 << 20))
    for _ in range(1 << 10):
        viewer.ask(bytes(1 << 10))
    assert rectangles(viewer.ask(ALL))
    assert len(viewer.protocol._buffer) == 0
    viewer.protocol.connectionLost()


def test_a_client_that_does_not_read_is_not_written_to() -> None:
    guest = Guest()
    viewer = Viewer(guest).begin()
    viewer.protocol.pauseProducing()
    for _ in range(50):
        assert viewer.ask(ALL) == b""
        assert viewer.ask(b"\0\0\0\0" + PixelFormat(8, 8, False, False).written()) == b""
    viewer.protocol.resumeProducing()
    said = viewer.take()
    assert said[:6] == b"\x01\0\0\0\0\x04"
    whole = rectangles(said[6 + 4 * 6 :], 1)
    assert sum(width * height for _, _, width, height, _ in whole) == 640 * 400
    viewer.protocol.connectionLost()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8))
def test_no_bytes_break_it(parts: list[bytes]) -> None:
    viewer = Viewer(Guest()).begin()
    for part in parts:
        viewer.protocol.dataReceived(part)
    viewer.protocol.connectionLost()


@settings(deadline=None)
@given(st.text(alphabet="ab\n\r\b\x07", max_size=400))
def test_whatever_is_written_stays_on_the_screen(text: str) -> None:
    screen = Terminal("title")
    screen.write(text * 5)
    assert len(screen.rows) == ROWS
    assert all(len(row) == COLUMNS for row in screen.rows)
    assert "".join(screen.rows[0]).strip() == "title"
    assert 0 < screen.row < ROWS
    assert 0 <= screen.column <= COLUMNS
