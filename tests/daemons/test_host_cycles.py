"""Daemons whose hosts are rebooted and shut down, and whose agents are restarted and ended, by calls."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import XenAPI

from archives_over_https import LIMIT, Api
from xapid.testing.processes import Daemon, Daemons, join, loopback_network
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon


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


def test_a_daemon_whose_agent_is_shut_down_ends_in_peace(xapid_daemons: Daemons) -> None:
    daemon = xapid_daemons.start("--hosts", "1")
    Api(daemon).host.shutdown_agent()
    assert daemon.process.wait(LIMIT) == 0


# Members -----------------------------------------------------------------------------------------------------------------


def refused_by(daemon: Daemon) -> list[str]:
    """What a daemon refuses logins with."""
    try:
        daemon.session()
    except XenAPI.Failure as failure:
        return list(failure.details)
    return []


def live(api: Api, host: str) -> bool:
    return bool(api.host_metrics.get_live(api.host.get_metrics(host)))


def member_is_up(api: Api, host: str, began: str) -> bool:
    """Whether a member has started since, and is as it should be."""
    record = api.host.get_record(host)
    plugged = all(api.PBD.get_currently_attached(pbd) for pbd in record["PBDs"])
    return record["other_config"]["agent_start_time"] != began and record["enabled"] and plugged and live(api, host)


def test_a_member_goes_down_and_comes_back_in_every_way_that_there_is(xapid_daemons: Daemons, tmp_path: Path) -> None:
    """Rebooted and restarted, it is back by itself; ended by its administrator, when somebody starts it, with its VMs as they
    were; and when it was forgotten while it was down, nobody knows it any more.
    """
    network = loopback_network()
    leader = xapid_daemons.start("--bind", f"{network}.1", "--preset", "standalone")
    flags = (
        "--bind",
        f"{network}.2",
        "--port",
        str(leader.port),
        "--preset",
        "standalone",
        "--state",
        str(tmp_path / "member"),
    )
    member = xapid_daemons.start(*flags)
    join(member, leader)
    api = Api(leader)
    (host,) = [ref for ref in api.host.get_all() if ref != master_of(api)]

    def began() -> str:
        time.sleep(1)  # start times count in seconds
        return str(api.host.get_other_config(host).get("agent_start_time"))

    before = began()
    api.host.disable(host)
    api.host.reboot(host)
    assert not live(api, host)
    until(lambda: member_is_up(api, host, before))
    assert member.process.poll() is None

    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    api.VM.start_on(vm, host, False, False)
    before = began()
    api.host.restart_agent(host)
    assert (live(api, host), api.host.get_enabled(host)) == (False, False)
    until(lambda: member_is_up(api, host, before))
    api.VM.pause(vm)
    api.VM.unpause(vm)

    before = began()
    assert member.stop() == 0
    until(lambda: not live(api, host))
    assert (api.VM.get_power_state(vm), api.VM.get_resident_on(vm)) == ("Running", host)
    with pytest.raises(XenAPI.Failure) as caught:
        api.VM.pause(vm)
    assert caught.value.details == ["HOST_OFFLINE", host]
    member = xapid_daemons.start(*flags)
    until(lambda: member_is_up(api, host, before))
    api.VM.pause(vm)
    api.VM.hard_shutdown(vm)

    api.host.disable(host)
    api.host.shutdown(host)
    assert member.process.wait(LIMIT) == 0
    assert not live(api, host)
    uuid = api.host.get_uuid(host)
    api.host.destroy(host)
    lonely = xapid_daemons.start(*flags)
    until(lambda: refused_by(lonely) == ["HOST_UNKNOWN_TO_MASTER", uuid])
