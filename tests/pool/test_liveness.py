"""Members that are heard of, fall silent, come back, and whose clocks go wrong."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from xapid.agent.values import AgentFailure
from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.ids import Ids
from xapid.operations.presence import Presence
from xapid.pool.liveness import Beat, Liveness
from xapid.pool.membership import Place


class World:
    """A coordinator's database with one member, and a member that answers as it is told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.db = Database(catalogue(), Ids(seed=1))
        with self.db.transaction() as tx:
            metrics = tx.create("host_metrics", live=True)
            self.host = tx.create("host", uuid="member", metrics=metrics)
        self.began, self.ahead, self.silent = 1.0, 0.0, False
        self.taken_up: list[str] = []
        self.liveness = Liveness(self.db, self.clock, lambda: [Place("member", "127.0.0.2", 443)], self.ask, self.take_up)
        self.presence = Presence(self.db, self.clock, lambda host: None)
        self.liveness.presence = self.presence
        self.liveness.start()
        self.taken_up.clear()

    async def ask(self, place: Place) -> Beat:
        if self.silent:
            raise AgentFailure("unreachable", (place.host,))
        return Beat(self.began, self.clock.seconds() + self.ahead)

    async def take_up(self, host: str, began: float) -> None:
        assert began == self.began
        self.taken_up.append(host)

    @property
    def live(self) -> bool:
        return bool(self.db.get("host_metrics", self.db.get("host", self.host).metrics).live)

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds // 30)):
            self.clock.advance(30)


@pytest.fixture
def world() -> World:
    return World()


def test_a_member_is_offline_after_ten_minutes_of_silence_and_no_sooner(world: World) -> None:
    world.silent = True
    world.wait(600)
    assert world.live
    world.wait(60)
    assert not world.live
    world.silent = False
    world.wait(30)
    assert world.live


def test_a_member_that_answers_again_is_asked_what_became_of_it(world: World) -> None:
    """It may have gone on with what it was told before the line was lost."""
    world.wait(60)
    assert world.taken_up == []
    world.silent = True
    world.wait(60)
    world.silent = False
    world.wait(60)
    assert world.taken_up == [world.host]


def test_a_member_whose_agent_began_anew_is_told_what_it_should_run(world: World) -> None:
    world.wait(60)
    world.began = 2.0
    world.wait(60)
    assert world.taken_up == [world.host]


def test_a_clock_that_is_five_minutes_off_is_an_alert_once(world: World) -> None:
    world.ahead = 301
    world.wait(120)
    assert [row.name for row in world.db.table("message")] == ["HOST_CLOCK_SKEW_DETECTED"]
    world.ahead = 200
    world.wait(60)
    world.ahead = 301
    world.wait(60)
    assert len(world.db.table("message")) == 1
    world.ahead = 100
    world.wait(60)
    world.ahead = 301
    world.wait(60)
    assert len(world.db.table("message")) == 2
