"""The life of a pool as its manuals tell it, with the stock client: from one host to three, and back to two."""

from __future__ import annotations

import pytest
import XenAPI

from refusals import refused
from xapid.testing.processes import Daemon, Daemons
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon

LIMIT = 60


def logs_in(daemon: Daemon) -> list[str]:
    """What a login at a daemon is refused with; nothing if it is not."""
    try:
        daemon.session()
    except XenAPI.Failure as failure:
        return list(failure.details)
    return []


def test_from_an_empty_host_to_a_pool_and_back(xapid_daemons: Daemons) -> None:
    first, second, third = xapid_daemons.several(3)
    api = first.session().xenapi

    # A single host is a pool without a name; naming it makes it one that others join.
    (pool,) = api.pool.get_all()
    assert api.pool.get_name_label(pool) == ""
    api.pool.set_name_label(pool, "Office")

    # A VLAN that every host will have.
    eth1 = next(ref for ref, pif in api.PIF.get_all_records().items() if pif["device"] == "eth1")
    guests = api.network.create({"name_label": "Guests", "name_description": "", "other_config": {}})
    api.pool.create_VLAN_from_PIF(eth1, guests, "120")

    # The second host joins; with a VM that runs, it may not.
    joiner = second.session().xenapi
    (template,) = joiner.VM.get_by_name_label("Other install media")
    brought = joiner.VM.clone(template, "brought along")
    joiner.VM.provision(brought)
    joiner.VM.start(brought, False, False)
    address = f"{first.address}:{first.port}"
    assert refused(joiner.pool.join, address, "root", first.password) == ["JOINING_HOST_CANNOT_HAVE_RUNNING_VMS"]
    joiner.VM.hard_shutdown(brought)
    assert refused(joiner.pool.join, address, "root", "wrong")[0] == "SESSION_AUTHENTICATION_FAILED"
    joiner.pool.join(address, "root", first.password)
    until(lambda: logs_in(second) == ["HOST_IS_SLAVE", first.address])
    hosts = {record["address"]: ref for ref, record in api.host.get_all_records().items()}
    one, two = hosts[first.address], hosts[second.address]
    assert api.VM.get_name_label(brought) == "brought along"

    # Shared storage, plugged everywhere, and the default from now on. The third host gets it when it joins.
    nfs = api.SR.create(
        one, {"server": "192.0.2.50", "serverpath": "/export/vms"}, "0", "NFS", "shared by all", "nfs", "user", True, {}
    )
    until(lambda: len(api.SR.get_PBDs(nfs)) == 2)
    for pbd in api.SR.get_PBDs(nfs):
        if not api.PBD.get_currently_attached(pbd):
            api.PBD.plug(pbd)
    for use in (api.pool.set_default_SR, api.pool.set_suspend_image_SR, api.pool.set_crash_dump_SR):
        use(pool, nfs)
    third.session().xenapi.pool.join(address, "root", first.password)
    until(lambda: logs_in(third) == ["HOST_IS_SLAVE", first.address])
    three = next(ref for ref, record in api.host.get_all_records().items() if record["address"] == third.address)
    until(lambda: len(api.SR.get_PBDs(nfs)) == 3 and all(map(api.PBD.get_currently_attached, api.SR.get_PBDs(nfs))))
    until(lambda: len(api.network.get_PIFs(guests)) == 3)
    assert {api.PIF.get_VLAN(pif) for pif in api.network.get_PIFs(guests)} == {"120"}

    # A VM with a disk on the shared storage and an interface on the VLAN.
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "mail")
    api.VM.provision(vm)
    disk = api.VDI.create({
        "name_label": "mail disk", "SR": nfs, "virtual_size": str(1 << 30), "type": "user", "sharable": False,
        "read_only": False, "other_config": {},
    })  # fmt: skip
    api.VBD.create({
        "VM": vm, "VDI": disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False,
        "unpluggable": True, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    api.VIF.create({
        "VM": vm, "network": guests, "device": "0", "MAC": "", "MTU": "1500", "other_config": {}, "qos_algorithm_type": "",
        "qos_algorithm_params": {},
    })  # fmt: skip
    assert set(api.VM.get_possible_hosts(vm)) == {one, two, three}
    api.VM.start_on(vm, two, False, False)
    until(lambda: "pool_migrate" in api.VM.get_allowed_operations(vm))

    # It moves while it runs, and moves away by itself when its host goes into maintenance.
    api.VM.pool_migrate(vm, three, {"live": "true"})
    assert api.VM.get_resident_on(vm) == three
    until(lambda: "pool_migrate" in api.VM.get_allowed_operations(vm))
    api.host.disable(three)
    assert api.host.get_vms_which_prevent_evacuation(three) == {}
    api.host.evacuate(three)
    assert api.VM.get_resident_on(vm) in (one, two)
    api.host.enable(three)

    # The second host leads while the first is looked after, and the first again afterwards.
    api.pool.designate_new_master(two)
    until(lambda: logs_in(first) == ["HOST_IS_SLAVE", second.address])
    until(lambda: logs_in(second) == [])
    api = second.session().xenapi
    until(lambda: all(api.host_metrics.get_live(api.host.get_metrics(host)) for host in (one, two, three)))
    assert api.VM.get_power_state(vm) == "Running"
    api.VM.suspend(vm)
    api.VM.resume_on(vm, one, False, False)
    api.pool.designate_new_master(one)
    until(lambda: logs_in(second) == ["HOST_IS_SLAVE", first.address])
    until(lambda: logs_in(first) == [])
    api = first.session().xenapi
    until(lambda: all(api.host_metrics.get_live(api.host.get_metrics(host)) for host in (one, two, three)))

    # The pool gets another password and another secret; everyone stays.
    first.session().xenapi.session.change_password(first.password, "battery staple")
    for daemon in (first, second, third):
        daemon.password = "battery staple"
    api.pool.rotate_secret()

    # The third host leaves. What was on its own disks stays listed; the host is a new pool of one.
    own = api.VM.clone(template, "left behind")
    api.VM.provision(own)
    (local,) = [
        ref for ref, sr in api.SR.get_all_records().items()
        if not sr["shared"] and sr["content_type"] == "user" and [api.PBD.get_host(pbd) for pbd in sr["PBDs"]] == [three]
    ][:1]  # fmt: skip
    disk = api.VDI.create({
        "name_label": "gone", "SR": local, "virtual_size": str(1 << 20), "type": "user", "sharable": False,
        "read_only": False, "other_config": {},
    })  # fmt: skip
    api.VBD.create({
        "VM": own, "VDI": disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False,
        "unpluggable": True, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    assert refused(api.pool.eject, one)[0] == "OPERATION_NOT_ALLOWED"
    api.host.disable(three)
    api.pool.eject(three)
    assert set(api.host.get_all()) == {one, two}
    assert api.VM.get_name_label(own) == "left behind"
    assert disk not in api.VDI.get_all()
    assert len(api.SR.get_PBDs(nfs)) == 2
    until(lambda: logs_in(third) == [])
    alone = third.session().xenapi
    assert len(alone.host.get_all()) == len(alone.pool.get_all()) == 1
    assert alone.pool.get_name_label(alone.pool.get_all()[0]) == ""
    assert api.VM.get_power_state(vm) == "Running"
    api.VM.clean_shutdown(vm) if "clean_shutdown" in api.VM.get_allowed_operations(vm) else api.VM.hard_shutdown(vm)
