"""What simulated guests are like."""

from __future__ import annotations

import pytest

from xapid.agent.simulator.guest import AddressPlan, Guest


def test_an_interface_has_the_same_address_whenever_it_is_asked_for():
    plan = AddressPlan()
    assert plan.lease("net-1", "02:00:00:00:00:01") == plan.lease("net-1", "02:00:00:00:00:01".upper())
    assert AddressPlan().lease("net-1", "02:00:00:00:00:01") == plan.lease("net-1", "02:00:00:00:00:01")


def test_a_thousand_interfaces_of_a_network_have_a_thousand_addresses_in_one_range():
    plan = AddressPlan()
    addresses = {plan.lease("net-1", f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}") for number in range(1000)}
    assert len(addresses) == 1000
    assert len({address.split(".")[1] for address in addresses}) == 1


def test_a_network_that_has_seen_more_interfaces_than_addresses_gives_those_of_the_longest_gone_again():
    plan = AddressPlan(many=100)
    lasting = plan.lease("net", "lasting")
    seen = set()
    for n in range(1000):
        seen.add(plan.lease("net", f"mac {n}"))
        assert plan.lease("net", "lasting") == lasting
    assert len(seen) > 900
    assert len({plan.lease("net", f"mac {n}") for n in range(901, 1000)} | {lasting}) == 100
    assert len(plan._taken) == 100


@pytest.mark.parametrize(
    ("template", "settings", "distro"),
    [
        ("Debian Bookworm 12", {}, "debian"), ("Rocky Linux 9", {}, "rocky"), ("Windows 10 (64-bit)", {}, "windows"),
        ("Other install media", {}, "debian"), ("Other install media", {"simulator.os": "windows"}, "windows"),
    ],
)  # fmt: skip
def test_a_guest_is_what_its_template_was_for(vm, template, settings, distro):
    guest = Guest(vm(other_config={"base_template_name": template, **settings}))
    assert guest.report(AddressPlan())["os_version"]["distro"] == distro


def test_a_setting_that_makes_no_sense_is_passed_over(vm):
    guest = Guest(vm(other_config={"simulator.then": "dance 5", "simulator.agent": "soon", "simulator.shutdown": "?"}))
    assert (guest.own_idea, guest.seconds("agent", 2), guest.reaction("shutdown")) == (None, 2, "obeys")


@pytest.mark.parametrize(
    ("settings", "addresses", "expected"),
    [
        ({}, [], {"0/ip": "{lease}", "0/ipv4/0": "{lease}", "0/ipv6/0": "fe80::0:ff:fe00:1"}),
        ({}, ["192.0.2.9"], {"0/ip": "192.0.2.9", "0/ipv4/0": "192.0.2.9", "0/ipv6/0": "fe80::0:ff:fe00:1"}),
        (
            {}, ["2001:db8::9"],
            {"0/ip": "{lease}", "0/ipv4/0": "{lease}", "0/ipv6/0": "2001:db8::9", "0/ipv6/1": "fe80::0:ff:fe00:1"},
        ),
        (
            {"simulator.ips": "0=192.0.2.7 0=192.0.2.8 0=2001:db8::7 1=192.0.2.1"}, ["192.0.2.9"],
            {"0/ip": "192.0.2.7", "0/ipv4/0": "192.0.2.7", "0/ipv4/1": "192.0.2.8", "0/ipv6/0": "2001:db8::7"},
        ),
        ({"simulator.ips": "0=none"}, [], {}),
    ],
)  # fmt: skip
def test_a_guest_tells_the_addresses_that_it_was_given_or_that_its_script_says(vm, nic, settings, addresses, expected):
    plan = AddressPlan()
    guest = Guest(vm(other_config=settings, nics=[nic(addresses=addresses)]))
    lease = plan.lease("net-1", "02:00:00:00:00:01")
    assert guest.report(plan)["networks"] == {name: text.format(lease=lease) for name, text in expected.items()}
