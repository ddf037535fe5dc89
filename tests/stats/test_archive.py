"""Archives: rows every five seconds, and what becomes of them, reckoned by hand."""

from __future__ import annotations

from array import array
from math import isnan, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xapid.stats.archive import SPANS, Archive, Ring, consolidate

START = 1_800_000_000
"""A moment that an hour divides (and a day does not)."""


def filled(values: list[float], functions: tuple = ("AVERAGE",), start: int = START + 5) -> Archive:
    archive = Archive(["a"], start, functions)
    for number, value in enumerate(values):
        archive.take(start + 5 * number, {"a": value})
    return archive


def rows(ring: Ring) -> list[float]:
    return list(ring.span(ring.last - ring.step * ring.rows, ring.last))


def test_a_minute_is_the_average_of_its_twelve_rows() -> None:
    archive = filled([float(n) for n in range(1, 14)])
    minute = archive.rings("AVERAGE")[1]
    assert rows(minute) == [6.5]
    assert minute.last == START + 60
    assert archive.rings("AVERAGE")[0].last == START + 65


@pytest.mark.parametrize(("function", "expected"), [("MIN", 2.0), ("MAX", 11.0), ("AVERAGE", 5.0), ("LAST", 4.0)])
def test_every_function_makes_its_own_minutes(function: str, expected: float) -> None:
    archive = filled([2.0, 11.0, 3.0, 4.0, 5.0, 6.0, 7.0, 4.0, 5.0, 4.0, 5.0, 4.0], (function,))
    assert rows(archive.rings(function)[1]) == [expected]  # type: ignore[arg-type]


def test_extremes_of_an_hour_are_the_extremes_of_its_minutes() -> None:
    """Not the extremes of averages: one row of 100 among 719 zeroes is seen a whole hour later."""
    values = [0.0] * 720
    values[400] = 100.0
    archive = filled(values, ("AVERAGE", "MIN", "MAX"))
    assert rows(archive.rings("MAX")[2]) == [100.0]
    assert rows(archive.rings("MIN")[2]) == [0.0]
    assert rows(archive.rings("AVERAGE")[2]) == [pytest.approx(100 / 720)]


def test_up_to_half_of_a_row_may_be_unknown() -> None:
    assert rows(filled([nan] * 6 + [4.0] * 6).rings("AVERAGE")[1]) == [4.0]
    assert isnan(rows(filled([nan] * 7 + [4.0] * 5).rings("AVERAGE")[1])[0])


def test_an_archive_that_begins_late_in_a_minute_does_not_know_that_minute() -> None:
    archive = Archive(["a"], START + 40)
    for moment in range(START + 40, START + 125, 5):
        archive.take(moment, {"a": 1.0})
    (first, second) = rows(archive.rings("AVERAGE")[1])
    assert isnan(first)
    assert second == 1.0


def test_moments_that_were_missed_are_unknown() -> None:
    archive = Archive(["a"], START)
    archive.take(START, {"a": 1.0})
    archive.take(START + 15.4, {"a": 2.0})
    found = rows(archive.rings("AVERAGE")[0])
    assert [found[0], found[3]] == [1.0, 2.0]
    assert isnan(found[1])
    assert isnan(found[2])


def test_a_second_figure_in_the_same_five_seconds_is_dropped() -> None:
    archive = Archive(["a"], START)
    archive.take(START + 0.1, {"a": 1.0})
    archive.take(START + 4.9, {"a": 2.0})
    assert rows(archive.rings("AVERAGE")[0]) == [1.0]


def test_the_oldest_rows_are_forgotten() -> None:
    archive = filled([float(n) for n in range(200)])
    fine = archive.rings("AVERAGE")[0]
    assert rows(fine) == [float(n) for n in range(80, 200)]
    assert fine.row(fine.last) == array("d", [199.0])
    assert fine.row(fine.last - 119 * 5) == array("d", [80.0])
    assert fine.row(fine.last - 120 * 5) is None
    assert fine.row(fine.last + 5) is None


def test_after_a_long_absence_every_archive_has_at_most_what_it_can_hold() -> None:
    archive = filled([1.0] * 30)
    archive.take(START + 400 * 86400, {"a": 3.0})
    for ring in archive.rings("AVERAGE"):
        assert ring.rows <= ring.capacity
        assert ring.last == (START + 400 * 86400) // ring.step * ring.step
    assert rows(archive.rings("AVERAGE")[0])[-1] == 3.0


def test_a_day_is_made_of_its_hours() -> None:
    """17280 rows that count up by one an hour: the day's average is that of its hours."""
    midnight = START // 86400 * 86400 + 86400
    archive = Archive(["a"], midnight + 5)
    for number in range(17280):
        archive.take(midnight + 5 + 5 * number, {"a": float(number // 720)})
    day = archive.rings("AVERAGE")[3]
    assert day.last == midnight + 86400
    assert rows(day)[-1] == pytest.approx(11.5)
    assert rows(archive.rings("AVERAGE")[2])[-24:] == [float(hour) for hour in range(24)]


def test_new_columns_begin_unknown_and_old_ones_keep_what_they_have() -> None:
    archive = Archive(["a", "b"], START)
    for number in range(130):
        archive.take(START + 5 * number, {"a": float(number), "b": float(-number)})
    archive.arrange(["b", "c"])
    assert archive.names == ("b", "c")
    archive.take(START + 650, {"b": -130.0, "c": 7.0})
    fine = archive.rings("AVERAGE")[0]
    assert fine.rows == 120
    newest, before, oldest = (fine.row(fine.last - 5 * back) for back in (0, 1, 119))
    assert newest is not None and before is not None and oldest is not None
    assert list(newest) == [-130.0, 7.0]
    assert before[0] == -129.0
    assert isnan(before[1])
    assert oldest[0] == -11.0


def test_the_spans_are_ten_minutes_two_hours_a_week_and_a_year() -> None:
    assert [(step, step * count) for step, count in SPANS] == [
        (5, 600), (60, 7200), (3600, 7 * 86400), (86400, 366 * 86400),
    ]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(nan)), min_size=12, max_size=12))
def test_a_consolidated_value_lies_between_the_extremes(values: list[float]) -> None:
    known = [value for value in values if not isnan(value)]
    found = {function: consolidate(function, values, 12) for function in ("AVERAGE", "MIN", "MAX", "LAST")}  # type: ignore[arg-type]
    if len(known) < 6:
        assert all(isnan(value) for value in found.values())
    else:
        assert found["MIN"] == min(known)
        assert found["MAX"] == max(known)
        assert found["LAST"] == known[-1]
        assert found["MIN"] - 1e-6 <= found["AVERAGE"] <= found["MAX"] + 1e-6


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(0, 700))
def test_a_ring_holds_what_a_list_would(gaps: list[int], after: int) -> None:
    """Whatever gaps there are, a span of the ring is what a plain list of rows says."""
    ring, plain, time = Ring(5, 20, 1, 0), [], 0
    for gap in gaps:
        plain += [nan] * (gap - 1) + [float(time)]
        time += 5 * gap
        ring.put(time, array("d", [plain[-1]]))
    kept = plain[-20:]
    first = time - 5 * len(kept)
    expected = [value for number, value in enumerate(kept) if first + 5 * (number + 1) > after]
    assert repr(list(ring.span(after, time))) == repr(expected)
