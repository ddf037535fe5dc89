"""The preset ``devices``: what of a host VMs are given, who gets it, and what becomes of VMs that have it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xapid(preset="devices", vms_per_host=8, duration_profile="instant")

NULL = "OpaqueRef:NULL"


@pytest.fixture
def vms(api):
    """Ordinary VMs, and a host on which all of them may run."""
    records = api.VM.get_all_records()
    found = [ref for ref, record in records.items() if not record["is_a_template"] and not record["is_control_domain"]]
    for vm in found:
        for vbd in api.VM.get_VBDs(vm):
            api.VBD.destroy(vbd)
        for vif in api.VM.get_VIFs(vm):
            api.VIF.destroy(vif)
        api.VM.set_memory(vm, str(1 << 30))
    return found


@pytest.fixture
def host(api):
    return api.pool.get_master(api.pool.get_all()[0])


@pytest.fixture
def group(api):
    (found,) = (ref for ref, record in api.GPU_group.get_all_records().items() if record["GPU_types"] == ["10de/2235"])
    return found


def kind(api, name):
    (found,) = (ref for ref, record in api.VGPU_type.get_all_records().items() if record["model_name"] == name)
    return found


def test_every_host_has_the_devices_that_the_preset_counts(api, group):
    hosts = len(api.host.get_all())
    assert len(api.GPU_group.get_PGPUs(group)) == len(api.PUSB.get_all()) == 2 * hosts
    assert len(api.GPU_group.get_supported_VGPU_types(group)) == 3
    assert api.GPU_group.get_remaining_capacity(group, kind(api, "NVIDIA A40-12Q")) == str(4 * 2 * hosts)
    assert {record["PUSBs"][0] for record in api.USB_group.get_all_records().values()} == set(api.PUSB.get_all())
    assert (
        sum("sriov" in record["capabilities"] for record in api.PIF.get_all_records().values() if record["physical"]) == hosts
    )


@pytest.mark.parametrize(("algorithm", "spread"), [("depth_first", [4]), ("breadth_first", [2, 2])])
def test_virtual_gpus_fill_up_physical_ones_by_the_rule_of_their_group(api, vms, host, group, algorithm, spread):
    api.GPU_group.set_allocation_algorithm(group, algorithm)
    a40 = kind(api, "NVIDIA A40-12Q")
    for vm in vms[:4]:
        api.VM.start_on(with_gpu(api, vm, group, a40), host, False, False)
    vgpus = [api.VM.get_VGPUs(vm)[0] for vm in vms[:4]]
    places = [api.VGPU.get_resident_on(vgpu) for vgpu in vgpus]
    assert all(api.PGPU.get_host(place) == host for place in places)
    assert sorted((places.count(place) for place in set(places)), reverse=True) == spread
    api.VM.hard_shutdown(vms[0])
    assert (api.VGPU.get_resident_on(vgpus[0]), api.VGPU.get_currently_attached(vgpus[0])) == (NULL, False)


def test_a_gpu_carries_one_kind_at_a_time(api, vms, host, group):
    a40 = kind(api, "NVIDIA A40-12Q")
    api.VM.start_on(with_gpu(api, vms[0], group, a40), host, False, False)
    api.VM.start_on(with_gpu(api, vms[1], group, NULL), host, False, False)
    shared, whole = (api.VGPU.get_resident_on(api.VM.get_VGPUs(vm)[0]) for vm in vms[:2])
    assert shared != whole
    assert [api.PGPU.get_remaining_capacity(pgpu, a40) for pgpu in (shared, whole)] == ["3", "0"]


def with_gpu(api, vm, group, type_):
    api.VGPU.create(vm, group, "0", {}, type_)
    return vm


def test_a_vm_starts_where_there_is_a_gpu_left(api, vms, group, refused):
    """Two whole GPUs on each of two hosts."""
    for vm in vms[:4]:
        api.VM.start(with_gpu(api, vm, group, NULL), False, False)
    late = with_gpu(api, vms[4], group, NULL)
    assert refused(api.VM.start, late, False, False) == ["NO_HOSTS_AVAILABLE"]
    assert refused(api.VM.start_on, late, api.host.get_all()[0], False, False) == ["VM_REQUIRES_GPU", late, group]
    assert refused(api.VM.suspend, vms[0]) in (["VM_HAS_VGPU", vms[0]], ["VM_LACKS_FEATURE", vms[0]])
    api.VM.hard_shutdown(vms[0])
    api.VM.start(late, False, False)


def test_a_type_that_is_not_enabled_anywhere_is_refused(api, vms, group, host, refused):
    a40 = kind(api, "NVIDIA A40-4Q")
    vm = with_gpu(api, vms[0], group, a40)
    for pgpu in api.GPU_group.get_PGPUs(group):
        api.PGPU.remove_enabled_VGPU_types(pgpu, a40)
    assert refused(api.VM.start_on, vm, host, False, False) == ["VM_REQUIRES_VGPU", vm, group, a40]


def test_a_card_is_passed_through_as_the_settings_of_a_vm_name_it(api, vms, host, refused, xapid_clock):
    vm = vms[0]
    api.VM.add_to_other_config(vm, "pci", "0/0000:41:00.0")
    api.VM.start_on(vm, host, False, False)
    xapid_clock.pass_time(60)
    (card,) = api.VM.get_attached_PCIs(vm)
    assert (api.PCI.get_host(card), api.PCI.get_pci_id(card)) == (host, "0000:41:00.0")
    assert refused(api.VM.suspend, vm) == ["VM_HAS_PCI_ATTACHED", vm]
    api.VM.hard_shutdown(vm)
    assert api.VM.get_attached_PCIs(vm) == []


def test_a_vm_starts_where_its_usb_device_is_and_stays_there(api, vms, host, refused, xapid_clock):
    groups = [api.PUSB.get_USB_group(pusb) for pusb in api.PUSB.get_all() if api.PUSB.get_host(pusb) != host]
    vm = vms[0]
    vusb = api.VUSB.create(vm, groups[0], {})
    assert refused(api.VM.start_on, vm, host, False, False)[0] == "OPERATION_NOT_ALLOWED"
    api.VM.start(vm, False, False)
    xapid_clock.pass_time(60)
    assert api.VM.get_resident_on(vm) != host
    assert api.VUSB.get_currently_attached(vusb)
    assert refused(api.VM.suspend, vm) == refused(api.VM.snapshot, vm, "s") == ["VM_HAS_VUSBS", vm]


def test_a_network_of_virtual_functions_has_as_many_as_the_card(api, vms, host, refused):
    pif = next(ref for ref in api.host.get_PIFs(host) if "sriov" in api.PIF.get_capabilities(ref))
    network = api.network.create({"name_label": "functions", "other_config": {}})
    sriov = api.network_sriov.create(pif, network)
    assert api.network_sriov.get_remaining_capacity(sriov) == "8"
    for number in range(9):
        vif = {"VM": vms[0], "network": network, "device": str(number), "MAC": "", "MTU": "1500", "other_config": {}}
        api.VIF.create({**vif, "qos_algorithm_type": "", "qos_algorithm_params": {}})
    assert refused(api.VM.start_on, vms[0], host, False, False) == ["NETWORK_SRIOV_INSUFFICIENT_CAPACITY", network]
    api.VIF.destroy(api.VM.get_VIFs(vms[0])[0])
    api.VM.start_on(vms[0], host, False, False)
    assert api.network_sriov.get_remaining_capacity(sriov) == "0"
