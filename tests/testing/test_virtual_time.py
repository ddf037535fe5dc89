"""Time that passes only when somebody waits."""

from __future__ import annotations

import pytest
from twisted.internet import defer, task

from xapid.testing.virtual_time import EPOCH, Stuck, VirtualClock


@pytest.fixture
def clock():
    return VirtualClock()


def test_it_starts_at_a_fixed_moment(clock):
    assert clock.now() == EPOCH


def test_waiting_for_what_takes_an_hour_takes_no_time_and_moves_the_clock_by_an_hour(clock):
    async def work():
        await task.deferLater(clock, 3600)
        return clock.seconds()

    assert clock.wait_for(work()) == EPOCH.timestamp() + 3600


def test_what_is_due_meanwhile_happens_at_its_own_moment(clock):
    seen = []
    for delay in (30, 10, 20):
        clock.callLater(delay, lambda: seen.append(clock.seconds() - EPOCH.timestamp()))
    clock.pass_time(25)
    assert seen == [10, 20]
    assert clock.seconds() == EPOCH.timestamp() + 25


def test_chains_of_short_delays_are_followed(clock):
    seen = []

    def again():
        seen.append(clock.seconds())
        clock.callLater(1, again)

    again()
    clock.pass_time(10)
    assert len(seen) == 11


def test_an_exception_comes_out_of_the_wait(clock):
    async def work():
        await task.deferLater(clock, 5)
        raise KeyError("x")

    with pytest.raises(KeyError):
        clock.wait_for(work())


def test_waiting_for_what_never_comes_is_refused(clock):
    never = defer.Deferred()
    with pytest.raises(Stuck):
        clock.wait_for(never, patience=60)
    assert clock.seconds() == EPOCH.timestamp() + 60
