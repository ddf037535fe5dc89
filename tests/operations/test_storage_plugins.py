"""The plugins ``trim`` and ``coalesce-leaf``, which interfaces call for storage."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest


@pytest.fixture
def host(api):
    """The coordinator, as interfaces ask it."""
    return api.pool.get_master(api.pool.get_all()[0])


@pytest.fixture
def sr(api, host):
    """An SR of the coordinator alone whose backend can reclaim space."""
    return api.SR.create(host, {"device": "/dev/sdz"}, 2**30, "volumes", "", "lvm", "user", False, {})


def trimmed(api, host, sr):
    said = api.host.call_plugin(host, "trim", "do_trim", {"sr_uuid": api.SR.get_uuid(sr)})
    if said == "True":
        return said
    return {pair.findtext("key"): pair.findtext("value") for pair in ElementTree.fromstring(said)}


def test_space_is_reclaimed_where_the_backend_can_and_it_is_noted_when(api, host, sr, xapid_clock):
    assert trimmed(api, host, sr) == "True"
    assert api.SR.get_other_config(sr)["trim_last_triggered"] == f"{xapid_clock.seconds():.0f}"


def test_a_backend_that_cannot_reclaim_says_so(api, host):
    sr = next(ref for ref in api.SR.get_all() if api.SR.get_type(ref) == "nfs")
    said = trimmed(api, host, sr)
    assert said["errcode"] == "UnsupportedSRForTrim"
    assert api.SR.get_uuid(sr) in said["errmsg"]
    assert "trim_last_triggered" not in api.SR.get_other_config(sr)


def test_a_host_reclaims_no_space_of_what_it_has_not_attached(api, host, sr, refused):
    other = next(each for each in api.host.get_all() if each != host)
    assert trimmed(api, other, sr)["errcode"] == "SRUnavailable"
    assert refused(api.host.call_plugin, host, "trim", "do_trim", {"sr_uuid": "none"}) == ["UUID_INVALID", "SR", "none"]


def test_a_vm_that_does_not_run_has_nothing_to_coalesce(api, host, refused):
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "still")
    api.VM.provision(vm)
    args = {"vm_uuid": api.VM.get_uuid(vm)}
    assert api.host.call_plugin(host, "coalesce-leaf", "leaf-coalesce", args) == "no disk of the VM has anything to coalesce"
    api.VM.start(vm, False, False)
    assert refused(api.host.call_plugin, host, "coalesce-leaf", "leaf-coalesce", args) == [
        "VM_BAD_POWER_STATE",
        vm,
        "halted, suspended",
        "running",
    ]
