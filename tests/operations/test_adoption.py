"""A coordinator and a host compare what they know, while calls go on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from xapid.operations.adoption import take_up
from xapid.operations.power_state import set_halted


@pytest.fixture
def host(api):
    master = api.pool.get_master(api.pool.get_all()[0])
    return next(ref for ref in api.host.get_all() if ref != master)


@pytest.fixture
def start(api, xapid_clock, host):
    def run(name):
        vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], name)
        api.VM.provision(vm)
        api.VM.start_on(vm, host, False, False)
        xapid_clock.pass_time(60)
        return vm

    return run


class Meanwhile:
    """The hypervisor of a host to which something happens just when it is asked for ``step``."""

    def __init__(self, hypervisor, step, happens):
        self._hypervisor, self._step, self._happens = hypervisor, step, happens

    def __getattr__(self, name):
        method = getattr(self._hypervisor, name)
        if name != self._step:
            return method

        async def call(*args):
            await self._happens()
            return await method(*args)

        return call


def test_a_vm_that_is_shut_down_while_others_are_compared_stays_down(api, change, xapid_server, host, start):
    """The host said that it runs; that was before the shutdown, whose outcome is the newer one."""
    lost, stopped = start("lost"), start("stopped")
    pool = xapid_server.pool
    agent = pool.services.agents.get(host)
    hypervisor = agent.hypervisor
    row = pool.db.get("VM", stopped)

    async def shut_down():
        await hypervisor.shutdown(row.uuid, "hard", 0.0)
        set_halted(pool.db, row)

    xapid_server.clock.wait_for(hypervisor.shutdown(api.VM.get_uuid(lost), "hard", 0.0))
    change(lost, resident_on=host, power_state="Running", domid=7)  # nobody has heard of its end
    agent.hypervisor = Meanwhile(hypervisor, "forget_expected", shut_down)
    now = datetime.fromtimestamp(int(pool.clock.seconds()), UTC)
    xapid_server.clock.wait_for(take_up(pool.db, agent, host, now, is_new=False, agents=pool.services.agents.all()))
    assert [api.VM.get_power_state(vm) for vm in (lost, stopped)] == ["Halted", "Halted"]
