"""What goes with what on a network, as a stock client sees it: bonds, VLANs, tunnels, virtual functions, management, HA."""

from __future__ import annotations

import pytest

from xapid.agent.values import AgentFailure
from xapid.datamodel.types import frozenmap

pytestmark = pytest.mark.xapid(duration_profile="instant", vms_per_host=1)

NULL = "OpaqueRef:NULL"


@pytest.fixture
def host(api):
    return api.pool.get_master(api.pool.get_all()[0])


def pif_of(api, host, device, vlan="-1"):
    rows = api.PIF.get_all_records().items()
    (found,) = [ref for ref, row in rows if (row["host"], row["device"], row["VLAN"]) == (host, device, vlan)]
    return found


def a_network(api, **fields):
    return api.network.create({"name_label": "n", "other_config": {}, **fields})


@pytest.fixture
def eth0(api, host):
    return pif_of(api, host, "eth0")


@pytest.fixture
def eth1(api, host):
    return pif_of(api, host, "eth1")


@pytest.fixture
def vm_on(api):
    """Makes a VM with an interface on a network, running on ``host`` if there is one."""

    def build(network, host=None):
        template = api.VM.get_by_name_label("Other install media")[0]
        vm = api.VM.clone(template, "guest")
        api.VM.set_is_a_template(vm, False)
        vif = api.VIF.create({
            "VM": vm, "network": network, "device": "0", "MAC": "", "MTU": "1500", "other_config": {},
            "qos_algorithm_type": "", "qos_algorithm_params": {},
        })  # fmt: skip
        if host is not None:
            api.VM.start_on(vm, host, False, False)
        return vm, vif

    return build


@pytest.fixture
def sriov(api, eth1, change, make):
    """A network of virtual functions on eth1, of which there are two."""
    card = make("PCI", host=api.PIF.get_host(eth1))
    for _ in range(2):
        make("PCI", physical_function=card)
    change(eth1, capabilities=("sriov",), PCI=card)
    network = a_network(api)
    return api.network_sriov.create(eth1, network)


# Bonds ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "properties"), [("balance-slb", 0), ("active-backup", 0), ("lacp", 3)])
def test_bonds_of_every_mode_come_up_and_go_away(api, eth0, eth1, mode, properties):
    bond = api.Bond.create(a_network(api), [eth0, eth1], "", mode, {})
    record = api.Bond.get_record(bond)
    assert (record["mode"], len(record["properties"]), record["links_up"]) == (mode, properties, "2")
    assert api.PIF.get_currently_attached(record["master"]) is True
    api.Bond.destroy(bond)
    assert refs(api.PIF.get_bond_slave_of, eth0, eth1) == {NULL}


def refs(getter, *objects):
    return {getter(ref) for ref in objects}


def test_a_bond_may_have_one_member_and_a_mac_of_its_own(api, eth1):
    bond = api.Bond.create(a_network(api), [eth1, eth1], "02:11:22:33:44:55")
    assert (api.Bond.get_slaves(bond), api.Bond.get_auto_update_mac(bond)) == ([eth1], False)
    assert api.PIF.get_MAC(api.Bond.get_master(bond)) == "02:11:22:33:44:55"


def test_a_bond_without_addresses_takes_the_first_member_for_its_primary_one(api, host, eth1, change):
    change(pif_of(api, host, "eth0"), management=False, ip_configuration_mode="None")
    bond = api.Bond.create(a_network(api), [eth1, pif_of(api, host, "eth0")], "")
    assert api.Bond.get_primary_slave(bond) == eth1


def test_bonds_are_numbered_on_each_host(api, host, eth0, eth1):
    other = next(ref for ref in api.host.get_all() if ref != host)
    bonds = [api.Bond.create(a_network(api), [pif], "") for pif in (eth0, eth1, pif_of(api, other, "eth1"))]
    assert [api.PIF.get_device(api.Bond.get_master(bond)) for bond in bonds] == ["bond0", "bond1", "bond0"]


def test_what_uses_a_member_moves_to_the_bond_and_back(api, host, eth0, eth1, vm_on, change):
    """VLANs, tunnels, the wish to stay up, and the interfaces of VMs on this host; those of others stay."""
    old = api.PIF.get_network(eth1)
    other = next(ref for ref in api.host.get_all() if ref != host)
    (here, mine), (_, theirs) = vm_on(old, host), vm_on(old, other)
    tunnel = api.tunnel.create(eth1, a_network(api))
    vlans = set(api.PIF.get_VLAN_slave_of(eth1))
    api.PIF.set_disallow_unplug(eth1, True)
    new = a_network(api)
    bond = api.Bond.create(new, [eth1], "")
    upper = api.Bond.get_master(bond)
    assert (set(api.PIF.get_VLAN_slave_of(upper)), api.tunnel.get_transport_PIF(tunnel)) == (vlans, upper)
    assert (api.PIF.get_disallow_unplug(upper), api.PIF.get_disallow_unplug(eth1)) == (True, False)
    assert (api.VIF.get_network(mine), api.VIF.get_network(theirs)) == (new, old)
    assert api.VM.get_power_state(here) == "Running"
    api.Bond.destroy(bond)
    assert (set(api.PIF.get_VLAN_slave_of(eth1)), api.tunnel.get_transport_PIF(tunnel)) == (vlans, eth1)
    assert (api.PIF.get_disallow_unplug(eth1), api.VIF.get_network(mine)) == (True, old)
    assert api.PIF.get_device(api.VLAN.get_untagged_PIF(vlans.pop())) == "eth1"


def test_an_interface_of_a_vm_that_could_run_elsewhere_stays(api, eth1, vm_on):
    old = api.PIF.get_network(eth1)
    _, vif = vm_on(old)
    api.Bond.create(a_network(api), [eth1], "")
    assert api.VIF.get_network(vif) == old


def test_a_host_stays_manageable_over_a_bond_and_after_it(api, host, eth0, eth1, refused):
    address = api.host.get_address(host)
    bond = api.Bond.create(a_network(api), [eth1, eth0], "")
    assert api.host.get_management_interface(host) == api.Bond.get_master(bond)
    assert refused(api.host.management_reconfigure, eth0) == ["CANNOT_PLUG_BOND_SLAVE", eth0]
    api.Bond.destroy(bond)
    assert (api.host.get_management_interface(host), api.host.get_address(host)) == (eth0, address)


def test_bonds_are_refused_in_order(api, host, eth0, eth1, refused, change):
    """Each refusal while everything after it would be refused too."""
    used, unmanaged = api.PIF.get_network(eth0), a_network(api, managed=False)
    free, bond = a_network(api), api.Bond.create
    assert refused(bond, "OpaqueRef:NULL", [], "x", "lacp", {"a": "b"}) == ["PIF_BOND_NEEDS_MORE_MEMBERS"]
    assert refused(bond, unmanaged, [eth0], "x", "lacp", {"a": "b"}) == ["NETWORK_UNMANAGED", unmanaged]
    assert refused(bond, used, [eth0], "x", "lacp", {"a": "b"}) == ["NETWORK_ALREADY_CONNECTED", host, eth0]
    change(eth1, primary_address_type="IPv6", managed=False)
    assert refused(bond, free, [eth0, eth1], "x", "lacp", {"a": "b"}) == ["MAC_INVALID", "x"]
    assert refused(bond, free, [eth0, eth1], "", "lacp", {"a": "b"}) == ["INVALID_VALUE", "properties", "a = b"]
    assert refused(bond, free, [eth0, eth1], "") == ["PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", eth1]
    change(eth1, primary_address_type="IPv4")
    assert refused(bond, free, [eth0, eth1], "") == ["PIF_UNMANAGED", eth1]
    change(eth1, managed=True, properties=frozenmap({"gro": "off"}))
    assert refused(bond, free, [eth0, eth1], "") == ["INCOMPATIBLE_PIF_PROPERTIES"]
    assert api.Bond.get_all() == []


def test_an_interface_is_in_one_bond_at_most(api, eth0, eth1, refused):
    bond = api.Bond.create(a_network(api), [eth1], "")
    assert refused(api.Bond.create, a_network(api), [eth0, eth1], "") == ["PIF_ALREADY_BONDED", eth1]
    upper = api.Bond.get_master(bond)
    assert refused(api.Bond.create, a_network(api), [eth0, upper], "") == ["PIF_ALREADY_BONDED", upper]


def test_tunnels_and_virtual_functions_are_not_bonded(api, eth0, sriov, refused):
    logical = api.network_sriov.get_logical_PIF(sriov)
    assert refused(api.Bond.create, a_network(api), [logical], "") == ["PIF_IS_SRIOV_LOGICAL", logical]
    access = api.tunnel.get_access_PIF(api.tunnel.create(eth0, a_network(api)))
    assert refused(api.Bond.create, a_network(api), [access], "") == ["IS_TUNNEL_ACCESS_PIF", access]


def test_ha_keeps_the_management_interface_as_it_is(api, host, eth0, eth1, refused, change):
    bond = api.Bond.create(a_network(api), [eth0], "")
    change(api.pool.get_all()[0], ha_enabled=True)
    assert refused(api.Bond.destroy, bond) == ["HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE"]
    assert refused(api.host.management_reconfigure, eth1) == ["HA_IS_ENABLED"]
    assert refused(api.host.management_disable) == ["HA_IS_ENABLED"]
    assert refused(api.PIF.unplug, eth1) == ["HA_IS_ENABLED"]
    assert refused(api.PIF.reconfigure_ip, eth1, "DHCP", "", "", "", "") == ["HA_IS_ENABLED"]
    api.PIF.reconfigure_ip(eth1, "None", "", "", "", "10.0.0.1")
    change(api.pool.get_all()[0], ha_enabled=False, redo_log_enabled=True)
    assert refused(api.PIF.unplug, eth1) == ["REDO_LOG_IS_ENABLED"]


def test_only_lacp_properties_with_their_values_are_taken(api, eth1, refused):
    bond = api.Bond.create(a_network(api), [eth1], "", "lacp", {"lacp-aggregation-key": "12"})
    api.Bond.set_property(bond, "hashing_algorithm", "src_mac")
    api.Bond.set_property(bond, "lacp-fallback-ab", "false")
    for name, value in (("lacp-time", "soon"), ("colour", "red"), ("lacp-fallback-ab", "yes")):
        assert refused(api.Bond.set_property, bond, name, value) == ["INVALID_VALUE", "properties", f"{name} = {value}"]


# VLANs ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["-1", "4095", "70000"])
def test_a_tag_is_between_0_and_4094(api, eth0, refused, tag):
    network = a_network(api)
    assert refused(api.VLAN.create, eth0, tag, network) == ["VLAN_TAG_INVALID", tag]
    assert refused(api.pool.create_VLAN_from_PIF, eth0, network, tag) == ["VLAN_TAG_INVALID", tag]
    assert api.network.get_PIFs(network) == []


@pytest.mark.parametrize("tag", ["0", "4094"])
def test_the_first_and_the_last_tag_can_be_used(api, eth0, tag):
    assert api.VLAN.get_tag(api.VLAN.create(eth0, tag, a_network(api))) == tag


def test_vlans_do_not_build_on_members_tunnels_or_unmanaged_interfaces(api, eth0, eth1, refused, change):
    network = a_network(api)
    access = api.tunnel.get_access_PIF(api.tunnel.create(eth0, a_network(api)))
    assert refused(api.VLAN.create, access, "9", network) == ["IS_TUNNEL_ACCESS_PIF", access]
    api.Bond.create(a_network(api), [eth1], "")
    assert refused(api.VLAN.create, eth1, "9", network) == ["CANNOT_ADD_VLAN_TO_BOND_SLAVE", eth1]
    change(eth0, managed=False)
    assert refused(api.VLAN.create, eth0, "9", network) == ["PIF_UNMANAGED", eth0]
    unmanaged = a_network(api, managed=False)
    assert refused(api.VLAN.create, eth0, "9", unmanaged) == ["NETWORK_UNMANAGED", unmanaged]


def test_a_network_with_trunks_takes_no_vlan_and_a_vlan_network_no_trunks(api, eth0, vm_on, refused):
    network = a_network(api)
    _, vif = vm_on(network)
    api.VIF.set_trunks(vif, ["5"])
    assert refused(api.VLAN.create, eth0, "9", network) == ["NETWORK_INCOMPATIBLE_WITH_TRUNKS", network]
    api.VIF.set_trunks(vif, [])
    api.VLAN.create(eth0, "9", network)
    assert refused(api.VIF.set_trunks, vif, ["5"]) == ["NETWORK_INCOMPATIBLE_WITH_TRUNKS", network]
    assert refused(api.VIF.add_trunks, vif, "4095") == ["VLAN_TAG_INVALID", "4095"]


def test_a_vlan_in_use_is_not_destroyed(api, host, eth0, vm_on, refused):
    network = a_network(api)
    vlan = api.VLAN.create(eth0, "9", network)
    _, vif = vm_on(network, host)
    assert refused(api.VLAN.destroy, vlan) == ["VIF_IN_USE", network, vif]
    assert refused(api.PIF.destroy, eth0) == ["PIF_IS_PHYSICAL", eth0]


def test_a_vlan_of_an_unplugged_interface_brings_it_up(api, host, eth1):
    api.PIF.unplug(eth1)
    untagged = pif_of(api, host, "eth1", "10")
    api.PIF.unplug(untagged)
    api.PIF.plug(untagged)
    assert refs(api.PIF.get_currently_attached, eth1, untagged) == {True}


def test_a_vlan_for_the_pool_leaves_dead_hosts_out(api, host, eth0, change):
    dead = next(ref for ref in api.host.get_all() if ref != host)
    change(api.host.get_metrics(dead), live=False)
    made = api.pool.create_VLAN_from_PIF(eth0, a_network(api), "9")
    assert refs(api.PIF.get_host, *made) == set(api.host.get_all()) - {dead}
    assert refs(api.PIF.get_currently_attached, *made) == {True}


def test_the_old_call_finds_the_interface_by_its_device(api, host, refused):
    pif = api.PIF.create_VLAN("eth0", a_network(api), host, "9")
    assert (api.PIF.get_device(pif), api.PIF.get_VLAN(pif)) == ("eth0", "9")
    assert refused(api.PIF.create_VLAN, "eth9", a_network(api), host, "9") == ["INVALID_VALUE", "device", "eth9"]
    api.PIF.destroy(pif)
    assert refused(api.PIF.get_uuid, pif) == ["HANDLE_INVALID", "PIF", pif]


# Tunnels and virtual functions ------------------------------------------------------------------------------------------


def test_tunnels_are_refused_in_order(api, host, eth0, eth1, sriov, refused, change):
    used, free = api.PIF.get_network(eth0), a_network(api)
    logical = api.network_sriov.get_logical_PIF(sriov)
    access = api.tunnel.get_access_PIF(api.tunnel.create(eth0, a_network(api), "vxlan"))
    vlan = api.VLAN.get_untagged_PIF(api.VLAN.create(logical, "9", a_network(api)))
    other = next(ref for ref in api.host.get_all() if ref != host)
    assert refused(api.tunnel.create, eth0, used) == ["NETWORK_ALREADY_CONNECTED", host, eth0]
    assert refused(api.tunnel.create, access, free) == ["IS_TUNNEL_ACCESS_PIF", access]
    assert refused(api.tunnel.create, logical, free) == ["CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL", logical]
    assert refused(api.tunnel.create, vlan, free) == ["CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL", vlan]
    functions = api.PIF.get_network(logical)
    there = pif_of(api, other, "eth1")
    assert refused(api.tunnel.create, there, functions) == ["NETWORK_INCOMPATIBLE_WITH_TUNNEL", functions]
    assert refused(api.Bond.create, functions, [there], "") == ["NETWORK_INCOMPATIBLE_WITH_BOND", functions]
    change(host, software_version=frozenmap({"network_backend": "bridge"}))
    assert refused(api.tunnel.create, eth0, free) == ["OPENVSWITCH_NOT_ACTIVE"]
    api.Bond.create(a_network(api), [eth0], "")
    assert refused(api.tunnel.create, eth0, free) == ["CANNOT_ADD_TUNNEL_TO_BOND_SLAVE", eth0]


def test_vlans_of_cards_and_of_virtual_functions_do_not_share_a_network(api, host, sriov, refused):
    other = next(ref for ref in api.host.get_all() if ref != host)
    logical, there = api.network_sriov.get_logical_PIF(sriov), pif_of(api, other, "eth0")
    functions, plain = a_network(api), a_network(api)
    api.VLAN.create(logical, "9", functions)
    api.VLAN.create(there, "9", plain)
    assert refused(api.VLAN.create, there, "8", functions) == ["NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE", functions]
    assert refused(api.VLAN.create, logical, "8", plain) == ["NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV", plain]


def test_a_tunnel_goes_down_with_its_transport(api, host, eth1):
    api.PIF.reconfigure_ip(eth1, "Static", "10.9.0.1", "255.255.0.0", "", "")
    tunnel = api.tunnel.create(eth1, a_network(api), "gre")
    access = api.tunnel.get_access_PIF(tunnel)
    assert (api.tunnel.get_status(tunnel), api.tunnel.get_protocol(tunnel)) == ({"active": "true"}, "gre")
    assert api.PIF.get_MAC(access)[1] in "26ae"
    api.PIF.unplug(eth1)
    assert (api.tunnel.get_status(tunnel), api.PIF.get_currently_attached(access)) == ({"active": "false"}, False)


def test_virtual_functions_are_counted_and_given_out_by_one_network(api, host, eth0, eth1, sriov, refused, change):
    assert api.network_sriov.get_remaining_capacity(sriov) == "2"
    assert refused(api.network_sriov.create, eth1, a_network(api)) == ["NETWORK_SRIOV_ALREADY_ENABLED", eth1]
    assert refused(api.network_sriov.create, eth0, a_network(api)) == ["PIF_IS_NOT_SRIOV_CAPABLE", eth0]
    other = next(ref for ref in api.host.get_all() if ref != host)
    there, plain = pif_of(api, other, "eth1"), api.PIF.get_network(eth0)
    change(pif_of(api, other, "eth0"), network=a_network(api))
    change(there, capabilities=("sriov",))
    assert refused(api.network_sriov.create, there, plain) == ["NETWORK_INCOMPATIBLE_WITH_SRIOV", plain]
    vlan = pif_of(api, host, "eth1", "10")
    assert refused(api.network_sriov.create, vlan, a_network(api)) == ["PIF_IS_NOT_PHYSICAL", vlan]
    assert refused(api.PIF.forget, api.network_sriov.get_logical_PIF(sriov))[0] == "PIF_SRIOV_STILL_EXISTS"
    api.network_sriov.destroy(sriov)
    assert api.PIF.get_sriov_physical_PIF_of(eth1) == []


# Interfaces and management ----------------------------------------------------------------------------------------------


def test_what_builds_on_an_interface_keeps_it_from_being_forgotten(api, host, eth0, eth1, refused):
    assert refused(api.PIF.forget, eth0) == ["PIF_IS_MANAGEMENT_INTERFACE", eth0]
    other = next(ref for ref in api.host.get_all() if ref != host)
    there = pif_of(api, other, "eth1")
    for vlan in api.PIF.get_VLAN_slave_of(there):
        api.VLAN.destroy(vlan)
    api.tunnel.create(there, a_network(api))
    assert refused(api.PIF.forget, there) == ["PIF_TUNNEL_STILL_EXISTS", there]


def test_an_interface_that_a_cluster_talks_over_stays_as_it_is(api, host, eth1, make, refused):
    node = make("Cluster_host", host=host, PIF=eth1, enabled=True)
    api.PIF.set_disallow_unplug(eth1, True)
    assert refused(api.PIF.set_disallow_unplug, eth1, False) == ["CLUSTERING_ENABLED", node]
    assert refused(api.PIF.reconfigure_ip, eth1, "DHCP", "", "", "", "") == ["CLUSTERING_ENABLED", node]
    assert refused(api.PIF.set_primary_address_type, eth1, "IPv6") == ["CLUSTERING_ENABLED", node]


def test_an_interface_that_vms_use_is_not_unplugged(api, host, eth1, vm_on, refused):
    network = api.PIF.get_network(eth1)
    _, vif = vm_on(network, host)
    assert refused(api.PIF.unplug, eth1) == ["VIF_IN_USE", network, vif]


def test_unmanaged_interfaces_are_left_alone(api, host, eth1, change, refused):
    change(eth1, managed=False)
    for call in (api.PIF.plug, api.PIF.unplug):
        assert refused(call, eth1) == ["PIF_UNMANAGED", eth1]
    assert refused(api.PIF.reconfigure_ip, eth1, "DHCP", "", "", "", "") == ["PIF_UNMANAGED", eth1]
    assert refused(api.PIF.reconfigure_ipv6, eth1, "DHCP", "", "", "") == ["PIF_UNMANAGED", eth1]
    assert refused(api.host.management_reconfigure, eth1) == ["PIF_UNMANAGED", eth1]


def test_management_moves_to_an_interface_with_an_address(api, host, eth0, eth1, refused):
    assert refused(api.host.management_reconfigure, eth1) == ["PIF_HAS_NO_NETWORK_CONFIGURATION", eth1]
    api.PIF.reconfigure_ip(eth1, "Static", "10.9.0.1", "255.255.0.0", "", "")
    api.host.management_reconfigure(eth1)
    assert (api.host.get_management_interface(host), api.host.get_address(host)) == (eth1, "10.9.0.1")
    assert api.PIF.get_management(eth0) is False
    api.host.management_reconfigure(eth1)
    api.PIF.unplug(eth0)


def test_management_moves_to_ipv6_with_its_interface(api, host, eth1, refused):
    api.PIF.set_primary_address_type(eth1, "IPv6")
    assert refused(api.host.management_reconfigure, eth1) == ["PIF_HAS_NO_V6_NETWORK_CONFIGURATION", eth1]
    api.PIF.reconfigure_ipv6(eth1, "Static", "fd00::9/64", "", "")
    api.host.management_reconfigure(eth1)
    assert api.host.get_address(host) == "fd00::9"
    assert refused(api.PIF.set_primary_address_type, eth1, "IPv4") == ["PIF_IS_MANAGEMENT_INTERFACE", eth1]
    assert refused(api.PIF.reconfigure_ipv6, eth1, "None", "", "", "") == ["PIF_IS_MANAGEMENT_INTERFACE", eth1]


def test_management_of_the_pool_moves_on_all_hosts_or_on_none(api, host, refused):
    network = a_network(api)
    pifs = api.pool.create_VLAN_from_PIF(pif_of(api, host, "eth0"), network, "9")
    first = refused(api.pool.management_reconfigure, network)
    assert first[0] == "PIF_HAS_NO_NETWORK_CONFIGURATION"
    for number, pif in enumerate(pifs):
        api.PIF.reconfigure_ip(pif, "Static", f"10.9.0.{number + 1}", "255.255.0.0", "", "")
    api.pool.management_reconfigure(network)
    assert refs(api.host.get_management_interface, *api.host.get_all()) == set(pifs)
    assert {api.host.get_address(ref).rpartition(".")[0] for ref in api.host.get_all()} == {"10.9.0"}


def test_management_is_disabled_on_the_coordinator_only(api, host, refused):
    assert refused(api.host.local_management_reconfigure, "eth0") == ["NOT_IN_EMERGENCY_MODE"]
    api.host.management_disable()
    assert refused(api.host.get_management_interface, host) == ["HOST_HAS_NO_MANAGEMENT_IP"]


def test_multicast_snooping_is_for_open_vswitch_and_shows_on_the_interfaces(api, host, eth0, refused, change):
    pool = api.pool.get_all()[0]
    api.pool.set_igmp_snooping_enabled(pool, True)
    assert (api.pool.get_igmp_snooping_enabled(pool), api.PIF.get_igmp_snooping_status(eth0)) == (True, "enabled")
    api.pool.set_igmp_snooping_enabled(pool, False)
    assert api.PIF.get_igmp_snooping_status(eth0) == "disabled"
    change(host, software_version=frozenmap({"network_backend": "bridge"}))
    assert refused(api.pool.set_igmp_snooping_enabled, pool, True) == ["OPENVSWITCH_NOT_ACTIVE"]


# VIFs ---------------------------------------------------------------------------------------------------------------------


def test_the_address_of_an_interface_follows_from_its_vm_and_position(api, vm_on):
    """The same seed gives the same addresses everywhere."""
    network = a_network(api)
    vm, _ = vm_on(network)
    api.VM.set_other_config(vm, {"mac_seed": "c9a3d3f4-6d21-4a1b-9d3e-1a2b3c4d5e6f"})
    record = {"VM": vm, "network": network, "MAC": "", "MTU": "1500", "other_config": {}, "qos_algorithm_type": "",
              "qos_algorithm_params": {}}  # fmt: skip
    api.VIF.destroy(api.VM.get_VIFs(vm)[0])
    vifs = [api.VIF.create(record | {"device": device}) for device in "012"]
    assert [api.VIF.get_MAC(vif) for vif in vifs] == ["8e:52:68:50:65:3e", "ae:40:07:97:e1:0c", "56:b2:5a:6b:b3:35"]
    assert all(api.VIF.get_MAC_autogenerated(vif) for vif in vifs)


@pytest.mark.parametrize("mac", ["02:00:00:00:00", "02-00-00-00-00-01", "0g:00:00:00:00:01", "nonsense"])
def test_bad_addresses_are_refused_and_leave_nothing(api, vm_on, refused, mac):
    network = a_network(api)
    vm, vif = vm_on(network)
    record = api.VIF.get_record(vif) | {"MAC": mac, "device": "1"}
    assert refused(api.VIF.create, record) == ["MAC_INVALID", mac]
    assert api.VM.get_VIFs(vm) == [vif]


def test_an_interface_moves_while_its_vm_runs(api, host, eth0, eth1, vm_on, refused):
    _, vif = vm_on(api.PIF.get_network(eth0), host)
    api.VIF.move(vif, api.PIF.get_network(eth1))
    assert (api.VIF.get_network(vif), api.VIF.get_currently_attached(vif)) == (api.PIF.get_network(eth1), True)
    other = next(ref for ref in api.host.get_all() if ref != host)
    there = a_network(api)
    api.VLAN.create(pif_of(api, other, "eth0"), "9", there)
    assert refused(api.VIF.move, vif, there) == ["HOST_CANNOT_ATTACH_NETWORK", host, there]


def test_an_interface_on_virtual_functions_does_not_move(api, host, sriov, vm_on, refused):
    network = api.PIF.get_network(api.network_sriov.get_logical_PIF(sriov))
    _, vif = vm_on(network)
    assert refused(api.VIF.move, vif, a_network(api))[0] == "OPERATION_NOT_ALLOWED"


# Hosts that do not do as they are told ----------------------------------------------------------------------------------


@pytest.fixture
def away(api, xapid_server, monkeypatch):
    """A member's physical interface, which its host cannot bring anything up on."""
    pool = api.pool.get_all()[0]
    host = next(ref for ref in api.host.get_all() if ref != api.pool.get_master(pool))

    async def fails(pif):
        raise AgentFailure("unreachable", (api.host.get_uuid(host),))

    monkeypatch.setattr(xapid_server.pool.services.agents.get(host).network, "pif_plug", fails)
    return next(ref for ref in api.host.get_PIFs(host) if api.PIF.get_management(ref))


def made_of(api):
    return [set(getattr(api, cls).get_all()) for cls in ("PIF", "VLAN", "tunnel", "network_sriov")]


@pytest.mark.parametrize("what", ["VLAN", "VLANs of the pool", "tunnel", "SR-IOV"])
def test_what_a_host_does_not_bring_up_is_not_made(api, away, change, refused, what):
    network = a_network(api)
    change(away, capabilities=("sriov",))
    before, host = made_of(api), api.PIF.get_host(away)
    calls = {
        "VLAN": (api.VLAN.create, away, "77", network),
        "VLANs of the pool": (api.pool.create_VLAN, api.PIF.get_device(away), network, "77"),
        "tunnel": (api.tunnel.create, away, network),
        "SR-IOV": (api.network_sriov.create, away, network),
    }
    assert refused(*calls[what]) == ["CANNOT_CONTACT_HOST", host]
    assert made_of(api) == before


def test_a_bond_that_a_host_does_not_bring_up_leaves_everything_as_it_was(api, away, refused):
    host = api.PIF.get_host(away)
    other = next(ref for ref in api.host.get_PIFs(host) if ref != away and api.PIF.get_physical(ref))

    def everything():
        return {cls: getattr(api, cls).get_all_records() for cls in ("PIF", "VLAN", "tunnel", "Bond", "VIF", "host")}

    network, members = a_network(api), [away, other]
    before = everything()
    assert any(vlan["tagged_PIF"] in members for vlan in before["VLAN"].values())
    assert refused(api.Bond.create, network, members, "", "balance-slb", {}) == ["CANNOT_CONTACT_HOST", host]
    assert everything() == before
