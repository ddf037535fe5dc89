"""XML-RPC: what is read as which call, what is refused, and how answers look byte for byte."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xapid.datamodel.types import EPOCH, Bool, DateTime, Enum, Float, Int, Map, Record, Ref, Set, String, Type, Void, frozenmap
from xapid.wire import xmlrpc
from xapid.wire.call import Call, DateText, Malformed
from xapid.wire.events import Event, EventBatch
from xapid.wire.xml_values import KEPT, LONGEST_KEPT, _Kept
from xapid.wire.xmlrpc import CODEC, decode, decode_any, decode_plain, parse_value, value_text

OK = '<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value></member><member><name>Value</name>{}</member></struct></value></param></params></methodResponse>'  # noqa: E501
FAILED = '<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name><value>Failure</value></member><member><name>ErrorDescription</name><value><array><data>{}</data></array></value></member></struct></value></param></params></methodResponse>'  # noqa: E501


def call(*values: str, name: str = "a.b") -> bytes:
    params = "".join(f"<param>{value}</param>" for value in values)
    return f'<?xml version="1.0"?><methodCall><methodName>{name}</methodName><params>{params}</params></methodCall>'.encode()


def read(value: str) -> object:
    (found,) = decode(call(value))[0].params
    return found


def test_answers_are_wrapped_in_status_and_value() -> None:
    assert b"".join(CODEC.success(String, "v")).decode() == OK.format("<value>v</value>")
    assert b"".join(CODEC.failure(("SESSION_INVALID", "a & <b> \"c\" 'd'"))).decode() == FAILED.format(
        "<value>SESSION_INVALID</value><value>a &amp; &lt;b&gt; &quot;c&quot; 'd'</value>"
    )
    assert b"".join(CODEC.bare(Set(String), ("a.b",))).decode() == (
        '<?xml version="1.0"?><methodResponse><params><param><value><array><data><value>a.b</value></data></array></value>'
        "</param></params></methodResponse>"
    )


@pytest.mark.parametrize(
    ("type_", "value", "written"),
    [
        (String, "", "<value></value>"),
        (String, "a\tb\nc\rd\x00\x0b\ufffe\ud800e", "<value>a\tb\nc\rde</value>"),
        (Int, -5, "<value>-5</value>"),
        (Float, 1.0, "<value><double>1</double></value>"),
        (Float, 1e20, "<value><double>1e+20</double></value>"),
        (Float, 0.1, "<value><double>0.1</double></value>"),
        (Float, math.nan, "<value><double>nan</double></value>"),
        (Float, -math.inf, "<value><double>-inf</double></value>"),
        (Bool, True, "<value><boolean>1</boolean></value>"),
        (Bool, False, "<value><boolean>0</boolean></value>"),
        (DateTime, EPOCH, "<value><dateTime.iso8601>19700101T00:00:00Z</dateTime.iso8601></value>"),
        (
            DateTime,
            datetime(2024, 1, 31, 9, 5, 7, 999, UTC),
            "<value><dateTime.iso8601>20240131T09:05:07Z</dateTime.iso8601></value>",
        ),
        (DateTime, datetime(2024, 1, 31, 9, 5, 7), "<value><dateTime.iso8601>20240131T09:05:07</dateTime.iso8601></value>"),
        (
            DateTime,
            datetime(2024, 1, 31, 9, 5, 7, tzinfo=timezone(timedelta(hours=1))),
            "<value><dateTime.iso8601>20240131T09:05:07+01:00</dateTime.iso8601></value>",
        ),
        (Void, None, "<value></value>"),
        (Enum("e", "", {"x": ""}), "x", "<value>x</value>"),
        (Set(Ref("VM")), (), "<value><array><data></data></array></value>"),
        (Set(Int), (1, 2), "<value><array><data><value>1</value><value>2</value></data></array></value>"),
        (Map(String, String), frozenmap(), "<value><struct></struct></value>"),
        (
            Map(Int, Bool),
            {5: True},
            "<value><struct><member><name>5</name><value><boolean>1</boolean></value></member></struct></value>",
        ),
        (
            Map(String, Int),
            {"a<&": 1},
            "<value><struct><member><name>a&lt;&amp;</name><value>1</value></member></struct></value>",
        ),
    ],
)
def test_values_are_written_as_clients_need_them(type_: Type, value: object, written: str) -> None:
    assert value_text(type_, value) == written
    assert b"".join(CODEC.success(type_, value)).decode() == OK.format(written)


class FakeRow:
    """A row as the encoders use it."""

    ref = "OpaqueRef:of-the-row"

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)
        self.made: list[str] = []

    def encoded(self, key: str, make: object) -> bytes:
        self.made.append(key)
        return make(self)  # type: ignore[operator,no-any-return]


SECRET = {"uuid": "u", "value": "a&b", "other_config": frozenmap(k="v")}
SECRET_XML = (
    "<value><struct><member><name>uuid</name><value>u</value></member><member><name>value</name><value>a&amp;b</value></member>"
    "<member><name>other_config</name><value><struct><member><name>k</name><value>v</value></member></struct></value></member>"
    "</struct></value>"
)


def test_a_record_is_the_same_from_a_dict_and_from_a_row_which_keeps_its_bytes() -> None:
    row = FakeRow(**SECRET)
    assert b"".join(CODEC.success(Record("secret"), SECRET)).decode() == OK.format(SECRET_XML)
    assert b"".join(CODEC.success(Record("secret"), row)).decode() == OK.format(SECRET_XML)
    assert row.made == ["xml"]


def test_a_listing_of_records_is_given_in_pieces_that_are_not_joined() -> None:
    listing = {f"OpaqueRef:{number}": FakeRow(**SECRET) for number in range(3)}
    pieces = CODEC.success(Map(Ref("secret"), Record("secret")), listing)
    assert len(pieces) > 6
    members = "".join(f"<member><name>OpaqueRef:{number}</name>{SECRET_XML}</member>" for number in range(3))
    assert b"".join(pieces).decode() == OK.format(f"<value><struct>{members}</struct></value>")
    assert b"".join(CODEC.success(Map(Ref("secret"), Record("secret")), {})).decode() == OK.format(
        "<value><struct></struct></value>"
    )


def test_an_event_batch_is_a_struct_with_counts_as_i4_and_is_encoded_once() -> None:
    row = FakeRow(**SECRET)
    batch = EventBatch(
        [Event(7, "secret", "add", "OpaqueRef:1", row), Event(8, "vm", "del", "OpaqueRef:2")], {"vm": 5}, "01,02"
    )
    expected = OK.format(
        "<value><struct><member><name>events</name><value><array><data>"
        "<value><struct><member><name>id</name><value>7</value></member><member><name>timestamp</name><value>0.0</value></member>"
        "<member><name>class</name><value>secret</value></member><member><name>operation</name><value>add</value></member>"
        f"<member><name>ref</name><value>OpaqueRef:1</value></member><member><name>snapshot</name>{SECRET_XML}</member></struct></value>"
        "<value><struct><member><name>id</name><value>8</value></member><member><name>timestamp</name><value>0.0</value></member>"
        "<member><name>class</name><value>vm</value></member><member><name>operation</name><value>del</value></member>"
        "<member><name>ref</name><value>OpaqueRef:2</value></member></struct></value>"
        "</data></array></value></member><member><name>valid_ref_counts</name><value><struct><member><name>vm</name>"
        "<value><i4>5</i4></value></member></struct></value></member><member><name>token</name><value>01,02</value></member>"
        "</struct></value>"
    )
    for _ in range(2):
        assert b"".join(CODEC.success(Set(Record("event")), batch)).decode() == expected
    assert row.made == ["xml"]


def test_events_of_the_older_call_are_a_set_with_times() -> None:
    event = Event(7, "secret", "mod", "OpaqueRef:1", SECRET, timestamp="1718000000.")
    written = b"".join(CODEC.success(Set(Record("event")), (event,))).decode()
    assert "<value>1718000000.</value>" in written
    assert SECRET_XML in written


@pytest.mark.parametrize(
    ("element", "meant"),
    [
        ("<value>x</value>", "x"),
        ("<value> x </value>", " x "),
        ("<value/>", ""),
        ("<value><string/></value>", ""),
        ("<value><string> typed </string></value>", " typed "),
        ("<value>\n  <int>5</int>\n</value>", 5),
        ("<value><i4>-5</i4></value>", -5),
        ("<value><i8>9223372036854775807</i8></value>", 2**63 - 1),
        ("<value><double>1.5</double></value>", 1.5),
        ("<value><boolean>1</boolean></value>", True),
        ("<value><boolean>true</boolean></value>", False),
        ("<value><boolean>2</boolean></value>", False),
        ("<value><nil/></value>", None),
        ("<value><base64>aGk=</base64></value>", b"hi"),
        ("<value><array/></value>", []),
        ("<value><array> <data> <value>a</value> </data> </array></value>", ["a"]),
        ("<value><struct/></value>", {}),
        ("<value><struct> <member> <name>a b</name> <value><int>1</int></value> </member> </struct></value>", {"a b": 1}),
        ("<value>a &amp;amp; &lt;b&gt; &#x17e; &quot;&apos;</value>", "a &amp; <b> ž \"'"),
        ("<value>carriage\r\nreturn</value>", "carriage\nreturn"),
        ("<value><![CDATA[<raw>]]></value>", "<raw>"),
        ("<value>a<!-- comment -->b</value>", "ab"),
    ],
)
def test_values_are_read_in_every_spelling(element: str, meant: object) -> None:
    assert read(element) == meant


def test_a_date_stays_apart_from_text() -> None:
    assert type(read("<value><dateTime.iso8601>20240131T09:05:07Z</dateTime.iso8601></value>")) is DateText


BOMB = b"".join(
    (
        b'<!DOCTYPE x [<!ENTITY a "ha">',
        *(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)),
        b"]>",
        call("<value>&a11;</value>").removeprefix(b'<?xml version="1.0"?>'),
    )
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"not xml",
        b"<methodCall>",
        b"\x00",
        b"<a/>",
        b"<methodCall/>",
        b"<methodCall><methodName>a</methodName></methodCall>",
        b"<methodCall><params/></methodCall>",
        b"<methodCall><methodName>a</methodName><params>text</params></methodCall>",
        b"<methodCall><methodName>a</methodName><params><value>x</value></params></methodCall>",
        call("<value>\xff</value>").replace("\xff".encode(), b"\xff"),
        call("<value>\x01</value>"),
        call("<value><int>abc</int></value>"),
        call("<value><int/></value>"),
        call("<value><double>x</double></value>"),
        call("<value><base64>!</base64></value>"),
        call("<value><unknown>x</unknown></value>"),
        call("<value>text<int>5</int></value>"),
        call("<value><int>5</int><int>6</int></value>"),
        call("<value><array><value>x</value></array></value>"),
        call("<value><struct><member><name></name><value>x</value></member></struct></value>"),
        call("<value><struct><member><value>x</value></member></struct></value>"),
        call("<value><array><data>" * 100 + "</data></array></value>" * 100),
        call("<value><array><data>" * 5000 + "</data></array></value>" * 5000),
        call("<value>&undefined;</value>"),
        b"<!DOCTYPE methodCall>" + call("<value>x</value>").removeprefix(b'<?xml version="1.0"?>'),
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        + call("<value>&e;</value>").removeprefix(b'<?xml version="1.0"?>'),
        BOMB,
    ],
)
def test_what_is_no_call_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(body)


def test_plain_calls_take_the_fast_path() -> None:
    body = call("<value>OpaqueRef:x</value>", "<value><string>a &amp;lt; ž</string></value>", name="VM.get_record")
    assert decode_plain(body) == decode_any(body) == Call("VM.get_record", ["OpaqueRef:x", "a &lt; ž"])
    assert decode_plain(call("<value><int>5</int></value>")) is None


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20)
NEAR = st.text("<>&;/ap lt\r\n\t \x0b\x0c\ufffe\"'é]", max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(TEXT.map(escape), NEAR), max_size=3), st.sampled_from(["", " ", "\n", "\r\n", "\x0b"]), st.booleans())
def test_the_fast_path_reads_what_lxml_reads_or_leaves_it_alone(texts: list[str], space: str, typed: bool) -> None:
    inner = [f"<string>{text}</string>" if typed else text for text in texts]
    params = space.join(f"<param>{space}<value>{text}</value>{space}</param>" for text in inner)
    body = (
        f"<methodCall>{space}<methodName>a.b</methodName>{space}<params>{space}{params}</params></methodCall>{space}".encode()
    )
    found = decode_plain(body)
    if found is not None:
        assert found == decode_any(body)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_damaged_calls_are_read_or_malformed_and_nothing_else(garbage: bytes, at: int) -> None:
    whole = call(
        "<value>x</value>", "<value><struct><member><name>a</name><value><int>5</int></value></member></struct></value>"
    )
    body = whole[:at] + garbage + whole[at + len(garbage) :]
    with contextlib.suppress(Malformed):
        decode(body)


XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=20
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(XML_TEXT.filter(bool), st.lists(XML_TEXT, max_size=3).map(tuple), max_size=3))
def test_what_is_written_is_read_back(value: dict[str, tuple[str, ...]]) -> None:
    type_ = Map(String, Set(String))
    assert parse_value(value_text(type_, value)) == {name: list(items) for name, items in value.items()}
    ElementTree.fromstring(b"".join(CODEC.success(type_, value)))


def test_a_task_result_is_read_back_and_anything_else_refused() -> None:
    assert parse_value("<value>OpaqueRef:x</value>") == "OpaqueRef:x"
    assert parse_value("<value></value>") == ""
    with pytest.raises(Malformed):
        parse_value("OpaqueRef:x")


def test_the_codec_has_no_charset_in_its_content_type() -> None:
    assert xmlrpc.CODEC.content_type == b"text/xml"


def test_what_is_kept_of_fields_is_bounded_in_number_and_length() -> None:
    kept = _Kept(str.upper)
    assert kept["x" * (LONGEST_KEPT + 1)] == "X" * (LONGEST_KEPT + 1)
    assert kept["short"] == "SHORT"
    assert list(kept) == ["short"]
    for number in range(2 * KEPT):
        assert kept[f"v{number}"] == f"V{number}"
    assert len(kept) <= KEPT
