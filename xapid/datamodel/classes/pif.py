"""Physical network interfaces of hosts."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import NULL_REF, Bool, DateTime, Enum, Float, Int, Map, Ref, Set, String, Void

pif_igmp_status = Enum(
    "pif_igmp_status",
    "State of multicast snooping on an interface.",
    {
        "enabled": "snooping is active",
        "disabled": "snooping is not active",
        "unknown": "the state could not be determined",
    },
)

ip_configuration_mode = Enum(
    "ip_configuration_mode",
    "Ways of obtaining an IPv4 address.",
    {
        "None": "no address",
        "DHCP": "leased from a DHCP server",
        "Static": "fixed address set by the administrator",
    },
)

ipv6_configuration_mode = Enum(
    "ipv6_configuration_mode",
    "Ways of obtaining an IPv6 address.",
    {
        "None": "no address",
        "DHCP": "leased from a DHCPv6 server",
        "Static": "fixed address set by the administrator",
        "Autoconf": "derived from router advertisements",
    },
)

primary_address_type = Enum(
    "primary_address_type",
    "Address families an interface can prefer.",
    {
        "IPv4": "",
        "IPv6": "",
    },
)


PIF = Class(
    "PIF",
    "A network interface of a host: a real card port or a VLAN, bond, tunnel or SR-IOV interface on top.",
    "rio",
    enums=(pif_igmp_status, ip_configuration_mode, ipv6_configuration_mode, primary_address_type),
    fields=(
        runtime("uuid", String, "Unique identifier of this interface, stable across references and restarts.", "rio"),
        constructed("device", String, "Name of the interface as the host's control domain knows it, such as eth0.", "rio"),
        constructed("network", Ref("network"), "Network to which the interface connects its host.", "rio"),
        constructed("host", Ref("host"), "Host that owns the interface.", "rio"),
        constructed("MAC", String, "Hardware address of the interface, six colon-separated hexadecimal bytes.", "rio"),
        constructed("MTU", Int, "Largest packet the interface carries, in bytes.", "rio"),
        constructed("VLAN", Int, "VLAN tag put on all traffic, or -1 when untagged.", "rio"),
        writable("device_name", String, "Device name under which the interface is really configured.", internal=True),
        runtime("metrics", Ref("PIF_metrics"), "Link state and hardware details of the interface.", "rio"),
        runtime("physical", Bool, "True when the interface stands for a real port of the host.", "miami", default=False),
        runtime("currently_attached", Bool, "True while the interface is up on its host.", "miami", default=True),
        runtime(
            "ip_configuration_mode", ip_configuration_mode, "How the interface gets its IPv4 address.", "miami", default="None",
        ),
        runtime("IP", String, "IPv4 address of the interface, or empty.", "miami", default=""),
        runtime("netmask", String, "IPv4 network mask in dotted form, or empty.", "miami", default=""),
        runtime("gateway", String, "IPv4 default gateway, or empty.", "miami", default=""),
        runtime("DNS", String, "Comma-separated addresses of the name servers to use.", "miami", default=""),
        runtime("bond_slave_of", Ref("Bond"), "Bond in which this interface is a member, or null.", "miami", default=NULL_REF),
        runtime(
            "bond_master_of", Set(Ref("Bond")), "Bonds for which this interface is the combined interface.", "miami",
            derived_from=Derived("Bond", "master"),
        ),
        runtime(
            "VLAN_master_of", Ref("VLAN"), "VLAN whose traffic this interface presents without its tag, or null.", "miami",
            default=NULL_REF,
        ),
        runtime(
            "VLAN_slave_of", Set(Ref("VLAN")), "VLANs that are carried over this interface.", "miami",
            derived_from=Derived("VLAN", "tagged_PIF"),
        ),
        runtime("management", Bool, "True when the host is managed over this interface.", "miami", default=False),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this interface.",
            "miami", default={},
        ),
        runtime(
            "disallow_unplug", Bool, "True when the interface must stay up, so unplugging it is refused.", "orlando",
            default=False,
        ),
        runtime(
            "tunnel_access_PIF_of", Set(Ref("tunnel")), "Tunnels to which this interface gives access.", "cowley",
            derived_from=Derived("tunnel", "access_PIF"),
        ),
        runtime(
            "tunnel_transport_PIF_of", Set(Ref("tunnel")), "Tunnels whose encapsulated packets travel over this interface.",
            "cowley", derived_from=Derived("tunnel", "transport_PIF"),
        ),
        runtime(
            "ipv6_configuration_mode", ipv6_configuration_mode, "How the interface gets its IPv6 address.", "tampa",
            default="None",
        ),
        runtime("IPv6", Set(String), "IPv6 addresses of the interface, each with prefix length.", "tampa", default=()),
        runtime("ipv6_gateway", String, "IPv6 default gateway, or empty.", "tampa", default=""),
        runtime(
            "primary_address_type", primary_address_type,
            "Address family by which other hosts and clients reach this interface first.", "tampa", default="IPv4",
        ),
        constructed(
            "managed", Bool, "True when the server may configure the interface; false leaves it to other tools.",
            "vgpu-productisation", default=True,
        ),
        runtime(
            "properties", Map(String, String), "Extra hardware settings of the interface, such as gro set to on or off.",
            "creedence", default={},
        ),
        runtime("capabilities", Set(String), "Extra abilities of the hardware, such as sriov.", "dundee", default=()),
        runtime(
            "igmp_snooping_status", pif_igmp_status, "Whether multicast snooping is active on the bridge behind the interface.",
            "inverness", default="unknown",
        ),
        runtime(
            "sriov_physical_PIF_of", Set(Ref("network_sriov")),
            "SR-IOV configurations that use this interface as the real port.", "kolkata",
            derived_from=Derived("network_sriov", "physical_PIF"),
        ),
        runtime(
            "sriov_logical_PIF_of", Set(Ref("network_sriov")),
            "SR-IOV configurations that use this interface as the logical one.", "kolkata",
            derived_from=Derived("network_sriov", "logical_PIF"),
        ),
        runtime("PCI", Ref("PCI"), "PCI device that provides the interface, or null.", "kolkata", default=NULL_REF),
    ),
    messages=(
        Message(
            "create_VLAN",
            (Param("device", String), Param("network", Ref("network")), Param("host", Ref("host")), Param("VLAN", Int)),
            Ref("PIF"), "Creates a VLAN interface with the given tag on the named device of a host.",
            Lifecycle(published="rio", deprecated="miami"), errors=("VLAN_TAG_INVALID",), forward=to_host("host"),
        ),
        Message(
            "destroy", (Param("self", Ref("PIF")),), Void, "Removes a VLAN interface along with its VLAN.",
            Lifecycle(published="rio", deprecated="miami"), errors=("PIF_IS_PHYSICAL",), forward=to_host("self"),
        ),
        Message(
            "reconfigure_ip",
            (
                Param("self", Ref("PIF")), Param("mode", ip_configuration_mode), Param("IP", String), Param("netmask", String),
                Param("gateway", String), Param("DNS", String),
            ),
            Void, "Changes the IPv4 settings of the interface and applies them if it is up.", "miami",
            errors=("CLUSTERING_ENABLED",), forward=to_host("self"),
        ),
        Message(
            "reconfigure_ipv6",
            (
                Param("self", Ref("PIF")), Param("mode", ipv6_configuration_mode), Param("IPv6", String),
                Param("gateway", String), Param("DNS", String),
            ),
            Void, "Changes the IPv6 settings of the interface and applies them if it is up.", "tampa",
            errors=("CLUSTERING_ENABLED",), forward=to_host("self"),
        ),
        Message(
            "set_primary_address_type", (Param("self", Ref("PIF")), Param("primary_address_type", primary_address_type)), Void,
            "Chooses whether IPv4 or IPv6 is the main address family of the interface.", "tampa", forward=to_host("self"),
        ),
        Message(
            "scan", (Param("host", Ref("host")),), Void,
            "Looks for network cards on the host and creates an interface record for each new one.", "miami",
            forward=to_host("host"),
        ),
        Message(
            "introduce",
            (Param("host", Ref("host")), Param("MAC", String), Param("device", String), Param("managed", Bool, True)),
            Ref("PIF"), "Creates a record for the network card with the given address and device name on a host.", "miami",
            forward=to_host("host"),
        ),
        Message(
            "forget", (Param("self", Ref("PIF")),), Void, "Removes the record of a network card's interface.", "miami",
            errors=("PIF_TUNNEL_STILL_EXISTS", "CLUSTERING_ENABLED"), forward=to_host("self"),
        ),
        Message(
            "unplug", (Param("self", Ref("PIF")),), Void, "Takes the interface down on its host.", "miami",
            errors=(
                "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN", "VIF_IN_USE", "PIF_DOES_NOT_ALLOW_UNPLUG", "PIF_HAS_FCOE_SR_IN_USE",
            ),
            forward=to_host("self"),
        ),
        Message(
            "set_disallow_unplug", (Param("self", Ref("PIF")), Param("value", Bool)), Void,
            "Sets whether attempts to take the interface down are refused.", "orlando",
            errors=("OTHER_OPERATION_IN_PROGRESS", "CLUSTERING_ENABLED"),
        ),
        Message(
            "plug", (Param("self", Ref("PIF")),), Void, "Brings the interface up on its host.", "miami",
            errors=("TRANSPORT_PIF_NOT_CONFIGURED",), forward=to_host("self"),
        ),
        Message(
            "pool_introduce",
            (
                Param("device", String), Param("network", Ref("network")), Param("host", Ref("host")), Param("MAC", String),
                Param("MTU", Int), Param("VLAN", Int), Param("physical", Bool),
                Param("ip_configuration_mode", ip_configuration_mode), Param("IP", String), Param("netmask", String),
                Param("gateway", String), Param("DNS", String), Param("bond_slave_of", Ref("Bond")),
                Param("VLAN_master_of", Ref("VLAN")), Param("management", Bool), Param("other_config", Map(String, String)),
                Param("disallow_unplug", Bool, False), Param("ipv6_configuration_mode", ipv6_configuration_mode, "None"),
                Param("IPv6", Set(String), ()), Param("ipv6_gateway", String, ""),
                Param("primary_address_type", primary_address_type, "IPv4"), Param("managed", Bool, True),
                Param("properties", Map(String, String), {}),
            ),
            Ref("PIF"), "Creates a full interface record; used between hosts when one joins a pool.", hidden=True,
        ),
        Message(
            "db_introduce",
            (
                Param("device", String), Param("network", Ref("network")), Param("host", Ref("host")), Param("MAC", String),
                Param("MTU", Int), Param("VLAN", Int), Param("physical", Bool),
                Param("ip_configuration_mode", ip_configuration_mode), Param("IP", String), Param("netmask", String),
                Param("gateway", String), Param("DNS", String), Param("bond_slave_of", Ref("Bond")),
                Param("VLAN_master_of", Ref("VLAN")), Param("management", Bool), Param("other_config", Map(String, String)),
                Param("disallow_unplug", Bool, False), Param("ipv6_configuration_mode", ipv6_configuration_mode, "None"),
                Param("IPv6", Set(String), ()), Param("ipv6_gateway", String, ""),
                Param("primary_address_type", primary_address_type, "IPv4"), Param("managed", Bool, True),
                Param("properties", Map(String, String), {}),
            ),
            Ref("PIF"), "Writes a full interface record into the database without touching the host.", "orlando",
        ),
        Message(
            "db_forget", (Param("self", Ref("PIF")),), Void,
            "Deletes an interface record from the database without touching the host.", "orlando",
        ),
        Message(
            "set_property", (Param("self", Ref("PIF")), Param("name", String), Param("value", String)), Void,
            "Sets one hardware property of the interface to the given value.", "creedence", forward=to_host("self"),
        ),
    ),
)


PIF_metrics = Class(
    "PIF_metrics",
    "Link state and hardware details of a host network interface.",
    "rio",
    fields=(
        runtime("uuid", String, "Unique identifier of this metrics record, stable across references and restarts.", "rio"),
        runtime(
            "io_read_kbs", Float, "Former receive rate in KiB per second; no longer updated.",
            Lifecycle(published="rio", deprecated="tampa", removed="tampa"), default=0.0, persist=False,
        ),
        runtime(
            "io_write_kbs", Float, "Former transmit rate in KiB per second; no longer updated.",
            Lifecycle(published="rio", deprecated="tampa", removed="tampa"), default=0.0, persist=False,
        ),
        runtime("carrier", Bool, "True when the link is up.", "rio"),
        runtime("vendor_id", String, "Hexadecimal code of the card's maker.", "rio"),
        runtime("vendor_name", String, "Name of the card's maker.", "rio"),
        runtime("device_id", String, "Hexadecimal code of the card's model.", "rio"),
        runtime("device_name", String, "Name of the card's model.", "rio"),
        runtime("speed", Int, "Link speed in Mbit/s, 0 if unknown.", "rio"),
        runtime("duplex", Bool, "True when the link runs in full duplex.", "rio"),
        runtime("pci_bus_path", String, "PCI bus address of the card.", "rio"),
        runtime("last_updated", DateTime, "Moment at which this record was last refreshed.", "rio"),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this metrics record.",
            "orlando", default={},
        ),
    ),
)
