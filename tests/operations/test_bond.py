from __future__ import annotations

import pytest

from refusals import refused


@pytest.fixture
def host(api):
    return api.pool.get_master(api.pool.get_all()[0])


@pytest.fixture
def network(api):
    return api.network.create({"name_label": "bonded", "other_config": {}})


def physical(api, host):
    rows = api.PIF.get_all_records()
    return sorted(
        (ref for ref, row in rows.items() if row["host"] == host and row["physical"]), key=lambda r: rows[r]["device"]
    )


def test_a_bond_takes_addresses_management_and_vlans_from_its_members(api, host, network):
    eth0, eth1 = physical(api, host)
    before = api.PIF.get_record(eth0)
    vlans = api.PIF.get_VLAN_slave_of(eth1)
    bond = api.Bond.create(network, [eth0, eth1], "")
    upper = api.Bond.get_record(bond)
    master = api.PIF.get_record(upper["master"])
    assert (master["device"], master["MAC"], master["IP"], master["management"]) == ("bond0", before["MAC"], before["IP"], True)
    assert master["currently_attached"] is True
    assert (upper["primary_slave"], upper["auto_update_mac"], upper["links_up"]) == (eth0, True, "2")
    assert set(upper["slaves"]) == {eth0, eth1}
    assert set(master["VLAN_slave_of"]) == set(vlans)
    assert {api.PIF.get_device(api.VLAN.get_untagged_PIF(vlan)) for vlan in vlans} == {"bond0"}
    member = api.PIF.get_record(eth0)
    assert (member["bond_slave_of"], member["ip_configuration_mode"], member["management"]) == (bond, "None", False)
    assert refused(api.PIF.plug, eth0) == ["CANNOT_PLUG_BOND_SLAVE", eth0]
    assert refused(api.PIF.forget, eth1) == ["PIF_ALREADY_BONDED", eth1]


def test_what_a_bond_took_goes_back_to_its_primary_member(api, host, network):
    eth0, eth1 = physical(api, host)
    vlans = api.PIF.get_VLAN_slave_of(eth1)
    bond = api.Bond.create(network, [eth1, eth0], "")
    master = api.Bond.get_master(bond)
    api.Bond.destroy(bond)
    row = api.PIF.get_record(eth0)
    assert (row["management"], row["ip_configuration_mode"], row["bond_slave_of"]) == (True, "Static", "OpaqueRef:NULL")
    assert set(row["VLAN_slave_of"]) == set(vlans)
    assert refused(api.PIF.get_uuid, master) == ["HANDLE_INVALID", "PIF", master]
    assert api.PIF.get_currently_attached(eth1) is True


def test_members_that_do_not_go_together_are_refused(api, host, network):
    eth0, eth1 = physical(api, host)
    other = next(ref for ref in api.host.get_all() if ref != host)
    elsewhere = physical(api, other)[1]
    (vlan,) = [api.VLAN.get_untagged_PIF(v) for v in api.PIF.get_VLAN_slave_of(eth1)][:1]
    assert refused(api.Bond.create, network, [], "") == ["PIF_BOND_NEEDS_MORE_MEMBERS"]
    assert refused(api.Bond.create, network, [eth0], "nonsense") == ["MAC_INVALID", "nonsense"]
    assert refused(api.Bond.create, network, [eth0, vlan], "") == ["PIF_VLAN_EXISTS", "eth1"]
    assert refused(api.Bond.create, network, [eth0, elsewhere], "") == ["PIF_CANNOT_BOND_CROSS_HOST"]
    api.PIF.reconfigure_ip(eth1, "Static", "10.0.0.1", "255.0.0.0", "", "")
    assert refused(api.Bond.create, network, [eth0, eth1], "") == ["PIF_BOND_MORE_THAN_ONE_IP"]


def test_only_lacp_has_properties(api, host, network):
    eth0, eth1 = physical(api, host)
    bad = ["INVALID_VALUE", "properties", "hashing_algorithm = src_mac"]
    assert refused(api.Bond.create, network, [eth0, eth1], "", "balance-slb", {"hashing_algorithm": "src_mac"}) == bad
    bond = api.Bond.create(network, [eth0, eth1], "", "lacp", {"lacp-time": "fast"})
    assert api.Bond.get_properties(bond) == {
        "hashing_algorithm": "tcpudp_ports", "lacp-time": "fast", "lacp-fallback-ab": "true",
    }  # fmt: skip
    api.Bond.set_property(bond, "lacp-aggregation-key", "7")
    assert refused(api.Bond.set_property, bond, "lacp-aggregation-key", "x")[0] == "INVALID_VALUE"
    api.Bond.set_mode(bond, "active-backup")
    assert (api.Bond.get_mode(bond), api.Bond.get_properties(bond)) == ("active-backup", {})


def test_cables_that_are_pulled_and_put_in_show_in_the_bond_and_in_alerts(api, host, network, xapid_clock):
    eth0, eth1 = physical(api, host)
    bond = api.Bond.create(network, [eth0, eth1], "")
    uuid, metrics = api.host.get_uuid(host), api.PIF.get_metrics(eth1)

    def state():
        xapid_clock.pass_time(1)
        told = [m for m in api.message.get_all_records().values() if m["name"] == "BOND_STATUS_CHANGED"]
        assert {(m["cls"], m["priority"], m["obj_uuid"]) for m in told} <= {("Host", "3", uuid)}
        return api.PIF_metrics.get_carrier(metrics), api.Bond.get_links_up(bond), len(told)

    api.PIF.add_to_other_config(eth1, "simulator.carrier", "false")
    assert state() == (False, "1", 1)
    api.PIF.add_to_other_config(eth1, "unrelated", "x")
    assert state() == (False, "1", 1)
    api.PIF.remove_from_other_config(eth1, "simulator.carrier")
    assert state() == (True, "2", 2)
