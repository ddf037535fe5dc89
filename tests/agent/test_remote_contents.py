"""Contents of disks cross to another machine byte for byte."""

from __future__ import annotations

import pytest
from twisted.internet.defer import ensureDeferred
from zope.interface import implementer

from xapid.agent.interface import IAgentObserver
from xapid.agent.remote import AGENT, RemoteAgent, answer_agent
from xapid.agent.simulator import Machine, SimulatedHost, Surroundings
from xapid.agent.values import AgentFailure, SrConfig, VdiSpec
from xapid.testing.virtual_time import VirtualClock

MIB = 1 << 20


@implementer(IAgentObserver)
class Deaf:
    """Notices nothing."""


@pytest.fixture
def far():
    """An agent behind a link, and how to wait for it."""
    clock = VirtualClock()
    agent = SimulatedHost("host-1", clock, Deaf(), Machine(hostname="host-1"), Surroundings())

    async def send(path, body):
        return await ensureDeferred(answer_agent(agent, path.removeprefix(f"{AGENT}host-1/"), body))

    storage = RemoteAgent("host-1", send).storage
    config = {"server": "192.0.2.1", "serverpath": "/disks"}
    clock.wait_for(storage.sr_attach(SrConfig(
        sr="sr-1", type="nfs", content_type="user", shared=True, device_config=config, sm_config={}, physical_size=0, known=[],
    )))  # fmt: skip
    clock.wait_for(storage.vdi_create("sr-1", VdiSpec(
        vdi="vdi-1", name="a", description="", type="user", virtual_size=8 * MIB, read_only=False, sm_config={},
    )))  # fmt: skip
    return storage, clock.wait_for


def test_what_is_written_over_a_link_is_read_over_it(far):
    storage, wait = far
    data = bytes(range(256)) * 16
    upload = wait(storage.vdi_begin("sr-1", "vdi-1"))
    wait(storage.vdi_write(upload, 4096, data))
    assert wait(storage.vdi_commit(upload))["physical_utilisation"] >= 2 * MIB
    opened = wait(storage.vdi_open("sr-1", "vdi-1"))
    assert wait(storage.vdi_extents(opened, "", 0)) == {"ranges": [[4096, 4096]], "next": 8 * MIB}
    assert wait(storage.vdi_read(opened, 4000, 5000)) == bytes(96) + data + bytes(808)
    wait(storage.vdi_close(opened))
    with pytest.raises(AgentFailure, match="no_such_object"):
        wait(storage.vdi_read(opened, 0, 1))


def test_settings_that_look_like_bytes_are_left_alone(far):
    storage, wait = far
    found = wait(storage.sr_probe("nfs", {"server": "s", "serverpath": "/x", "bytes": "eA=="}, {}))
    assert found[0]["device_config"]["bytes"] == "eA=="
