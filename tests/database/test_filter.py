"""The language of ``get_all_records_where``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xapid.database import Database
from xapid.database.filter import compile_filter, text_of
from xapid.datamodel.catalogue import catalogue
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.ids import Ids


@pytest.fixture
def vm(db: Database) -> str:
    with db.transaction() as tx:
        return tx.create(
            "VM", name_label="n", VCPUs_max=2, tags=("a", "b"), platform=frozenmap({"k": "v"}), HVM_shadow_multiplier=1.0
        )


def matches(db: Database, expression: str) -> bool:
    table = db.table("VM")
    return any(map(compile_filter(table, expression), table.rows()))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('field "name__label" = "n"', True),
        ('field "VCPUs__max" = "2"', True),
        ("field \"tags\" = \"('a' 'b')\"", True),
        ("field \"platform\" = \"(('k' 'v'))\"", True),
        ('field "HVM__shadow_multiplier" = "1"', True),
        ('field "is_a_template" = "false"', True),
        ('field "snapshot_time" = "19700101T00:00:00Z"', True),
        ('"a" = "a"', True),
        ('field"name__label"="n"', True),
        ("\ttrue\n", True),
        ("not false", True),
        ("not true or true", False),
        ("(not true) or true", True),
        ("false and true or true", True),
        ("true or true and false", False),
        ("true and not false or true", False),
        ("not not true", True),
    ],
)
def test_expressions_mean_what_they_mean_to_the_reference(db: Database, vm: str, expression: str, expected: bool) -> None:
    assert matches(db, expression) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "field",
        'field "uuid"',
        '"a"',
        '= "a"',
        "field 'uuid' = 'x'",
        'FIELD "uuid" = "x"',
        "true true",
        "(true",
        "()",
        "1 = 1",
    ],
)
def test_what_cannot_be_read_is_refused_with_its_text(db: Database, expression: str) -> None:
    with pytest.raises(XenAPIError) as caught:
        compile_filter(db.table("VM"), expression)
    assert caught.value.description[:2] == ("INVALID_VALUE", expression)


@pytest.mark.parametrize("name", ["nosuch", "name_label", "NAME__LABEL", ""])
def test_a_field_that_the_class_does_not_have_is_an_error_once_it_is_looked_at(db: Database, vm: str, name: str) -> None:
    with pytest.raises(XenAPIError) as caught:
        matches(db, f'field "{name}" = "x"')
    assert caught.value.description == ("INTERNAL_ERROR", "missing field", name, "")


_TABLE = Database(catalogue(), Ids(seed=3)).table("VM")


@given(st.text(alphabet='field"andortue ()=not_x', max_size=60))
def test_any_text_is_either_an_expression_or_refused(text: str) -> None:
    try:
        compile_filter(_TABLE, text)
    except XenAPIError as error:
        assert error.code == "INVALID_VALUE"


@pytest.mark.parametrize("expression", ["not " * 50_000 + "true", "(" * 50_000, "(" * 101 + "true" + ")" * 101])
def test_what_nests_without_end_is_refused(db: Database, expression: str) -> None:
    with pytest.raises(XenAPIError) as caught:
        compile_filter(db.table("VM"), expression)
    assert caught.value.description == ("INVALID_VALUE", expression, "it nests too deep")


def test_an_expression_may_be_as_long_as_it_likes(db: Database, vm: str) -> None:
    chain = " or ".join(['field "uuid" = "x"'] * 5_000)
    assert not matches(db, chain)
    assert matches(db, f"{chain} or true")
    assert matches(db, " or ".join(["(not true)", "true"] + ["false"] * 5_000))


def test_an_operand_that_changes_nothing_is_not_looked_at(db: Database, vm: str) -> None:
    broken = 'field "nosuch" = "x"'
    assert matches(db, f"true or {broken}")
    assert not matches(db, f"false and {broken}")


def test_nested_values_are_quoted() -> None:
    assert text_of(("it's",)) == r"('it\'s')"
