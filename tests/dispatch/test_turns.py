"""Who has a turn when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from xapid.dispatch import turns


class Reactor:
    """Of a reactor no more than its turns."""

    def __init__(self) -> None:
        self.due: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def callLater(self, delay: float, work: Callable[..., object], *args: Any) -> None:
        assert delay == 0
        self.due.append((work, args))

    def turn(self) -> None:
        due, self.due = self.due, []
        for work, args in due:
            work(*args)


def test_much_work_is_done_in_order_with_room_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece here takes two thirds of a slice, so two of them are done in a turn."""
    reactor, time, done = Reactor(), [0.0], []
    monkeypatch.setattr(turns, "perf_counter", lambda: time[0])
    background = turns.Turns(reactor)  # type: ignore[arg-type]

    def work(number: int) -> None:
        done.append(number)
        time[0] += turns.SLICE * 2 / 3

    for number in range(4):
        background.later(lambda number=number: work(number))  # type: ignore[misc]
    assert done == []
    reactor.turn()
    assert done == [0, 1]
    reactor.turn()
    assert (done, reactor.due) == ([0, 1, 2, 3], [])


def test_what_is_given_meanwhile_waits_for_the_next_turn() -> None:
    reactor, done = Reactor(), []
    background = turns.Turns(reactor)  # type: ignore[arg-type]
    background.later(lambda: background.later(lambda: done.append(1)))
    reactor.turn()
    assert done == []
    reactor.turn()
    assert (done, reactor.due) == ([1], [])
