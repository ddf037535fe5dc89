"""The fast path: every request gets the same bytes, changes the same and leaves the same audit lines without it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import calls
from fuzz.fast_and_plain import FastAndPlain
from fuzz.whole_path import framed
from xapid.config import Config
from xapid.wire import xmlrpc
from xapid.wire.call import Call, Malformed

WHO = (b"@session@", b"@reader@", b"@nobody@", b"@member@", b"OpaqueRef:NULL", b"", b"@VM@")
HEADERS = (b"", b"Task-id: @task@\r\n", b"Task-id: OpaqueRef:none\r\n", b"Subtask-of: @task@\r\n", b"Connection: close\r\n")
MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def both() -> Iterator[FastAndPlain]:
    made = FastAndPlain()
    yield made
    made.close()


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Any call by anybody, with headers that mean something to calls."""
    seed, oddness = draw(st.integers(0, 2**64)), draw(st.sampled_from((0.0, 0.05, 0.4)))
    data = calls.any_call(Random(seed), oddness).replace(b"@session@", draw(st.sampled_from(WHO)))
    headers = draw(st.sampled_from(HEADERS))
    return b"R" + framed(data).replace(b"Host: h\r\n", b"Host: h\r\n" + headers, 1) if headers else data


@MANY
@given(requests())
def test_every_request_fares_the_same_on_both_paths(both: FastAndPlain, sent: bytes) -> None:
    both.check(sent)


@pytest.mark.parametrize("who", WHO)
def test_reading_fares_the_same_on_both_paths_whoever_reads(both: FastAndPlain, who: bytes) -> None:
    for name, data in calls.of_every_message():
        if name.partition(".")[2].startswith("get_"):
            both.check(data.replace(b"@session@", who))


def _read_by(decode: object, body: bytes) -> Call | str:
    try:
        return decode(body)[0]  # type: ignore[operator,no-any-return]
    except Malformed:
        return "malformed"


@MANY
@given(st.integers(0, 2**64), st.binary(max_size=8), st.integers(0, 2000))
def test_both_ways_to_read_xml_find_the_same_call_or_none(seed: int, garbage: bytes, at: int) -> None:
    name, params = calls.Loosely(Random(seed), 0.3).call(Random(seed).choice(list(calls.catalogue().messages.values())))
    body = calls.xml(name, params)
    for text in (body, body[:at] + garbage + body[at:], body[:at] + garbage + body[at + len(garbage) :]):
        assert _read_by(xmlrpc.decode, text) == _read_by(xmlrpc.decode_slowly, text)


def test_the_fast_path_is_there_unless_it_is_switched_off() -> None:
    assert Config().no_fast_path is False
