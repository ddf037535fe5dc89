"""The networks of a new pool and the hosts' connections to them: interfaces, their cards and metrics, VLANs."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

import attrs

from xapid.inventory.build import Build
from xapid.inventory.hosts import Host

INTERNAL_BRIDGE: Final = "xenapi"
VLAN_MAC: Final = "fe:ff:ff:ff:ff:ff"
"""What an interface without hardware of its own shows."""
LINK_SPEED: Final = 10000
"""Megabits per second."""


@attrs.frozen
class Vlan:
    """A VLAN network and its tag."""

    network: str
    tag: int


@attrs.frozen
class Fabric:
    """The networks that every host is connected to: one for each physical interface, then the VLANs on the last of them."""

    physical: tuple[str, ...]
    vlans: tuple[Vlan, ...]


def create_networks(build: Build) -> Fabric:
    """The pool's networks: the hosts share one network for each interface, because their bridges have the same name."""
    build.make(
        "network",
        name_label="Host internal management network",
        name_description="Connects guests to their host, and to nothing outside it",
        bridge=INTERNAL_BRIDGE,
        other_config={
            "is_guest_installer_network": "true",
            "is_host_internal_management_network": "true",
            "ip_begin": "169.254.0.1",
            "ip_end": "169.254.255.254",
            "netmask": "255.255.0.0",
        },
    )
    physical = tuple(
        build.make("network", name_label=f"Pool-wide network associated with eth{nic}", bridge=f"xenbr{nic}")
        for nic in range(build.counts.nics)
    )
    vlans = tuple(
        Vlan(build.make("network", name_label=f"VLAN {tag}", bridge=f"xapi{index}"), tag)
        for index, tag in enumerate(range(10, 10 * (build.counts.vlans + 1), 10))
    )
    return Fabric(physical, vlans)


def connect_host(build: Build, fabric: Fabric, host: Host) -> None:
    """The host's interfaces: all plugged, the first one with the management address, the last one with the VLANs."""
    base: dict[str, Any] = {}
    for nic, network in enumerate(fabric.physical):
        card = _card(build, host, nic)
        base = {
            "host": host.ref,
            "device": f"eth{nic}",
            "MTU": 1500,
            "currently_attached": True,
            "metrics": _metrics(build, nic),
        }
        address = management_address(host.address) if nic == 0 else {}
        if build.counts.functions and nic == len(fabric.physical) - 1:
            address["capabilities"] = ["sriov"]
            _add_functions(build, host, card)
        tagged = build.make(
            "PIF",
            **base,
            network=network,
            MAC=build.ids.mac(),
            VLAN=-1,
            physical=True,
            PCI=card,
            properties={"gro": "on"},
            **address,
        )
    for vlan in fabric.vlans:
        _add_vlan(build, base, tagged, vlan)


def management_address(address: str) -> dict[str, Any]:
    """The fields of an interface that holds the host's address."""
    fields: dict[str, Any] = {"management": True, "primary_address_type": "IPv4"}
    parsed = ipaddress.ip_address(address)
    if parsed.version == 6:
        prefix = 128 if parsed.is_loopback else 64
        return fields | {
            "primary_address_type": "IPv6",
            "ipv6_configuration_mode": "Static",
            "IPv6": [f"{address}/{prefix}"],
        }
    netmask = "255.0.0.0" if parsed.is_loopback else "255.255.255.0"
    return fields | {"ip_configuration_mode": "Static", "IP": address, "netmask": netmask}


def _add_vlan(build: Build, base: dict[str, Any], tagged: str, vlan: Vlan) -> None:
    row, untagged = build.ids.ref(), build.ids.ref()
    build.make(
        "PIF", **{**base, "ref": untagged, "network": vlan.network, "MAC": VLAN_MAC, "VLAN": vlan.tag, "VLAN_master_of": row}
    )
    build.make("VLAN", ref=row, tagged_PIF=tagged, untagged_PIF=untagged, tag=vlan.tag)


def _card(build: Build, host: Host, nic: int) -> str:
    return build.make(
        "PCI",
        class_id="0200",
        class_name="Ethernet controller",
        vendor_id="8086",
        vendor_name="Intel Corporation",
        device_id="1572",
        device_name="Ethernet Controller X710 for 10GbE SFP+",
        host=host.ref,
        pci_id=f"0000:04:00.{nic}",
        driver_name="i40e",
    )


def _add_functions(build: Build, host: Host, card: str) -> None:
    """The virtual functions of a network card."""
    for number in range(build.counts.functions):
        build.make(
            "PCI",
            class_id="0200",
            class_name="Ethernet controller",
            vendor_id="8086",
            vendor_name="Intel Corporation",
            device_id="154c",
            device_name="Ethernet Virtual Function 700 Series",
            host=host.ref,
            pci_id=f"0000:05:{2 + number // 8:02x}.{number % 8}",
            physical_function=card,
            driver_name="iavf",
        )


def _metrics(build: Build, nic: int) -> str:
    return build.make(
        "PIF_metrics",
        carrier=True,
        vendor_id="8086",
        vendor_name="Intel Corporation",
        device_id="1572",
        device_name="Ethernet Controller X710 for 10GbE SFP+",
        speed=LINK_SPEED,
        duplex=True,
        pci_bus_path=f"0000:04:00.{nic}",
        last_updated=build.now,
    )
