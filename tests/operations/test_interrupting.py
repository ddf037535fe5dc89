"""Calls that are cancelled: they stop, or it is too late, and the record of the VM says how it is."""

from __future__ import annotations

import pytest
import XenAPI
from twisted.internet.defer import Deferred

from xapid.datamodel.errors import XenAPIError

pytestmark = pytest.mark.xapid(duration_profile="realistic")


@pytest.fixture
def vm(api, xapid_clock):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(60)
    return vm


def domains(xapid_server, api, vm):
    uuid = api.VM.get_uuid(vm)
    return [
        state["power"]
        for _, agent in xapid_server.pool.services.agents.all()
        for state in xapid_server.clock.wait_for(agent.hypervisor.list_domains())
        if state["vm"] == uuid
    ]


def test_a_reboot_that_is_cancelled_before_the_vm_is_off_leaves_it_running(api, vm, xapid_server, xapid_clock):
    task = api.Async.VM.clean_reboot(vm)
    xapid_clock.pass_time(1)
    api.task.cancel(task)
    xapid_clock.pass_time(1)
    assert (api.task.get_status(task), api.VM.get_power_state(vm)) == ("cancelled", "Running")
    assert domains(xapid_server, api, vm) == ["Running"]


def test_a_reboot_that_is_cancelled_between_off_and_on_leaves_it_halted(api, vm, xapid_server, xapid_clock):
    task = api.Async.VM.clean_reboot(vm)
    xapid_clock.until(lambda: not domains(xapid_server, api, vm))
    api.task.cancel(task)
    xapid_clock.pass_time(1)
    assert (api.task.get_status(task), api.VM.get_power_state(vm)) == ("cancelled", "Halted")
    api.VM.start(vm, False, False)
    assert domains(xapid_server, api, vm) == ["Running"]


def test_what_is_to_be_done_since_the_device_model_was_restarted_stays_to_be_done(api, vm, change, xapid_clock):
    change(vm, pending_guidances=("restart_device_model",))
    task = api.Async.VM.restart_device_models(vm)
    xapid_clock.pass_time(1)
    change(vm, pending_guidances=("restart_device_model", "restart_vm"))
    xapid_clock.pass_time(60)
    assert (api.task.get_status(task), api.VM.get_pending_guidances(vm)) == ("success", ["restart_vm"])


def test_a_vm_that_goes_on_while_images_of_its_memory_are_compared_gets_none(api, vm, xapid_server, monkeypatch):
    api.VM.suspend(vm)
    image = api.VM.get_suspend_VDI(vm)
    other = api.VDI.clone(image)
    host = api.pool.get_master(api.pool.get_all()[0])
    storage = xapid_server.pool.services.agents.get(host).storage
    checksum, asked = storage.vdi_checksum, []

    async def goes_on(*args):
        asked.append(args)
        if len(asked) == 2:
            await xapid_server.pool.dispatcher.by_itself("VM.resume", vm, False, False)
        return await checksum(*args)

    monkeypatch.setattr(storage, "vdi_checksum", goes_on)
    with pytest.raises(XenAPI.Failure, match="VM_BAD_POWER_STATE"):
        api.VM.set_suspend_VDI(vm, other)
    assert (api.VM.get_power_state(vm), api.VM.get_suspend_VDI(vm)) == ("Running", "OpaqueRef:NULL")


class Silent:
    """A file of which nothing comes."""

    def __init__(self):
        self._waiting = Deferred()

    async def read(self):
        await self._waiting
        return b""

    def close(self):
        if not self._waiting.called:
            self._waiting.errback(XenAPIError("IMPORT_ERROR_PREMATURE_EOF"))


def test_an_import_of_a_file_of_which_nothing_comes_can_be_cancelled(api, xapid_server, xapid_clock, monkeypatch):
    async def fetch(url):
        return Silent()

    monkeypatch.setattr(xapid_server.pool.services.elsewhere, "fetch", fetch)
    sr = api.pool.get_default_SR(api.pool.get_all()[0])
    task = getattr(api.Async.VM, "import")("https://192.0.2.1/vm.xva", sr, False, False)
    xapid_clock.pass_time(60)
    assert api.task.get_allowed_operations(task) == ["cancel"]
    api.task.cancel(task)
    xapid_clock.pass_time(1)
    assert api.task.get_status(task) == "cancelled"
