"""The connection between two hosts, without a network."""

from __future__ import annotations

import pytest
from twisted.internet import defer
from twisted.internet.testing import StringTransport

from xapid.pool.link import HostLink, Unreachable


class Pair:
    """Two links that hear each other when told to."""

    def __init__(self, answers: dict[str, defer.Deferred[bytes]]) -> None:
        async def answer(path: str, body: bytes) -> bytes:
            return await answers[path] if path in answers else b"%s|%s" % (path.encode(), body)

        self.ends = [HostLink(answer), HostLink(answer)]
        self.wires = [StringTransport(), StringTransport()]
        for end, wire in zip(self.ends, self.wires, strict=True):
            end.makeConnection(wire)

    def carry(self) -> None:
        """Deliver what either side has written, until nobody writes any more."""
        while any(wire.value() for wire in self.wires):
            for wire, end in zip(self.wires, reversed(self.ends), strict=True):
                data = wire.value()
                wire.clear()
                end.dataReceived(data)


def test_either_side_may_ask_and_answers_find_their_questions() -> None:
    slow: defer.Deferred[bytes] = defer.Deferred()
    pair = Pair({"/slow": slow})
    left, right = pair.ends
    first, second, third = left.ask("/slow", b""), left.ask("/b", b"two\nlines"), right.ask("/c", b"\x00")
    pair.carry()
    assert (second.result, third.result, first.called) == (b"/b|two\nlines", b"/c|\x00", False)
    slow.callback(b"at last")
    pair.carry()
    assert first.result == b"at last"


def test_whoever_waits_is_told_when_the_connection_is_lost() -> None:
    left = Pair({"/slow": defer.Deferred()}).ends[0]
    asked = left.ask("/slow", b"")
    left.connectionLost()
    for waiting in (asked, left.ask("/late", b"")):
        with pytest.raises(Unreachable):
            waiting.result.raiseException()  # type: ignore[attr-defined]
        waiting.addErrback(lambda _: None)
