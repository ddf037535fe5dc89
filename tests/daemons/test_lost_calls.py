"""Calls that are lost between daemons: whoever died, the database says in the end what the hosts really run."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import pytest
import XenAPI

from xapid.testing.processes import Daemon, Daemons, join, loopback_network
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon

LIMIT = 60
OPERATIONS = 1000
CLIENTS = 4


class Clients:
    """Start and stop VMs as fast as they can, until they are told to stop or nobody answers."""

    def __init__(self, coordinator: Daemon, host: str, vms: list[str]) -> None:
        self.done = 0
        self._stop = False
        self._threads = [
            threading.Thread(target=self._work, args=(coordinator.session(), host, vms[number::CLIENTS]))
            for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, session: XenAPI.Session, host: str, vms: list[str]) -> None:
        with contextlib.suppress(OSError, XenAPI.Failure, Exception):
            while not self._stop and self.done < OPERATIONS:
                for vm in vms:
                    session.xenapi.VM.start_on(vm, host, False, False)
                    session.xenapi.VM.hard_shutdown(vm)
                    self.done += 2

    def end(self) -> None:
        self._stop = True
        for thread in self._threads:
            thread.join(LIMIT)


@pytest.mark.parametrize("victim", ["coordinator", "member"])
def test_a_daemon_killed_amid_a_thousand_operations_leaves_the_truth(
    xapid_daemons: Daemons, tmp_path: Path, victim: str
) -> None:
    """What counts as running can be stopped, and what counts as halted can be started, on the host that it is on."""
    network = loopback_network()
    flags, daemons, port = {}, {}, "0"
    for number, name in enumerate(("coordinator", "member"), 1):
        flags[name] = ["--bind", f"{network}.{number}", "--preset", "standalone", "--state", str(tmp_path / name)]
        daemons[name] = xapid_daemons.start(*flags[name], "--port", port)
        port = str(daemons[name].port)
        flags[name] += ["--port", port]
    join(daemons["member"], daemons["coordinator"])
    api = daemons["coordinator"].session().xenapi
    host = next(ref for ref, each in api.host.get_all_records().items() if each["address"] == daemons["member"].address)
    (template,) = api.VM.get_by_name_label("Other install media")
    vms = []
    for number in range(2 * CLIENTS):
        vms.append(api.VM.clone(template, f"vm {number}"))
        api.VM.provision(vms[-1])
    clients = Clients(daemons["coordinator"], host, vms)
    until(lambda: clients.done > 100)
    daemons[victim].kill()
    clients.end()
    assert clients.done < OPERATIONS, "everything was over before the kill"
    daemons[victim] = xapid_daemons.start(*flags[victim])
    session = daemons["coordinator"].session()
    api = session.xenapi
    metrics = api.host.get_metrics(host)
    until(lambda: api.host_metrics.get_live(metrics))
    until(lambda: not any(api.VM.get_current_operations(vm) for vm in vms))
    time.sleep(1)
    for vm in vms:
        if api.VM.get_power_state(vm) == "Running":
            assert api.VM.get_resident_on(vm) == host
            api.VM.hard_shutdown(vm)
        api.VM.start_on(vm, host, False, False)
        assert api.VM.get_resident_on(vm) == host
    if victim == "member":
        return
    daemons["coordinator"].kill()
    daemons["coordinator"] = xapid_daemons.start(*flags["coordinator"])
    api = daemons["coordinator"].session().xenapi
    assert [api.VM.get_power_state(vm) for vm in vms] == ["Running"] * len(vms)
    until(lambda: api.host_metrics.get_live(metrics))
    for vm in vms:
        api.VM.hard_shutdown(vm)
