"""What clients of disks negotiate and read, byte by byte."""

from __future__ import annotations

import struct
from contextlib import asynccontextmanager

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from xapid.datamodel.errors import XenAPIError
from xapid.nbd.protocol import BACKLOG, LONGEST_OPTION, PATIENCE, PIECE, NbdProtocol

CONTENT = bytes(range(256)) * 4096 * 3
EXPORT_NAME, ABORT, LIST, STARTTLS, INFO, GO, STRUCTURED = 1, 2, 3, 5, 6, 7, 8
ACK, DETAIL, UNSUPPORTED, POLICY, INVALID, TLS_FIRST, UNKNOWN = 1, 3, *(2**31 + n for n in (1, 2, 3, 5, 6))
READ, WRITE, DISCONNECT, FLUSH, TRIM = range(5)
READ_ONLY_FOR_MANY = 1 | 2 | 256
TLS = object()


class Disk:
    """Reads what it is told; fails from ``bad`` on."""

    size = len(CONTENT)
    bad = len(CONTENT)

    async def read(self, offset, length):
        if offset + length > self.bad:
            raise XenAPIError("VDI_IO_ERROR", "disk")
        return CONTENT[offset : offset + length]


class Transport(StringTransport):
    """A connection that remembers how it ended, and when it began to be encrypted."""

    aborted = False
    tls = None

    def abortConnection(self):
        self.aborted = True
        self.loseConnection()

    def setTcpKeepAlive(self, on):
        """It has no other end."""

    setTcpNoDelay = setTcpKeepAlive

    def startTLS(self, tls):
        self.tls = tls


class Client:
    """Speaks the protocol from the other side."""

    def __init__(self, tls=None, flags=3):
        self.disk, self.open, self.revoke, self.clock = Disk(), 0, None, Clock()
        self.protocol = NbdProtocol(self.opened, tls, self.clock)
        self.transport = Transport()
        self.protocol.makeConnection(self.transport)
        assert self.taken() == b"NBDMAGICIHAVEOPT\0\3"
        self.send(struct.pack(">I", flags))

    @asynccontextmanager
    async def opened(self, name, revoked):
        if name != "/disk":
            raise XenAPIError("UUID_INVALID", "VDI", name)
        self.open, self.revoke = self.open + 1, revoked
        try:
            yield self.disk
        finally:
            self.open -= 1

    def send(self, data):
        self.protocol.dataReceived(data)

    def taken(self):
        said = self.transport.value()
        self.transport.clear()
        return said

    def option(self, number, data=b""):
        """The replies to an option: kinds and data."""
        self.send(struct.pack(">8sII", b"IHAVEOPT", number, len(data)) + data)
        said, replies = self.taken(), []
        while said:
            magic, option, kind, size = struct.unpack_from(">QIII", said)
            assert (magic, option) == (0x3E889045565A9, number)
            replies.append((kind, said[20 : 20 + size]))
            said = said[20 + size :]
        return replies

    def go(self):
        assert self.option(GO, asking("/disk"))[-1] == (ACK, b"")

    def request(self, command, offset=0, length=0, handle=7, more=b""):
        """The answers to a request: problem, handle and data."""
        self.send(request(command, offset, length, handle) + more)
        said = self.taken()
        if not said:
            return None
        magic, problem, answered = struct.unpack_from(">IIQ", said)
        assert magic == 0x67446698
        return problem, answered, said[16:]

    def leave(self):
        self.protocol.connectionLost()


def request(command, offset=0, length=0, handle=7):
    return struct.pack(">IHHQQI", 0x25609513, 0, command, handle, offset, length)


def asking(name, *infos):
    return struct.pack(">I", len(name)) + name.encode() + struct.pack(f">H{len(infos)}H", len(infos), *infos)


def test_an_export_is_described_then_read_and_open_until_the_client_goes():
    client = Client()
    export = struct.pack(">HQH", 0, len(CONTENT), READ_ONLY_FOR_MANY)
    assert client.option(INFO, asking("/disk", 3)) == [(DETAIL, export), (DETAIL, client_blocks()), (ACK, b"")]
    assert client.open == 0
    assert client.option(GO, asking("/disk")) == [(DETAIL, export), (ACK, b"")]
    assert client.open == 1
    assert client.request(READ, 100, 1000) == (0, 7, CONTENT[100:1100])
    assert client.request(READ, 0, len(CONTENT)) == (0, 7, CONTENT)
    assert client.request(FLUSH) == (0, 7, b"")
    client.request(DISCONNECT)
    assert client.transport.disconnecting
    client.leave()
    assert client.open == 0


def client_blocks():
    return struct.pack(">HIII", 3, 1, 65536, 32 << 20)


@pytest.mark.parametrize(("flags", "zeroes"), [(1, 124), (3, 0)])
def test_old_clients_name_an_export_and_get_it_with_zeroes_unless_they_say_no(flags, zeroes):
    client = Client(flags=flags)
    client.send(struct.pack(">8sII", b"IHAVEOPT", EXPORT_NAME, 5) + b"/disk")
    assert client.taken() == struct.pack(">QH", len(CONTENT), READ_ONLY_FOR_MANY) + bytes(zeroes)
    assert client.request(READ, 0, 16) == (0, 7, CONTENT[:16])


def test_a_name_that_means_nothing_is_refused_without_repeating_it():
    client = Client()
    assert client.option(GO, asking("/secret")) == [(UNKNOWN, b"UUID_INVALID")]
    assert client.option(INFO, asking("/secret")) == [(UNKNOWN, b"UUID_INVALID")]
    client.go()
    client = Client()
    client.send(struct.pack(">8sII", b"IHAVEOPT", EXPORT_NAME, 7) + b"/secret")
    assert client.transport.aborted


def test_nothing_is_negotiated_before_tls_where_it_is_required():
    client = Client(TLS)
    for option in (LIST, INFO, GO, STRUCTURED):
        assert client.option(option, asking("/disk")) == [(TLS_FIRST, b"")]
    assert client.option(STARTTLS, b"?") == [(INVALID, b"")]
    assert client.option(STARTTLS) == [(ACK, b"")]
    assert client.transport.tls is TLS
    assert client.option(STARTTLS) == [(INVALID, b"")]
    client.go()


@pytest.mark.parametrize("ahead", [b"\0", struct.pack(">8sII", b"IHAVEOPT", LIST, 0)])
def test_nothing_may_follow_the_start_of_tls_in_the_clear(ahead):
    client = Client(TLS)
    client.send(struct.pack(">8sII", b"IHAVEOPT", STARTTLS, 0) + ahead)
    assert client.transport.aborted
    assert client.transport.tls is None


def test_an_export_without_tls_ends_the_connection_where_tls_is_required():
    client = Client(TLS)
    client.send(struct.pack(">8sII", b"IHAVEOPT", EXPORT_NAME, 5) + b"/disk")
    assert (client.transport.aborted, client.open) == (True, 0)


def test_exports_are_not_listed_and_other_options_are_not_known():
    client = Client()
    assert client.option(LIST) == [(POLICY, b"")]
    assert client.option(STRUCTURED) == [(UNSUPPORTED, b"")]
    assert client.option(STARTTLS) == [(POLICY, b"")]
    for bad in (b"", b"\0\0\0\1", struct.pack(">IH", 9, 0), asking("/disk") + b"\0"):
        assert client.option(GO, bad) == [(INVALID, b"")]
    assert client.option(ABORT) == [(ACK, b"")]
    assert client.transport.disconnecting


@pytest.mark.parametrize(
    "garbage",
    [
        struct.pack(">8sII", b"IHAVENOT", GO, 0),
        struct.pack(">8sII", b"IHAVEOPT", GO, LONGEST_OPTION + 1),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_option_ends_the_connection(garbage):
    client = Client()
    client.send(garbage)
    assert client.transport.aborted


@pytest.mark.parametrize("flags", [0, 2, 4 | 1])
def test_other_negotiations_than_the_one_there_is_end_the_connection(flags):
    assert Client(flags=flags).transport.aborted


def test_nothing_can_be_written_and_no_more_be_read_than_there_is():
    client = Client()
    client.go()
    assert client.request(WRITE, 0, 4, more=b"evil") == (1, 7, b"")
    assert client.request(TRIM, 0, 4096) == (1, 7, b"")
    for offset, length in ((0, 0), (len(CONTENT), 1), (len(CONTENT) - 1, 2), (2**64 - 1, 1), (0, (32 << 20) + 1)):
        assert client.request(READ, offset, length) == (22, 7, b"")
    assert client.request(READ, 5, 5, handle=2**64 - 1) == (0, 2**64 - 1, CONTENT[5:10])
    client.send(bytes(28))
    assert client.transport.aborted


def test_what_is_written_is_passed_over_in_pieces_too():
    client = Client()
    client.go()
    client.send(request(WRITE, 0, 10) + b"12345")
    client.send(b"67")
    client.taken()
    client.send(b"890" + request(READ, 0, 3)[:10])
    client.send(request(READ, 0, 3)[10:])
    assert client.taken()[16:] == CONTENT[:3]


def test_a_disk_that_cannot_be_read_is_an_error_and_one_that_fails_midway_ends_the_connection():
    client = Client()
    client.go()
    client.disk.bad = PIECE + 1
    assert client.request(READ, PIECE, 2) == (5, 7, b"")
    assert client.request(READ, 0, 8) == (0, 7, CONTENT[:8])
    client.request(READ, 0, 2 * PIECE)
    assert client.transport.aborted


def test_requests_sent_ahead_are_answered_in_order():
    client = Client()
    client.go()
    client.send(b"".join(request(READ, n, 1, handle=n) for n in range(50)))
    assert client.taken() == b"".join(struct.pack(">IIQ", 0x67446698, 0, n) + CONTENT[n : n + 1] for n in range(50))


def test_a_client_that_does_not_take_its_answers_is_not_read_from():
    client = Client()
    client.go()
    client.protocol.pauseProducing()
    client.send(request(READ, 0, 2 * PIECE))
    assert len(client.taken()) == 16 + PIECE
    client.send(request(READ, 0, 1) * (BACKLOG // 28 + 1))
    assert client.transport.producerState == "paused"
    client.protocol.resumeProducing()
    assert client.transport.producerState == "producing"
    assert len(client.taken()) == PIECE + 17 * (BACKLOG // 28 + 1)


def test_a_client_that_says_nothing_is_hung_up_on_and_one_that_reads_is_not():
    silent, reader = Client(), Client()
    reader.go()
    for client in (silent, reader):
        client.clock.advance(PATIENCE)
    assert (silent.transport.aborted, reader.transport.aborted) == (True, False)


def test_whoever_may_not_read_any_more_is_hung_up_on():
    client = Client()
    client.go()
    client.revoke()
    assert client.transport.aborted
    client.leave()
    assert client.open == 0
