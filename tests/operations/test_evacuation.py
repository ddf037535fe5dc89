"""What keeps a VM from leaving its host when that is evacuated: each reason by its error; and where the others go."""

from __future__ import annotations

import pytest

from xapid.datamodel.types import frozenmap

GIB = 1 << 30


@pytest.fixture
def hosts(api):
    """The coordinator and the two others."""
    master = api.pool.get_master(api.pool.get_all()[0])
    return [master, *(ref for ref in api.host.get_all() if ref != master)]


@pytest.fixture
def home(hosts):
    return hosts[1]


@pytest.fixture
def row(xapid_server):
    """An object as it is now."""
    return xapid_server.pool.db.find


@pytest.fixture
def start(api, xapid_clock):
    """Starts a VM and waits until its guest lets it migrate."""

    def run(host, name="v", **fields):
        vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], name)
        api.VM.provision(vm)
        if "memory" in fields:
            api.VM.set_memory(vm, str(fields["memory"]))
        api.VM.start_on(vm, host, False, False)
        xapid_clock.pass_time(60)
        return vm

    return run


@pytest.fixture
def vm(start, home):
    return start(home)


@pytest.fixture
def blocked(api, refused, home, vm):
    """What keeps the VM on its host; every call that tells agrees, and nothing moves."""

    def ask():
        reason = api.host.get_vms_which_prevent_evacuation(home).get(vm, [])
        if reason:
            assert refused(api.host.evacuate, home) == reason
            assert refused(api.host.assert_can_evacuate, home) == ["CANNOT_EVACUATE_HOST", ",".join(reason)]
            assert api.VM.get_resident_on(vm) == home
        return reason

    return ask


def test_nothing_keeps_a_vm_that_runs_like_any_other(blocked):
    assert blocked() == []


# What the other hosts lack ---------------------------------------------------------------------------------------------


def test_no_other_host_is_enabled(api, hosts, blocked, vm):
    for host in (hosts[0], hosts[2]):
        api.host.disable(host)
    assert blocked() == ["NO_HOSTS_AVAILABLE", vm]


def test_no_other_host_is_live(row, hosts, change, blocked, vm):
    for host in (hosts[0], hosts[2]):
        change(row(host).metrics, live=False)
    assert blocked() == ["NO_HOSTS_AVAILABLE", vm]


def test_no_other_host_runs_a_version_that_is_new_enough(row, home, change, blocked, vm):
    change(home, software_version=row(home).software_version.with_item("platform_version", "3.10.0"))
    assert blocked() == ["NO_HOSTS_AVAILABLE", vm]


def test_hosts_for_storage_and_backups_take_no_vms(api, hosts, blocked, vm):
    api.host.add_to_other_config(hosts[0], "role", "storage")
    assert blocked() == []
    api.host.add_tags(hosts[2], "role:backup")
    assert blocked() == ["NO_HOSTS_AVAILABLE", vm]


def test_the_virtual_hardware_is_too_new(hosts, change, blocked, vm):
    change(vm, hardware_platform_version=2)
    change(hosts[0], virtual_hardware_platform_versions=(0, 1))
    assert blocked() == ["VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", hosts[0], "[0; 1]", vm, "2"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"vendor": "AuthenticAMD"}, "vendor"), ({"features_hvm": "00000000"}, "lacks"), ({"features_hvm": ""}, "tell")],
)
def test_the_processor_is_another(row, hosts, change, blocked, vm, changes, said):
    info = row(hosts[0]).cpu_info
    for key, value in changes.items():
        info = info.with_item(key, value)
    change(hosts[0], cpu_info=info)
    reason = blocked()
    assert reason[:3] == ["VM_INCOMPATIBLE_WITH_THIS_HOST", vm, hosts[0]]
    assert said in reason[3]


def test_a_disk_is_on_storage_that_is_not_there(api, hosts, make, blocked, vm):
    (sr,) = [
        ref for ref, record in api.SR.get_all_records().items()
        if not record["shared"] and record["content_type"] == "user" and api.PBD.get_host(record["PBDs"][0]) == hosts[1]
    ]  # fmt: skip
    make("VBD", VM=vm, VDI=make("VDI", SR=sr, virtual_size=GIB, managed=True), userdevice="7", empty=False)
    assert blocked() == ["VM_REQUIRES_SR", vm, sr]


def test_a_network_is_not_there(hosts, home, make, blocked, vm):
    network = make("network", bridge="xapi99", managed=True)
    make("PIF", host=home, network=network)
    make("VIF", VM=vm, network=network, device="7")
    assert blocked() == ["VM_REQUIRES_NETWORK", vm, network]


def test_an_interface_is_part_of_a_bond_there(hosts, home, make, blocked, vm):
    network = make("network", bridge="xapi99", managed=True)
    bond = make("Bond")
    for host in hosts:
        make("PIF", host=host, network=network, bond_slave_of=bond if host == hosts[2] else "OpaqueRef:NULL")
    make("VIF", VM=vm, network=network, device="7")
    assert blocked() == ["HOST_CANNOT_ATTACH_NETWORK", hosts[2], network]


def test_pci_devices_cannot_be_passed_through(row, hosts, change, blocked, vm):
    change(vm, other_config=row(vm).other_config.with_item("pci", "0/0000:04:00.0"))
    change(hosts[0], chipset_info=frozenmap({"iommu": "false"}))
    assert blocked() == ["VM_REQUIRES_IOMMU", hosts[0]]


def test_there_is_no_graphics_card_of_the_group(home, make, blocked, vm):
    group = make("GPU_group", name_label="Rare")
    make("PGPU", host=home, GPU_group=group, PCI=make("PCI", host=home))
    make("VGPU", VM=vm, GPU_group=group, device="0")
    assert blocked() == ["VM_REQUIRES_GPU", vm, group]


def test_the_graphics_card_does_not_offer_the_kind(hosts, make, blocked, vm):
    group, kind, other = make("GPU_group"), make("VGPU_type", model_name="grid"), make("VGPU_type", model_name="other")
    for host in hosts:
        make("PGPU", host=host, GPU_group=group, PCI=make("PCI", host=host), supported_VGPU_types=(kind, other),
             enabled_VGPU_types=(other,))  # fmt: skip
    make("VGPU", VM=vm, GPU_group=group, device="0", type=kind)
    assert blocked() == ["VM_REQUIRES_VGPU", vm, group, kind]


def test_a_usb_device_is_plugged_in_elsewhere(home, make, blocked, vm):
    group = make("USB_group")
    make("PUSB", host=home, USB_group=group)
    vusb = make("VUSB", VM=vm, USB_group=group)
    assert blocked() == ["OPERATION_NOT_ALLOWED", f"The USB device of {vusb} is plugged into another host"]


def test_no_virtual_function_is_left(hosts, make, change, blocked, vm):
    network = make("network", bridge="xapi98", managed=True)
    pifs = {host: make("PIF", host=host, network=network) for host in hosts}
    make("network_sriov", physical_PIF=make("PIF", host=hosts[2], PCI=make("PCI", host=hosts[2])), logical_PIF=pifs[hosts[2]])
    make("VIF", VM=vm, network=network, device="7")
    assert blocked() == ["NETWORK_SRIOV_INSUFFICIENT_CAPACITY", network]


def test_there_is_no_hardware_support_for_virtualization(hosts, change, blocked, vm):
    change(hosts[2], capabilities=("xen-3.0-x86_64",))
    assert blocked() == ["VM_HVM_REQUIRED", vm]


def test_there_are_not_enough_processors(change, blocked, vm):
    change(vm, VCPUs_max=17)
    assert blocked() == ["HOST_NOT_ENOUGH_PCPUS", "17", "16"]
    change(vm, platform=frozenmap({"vcpu-unrestricted": "true"}))
    assert blocked() == []


def test_no_single_host_has_enough_memory_left(start, hosts, blocked, vm, change):
    for host in (hosts[0], hosts[2]):
        start(host, memory=55 * GIB)
    change(vm, memory_dynamic_min=8 * GIB, memory_dynamic_max=8 * GIB, memory_static_max=8 * GIB)
    assert blocked() == ["HOST_NOT_ENOUGH_FREE_MEMORY", vm]


# What is with the VM itself --------------------------------------------------------------------------------------------


def test_somebody_has_blocked_it(api, blocked, vm):
    api.VM.add_to_blocked_operations(vm, "pool_migrate", "never")
    assert blocked() == ["OPERATION_BLOCKED", vm, "never"]


def test_it_is_paused(api, blocked, vm):
    api.VM.pause(vm)
    assert blocked() == ["VM_BAD_POWER_STATE", vm, "running", "paused"]


def test_something_else_is_done_with_it(api, home, vm, xapid_clock):
    api.Async.VM.suspend(vm)
    xapid_clock.pass_time(1)
    reason = api.host.get_vms_which_prevent_evacuation(home)[vm]
    assert reason[:4] == ["OTHER_OPERATION_IN_PROGRESS", "VM", vm, "suspend"]
    xapid_clock.pass_time(60)


@pytest.mark.parametrize("field", ["nomigrate", "nested_virt"])
def test_it_is_bound_to_its_host(row, change, blocked, vm, field):
    change(row(vm).metrics, **{field: True})
    assert blocked() == ["VM_IS_IMMOBILE", vm]


def test_its_guest_says_that_it_cannot_sleep(row, change, blocked, vm):
    guest = row(vm).guest_metrics
    change(guest, other=row(guest).other.with_item("data-cant-suspend-reason", "a card"))
    assert blocked() == ["VM_NON_SUSPENDABLE", vm, "a card"]


def test_its_guest_has_not_said_that_it_can_sleep(row, change, blocked, vm):
    change(row(vm).guest_metrics, other=frozenmap(), PV_drivers_version=frozenmap())
    assert blocked() == ["VM_LACKS_FEATURE", vm]


def test_it_has_a_pci_device(home, make, blocked, vm):
    make("PCI", host=home, attached_VMs=(vm,))
    assert blocked() == ["VM_HAS_PCI_ATTACHED", vm]


def test_it_has_a_virtual_graphics_card(hosts, make, blocked, vm):
    group, kind = make("GPU_group"), make("VGPU_type", implementation="gvt_g")
    for host in hosts:
        make("PGPU", host=host, GPU_group=group, PCI=make("PCI", host=host))
    make("VGPU", VM=vm, GPU_group=group, device="0", type=kind)
    assert blocked() == ["VM_HAS_VGPU", vm]


def test_it_has_a_virtual_function_of_a_network_card(hosts, home, make, change, blocked, vm):
    network = make("network", bridge="xapi98", managed=True)
    for host in hosts:
        logical = make("PIF", host=host, network=network)
        card = make("PCI", host=host)
        make("PCI", host=host, physical_function=card)
        make("network_sriov", physical_PIF=make("PIF", host=host, PCI=card), logical_PIF=logical)
    make("VIF", VM=vm, network=network, device="7", currently_attached=True)
    assert blocked() == ["VM_HAS_SRIOV_VIF", vm]


def test_it_has_usb_devices(hosts, make, blocked, vm):
    group = make("USB_group")
    for host in hosts:
        make("PUSB", host=host, USB_group=group)
    make("VUSB", VM=vm, USB_group=group)
    assert blocked() == ["VM_HAS_VUSBS", vm]


def test_it_is_not_protected_although_the_pool_protects_vms(api, change, blocked, vm):
    change(api.pool.get_all()[0], ha_enabled=True)
    assert blocked() == ["HOST_EVACUATE_VM_NOT_HA_PROTECTED", vm]
    change(vm, ha_always_run=True, ha_restart_priority="restart")
    assert blocked() == []


# Who does not count, and who goes where --------------------------------------------------------------------------------


def test_suspended_vms_are_on_no_host_and_keep_nothing(api, home, vm, xapid_clock):
    api.VM.add_to_blocked_operations(vm, "pool_migrate", "never")
    api.VM.suspend(vm)
    assert api.host.get_vms_which_prevent_evacuation(home) == {}
    api.host.evacuate(home)
    assert api.VM.get_power_state(vm) == "Suspended"


def test_members_of_an_anti_affinity_group_go_to_different_hosts(api, start, hosts, home, change):
    """Even to one that has less memory left; and to the same one when there is no other way."""
    group = api.VM_group.create({"name_label": "apart", "name_description": "", "placement": "anti_affinity"})
    first, second = start(home, "first"), start(home, "second")
    start(hosts[2], memory=30 * GIB)
    for vm in (first, second):
        api.VM.set_groups(vm, [group])
    api.host.evacuate(home)
    assert {api.VM.get_resident_on(vm) for vm in (first, second)} == {hosts[0], hosts[2]}


def test_what_fits_only_when_packed_tightly_is_packed_tightly(start, hosts, home, api):
    """9, 6 and 6 GiB into 12 and 9: spread evenly, the last would find no room."""
    vms = [start(home, f"v{size}", memory=size * GIB) for size in (6, 9, 6)]
    for host, left in ((hosts[0], 13 * GIB), (hosts[2], 10 * GIB)):
        start(host, memory=int(api.host.compute_free_memory(host)) - left - (600 << 20))
    api.host.evacuate(home)
    assert [api.VM.get_resident_on(vm) for vm in vms] == [hosts[0], hosts[2], hosts[0]]


def test_a_vm_is_not_started_on_a_host_that_is_being_evacuated(api, refused, start, home, vm, xapid_clock):
    other = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "w")
    api.VM.provision(other)
    task = api.Async.host.evacuate(home)
    xapid_clock.pass_time(1)
    assert "evacuate" in api.host.get_current_operations(home).values()
    assert refused(api.VM.start_on, other, home, False, False) == ["HOST_EVACUATE_IN_PROGRESS", home]
    api.VM.start(other, False, False)
    assert api.VM.get_resident_on(other) != home
    xapid_clock.pass_time(60)
    assert api.task.get_status(task) == "success"


# Over which network ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(xapid_server, monkeypatch):
    """Where and how the domains of a host are sent: pairs of an address and options."""
    seen = []

    def watch(host):
        hypervisor = xapid_server.pool.services.agents.get(host).hypervisor
        migrate = hypervisor.migrate

        async def note(vm, ticket, options):
            seen.append((ticket["address"], options))
            return await migrate(vm, ticket, options)

        monkeypatch.setattr(hypervisor, "migrate", note)
        return seen

    return watch


@pytest.fixture
def storage_network(api, hosts):
    """The second network, with an address on every host."""
    (ref,) = [ref for ref, record in api.network.get_all_records().items() if record["bridge"] == "xenbr1"]
    for number, pif in enumerate(api.network.get_PIFs(ref), 1):
        api.PIF.reconfigure_ip(pif, "Static", f"10.9.0.{number}", "255.255.255.0", "", "")
    return ref


def address_on(api, host, network):
    return next(api.PIF.get_IP(pif) for pif in api.network.get_PIFs(network) if api.PIF.get_host(pif) == host)


def test_vms_move_over_the_network_that_is_named_else_over_that_of_management(api, hosts, home, vm, sent, storage_network):
    seen = sent(home)
    api.VM.pool_migrate(vm, hosts[0], {"network": storage_network, "compress": "true"})
    assert seen[0] == (
        address_on(api, hosts[0], storage_network), {"network": storage_network, "compress": "true"},
    )  # fmt: skip
    sent(hosts[0])
    api.VM.pool_migrate(vm, home, {})
    assert seen[1] == (api.host.get_address(home), {"compress": "false"})


def test_a_host_and_the_pool_may_prefer_a_network_for_migration(api, hosts, home, vm, sent, storage_network, xapid_clock):
    pool, seen = api.pool.get_all()[0], sent(home)
    sent(hosts[0])
    api.pool.add_to_other_config(pool, "xo:migrationNetwork", api.network.get_uuid(storage_network))
    api.pool.set_migration_compression(pool, True)
    api.VM.pool_migrate(vm, hosts[0], {})
    assert seen[-1] == (address_on(api, hosts[0], storage_network), {"compress": "true"})
    (lan,) = [ref for ref, record in api.network.get_all_records().items() if record["bridge"] == "xenbr0"]
    api.host.add_to_other_config(home, "migration_network_uuid", api.network.get_uuid(lan))
    api.VM.pool_migrate(vm, home, {})
    assert seen[-1][0] == address_on(api, home, lan)


def test_a_preferred_network_that_is_of_no_use_is_passed_over_and_a_named_one_refused(api, refused, hosts, home, vm, sent):
    seen = sent(home)
    (network,) = [ref for ref, record in api.network.get_all_records().items() if record["bridge"] == "xenbr1"]
    (pif,) = [pif for pif in api.network.get_PIFs(network) if api.PIF.get_host(pif) == hosts[0]]
    api.host.add_to_other_config(hosts[0], "migration_network_uuid", api.network.get_uuid(network))
    move = api.VM.pool_migrate
    assert refused(move, vm, hosts[0], {"network": network}) == ["PIF_HAS_NO_NETWORK_CONFIGURATION", pif]
    stale = "OpaqueRef:00000000-0000-4000-8000-000000000001"
    assert refused(move, vm, hosts[0], {"network": stale}) == ["HANDLE_INVALID", "network", stale]
    assert refused(api.host.evacuate, home, network)[0] == "PIF_HAS_NO_NETWORK_CONFIGURATION"
    api.PIF.unplug(pif)
    assert refused(move, vm, hosts[0], {"network": network}) == ["HOST_CANNOT_ATTACH_NETWORK", hosts[0], network]
    api.VM.pool_migrate(vm, hosts[0], {})
    assert seen[0][0] == api.host.get_address(hosts[0])
