"""Hosts that are heard of, fall silent, say farewell, start, and whose clocks go wrong."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from xapid.database import Database
from xapid.datamodel.catalogue import catalogue
from xapid.ids import Ids
from xapid.operations.presence import Presence


class World:
    def __init__(self):
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.db = Database(catalogue(), Ids(seed=1))
        self.lost = []
        with self.db.transaction() as tx:
            self.leader, self.member = (
                tx.create("host", uuid=uuid, metrics=tx.create("host_metrics", live=True)) for uuid in ("leader", "member")
            )
            tx.create("pool", master=self.leader)
        self.presence = Presence(self.db, self.clock, self.lost.append)
        self.presence.start()

    def row(self, host):
        return self.db.get("host", host)

    def live(self, host):
        return bool(self.db.get("host_metrics", self.row(host).metrics).live)

    def wait(self, seconds):
        for _ in range(int(seconds // 30)):
            self.clock.advance(30)


@pytest.fixture
def world():
    return World()


def test_silence_of_ten_minutes_ends_it_for_all_but_the_coordinator_and_a_sign_begins_it_again(world):
    world.wait(600)
    assert world.live(world.member)
    world.wait(30)
    assert (world.live(world.member), world.live(world.leader)) == (False, True)
    assert world.lost == [world.member]
    world.presence.beat(world.row(world.member))
    assert world.live(world.member)


def test_nothing_is_written_while_nothing_changes(world):
    before = world.db.generation
    for _ in range(10):
        world.presence.beat(world.row(world.member), world.clock.seconds())
        world.wait(30)
    assert world.db.generation == before


def test_who_said_farewell_is_gone_at_once_until_it_arrives(world):
    world.presence.leaves(world.row(world.member))
    assert not world.live(world.member)
    world.presence.beat(world.row(world.member))
    assert not world.live(world.member)
    world.presence.arrives(world.row(world.member))
    assert world.live(world.member)


def test_simulated_hosts_give_signs_by_themselves(world):
    world.presence.simulated = lambda: {"member": world.clock.seconds()}
    world.wait(3600)
    assert world.live(world.member)
    world.presence.simulated = dict
    world.wait(660)
    assert not world.live(world.member)


def test_a_daemon_that_does_not_lead_judges_nobody(world):
    world.presence.leads = lambda: False
    world.wait(3600)
    assert world.live(world.member)


def test_an_agent_that_began_anew_has_returned_and_one_that_is_only_heard_of_has_not(world):
    returned, report = [], world.presence.reports
    world.presence.returned = returned.append
    report(world.row(world.member), 5.0, world.clock.seconds())  # the first time proves nothing
    report(world.row(world.member), 5.0, world.clock.seconds())
    assert returned == []
    world.presence.leaves(world.row(world.member))
    report(world.row(world.member), 5.0, world.clock.seconds())
    assert not world.live(world.member)
    report(world.row(world.member), 9.0, world.clock.seconds())
    assert (returned, world.live(world.member)) == ([world.member], True)


def test_clocks_that_differ_by_more_than_five_minutes_are_an_alert_once(world):
    def beat(ahead):
        world.presence.beat(world.row(world.member), world.clock.seconds() + ahead)
        return len(world.db.table("message"))

    assert [beat(ahead) for ahead in (300, -301, 301, 151, 400, 149, 301)] == [0, 1, 1, 1, 1, 1, 2]
