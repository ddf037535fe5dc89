"""Arguments of messages: which spellings are taken, and what is refused how."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Ref, Set, String, Type
from xapid.wire.call import BrokenText, DateText
from xapid.wire.marshal import decoder, record_decoder

COLOUR = Enum("colour", "", {"Red": "", "green": ""})
EXACT = Enum("exact", "", {"add": ""}, exact_case=True)


def refusal(type_: Type, value: object) -> str:
    with pytest.raises(XenAPIError) as caught:
        decoder(type_)(value)
    return caught.value.code


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (9000, 9000),
        ("9216", 9216),
        ("-5", -5),
        ("+7", 7),
        ("0x10", 16),
        ("0b101", 5),
        ("0o17", 15),
        ("1_000", 1000),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0xffffffffffffffff", -1),
    ],
)
def test_integers_are_taken_in_every_spelling_of_the_reference(given: object, meant: int) -> None:
    assert decoder(Int)(given) == meant


@pytest.mark.parametrize(
    "given", ["", "abc", "1.5", "9223372036854775808", 2**63, " 12", "12 ", "_1", "0x", "٣", 1.0, True, [], {}, None, b"1"]
)
def test_what_is_no_64_bit_integer_is_an_internal_error(given: object) -> None:
    assert refusal(Int, given) == "INTERNAL_ERROR"


@pytest.mark.parametrize(
    ("given", "meant"), [(1.5, 1.5), (2, 2.0), ("1e3", 1000.0), (".5", 0.5), ("1_0.5", 10.5), ("0x1p3", 8.0)]
)
def test_floats_are_taken_from_numbers_and_text(given: object, meant: float) -> None:
    assert decoder(Float)(given) == meant
    assert decoder(Float)("-inf") == float("-inf")


@pytest.mark.parametrize("given", ["", "x", "1.5 ", True, None, []])
def test_what_is_no_float_is_an_internal_error(given: object) -> None:
    assert refusal(Float, given) == "INTERNAL_ERROR"


def test_digits_beyond_all_floats_are_infinite() -> None:
    assert decoder(Float)("0x1p99999") == float("inf")
    assert decoder(Float)("-0x1p99999") == float("-inf")
    assert decoder(Float)("1e999") == float("inf")


def test_an_integer_beyond_all_floats_is_infinite() -> None:
    assert decoder(Float)(10**400) == float("inf")


def test_booleans_are_taken_as_booleans_only() -> None:
    assert decoder(Bool)(True) is True
    assert [refusal(Bool, value) for value in ("true", "1", "", 1, None, [])] == ["INTERNAL_ERROR"] * 6


def test_text_is_taken_as_text_only() -> None:
    assert decoder(String)("") == ""
    assert decoder(Ref("VM"))("nonsense") == "nonsense"
    assert [refusal(String, value) for value in (5, True, 1.5, [], {}, None, DateText("20240101T00:00:00Z"))] == [
        "INTERNAL_ERROR"
    ] * 7


def test_text_that_is_not_utf8_is_an_invalid_value_that_is_shown() -> None:
    with pytest.raises(XenAPIError) as caught:
        decoder(Set(String))([BrokenText("a\ufffd")])
    assert caught.value.description == ("INVALID_VALUE", "Invalid UTF-8 string in parameter", "a\ufffd")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (DateText("20240131T09:05:07Z"), datetime(2024, 1, 31, 9, 5, 7, tzinfo=UTC)),
        ("20240131T09:05:08Z", datetime(2024, 1, 31, 9, 5, 8, tzinfo=UTC)),
        ("2024-01-31T09:05:09Z", datetime(2024, 1, 31, 9, 5, 9, tzinfo=UTC)),
        ("2024-01-31T09:05:09.250Z", datetime(2024, 1, 31, 9, 5, 9, tzinfo=UTC)),
        (DateText("20240131T09:05:10"), datetime(2024, 1, 31, 9, 5, 10, tzinfo=UTC)),
        ("20240131T09:05:12+0100", datetime(2024, 1, 31, 9, 5, 12, tzinfo=timezone(timedelta(hours=1)))),
        ("20240131T09:05:13-01:30", datetime(2024, 1, 31, 9, 5, 13, tzinfo=timezone(-timedelta(minutes=90)))),
    ],
)
def test_dates_are_taken_with_and_without_dashes_and_zone(given: str, meant: datetime) -> None:
    found = decoder(DateTime)(given)
    assert found == meant
    assert found.utcoffset() == meant.utcoffset()


@pytest.mark.parametrize(
    "given",
    [
        "20240131T09:05:11.123Z",
        "2024-01-31T090514Z",
        "yesterday",
        "",
        "20241331T00:00:00Z",
        "20240131",
        "20240131T00:00:00+99:99",
        5,
    ],
)
def test_what_is_no_date_is_an_internal_error(given: object) -> None:
    assert refusal(DateTime, given) == "INTERNAL_ERROR"


def test_enums_are_taken_in_any_case_unless_they_say_otherwise() -> None:
    assert [decoder(COLOUR)(word) for word in ("Red", "RED", "red", "GREEN")] == ["Red", "Red", "Red", "green"]
    assert decoder(EXACT)("add") == "add"
    assert refusal(EXACT, "ADD") == "INTERNAL_ERROR"
    assert refusal(COLOUR, "blue") == "INTERNAL_ERROR"


def test_sets_and_maps_are_typed_throughout() -> None:
    assert decoder(Set(Int))(["1", 2]) == (1, 2)
    assert decoder(Map(Int, Bool))({"5": True}) == {5: True}
    assert refusal(Set(String), [["a"]]) == "INTERNAL_ERROR"
    assert refusal(Map(String, String), {"a": 1}) == "INTERNAL_ERROR"
    assert [refusal(Set(String), value) for value in ("", {}, None)] == ["INTERNAL_ERROR"] * 3
    assert [refusal(Map(String, String), value) for value in ("", [], None)] == ["INTERNAL_ERROR"] * 3


def test_a_constructor_takes_its_fields_by_exact_name_and_defaults_for_the_rest() -> None:
    decode = record_decoder(catalogue().classes["network"])
    found = decode({"name_label": "a", "NAME_DESCRIPTION": "x", "other_config": {}, "unknown": 5, "uuid": "ignored"})
    assert found["name_label"] == "a"
    assert found["name_description"] == ""
    assert found["MTU"] == 1500
    assert "uuid" not in found
    assert "VIFs" not in found


@pytest.mark.parametrize("given", [{}, {"name_label": "only"}, "text", [], {"name_label": 5, "other_config": {}}])
def test_a_constructor_refuses_what_is_missing_without_default_or_of_another_type(given: object) -> None:
    with pytest.raises(XenAPIError) as caught:
        record_decoder(catalogue().classes["network"])(given)
    assert caught.value.code == "INTERNAL_ERROR"


def test_every_parameter_of_every_message_has_a_decoder_that_refuses_nonsense_politely() -> None:
    for entry in catalogue().messages.values():
        for param in entry.message.params:
            with pytest.raises(XenAPIError):
                decoder(param.type)(b"nonsense")


def test_error_texts_are_cut_short() -> None:
    with pytest.raises(XenAPIError) as caught:
        decoder(Int)({"a": ["x" * 10_000] * 100})
    assert len(caught.value.params[0]) < 500
