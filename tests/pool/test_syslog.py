"""What a line for a collector looks like, and where it is to go."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from xapid.operations.syslog_destination import Destination, destination
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
