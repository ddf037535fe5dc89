"""The last step of a move to another pool, when the line to it breaks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from xapid.datamodel.errors import XenAPIError
from xapid.operations.migration_between import _send_domain
from xapid.pool.elsewhere import unreachable


@pytest.fixture
def vm(api, xapid_clock):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(60)
    return vm


@pytest.mark.parametrize(("there", "here"), [("Running", "Halted"), ("Halted", "Running"), (None, "Running")])
def test_a_vm_whose_arrival_nobody_heard_of_runs_in_one_of_the_pools(api, vm, xapid_server, there, here):
    """The call that takes it up there is not answered; after that, the other pool says how it is, or nothing."""
    pool = xapid_server.pool

    async def call(method, *args):
        if method == "VM.pool_migrate_complete" or there is None:
            raise unreachable()
        assert (method, args) == ("VM.get_power_state", ("arrived",))
        return there

    context = SimpleNamespace(db=pool.db, agent=pool.services.agents.get)
    journey = SimpleNamespace(vm=pool.db.get("VM", vm), dest={"host": "there"})
    sending = _send_domain(context, journey, SimpleNamespace(call=call), "arrived")
    if here == "Running":
        with pytest.raises(XenAPIError):
            xapid_server.clock.wait_for(sending)
    else:
        xapid_server.clock.wait_for(sending)
    assert api.VM.get_power_state(vm) == here
    uuid, hosts = api.VM.get_uuid(vm), [agent for _, agent in pool.services.agents.all()]
    states = [state for agent in hosts for state in xapid_server.clock.wait_for(agent.hypervisor.list_domains())]
    assert [state["power"] for state in states if state["vm"] == uuid] == (["Running"] if here == "Running" else [])
