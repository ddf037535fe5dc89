"""What hosts are told when they begin to lead their pool, and when they cease to."""

from __future__ import annotations

import pytest

from xapid.datamodel.errors import XenAPIError
from xapid.testing.neighbours import Neighbour, Street


class Noting:
    """The plugins of a host, whose hooks note what they are told, and fail."""

    def __init__(self, daemon: Neighbour, seen: list[tuple[int, str, bool]]) -> None:
        self._daemon, self._seen = daemon, seen

    async def has_hook(self, name: str) -> bool:
        return name == "master.d"

    async def run_hook(self, name: str, args: dict[str, str], errand: dict[str, str]) -> None:
        sessions = {session.ref: session for session in self._daemon.pool.services.sessions}
        has_root = errand["session"] in sessions and sessions[errand["session"]].is_local_superuser
        assert has_root == (errand["session"] != "")
        self._seen.append((self._daemon.number, args[""], has_root))
        raise XenAPIError("XAPI_HOOK_FAILED", "master.d/10any", "", "no", "2")


@pytest.fixture
def seen() -> list[tuple[int, str, bool]]:
    return []


def watched(seen: list[tuple[int, str, bool]], *daemons: Neighbour) -> None:
    for daemon in daemons:
        agents = daemon.pool.services.agents
        agents.find(daemon.pool.db.table("host").by_uuid(daemon.host).ref).plugins = Noting(daemon, seen)


def test_hosts_are_told_when_the_role_of_the_coordinator_goes_to_another(street: Street, seen) -> None:
    a, b, c = street.pool(3)
    watched(seen, a, b, c)
    api = a.session().xenapi
    api.pool.designate_new_master(api.host.get_by_uuid(b.host))
    street.clock.pass_time(40)
    assert (a.coordinator_address, b.coordinator_address) == (b.address, None)
    assert sorted(seen) == [(a.number, "stop", False), (b.number, "start", True)]
    assert not [session for session in b.pool.services.sessions if session.originator == "hook master.d"]


def test_a_host_that_joins_a_pool_leads_its_own_no_longer(street: Street, seen) -> None:
    pool, joiner = street.add(), street.add()
    watched(seen, pool, joiner)
    joiner.by_itself("pool.join", pool.address, "root", pool.config.root_password)
    street.clock.pass_time(1)
    assert seen == [(joiner.number, "stop", False)]
