from __future__ import annotations

import pytest
import XenAPI

from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import pvs_cache_storage, pvs_proxy, pvs_site


@pytest.fixture
def site(world):
    world.set(world.host, software_version=frozenmap({"network_backend": "openvswitch"}))
    return pvs_site.introduce(world.context, "s", "", "u")


def test_the_first_interface_of_a_vm_gets_one_proxy(world, site):
    vm = world.vm()
    first, second = world.vif(vm, device="2"), world.vif(vm, device="10")
    assert world.error(pvs_proxy.create, site, second) == ("PVS_VIF_MUST_BE_FIRST_DEVICE",)
    proxy = pvs_proxy.create(world.context, site, first)
    assert (world.row(proxy).status, world.row(proxy).currently_attached) == ("stopped", False)
    assert world.error(pvs_proxy.create, site, first) == ("PVS_PROXY_ALREADY_PRESENT", proxy)
    pvs_proxy.destroy(world.context, proxy)
    assert world.row(proxy) is None


def test_proxies_need_virtual_switches(world, site):
    world.make("host", enabled=True, software_version=frozenmap({"network_backend": "bridge"}))
    assert world.error(pvs_proxy.create, site, world.vif(world.vm())) == ("OPENVSWITCH_NOT_ACTIVE",)


def test_a_host_has_one_cache_for_a_site(world, site):
    args = {"host": world.host, "SR": world.sr, "site": site, "size": 1 << 30}
    cache = pvs_cache_storage.create(world.context, args)
    assert world.error(pvs_cache_storage.create, args) == ("PVS_CACHE_STORAGE_ALREADY_PRESENT", site, world.host)
    pvs_cache_storage.destroy(world.context, cache)
    assert world.row(cache) is None


def test_a_cache_stays_while_a_proxy_on_its_host_uses_it(world, site):
    cache = pvs_cache_storage.create(world.context, {"host": world.host, "SR": world.sr, "site": site})
    proxy = pvs_proxy.create(world.context, site, world.vif(world.vm("Running")))
    world.set(proxy, currently_attached=True)
    assert world.error(pvs_cache_storage.destroy, cache) == ("PVS_CACHE_STORAGE_IS_IN_USE", cache)
    assert world.error(pvs_site.forget, site) == ("PVS_SITE_CONTAINS_RUNNING_PROXIES", proxy)
    world.set(proxy, currently_attached=False)
    pvs_site.forget(world.context, site)
    assert world.row(cache) is world.row(proxy) is None


def test_a_proxy_runs_where_its_vm_does_if_there_is_a_cache_with_room_and_a_server(api, xapid_clock, change):
    (sr,) = api.SR.get_by_name_label("Shared storage")
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "streams")
    api.VM.provision(vm)
    vif = api.VIF.create({
        "device": "0", "VM": vm, "network": api.network.get_by_name_label("Pool-wide network associated with eth0")[0],
        "MAC": "", "MTU": "1500", "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    site = api.PVS_site.introduce("lab", "", "u")
    proxy = api.PVS_proxy.create(site, vif)
    here, there, *_ = api.host.get_all()
    caches = {h: api.PVS_cache_storage.create({"host": h, "SR": sr, "site": site, "size": str(1 << 30)}) for h in (here,)}

    def state():
        xapid_clock.pass_time(1)
        return api.PVS_proxy.get_status(proxy), api.PVS_proxy.get_currently_attached(proxy)

    def told():
        found = [m for m in api.message.get_all_records().values() if m["obj_uuid"] == api.PVS_proxy.get_uuid(proxy)]
        assert {(m["priority"], m["cls"]) for m in found} <= {("3", "PVS_proxy")}
        return sorted(m["name"].removeprefix("PVS_PROXY_") for m in found)

    assert state() == ("stopped", False)
    api.VM.start_on(vm, here, False, False)
    assert (state(), told()) == (("stopped", False), ["NO_SERVER_AVAILABLE"])
    api.VM.hard_shutdown(vm)
    api.PVS_server.introduce(["192.0.2.7"], "6910", "6930", site)
    change(sr, physical_utilisation=int(api.SR.get_physical_size(sr)) - 1)
    api.VM.start_on(vm, here, False, False)
    assert (state(), told()) == (("stopped", False), ["NO_SERVER_AVAILABLE", "SR_OUT_OF_SPACE"])
    api.VM.hard_shutdown(vm)
    change(sr, physical_utilisation=0)
    api.VM.start_on(vm, here, False, False)
    assert state() == ("initialised", True)
    with pytest.raises(XenAPI.Failure, match="PVS_CACHE_STORAGE_IS_IN_USE"):
        api.PVS_cache_storage.destroy(caches[here])
    xapid_clock.pass_time(60)  # the guest is up, and can move
    api.VM.pool_migrate(vm, there, {})
    assert (state(), told()[0]) == (("stopped", False), "NO_CACHE_SR_AVAILABLE")
    api.VM.pool_migrate(vm, here, {})
    assert state() == ("initialised", True)
    api.VM.hard_shutdown(vm)
    assert state() == ("stopped", False)
    assert len(told()) == 3


@pytest.mark.parametrize(
    ("function", "args", "cls"),
    [
        (pvs_proxy.create, (NULL_REF,), "PVS_site"),
        (pvs_proxy.destroy, (), "PVS_proxy"),
        (pvs_cache_storage.destroy, (), "PVS_cache_storage"),
    ],
)
def test_a_null_reference_is_an_invalid_handle(world, function, args, cls):
    assert world.error(function, NULL_REF, *args) == ("HANDLE_INVALID", cls, NULL_REF)
