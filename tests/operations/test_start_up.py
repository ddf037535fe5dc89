"""What a coordinator puts in order when it starts, so that nothing of calls that were cut short is left."""

from __future__ import annotations

import attrs
import pytest

from xapid.database.journal import CopiedJournal
from xapid.testing import in_process

NULL = "OpaqueRef:NULL"


@pytest.fixture
def started_again(xapid_server, monkeypatch):
    """The calls of a server that starts with what this one keeps."""
    servers = []

    def start():
        kept = CopiedJournal(xapid_server.pool.db)
        monkeypatch.setattr(in_process, "_pristine", lambda settings: kept)
        servers.append(in_process.Server(attrs.evolve(xapid_server.config, seed=7)))
        return servers[0].session().xenapi

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def new(api):
    """Makes a VM with a disk and an interface."""

    def make(name):
        vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], name)
        api.VM.provision(vm)
        usual = {"sharable": False, "read_only": False, "other_config": {}, "type": "user"}
        sr = api.pool.get_default_SR(api.pool.get_all()[0])
        disk = api.VDI.create({**usual, "name_label": name, "SR": sr, "virtual_size": "1048576"})
        drive = {"type": "Disk", "mode": "RW", "bootable": True, "empty": False, "other_config": {}}
        qos = {"qos_algorithm_type": "", "qos_algorithm_params": {}}
        api.VBD.create({**drive, **qos, "VM": vm, "VDI": disk, "userdevice": "0"})
        network = next(ref for ref in api.network.get_all() if api.network.get_bridge(ref) == "xenbr0")
        api.VIF.create({**qos, "VM": vm, "network": network, "device": "0", "MAC": "", "MTU": "1500", "other_config": {}})
        return vm

    return make


@pytest.fixture
def halted(new):
    return new("v")


@pytest.fixture
def hosts(api):
    master = api.pool.get_master(api.pool.get_all()[0])
    return [master, *(ref for ref in api.host.get_all() if ref != master)]


def test_what_was_kept_for_a_start_that_was_cut_short_is_given_up(api, change, halted, hosts, started_again):
    vbd, vif = api.VM.get_VBDs(halted)[0], api.VM.get_VIFs(halted)
    assert vif
    before = api.host.compute_free_memory(hosts[1])
    change(halted, scheduled_to_be_resident_on=hosts[1])
    change(vbd, currently_attached=True, reserved=True)
    assert int(api.host.compute_free_memory(hosts[1])) < int(before)
    again = started_again()
    assert again.VM.get_record(halted)["scheduled_to_be_resident_on"] == NULL
    assert again.host.compute_free_memory(hosts[1]) == before
    assert not again.VBD.get_currently_attached(vbd)
    again.VM.start(halted, False, False)
    assert again.VBD.get_currently_attached(vbd)
    assert all(again.VIF.get_currently_attached(ref) for ref in vif)


def test_a_vm_whose_host_is_gone_is_halted_and_others_run_on(api, new, change, halted, hosts, started_again, xapid_clock):
    other = new("other")
    for vm in (halted, other):
        api.VM.start_on(vm, hosts[1], False, False)
    xapid_clock.pass_time(60)
    change(halted, resident_on="OpaqueRef:00000000-0000-4000-8000-000000000001")
    again = started_again()
    vbd = again.VM.get_VBDs(halted)[0]
    assert (again.VM.get_power_state(halted), again.VM.get_resident_on(halted)) == ("Halted", NULL)
    assert not again.VBD.get_currently_attached(vbd)
    assert (again.VM.get_power_state(other), again.VM.get_resident_on(other)) == ("Running", hosts[1])
    assert again.VBD.get_currently_attached(again.VM.get_VBDs(other)[0])


def test_a_vm_without_metrics_gets_some(api, change, halted, started_again):
    change(halted, metrics=NULL)
    again = started_again()
    metrics = again.VM.get_metrics(halted)
    assert again.VM_metrics.get_record(metrics)["VCPUs_number"] == "0"
