"""JSON-RPC 1.0 and 2.0: what is read as which call, what is refused, and how answers look byte for byte."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xapid.datamodel.types import Bool, DateTime, Float, Int, Map, Record, Ref, Set, String, Type, Void, frozenmap
from xapid.wire.call import BrokenText, Call, Malformed
from xapid.wire.events import Event, EventBatch
from xapid.wire.json_values import float_text
from xapid.wire.jsonrpc import decode

CALL2 = b'{"jsonrpc":"2.0","method":"a.b","params":["x"],"id":1}'
CALL1 = b'{"method":"a.b","params":["x"],"id":"a"}'


def written(type_: Type, value: object, body: bytes = CALL2) -> str:
    return b"".join(decode(body)[1].success(type_, value)).decode()


def test_answers_have_their_members_in_order_and_the_id_as_it_came() -> None:
    two, one = decode(CALL2)[1], decode(CALL1)[1]
    assert two.success(String, "v") == [b'{"jsonrpc":"2.0","result":"v","id":1}']
    assert two.failure(("CODE", "p")) == [b'{"jsonrpc":"2.0","error":{"code":1,"message":"CODE","data":["p"]},"id":1}']
    assert one.success(String, "v") == [b'{"result":"v","error":null,"id":"a"}']
    assert one.failure(("CODE", "p")) == [b'{"result":null,"error":["CODE","p"],"id":"a"}']
    assert two.bare(Set(String), ("a",)) == two.success(Set(String), ("a",))
    assert two.content_type == one.content_type == b"application/json"


@pytest.mark.parametrize("ident", [0, -1, 2**62, "", 'ž\n"', "7"])
def test_ids_come_back_verbatim(ident: object) -> None:
    body = json.dumps({"jsonrpc": "2.0", "method": "a", "params": [], "id": ident}).encode()
    (answer,) = decode(body)[1].success(Void, None)
    assert json.loads(answer)["id"] == ident


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (Int, 5, "5"),
        (Int, -(2**63), "-9223372036854775808"),
        (Float, 1.0, "1.0"),
        (Float, 0.1, "0.1"),
        (Float, 1e20, "1e+20"),
        (Float, 0.1 + 0.2, "0.30000000000000004"),
        (Float, math.nan, "NaN"),
        (Float, math.inf, "Infinity"),
        (Float, -math.inf, "-Infinity"),
        (Bool, True, "true"),
        (String, 'a"\n\x00ž', '"a\\"\\n\\u0000ž"'),
        (String, "\ud800", '"\ufffd"'),
        (DateTime, datetime(2024, 1, 31, 9, 5, 7, tzinfo=UTC), '"20240131T09:05:07Z"'),
        (Void, None, '""'),
        (Set(Ref("VM")), ("a", "b"), '["a","b"]'),
        (Set(Float), (1.0,), "[1.0]"),
        (Map(Int, Int), {5: 6}, '{"5":6}'),
        (Map(String, Float), {"a": math.nan}, '{"a":NaN}'),
    ],
)
def test_values_are_written_as_clients_need_them(type_: Type, value: object, expected: str) -> None:
    assert written(type_, value) == f'{{"jsonrpc":"2.0","result":{expected},"id":1}}'


class FakeRow:
    """A row as the encoders use it."""

    ref = "OpaqueRef:of-the-row"

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    def encoded(self, key: str, make: object) -> bytes:
        assert key == "json"
        return make(self)  # type: ignore[operator,no-any-return]


SECRET = {"uuid": "u", "value": "a", "other_config": frozenmap(k="v")}
SECRET_JSON = '{"uuid":"u","value":"a","other_config":{"k":"v"}}'


def test_a_record_is_the_same_from_a_dict_and_from_a_row() -> None:
    expected = f'{{"jsonrpc":"2.0","result":{SECRET_JSON},"id":1}}'
    assert written(Record("secret"), SECRET) == written(Record("secret"), FakeRow(**SECRET)) == expected


def test_a_listing_is_given_in_pieces() -> None:
    listing = {"OpaqueRef:1": FakeRow(**SECRET), "OpaqueRef:2": SECRET}
    pieces = decode(CALL2)[1].success(Map(Ref("secret"), Record("secret")), listing)
    assert len(pieces) > 4
    expected = f'{{"OpaqueRef:1":{SECRET_JSON},"OpaqueRef:2":{SECRET_JSON}}}'
    assert b"".join(pieces).decode() == f'{{"jsonrpc":"2.0","result":{expected},"id":1}}'


def test_an_event_batch_is_an_object() -> None:
    batch = EventBatch([Event(7, "secret", "add", "r", FakeRow(**SECRET)), Event(8, "vm", "del", "s")], {"vm": 5}, "01,02")
    found = json.loads(written(Set(Record("event")), batch))["result"]
    assert found == {
        "events": [
            {
                "id": "7",
                "timestamp": "0.0",
                "class": "secret",
                "operation": "add",
                "ref": "r",
                "snapshot": json.loads(SECRET_JSON),
            },
            {"id": "8", "timestamp": "0.0", "class": "vm", "operation": "del", "ref": "s"},
        ],
        "valid_ref_counts": {"vm": 5},
        "token": "01,02",
    }
    assert json.loads(written(Set(Record("event")), EventBatch([], {}, "t")))["result"]["events"] == []


def test_both_versions_are_read() -> None:
    assert decode(CALL1)[0] == decode(CALL2)[0] == Call("a.b", ["x"])


@pytest.mark.parametrize(("params", "meant"), [("", []), ('"params":null,', []), ('"params":{"a":1},', [{"a": 1}])])
def test_version_2_may_leave_out_parameters_and_takes_an_object_for_one(params: str, meant: list[object]) -> None:
    assert decode(f'{{"jsonrpc":"2.0","method":"a",{params}"id":1,"extra":true}}'.encode())[0].params == meant


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "{",
        "[]",
        "null",
        "5",
        '"x"',
        "{}",
        "[" * 100_000,
        '{"a":' * 5000,
        f"[{CALL2.decode()}]",
        '{"method":"a"}',
        '{"method":"a","params":[]}',
        '{"method":"a","params":["x"],"id":null}',
        '{"method":"a","params":null,"id":1}',
        '{"method":"a","params":{},"id":1}',
        '{"jsonrpc":"2.0","method":"a","params":[]}',
        '{"jsonrpc":"2.0","method":"a","params":[],"id":[1]}',
        '{"jsonrpc":"2.0","method":"a","params":[],"id":1.5}',
        '{"jsonrpc":"2.0","method":"a","params":[],"id":true}',
        '{"jsonrpc":"1.0","method":"a","params":[],"id":1}',
        '{"jsonrpc":2.0,"method":"a","params":[],"id":1}',
        '{"jsonrpc":null,"method":"a","params":[],"id":1}',
        '{"jsonrpc":"2.0","params":[],"id":1}',
        '{"jsonrpc":"2.0","method":5,"params":[],"id":1}',
        '{"jsonrpc":"2.0","method":"a","params":"x","id":1}',
        f"{CALL2.decode()} trailing",
        "{'method':'x'}",
    ],
)
def test_what_is_no_call_is_malformed(body: str) -> None:
    with pytest.raises(Malformed):
        decode(body.encode())


def test_text_that_is_not_utf8_is_marked_wherever_it_stands() -> None:
    call, _ = decode(b'{"method":"a","params":["\xff","ok",{"k":["\\ud800"]}],"id":1}')
    assert [type(call.params[0]), type(call.params[1])] == [BrokenText, str]
    assert type(call.params[2]["k"][0]) is BrokenText
    assert call.params[0] == "\ufffd"


def test_numbers_that_json_does_not_have_are_read() -> None:
    assert decode(b'{"method":"a","params":[Infinity],"id":1}')[0].params == [math.inf]


@settings(max_examples=60, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_keep_their_value_and_never_look_like_integers(value: float) -> None:
    text = float_text(value)
    assert type(json.loads(text)) is float
    assert json.loads(text) == value


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=20), st.integers(0, 60))
def test_damaged_calls_are_read_or_malformed_and_nothing_else(garbage: bytes, at: int) -> None:
    with contextlib.suppress(Malformed):
        decode(CALL2[:at] + garbage + CALL2[at + len(garbage) :])
