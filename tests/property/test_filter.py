"""The filter language: every expression means what a reader of the grammar takes it to mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from xapid.database.filter import compile_filter, text_of
from xapid.database.row import Row
from xapid.database.table import Table
from xapid.testing.in_process import Server, config

FIELDS = {
    "name__label": "name_label",
    "power_state": "power_state",
    "is_a_template": "is_a_template",
    "uuid": "uuid",
    "_ref": "ref",
}
Meaning = Callable[[Row], bool]


@cache
def table() -> Table:
    server = Server(config(preset="standalone", vms_per_host=6))
    server.close()
    return server.pool.db.table("VM")


def _text(draw: st.DrawFn) -> str:
    row: Any = draw(st.sampled_from(table().rows()))
    name = draw(st.sampled_from(list(FIELDS.values())))
    return draw(st.sampled_from([text_of(getattr(row, name)), "", "Running", "true", "no such thing", "é"]))


@st.composite
def sides(draw: st.DrawFn) -> tuple[str, Callable[[Row], str]]:
    """A value as it is written, and what it is for a row."""
    if draw(st.booleans()):
        written, name = draw(st.sampled_from(sorted(FIELDS.items())))
        return f'field "{written}"', lambda row: text_of(getattr(row, name))
    text = _text(draw)
    return f'"{text}"', lambda row: text


@st.composite
def atoms(draw: st.DrawFn) -> tuple[str, Meaning]:
    """A comparison, ``true`` or ``false``."""
    if draw(st.integers(0, 5)) == 0:
        word = draw(st.sampled_from(["true", "false"]))
        return word, lambda row: word == "true"
    (left, left_of), (right, right_of) = draw(sides()), draw(sides())
    space = draw(st.sampled_from(["", " ", "\t", "\n "]))
    return f"{left}{space}={space}{right}", lambda row: left_of(row) == right_of(row)


def _grown(inner: st.SearchStrategy[tuple[str, Meaning]]) -> st.SearchStrategy[tuple[str, Meaning]]:
    @st.composite
    def larger(draw: st.DrawFn) -> tuple[str, Meaning]:
        kind = draw(st.sampled_from(["not", "and", "or"]))
        left, left_of = draw(inner)
        if kind == "not":
            return f"not ({left})", lambda row: not left_of(row)
        right, right_of = draw(inner)
        if kind == "and":
            return f"({left}) and ({right})", lambda row: left_of(row) and right_of(row)
        return f"({left}) or ({right})", lambda row: left_of(row) or right_of(row)

    return larger()


@settings(deadline=None)
@given(st.recursive(atoms(), _grown, max_leaves=8))
def test_an_expression_selects_what_it_means(expression: tuple[str, Meaning]) -> None:
    text, meaning = expression
    wanted = compile_filter(table(), text)
    assert [row.ref for row in table() if wanted(row)] == [row.ref for row in table() if meaning(row)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["and", "or"]), st.booleans(), atoms()), min_size=1, max_size=6), atoms())
def test_and_and_or_bind_alike_and_to_the_left_and_not_reaches_to_the_right(
    rest: list[tuple[str, bool, tuple[str, Meaning]]], first: tuple[str, Meaning]
) -> None:
    def means(at: int, so_far: Meaning) -> Meaning:
        """From the operand ``at`` on, after ``so_far``."""
        if at == len(rest):
            return so_far
        word, negated, (_, operand) = rest[at]
        if negated:
            beyond = means(at + 1, operand)
            return _joined(word, so_far, lambda row: not beyond(row))
        return means(at + 1, _joined(word, so_far, operand))

    text = first[0] + "".join(f" {word} {'not ' if negated else ''}{atom[0]}" for word, negated, atom in rest)
    wanted, meaning = compile_filter(table(), text), means(0, first[1])
    assert [wanted(row) for row in table()] == [meaning(row) for row in table()]


def _joined(word: str, left: Meaning, right: Meaning) -> Meaning:
    return (lambda row: left(row) and right(row)) if word == "and" else (lambda row: left(row) or right(row))
