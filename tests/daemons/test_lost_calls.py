"""Calls that are lost between daemons: whoever died, the database says in the end what the hosts really run."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import XenAPI

from xapid.testing.processes import Daemon, Daemons, join, loopback_network
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon

LIMIT = 60
OPERATIONS = 1000
CLIENTS = 4
KILLS = 3
"""How often the daemon is killed amid its share of the operations."""


class Clients:
    """Start and stop VMs as fast as they can, until they are told to stop or nobody answers."""

    def __init__(self, coordinator: Daemon, host: str, vms: list[str], moment: int) -> None:
        self.reached = threading.Event()
        """Set when so many calls as ``moment`` says were answered."""
        self._done = 0
        self._moment = moment
        self.acknowledged: dict[str, str] = {}
        """The power state of a VM after the last call for it that was answered."""
        self.unanswered: set[str] = set()
        """VMs for which a call was under way when nobody answered any more: it may have been carried out or not."""
        self._stop = False
        self._threads = [
            threading.Thread(target=self._work, args=(coordinator.session(), host, vms[number::CLIENTS]))
            for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, session: XenAPI.Session, host: str, vms: list[str]) -> None:
        api = session.xenapi
        with contextlib.suppress(OSError, XenAPI.Failure, http.client.HTTPException):
            while not self._stop:
                for vm in vms:
                    self._call(vm, "Running", lambda vm=vm: api.VM.start_on(vm, host, False, False))
                    self._call(vm, "Halted", lambda vm=vm: api.VM.hard_shutdown(vm))

    def _call(self, vm: str, state: str, call: Callable[[], object]) -> None:
        self.unanswered.add(vm)
        call()
        self.acknowledged[vm] = state
        self.unanswered.discard(vm)
        self._done += 1
        if self._done >= self._moment:
            self.reached.set()

    def end(self) -> None:
        self._stop = True
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive()


class Pair:
    """A coordinator and a member in processes of their own, which find each other again when one was killed."""

    def __init__(self, xapid_daemons: Daemons, directory: Path) -> None:
        self._daemons = xapid_daemons
        self._flags: dict[str, list[str]] = {}
        self._running: dict[str, Daemon] = {}
        network, port = loopback_network(), "0"
        for number, name in enumerate(("coordinator", "member"), 1):
            flags = ["--bind", f"{network}.{number}", "--preset", "standalone", "--state", str(directory / name)]
            self._running[name] = xapid_daemons.start(*flags, "--port", port)
            port = str(self._running[name].port)
            self._flags[name] = [*flags, "--port", port]
        join(self._running["member"], self.coordinator)

    @property
    def coordinator(self) -> Daemon:
        return self._running["coordinator"]

    @property
    def api(self) -> Any:
        return self.coordinator.session().xenapi

    @property
    def host(self) -> str:
        """The member's host."""
        hosts = self.api.host.get_all_records()
        return next(ref for ref, each in hosts.items() if each["address"] == self._running["member"].address)

    def kill(self, name: str) -> None:
        self._running[name].kill()

    def start(self, name: str) -> None:
        """Start a daemon again that was killed, and wait until the coordinator has found out what the member runs."""
        began = self.api.host.get_other_config(self.host)["agent_start_time"] if name == "member" else ""
        self._running[name] = self._daemons.start(*self._flags[name])
        api, host = self.api, self.host
        until(lambda: api.host_metrics.get_live(api.host.get_metrics(host)))
        until(lambda: api.host.get_other_config(host)["agent_start_time"] != began)


@pytest.mark.parametrize("victim", ["coordinator", "member"])
def test_a_daemon_killed_amid_a_thousand_operations_leaves_the_truth(
    xapid_daemons: Daemons, tmp_path: Path, victim: str
) -> None:
    """What was acknowledged is so. What counts as running can be stopped, and what counts as halted can be started, on the
    host that it is on. The moments of the kills are spread over the operations, as the seed has it.
    """
    random = Random(f"kill the {victim}")
    pair = Pair(xapid_daemons, tmp_path)
    api, host = pair.api, pair.host
    (template,) = api.VM.get_by_name_label("Other install media")
    vms = []
    for number in range(2 * CLIENTS):
        vms.append(api.VM.clone(template, f"vm {number}"))
        api.VM.provision(vms[-1])
    for _ in range(KILLS):
        clients = Clients(pair.coordinator, host, vms, random.randrange(10, OPERATIONS // KILLS))
        assert clients.reached.wait(LIMIT)
        time.sleep(random.uniform(0, 0.02))
        pair.kill(victim)
        clients.end()
        assert clients.unanswered, "nothing was under way at the kill"
        pair.start(victim)
        api = pair.api
        until(lambda api=api: not any(api.VM.get_current_operations(vm) for vm in vms))
        states = {vm: api.VM.get_power_state(vm) for vm in vms}
        answered = {vm: state for vm, state in clients.acknowledged.items() if vm not in clients.unanswered}
        assert {vm: states[vm] for vm in answered} == answered
        for vm in vms:
            if states[vm] == "Running":
                assert api.VM.get_resident_on(vm) == host
                with pytest.raises(XenAPI.Failure, match="DOMAIN_EXISTS"):
                    api.VM.power_state_reset(vm)
                api.VM.hard_shutdown(vm)
            api.VM.start_on(vm, host, False, False)
            assert api.VM.get_resident_on(vm) == host
            api.VM.hard_shutdown(vm)
    for vm in vms:
        api.VM.start_on(vm, host, False, False)
    pair.kill(victim)
    pair.start(victim)
    api = pair.api
    assert [api.VM.get_power_state(vm) for vm in vms] == ["Running"] * len(vms)
    for vm in vms:
        api.VM.hard_shutdown(vm)
