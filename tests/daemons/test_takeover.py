"""The coordinator dies, a member takes over with the copy that it has on disk, and the old one comes back as a member."""

from __future__ import annotations

from pathlib import Path

import pytest
import XenAPI

from xapid.testing.processes import Daemons, join, loopback_network
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon

LIMIT = 60


def test_a_member_takes_over_and_the_old_coordinator_follows_it(xapid_daemons: Daemons, tmp_path: Path) -> None:
    network, flags, daemons, port = loopback_network(), {}, {}, "0"
    for number, name in enumerate("abc", 1):
        flags[name] = ["--bind", f"{network}.{number}", "--preset", "standalone", "--state", str(tmp_path / name)]
        daemons[name] = xapid_daemons.start(*flags[name], "--port", port)
        port = str(daemons[name].port)
        flags[name] += ["--port", port]
    join(daemons["b"], daemons["a"])
    join(daemons["c"], daemons["a"])
    api = daemons["a"].session().xenapi
    hosts = {record["address"]: ref for ref, record in api.host.get_all_records().items()}
    (template,) = api.VM.get_by_name_label("Other install media")
    vms = {}
    for name in "abc":
        vms[name] = api.VM.clone(template, name)
        api.VM.provision(vms[name])
        api.VM.start_on(vms[name], hosts[daemons[name].address], False, False)
    api.pool.sync_database()
    daemons["a"].kill()

    own = XenAPI.Session(daemons["b"].url, ignore_ssl=True)
    own.slave_local_login_with_password("root", daemons["b"].password)
    until(own.xenapi.host.is_in_emergency_mode)
    own.xenapi.pool.emergency_transition_to_master()
    until(daemons["b"].session)
    api = daemons["b"].session().xenapi
    assert api.pool.recover_slaves() == [hosts[daemons["c"].address]]
    assert {api.VM.get_power_state(vm) for vm in vms.values()} == {"Running"}
    api.VM.hard_shutdown(vms["c"])

    daemons["a"] = xapid_daemons.start(*flags["a"])
    with pytest.raises(XenAPI.Failure) as caught:
        daemons["a"].session()
    assert caught.value.details in (["HOST_IS_SLAVE", daemons["b"].address], ["HOST_STILL_BOOTING"])
    until(lambda: all(map(api.host_metrics.get_live, api.host_metrics.get_all())))
    assert [api.VM.get_power_state(vm) for vm in vms.values()] == ["Running", "Running", "Halted"]
    daemons["b"].kill()
    daemons["b"] = xapid_daemons.start(*flags["b"])
    api = daemons["b"].session().xenapi
    until(lambda: all(map(api.host_metrics.get_live, api.host_metrics.get_all())))
    assert [api.VM.get_power_state(vm) for vm in vms.values()] == ["Running", "Running", "Halted"]
