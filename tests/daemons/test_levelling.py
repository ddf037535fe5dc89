"""The processors of several daemons: the level of their pool, and of the pool that a VM is to move to."""

from __future__ import annotations

import pytest
import XenAPI

from archives_over_https import Api
from xapid.inventory.processors import words
from xapid.testing.processes import Daemons, join, loopback_network
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon


def level(api: Api) -> str:
    (pool,) = api.pool.get_all_records().values()
    return str(pool["cpu_info"]["features_hvm_host"])


def runs(api: Api) -> str:
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "v")
    api.VM.provision(vm)
    network = next(ref for ref, record in api.network.get_all_records().items() if record["bridge"] == "xenbr0")
    api.VIF.create({
        "device": "0", "network": network, "VM": vm, "MAC": "", "MTU": "1500", "other_config": {},
        "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    api.VM.start(vm, False, False)
    until(lambda: "migrate_send" in api.VM.get_allowed_operations(vm))
    return str(vm)


def test_the_level_follows_a_member_that_joins_and_leaves(xapid_daemons: Daemons) -> None:
    network = loopback_network()
    common = ("--preset", "standalone")
    leader = xapid_daemons.start("--bind", f"{network}.1", *common, "--processors", "icelake")
    flags = ("--bind", f"{network}.2", "--port", str(leader.port), *common)
    member = xapid_daemons.start(*flags, "--processors", "ivybridge")
    api = Api(leader)
    assert level(api) == words("icelake")
    vm = runs(api)
    join(member, leader)
    assert level(api) == words("ivybridge")
    (weak,) = [ref for ref, host in api.host.get_all_records().items() if host["address"] == member.address]
    with pytest.raises(XenAPI.Failure) as caught:
        api.VM.assert_can_boot_here(vm, weak)
    assert caught.value.details[:3] == ["VM_INCOMPATIBLE_WITH_THIS_HOST", vm, weak]
    api.pool.eject(weak)
    assert level(api) == words("icelake")


def test_a_running_vm_moves_to_another_pool_if_all_hosts_there_have_its_features(xapid_daemons: Daemons) -> None:
    strong = xapid_daemons.start("--preset", "standalone", "--processors", "skylake")
    weak = xapid_daemons.start("--hosts", "2", "--processors", "skylake,haswell")
    here, there = Api(strong), Api(weak)
    vm = runs(here)
    host = there.pool.get_master(there.pool.get_all()[0])
    network = there.PIF.get_network(there.host.get_management_interface(host))
    (vif,) = here.VM.get_VIFs(vm)
    with pytest.raises(XenAPI.Failure) as caught:
        here.VM.assert_can_migrate(vm, there.host.migrate_receive(host, network, {}), True, {}, {vif: network}, {})
    assert caught.value.details[:3] == ["VM_INCOMPATIBLE_WITH_THIS_HOST", vm, host]
    back = runs(there)
    host = here.pool.get_master(here.pool.get_all()[0])
    network = here.PIF.get_network(here.host.get_management_interface(host))
    maps = {there.VM.get_VIFs(back)[0]: network}
    there.VM.assert_can_migrate(back, here.host.migrate_receive(host, network, {}), True, {}, maps, {})
