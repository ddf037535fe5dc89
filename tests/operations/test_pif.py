from __future__ import annotations

import pytest

from refusals import refused


@pytest.fixture
def host(api):
    return api.pool.get_master(api.pool.get_all()[0])


def pif_of(api, host, device, vlan="-1"):
    (found,) = [
        ref
        for ref, row in api.PIF.get_all_records().items()
        if (row["host"], row["device"], row["VLAN"]) == (host, device, vlan)
    ]
    return found


def a_network(api, **fields):
    return api.network.create({"name_label": "n", "other_config": {}, **fields})


def test_the_management_interface_is_not_unplugged(api, host):
    pif = pif_of(api, host, "eth0")
    assert refused(api.PIF.unplug, pif) == ["PIF_IS_MANAGEMENT_INTERFACE", pif]


def test_unplugging_and_plugging_are_seen(api, host):
    pif = pif_of(api, host, "eth1")
    api.PIF.unplug(pif)
    assert api.PIF.get_currently_attached(pif) is False
    api.PIF.plug(pif)
    api.PIF.plug(pif)
    assert api.PIF.get_currently_attached(pif) is True


def test_an_interface_takes_the_mtu_of_its_network_when_it_is_plugged(api, host):
    pif = pif_of(api, host, "eth1")
    api.network.set_MTU(api.PIF.get_network(pif), "9000")
    assert api.PIF.get_MTU(pif) == "1500"
    api.PIF.unplug(pif)
    api.PIF.plug(pif)
    assert api.PIF.get_MTU(pif) == "9000"
    vlan = api.VLAN.create(pif, "12", a_network(api, MTU="4000"))
    assert api.PIF.get_MTU(api.VLAN.get_untagged_PIF(vlan)) == "4000"


def test_an_interface_that_must_stay_up_stays_up(api, host):
    pif = pif_of(api, host, "eth1")
    api.PIF.set_disallow_unplug(pif, True)
    assert refused(api.PIF.unplug, pif) == ["PIF_DOES_NOT_ALLOW_UNPLUG", pif]


def test_scanning_finds_again_what_was_forgotten(api, host):
    for vlan in ("10", "20"):
        api.VLAN.destroy(api.PIF.get_VLAN_master_of(pif_of(api, host, "eth1", vlan)))
    pif = pif_of(api, host, "eth1")
    network, mac = api.PIF.get_network(pif), api.PIF.get_MAC(pif)
    api.PIF.forget(pif)
    api.PIF.scan(host)
    found = api.PIF.get_record(pif_of(api, host, "eth1"))
    assert (found["network"], found["MAC"], found["currently_attached"]) == (network, mac, False)
    assert found["properties"] == {"gro": "on"}


def test_an_interface_with_vlans_is_not_forgotten(api, host):
    pif = pif_of(api, host, "eth1")
    assert refused(api.PIF.forget, pif) == ["PIF_VLAN_STILL_EXISTS", pif]


def test_introducing_what_is_there_or_what_is_not_is_refused(api, host):
    assert refused(api.PIF.introduce, host, "", "eth1") == ["DUPLICATE_PIF_DEVICE_NAME", "eth1"]
    assert refused(api.PIF.introduce, host, "nonsense", "eth9") == ["MAC_INVALID", "nonsense"]
    assert refused(api.PIF.introduce, host, "", "eth9")[1:] == ["eth9", ""]


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        (("Static", "x", "255.0.0.0", "", ""), "IP"),
        (("Static", "10.0.0.1", "", "", ""), "netmask"),
        (("Static", "10.0.0.1", "255.0.0.0", "gate", ""), "gateway"),
        (("DHCP", "", "", "", "nameless"), "DNS"),
    ],
)
def test_addresses_are_checked(api, host, arguments, parameter):
    pif = pif_of(api, host, "eth1")
    assert refused(api.PIF.reconfigure_ip, pif, *arguments) == ["INVALID_IP_ADDRESS_SPECIFIED", parameter]


def test_a_static_address_is_stored_and_one_from_dhcp_is_filled_in(api, host):
    pif = pif_of(api, host, "eth1")
    api.PIF.reconfigure_ip(pif, "Static", "10.1.0.5", "255.255.0.0", "10.1.0.1", "10.1.0.2,10.1.0.3")
    row = api.PIF.get_record(pif)
    assert (row["IP"], row["netmask"], row["gateway"], row["DNS"]) == (
        "10.1.0.5",
        "255.255.0.0",
        "10.1.0.1",
        "10.1.0.2,10.1.0.3",
    )
    api.PIF.reconfigure_ip(pif, "DHCP", "", "", "", "")
    assert api.PIF.get_IP(pif) not in ("", "10.1.0.5")


def test_the_address_of_the_management_interface_is_the_hosts(api, host):
    pif = pif_of(api, host, "eth0")
    assert refused(api.PIF.reconfigure_ip, pif, "None", "", "", "", "") == ["PIF_IS_MANAGEMENT_INTERFACE", pif]
    api.PIF.reconfigure_ip(pif, "Static", "127.0.9.9", "255.0.0.0", "", "")
    assert api.host.get_address(host) == "127.0.9.9"


def test_ipv6_addresses_are_cidrs_and_keep_the_name_servers_of_ipv4(api, host):
    pif = pif_of(api, host, "eth1")
    api.PIF.reconfigure_ip(pif, "Static", "10.1.0.5", "255.255.0.0", "", "10.1.0.2")
    assert refused(api.PIF.reconfigure_ipv6, pif, "Static", "fd00::1", "", "") == ["INVALID_CIDR_ADDRESS_SPECIFIED", "IPv6"]
    assert refused(api.PIF.reconfigure_ipv6, pif, "None", "", "10.0.0.1", "") == ["INVALID_IP_ADDRESS_SPECIFIED", "gateway"]
    api.PIF.reconfigure_ipv6(pif, "Static", "fd00::1/64", "fd00::2", "fd00::3")
    assert (api.PIF.get_IPv6(pif), api.PIF.get_DNS(pif)) == (["fd00::1/64"], "fd00::3,10.1.0.2")
    api.PIF.reconfigure_ip(pif, "DHCP", "", "", "", "")
    first, second = api.PIF.get_DNS(pif).split(",")
    assert (first, second) == (api.PIF.get_gateway(pif), "fd00::3")


def test_only_gro_can_be_set(api, host):
    pif = pif_of(api, host, "eth1")
    api.PIF.set_property(pif, "gro", "off")
    assert api.PIF.get_properties(pif) == {"gro": "off"}
    assert refused(api.PIF.set_property, pif, "tso", "on") == ["INVALID_VALUE", "properties", "tso = on"]
    vlan = pif_of(api, host, "eth1", "10")
    assert refused(api.PIF.set_property, vlan, "gro", "on") == ["CANNOT_CHANGE_PIF_PROPERTIES", vlan]


def test_a_vlan_is_an_interface_of_its_own(api, host):
    pif, network = pif_of(api, host, "eth0"), a_network(api)
    vlan = api.VLAN.create(pif, "77", network)
    row = api.PIF.get_record(api.VLAN.get_untagged_PIF(vlan))
    assert (row["device"], row["VLAN"], row["network"], row["currently_attached"]) == ("eth0", "77", network, True)
    assert (row["MAC"], row["physical"], row["VLAN_master_of"]) == ("fe:ff:ff:ff:ff:ff", False, vlan)
    api.VLAN.destroy(vlan)
    assert api.network.get_PIFs(network) == []


def test_vlans_that_cannot_be_are_refused_in_order(api, host):
    eth0, tagged = pif_of(api, host, "eth0"), pif_of(api, host, "eth1", "10")
    used = api.PIF.get_network(eth0)
    assert refused(api.VLAN.create, eth0, "9999", used) == ["NETWORK_ALREADY_CONNECTED", host, eth0]
    assert refused(api.VLAN.create, tagged, "9999", a_network(api)) == ["PIF_IS_VLAN", tagged]
    assert refused(api.VLAN.create, eth0, "9999", a_network(api)) == ["VLAN_TAG_INVALID", "9999"]
    assert refused(api.VLAN.create, pif_of(api, host, "eth1"), "10", a_network(api)) == ["PIF_VLAN_EXISTS", "eth1"]


def test_a_vlan_for_the_whole_pool_is_made_on_every_host_or_on_none(api, host):
    network = a_network(api)
    made = api.pool.create_VLAN_from_PIF(pif_of(api, host, "eth0"), network, "55")
    assert {api.PIF.get_host(pif) for pif in made} == set(api.host.get_all())
    assert refused(api.pool.create_VLAN, "eth7", network, "5") == ["INVALID_VALUE", "device", "eth7"]
    other = a_network(api)
    last = sorted(api.host.get_all())[-1]
    api.VLAN.create(pif_of(api, last, "eth0"), "66", a_network(api))
    assert refused(api.pool.create_VLAN, "eth0", other, "66") == ["PIF_VLAN_EXISTS", "eth0"]
    assert api.network.get_PIFs(other) == []


def test_a_tunnel_needs_a_transport_with_an_address(api, host):
    tunnel = api.tunnel.create(pif_of(api, host, "eth1"), a_network(api))
    access = api.tunnel.get_access_PIF(tunnel)
    assert (api.tunnel.get_status(tunnel), api.PIF.get_device(access)) == ({"active": "false"}, "tunnel0")
    assert refused(api.PIF.plug, access) == ["TRANSPORT_PIF_NOT_CONFIGURED", pif_of(api, host, "eth1")]
    up = api.tunnel.create(pif_of(api, host, "eth0"), a_network(api))
    assert api.tunnel.get_status(up) == {"active": "true"}
    api.tunnel.destroy(up)
    assert refused(api.tunnel.get_uuid, up) == ["HANDLE_INVALID", "tunnel", up]


def test_sriov_needs_a_card_that_can_do_it(api, host):
    pif = pif_of(api, host, "eth0")
    assert refused(api.network_sriov.create, pif, a_network(api)) == ["PIF_IS_NOT_SRIOV_CAPABLE", pif]
