"""Codecs and marshalling: whatever the API can say arrives, and whatever a client says is taken or refused."""

from __future__ import annotations

import base64
import json
import math
import xmlrpc.client
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Option, Ref, Set, String, Type, Void, frozenmap
from xapid.wire import jsonrpc
from xapid.wire import xmlrpc as notation
from xapid.wire.call import BrokenText, Call, Codec, DateText, Malformed
from xapid.wire.marshal import decoder, record_decoder

SHADE = Enum("shade", "", {"light": "", "Dark": ""})
JSON_CALL = b'{"jsonrpc":"2.0","method":"a.b","params":[],"id":1}'
XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, {*range(0x20)} - {9, 10}), "\ufffe", "\uffff"])
)
"""What XML carries as it is."""
TYPES = sorted({param.type for entry in catalogue().messages.values() for param in entry.message.params}, key=str)

KEYS = st.sampled_from([String, Int, Ref("VM"), SHADE])
SIMPLE = st.sampled_from([String, Int, Float, Bool, DateTime, SHADE, Ref("VM")])
ANY_TYPE = st.recursive(SIMPLE, lambda inner: st.builds(Set, inner) | st.builds(Map, KEYS, inner), max_leaves=4)


def values(type_: Type) -> st.SearchStrategy[Any]:
    """Typed values, as operations give them."""
    match type_:
        case Enum(values=words):
            return st.sampled_from(list(words))
        case Ref():
            return st.uuids().map(lambda uuid: f"OpaqueRef:{uuid}")
        case Set(of=of):
            return st.lists(values(of), max_size=3).map(tuple)
        case Map(key=key, value=value):
            return st.dictionaries(values(key), values(value), max_size=3).map(frozenmap)
    if type_ is Int:
        return st.integers(-(2**63), 2**63 - 1)
    if type_ is Float:
        return st.floats(allow_nan=False).map(lambda value: float(f"{value:.15g}"))  # XML-RPC carries 16 digits
    if type_ is Bool:
        return st.booleans()
    if type_ is DateTime:
        return st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda when: when.replace(microsecond=0, tzinfo=UTC))
    # An empty name of a member is no XML-RPC that anybody reads.
    return XML_TEXT.filter(bool)


TYPED = ANY_TYPE.flatmap(lambda type_: st.tuples(st.just(type_), values(type_)))

LOOSE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["0x10", "1e5", "0x1p9999", "nan", "-inf", "20260101T00:00:00Z", "00000101T00:00:00+99:99", "OpaqueRef:NULL"]
    )
    | st.text(max_size=5).map(DateText)
    | st.text(max_size=5).map(BrokenText)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def as_client(type_: Type, value: Any, number: type) -> Any:
    """What a client of the notation must get for a value. ``number`` is what integers are for it."""
    match type_:
        case Set(of=of):
            return [as_client(of, item, number) for item in value]
        case Map(value=inner):
            return {str(name): as_client(inner, item, number) for name, item in value.items()}
    if type_ is Int:
        return number(value)
    if type_ is DateTime:
        return f"{value.year:04d}{value:%m%dT%H:%M:%SZ}"
    return value


def plain(value: Any) -> Any:
    """What the standard library's client read, without its classes."""
    match value:
        case xmlrpc.client.DateTime():
            return str(value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(item) for name, item in value.items()}
    return value


def joined(codec: Codec, type_: Type, value: Any) -> bytes:
    return b"".join(codec.success(type_, value))


@settings(deadline=None)
@given(TYPED)
def test_what_is_said_in_xml_arrives_at_the_standard_librarys_client(typed: tuple[Type, Any]) -> None:
    type_, value = typed
    (envelope,), _ = xmlrpc.client.loads(joined(notation.CODEC, type_, value).decode())
    assert isinstance(envelope, dict)
    assert envelope["Status"] == "Success"
    assert plain(envelope["Value"]) == as_client(type_, value, str)


@settings(deadline=None)
@given(TYPED)
def test_what_is_said_in_json_arrives_at_the_standard_librarys_reader(typed: tuple[Type, Any]) -> None:
    type_, value = typed
    _, codec = jsonrpc.decode(JSON_CALL)
    assert json.loads(joined(codec, type_, value))["result"] == as_client(type_, value, int)


@settings(deadline=None)
@given(TYPED)
def test_what_was_said_means_the_same_when_it_is_said_back(typed: tuple[Type, Any]) -> None:
    type_, value = typed
    assert decoder(type_)(notation.parse_value(notation.value_text(type_, value))) == value
    _, codec = jsonrpc.decode(JSON_CALL)
    result = json.loads(joined(codec, type_, value))["result"]
    call = {"jsonrpc": "2.0", "method": "a", "params": [result], "id": 1}
    assert decoder(type_)(jsonrpc.decode(json.dumps(call).encode())[0].params[0]) == value


@given(st.lists(XML_TEXT))
def test_errors_say_what_they_are_to_say(description: list[str]) -> None:
    (envelope,), _ = xmlrpc.client.loads(b"".join(notation.CODEC.failure(tuple(description))).decode())
    assert envelope == {"Status": "Failure", "ErrorDescription": description}


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(TYPES), LOOSE)
def test_any_argument_is_taken_or_refused_politely(type_: Type, value: Any) -> None:
    try:
        taken = decoder(type_)(value)
    except XenAPIError as error:
        assert error.code in ("INTERNAL_ERROR", "INVALID_VALUE")
        assert all(len(text) < 2000 for text in error.params)
    else:
        for codec in (notation.CODEC, jsonrpc.decode(JSON_CALL)[1]):
            if not isinstance(type_, Option) or taken is not None:
                assert joined(codec, type_, taken)


@settings(deadline=None)
@given(st.sampled_from(sorted(catalogue().classes)), LOOSE)
def test_any_constructor_record_is_taken_or_refused_politely(name: str, value: Any) -> None:
    try:
        record_decoder(catalogue().classes[name])(value)
    except XenAPIError as error:
        assert error.code in ("INTERNAL_ERROR", "INVALID_VALUE")


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


SENT = st.recursive(
    st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.floats()
    | XML_TEXT.filter(lambda text: "\r" not in text)
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(XML_TEXT.filter(bool), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(SENT, max_size=4))
def test_what_the_standard_librarys_client_sends_is_read_as_it_was_meant(params: list[Any]) -> None:
    body = xmlrpc.client.dumps(tuple(params), "a.b").encode()
    call, _ = notation.decode(body)
    assert call.name == "a.b"
    assert _same(call.params, params)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_call_or_malformed(body: bytes) -> None:
    for decode in (notation.decode, notation.decode_slowly, jsonrpc.decode):
        for text in (body, base64.b64encode(body), b"<methodCall>" + body, b'{"id":1,"method":' + body + b"}"):
            try:
                call, _ = decode(text)
            except Malformed:
                continue
            assert isinstance(call, Call)


def test_nothing_is_said_for_no_result() -> None:
    assert joined(notation.CODEC, Void, None).endswith(
        b"<name>Value</name><value></value></member></struct></value></param></params></methodResponse>"
    )
