"""Daemons whose hosts are rebooted and shut down, and whose agents are restarted and ended, by calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import XenAPI

from archives_over_https import LIMIT, Api
from xapid.testing.processes import Daemon, Daemons

pytestmark = pytest.mark.daemon


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            if condition():
                return
        except (OSError, XenAPI.Failure):
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def master_of(api: Api) -> str:
    return str(api.pool.get_master(api.pool.get_all()[0]))


def is_up(daemon: Daemon, started: str) -> bool:
    """Whether the coordinator's host has started since, and is as it should be."""
    api = Api(daemon)
    record = api.host.get_record(master_of(api))
    plugged = all(api.PBD.get_currently_attached(pbd) for pbd in record["PBDs"])
    anew = record["other_config"]["agent_start_time"] != started
    return anew and record["enabled"] and plugged and api.host_metrics.get_live(record["metrics"])


def test_a_coordinator_that_reboots_is_the_same_again_in_the_same_process(xapid_daemons: Daemons) -> None:
    """Also one that keeps everything in memory. Its VMs are gone to others or stopped before."""
    daemon = xapid_daemons.start("--hosts", "2", "--ephemeral")
    api = Api(daemon)
    host = master_of(api)
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    api.VM.start_on(vm, host, False, False)
    started = api.host.get_other_config(host)["agent_start_time"]
    api.host.disable(host)
    time.sleep(1)  # start times count in seconds
    api.host.reboot(host)
    until(lambda: is_up(daemon, started))
    assert daemon.process.poll() is None
    api = Api(daemon)
    assert (master_of(api), api.VM.get_power_state(vm)) == (host, "Halted")
    api.VM.start_on(vm, host, False, False)


def test_an_agent_that_restarts_finds_its_vms_running(xapid_daemons: Daemons) -> None:
    daemon = xapid_daemons.start("--hosts", "1")
    api = Api(daemon)
    host = master_of(api)
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    api.VM.start(vm, False, False)
    started = api.host.get_other_config(host)["agent_start_time"]
    time.sleep(1)
    api.host.restart_agent(host)
    until(lambda: is_up(daemon, started))
    api = Api(daemon)
    assert api.VM.get_power_state(vm) == "Running"
    api.VM.pause(vm)


@pytest.mark.parametrize("how", ["shutdown", "shutdown_agent"])
def test_a_daemon_whose_host_or_agent_is_shut_down_ends_in_peace(xapid_daemons: Daemons, how: str) -> None:
    daemon = xapid_daemons.start("--hosts", "1")
    api = Api(daemon)
    if how == "shutdown":
        api.host.disable(master_of(api))
        api.host.shutdown(master_of(api))
    else:
        api.host.shutdown_agent()
    assert daemon.process.wait(LIMIT) == 0
