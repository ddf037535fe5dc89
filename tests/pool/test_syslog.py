"""What a line for a collector looks like, and where it is to go."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from xapid.operations.syslog_destination import Destination, destination
from xapid.pool import syslog
from xapid.pool.syslog import LONGEST, line

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("192.0.2.1", Destination("udp", "192.0.2.1", 514)),
        ("collector.example:5140", Destination("udp", "collector.example", 5140)),
        ("tcp://collector.example", Destination("tcp", "collector.example", 601)),
        ("udp://[2001:db8::1]:99", Destination("udp", "2001:db8::1", 99)),
        ("2001:db8::1", Destination("udp", "2001:db8::1", 514)),
        ("[2001:db8::1]:99", Destination("udp", "2001:db8::1", 99)),
    ],
)
def test_a_collector_may_be_written_in_several_ways(text, wanted):
    assert destination(text) == wanted


def test_a_line_is_one_message_whatever_it_says():
    assert line(6, 3, MOMENT, "host 1", "xapid.x", "a\nb é") == (
        f"<30>1 2026-01-02T03:04:05.678Z host?1 xapid {os.getpid()} xapid.x - ".encode() + b"\xef\xbb\xbfa | b \xc3\xa9"
    )
    assert b" - xapid " in line(6, 3, MOMENT, "", "", "x")
    assert len(line(6, 3, MOMENT, "h", "k", "x" * 100_000)) < LONGEST + 200


def test_a_collector_that_is_not_reached_is_a_warning_once_until_it_was(monkeypatch):
    """Its lines wait for it."""
    clock, attempts, told = Clock(), [], []

    class Endpoint:
        def __init__(self, reactor, host, port):
            assert (host, port) == ("192.0.2.1", 601)

        def connect(self, factory):
            attempts.append((factory, Deferred()))
            return attempts[-1][1]

    def note(event):
        if event["log_level"] == LogLevel.warn:
            told.append(formatEvent(event))

    def fail():
        attempts.pop()[1].errback(Refused())
        clock.advance(60)

    monkeypatch.setattr(syslog, "HostnameEndpoint", Endpoint)
    globalLogPublisher.addObserver(note)
    try:
        stream = syslog._Stream(clock, Destination("tcp", "192.0.2.1", 601))
        stream.send(b"first")
        fail()
        fail()
        assert told == ["the collector of logs at 192.0.2.1:601 is not reached: Connection was refused by other side."]
        (factory, connected), transport = attempts.pop(), StringTransport()
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(transport)
        connected.callback(protocol)
        assert transport.value() == b"5 first"
        protocol.connectionLost(Failure(ConnectionDone()))
        clock.advance(60)
        fail()
        assert len(told) == 2
        stream.stop()
        assert len(told) == 2
    finally:
        globalLogPublisher.removeObserver(note)
