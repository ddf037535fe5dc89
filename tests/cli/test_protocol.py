"""The thin CLI protocol, byte by byte."""

from __future__ import annotations

import struct

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from http_in_memory import Client as HttpClient
from http_in_memory import StubAuthenticator, StubDispatcher
from xapid.cli import arguments
from xapid.cli.catalogue import commands
from xapid.cli.failures import SyntaxProblem
from xapid.cli.frames import PREFIX
from xapid.cli.line import Disconnected, Line
from xapid.cli.serving import CommandLines
from xapid.cli.terminal import ANSWER_S, FILE_LIMIT, HANDSHAKE_S, Terminal, TooBig
from xapid.http.server import HttpServer
from xapid.wire.call import Hangup


def ints(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def text(value: str) -> bytes:
    return ints(len(value)) + value.encode()


OK = ints(8, 10, 5)
FAILED = ints(8, 10, 6)
WAIT = ints(8, 10, 18)
END = ints(8, 11, 8)


def chunk(data: bytes) -> bytes:
    return ints(12, 11, 7, len(data)) + data


class Wire:
    """A terminal, and what its client sends and gets."""

    def __init__(self):
        self.clock = Clock()
        self.hangup = Hangup()
        self.line = Line(self.clock, self.hangup)
        self.transport = StringTransport()
        self.transport.unregisterProducer = lambda: None
        self.line.makeConnection(self.transport)
        self.terminal = Terminal(self.line)
        self.results = []

    def start(self, working):
        ensureDeferred(working).addBoth(self.results.append)

    def send(self, data):
        self.line.dataReceived(data)

    def sent(self):
        data = self.transport.value()
        self.transport.clear()
        return data

    @property
    def failure(self):
        return self.results[0].type


@pytest.fixture
def wire():
    return Wire()


def test_prints_errors_and_the_status_are_frames(wire):
    wire.terminal.print("a")
    wire.terminal.print_error("é")
    wire.terminal.error("CODE", ("x", "y"))
    wire.terminal.exit(1)
    assert wire.sent() == b"".join(
        (
            ints(13, 9, 0) + text("a"),
            ints(14, 9, 16, 2) + "é".encode(),
            ints(8 + 8 + 4 + 10, 9, 14) + text("CODE") + ints(2) + text("x") + text("y"),
            ints(12, 9, 4, 1),
        )
    )


def test_names_and_versions_are_exchanged_and_another_major_version_is_not_spoken(wire):
    wire.start(wire.terminal.greet())
    assert wire.sent() == PREFIX == b"XenSource thin CLI protocol" + ints(0, 2)
    wire.send(b"XenSource thin CLI protocol" + ints(0, 7))
    wire.start(wire.terminal.greet())
    wire.send(b"XenSource thin CLI protocol" + ints(1, 2))
    wire.start(wire.terminal.greet())
    wire.send(b"SomeThing else CLI protocol" + ints(0, 2))
    assert wire.results == [True, False, False]


def test_an_answer_is_a_chunk_and_an_end_in_whatever_pieces_it_comes(wire):
    wire.start(wire.terminal.prompt())
    assert wire.sent() == ints(8, 9, 3)
    for byte in chunk(b"yes\n") + END:
        wire.send(bytes([byte]))
    assert wire.results == ["yes"]


def test_lengths_that_are_wrong_are_passed_over(wire):
    wire.start(wire.terminal.prompt())
    wire.send(chunk(b"yes") + ints(12, 11, 8))
    wire.start(wire.terminal.get("f", "/x"))
    wire.send(ints(0) + OK)
    assert wire.results == ["yes", True]


def test_a_file_is_loaded_in_chunks(wire):
    wire.start(wire.terminal.load("f"))
    assert wire.sent() == ints(13, 9, 1) + text("f")
    wire.send(OK + chunk(b"ab") + chunk(b"") + chunk(b"c") + END)
    wire.start(wire.terminal.load("g"))
    wire.send(FAILED)
    assert wire.results == [b"abc", None]


def test_a_file_that_is_too_large_is_not_read(wire):
    wire.start(wire.terminal.load("f"))
    wire.send(OK + ints(12, 11, 7, FILE_LIMIT + 1))
    assert wire.failure is TooBig


def test_transfers_go_on_while_the_client_says_wait(wire):
    wire.start(wire.terminal.put("f", "/import"))
    assert wire.sent() == ints(8 + 5 + 11, 9, 13) + text("f") + text("/import")
    wire.send(WAIT + WAIT)
    assert wire.results == []
    wire.send(FAILED)
    wire.start(wire.terminal.connect("/console"))
    wire.send(OK)
    assert wire.results == [False, True]


@pytest.mark.parametrize("junk", [ints(4, 10), ints(-1), ints(8, 9, 9), ints(8, 10, 99)])
def test_junk_ends_the_conversation(wire, junk):
    wire.start(wire.terminal.get("f", "/x"))
    wire.send(junk)
    assert wire.failure is Disconnected


def test_a_client_that_says_nothing_is_dropped(wire):
    wire.start(wire.terminal.greet())
    wire.clock.advance(HANDSHAKE_S)
    assert wire.failure is Disconnected and wire.transport.disconnecting
    assert ANSWER_S > HANDSHAKE_S


def test_a_client_that_goes_ends_what_waits_for_it(wire):
    wire.start(wire.terminal.prompt())
    wire.line.connectionLost()
    wire.start(wire.terminal.drained())
    assert [result.type for result in wire.results] == [Disconnected, Disconnected]
    assert wire.hangup.happened and not wire.clock.getDelayedCalls()


def test_a_slow_reader_is_waited_for(wire):
    wire.line.pauseProducing()
    wire.start(wire.terminal.drained())
    assert wire.results == []
    wire.line.resumeProducing()
    assert wire.results == [None]


def test_a_client_that_sends_too_much_is_not_read_from_for_a_while(wire):
    wire.send(b"x" * 300_000)
    assert wire.transport.producerState == "paused"
    wire.start(wire.line.read(300_001, 1.0))
    assert wire.transport.producerState == "producing"


# Over HTTP ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def post():
    clock = Clock()
    lines = CommandLines(StubDispatcher(), commands(), clock)
    server = HttpServer(StubDispatcher(), "OpaqueRef:h", StubAuthenticator(), clock=clock, actions={"post_cli": lines.serve})
    client = HttpClient(server, clock)

    def send(body):
        client.send(b"POST /cli HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        return client

    return send


def test_the_connection_turns_to_the_protocol_without_an_answer_of_http(post):
    client = post(b"help\nvm-start\nusername=root\npassword=x")
    assert client.take() == PREFIX
    client.send(PREFIX)
    data = client.take()
    assert data.startswith(ints(struct.unpack_from("<i", data)[0], 9, 0))
    assert b"command name            : vm-start\n" in data
    assert data.endswith(ints(12, 9, 4, 0))
    assert not client.socket.is_open


def test_a_client_may_send_its_name_before_it_is_asked(post):
    client = post(b"nosuch" + b"")
    client.send(PREFIX)
    assert client.take().endswith(ints(12, 9, 4, 1))


def test_a_client_that_speaks_another_version_is_dropped(post):
    client = post(b"help")
    client.send(PREFIX[:-8] + ints(9, 9))
    assert client.take() == PREFIX
    assert not client.socket.is_open


def test_command_lines_that_are_too_long_are_refused(post):
    client = post(b"vm-list\n" + b"x" * (2 << 20))
    assert client.take().startswith(b"HTTP/1.0 500")


# Words -------------------------------------------------------------------------------------------------------------------


def test_words_are_parameters_switches_and_options():
    line = arguments.parse(b"vm-list\r\n--minimal\r\nparams=a=b\r\nname-label\r\n-u\r\nme\r\nparams=c\r\npassword=p q")
    assert line.command == "vm-list" and line.is_minimal
    assert line.params == (
        ("minimal", "true"),
        ("params", "a=b"),
        ("name-label", ""),
        ("username", "me"),
        ("params", "c"),
        ("password", "p q"),
    )
    assert line.get("params") == "a=b" and line.find("nosuch") is None


def test_a_session_may_come_first():
    line = arguments.parse(b"session_id=OpaqueRef:1\nvm-list")
    assert (line.session, line.command) == ("OpaqueRef:1", "vm-list")


def test_maps_are_given_key_by_key():
    line = arguments.parse(b"x\ndevice-config:a=1\ndevice-config-b=2\ndevice-config:a=3\nother=4")
    assert line.map("device-config") == {"a": "1", "b": "2"}


@pytest.mark.parametrize("body", [b"", b"\n", b"a=b", b"x\n-y", b"x\n-u", b"session_id=OpaqueRef:1"])
def test_what_is_no_command_line_is_refused(body):
    with pytest.raises(SyntaxProblem):
        arguments.parse(body)


def test_passwords_are_not_shown_where_command_lines_are():
    assert "secret" not in repr(arguments.parse(b"vm-list\npassword=secret"))
