from __future__ import annotations

import pytest

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
