"""The stock Python client, ``XenAPI`` from PyPI."""

from __future__ import annotations

import xmlrpc.client

import pytest
import XenAPI

from xapid.datamodel.catalogue import catalogue
from xapid.testing.processes import unverified

TEMPLATE = "Debian Bookworm 12"


def listed_classes() -> set[str]:
    """The classes whose objects can be listed."""
    messages = {name: catalogue().messages.get(f"{name}.get_all_records") for name in catalogue().classes}
    return {name for name, entry in messages.items() if entry is not None and not entry.removed}


class Follower:
    """What ``event.from`` says of one VM."""

    def __init__(self, xenapi, vm: str) -> None:
        self.xenapi, self.classes = xenapi, [f"VM/{vm}"]
        self.states: list[str] = []
        self.token = self._next("")["token"]

    def _next(self, token: str, timeout: float = 0.0):
        return getattr(self.xenapi.event, "from")(self.classes, token, timeout)

    def until(self, condition) -> None:
        """Reads events until ``condition(event)`` is true."""
        while True:
            batch = self._next(self.token, 20.0)
            assert batch["events"], "nothing happened for 20 seconds"
            self.token = batch["token"]
            for event in batch["events"]:
                state = event.get("snapshot", {}).get("power_state")
                if state and self.states[-1:] != [state]:
                    self.states.append(state)
            if any(condition(event) for event in batch["events"]):
                return


def test_a_vm_is_made_started_followed_shut_down_and_destroyed(xapid_daemon):
    session = XenAPI.Session(xapid_daemon.url, ignore_ssl=True)
    session.xenapi.login_with_password("root", xapid_daemon.password, "2.23", "client test")
    xenapi = session.xenapi

    lists = {name: getattr(xenapi, name).get_all_records() for name in listed_classes()}
    assert len(lists["host"]) == 3
    assert len(lists["pool"]) == 1
    assert any(vm["is_a_template"] for vm in lists["VM"].values())

    (template,) = xenapi.VM.get_by_name_label(TEMPLATE)
    vm = xenapi.VM.clone(template, "made by a test")
    storage = xenapi.SR.get_uuid(xenapi.pool.get_default_SR(xenapi.pool.get_all()[0]))
    settings = xenapi.VM.get_other_config(vm)
    assert 'sr=""' in settings["disks"]
    xenapi.VM.set_other_config(vm, settings | {"disks": settings["disks"].replace('sr=""', f'sr="{storage}"')})
    xenapi.VM.provision(vm)
    disks = [xenapi.VBD.get_VDI(vbd) for vbd in xenapi.VM.get_VBDs(vm) if xenapi.VBD.get_type(vbd) == "Disk"]
    assert disks
    assert xenapi.VM.get_power_state(vm) == "Halted"

    follower = Follower(xenapi, vm)
    xenapi.VM.start(vm, False, False)
    follower.until(lambda e: e["operation"] == "mod" and "clean_shutdown" in e["snapshot"]["allowed_operations"])
    assert xenapi.host.get_record(xenapi.VM.get_resident_on(vm))["enabled"]

    task = xenapi.Async.VM.clean_shutdown(vm)
    follower.until(lambda e: e["operation"] == "mod" and e["snapshot"]["power_state"] == "Halted")
    assert follower.states[-2:] == ["Running", "Halted"]
    assert session.xenapi.task.get_status(task) in ("pending", "success")

    xenapi.VM.destroy(vm)
    follower.until(lambda e: e["operation"] == "del")
    for disk in disks:
        xenapi.VDI.destroy(disk)
    with pytest.raises(XenAPI.Failure) as caught:
        xenapi.VM.get_record(vm)
    assert caught.value.details == ["HANDLE_INVALID", "VM", vm]

    handle = session.handle
    session.xenapi.session.logout()
    answer = xmlrpc.client.ServerProxy(xapid_daemon.url, context=unverified()).VM.get_all(handle)
    assert answer == {"Status": "Failure", "ErrorDescription": ["SESSION_INVALID", handle]}
