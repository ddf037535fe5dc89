"""What is built on physical interfaces: bonds, VLANs, tunnels and SR-IOV networks."""

from xapid.datamodel.roles import READ_ONLY
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import NULL_REF, Bool, Enum, Int, Map, Ref, Set, String, Void

bond_mode = Enum(
    "bond_mode",
    "How a bond shares traffic among its members.",
    {
        "balance-slb": "spread by source MAC address and VLAN",
        "active-backup": "one member carries all, the others stand by",
        "lacp": "link aggregation negotiated with the switch",
    },
    exact_case=True,
)

tunnel_protocol = Enum(
    "tunnel_protocol",
    "Encapsulations that a tunnel can use.",
    {
        "gre": "Generic Routing Encapsulation",
        "vxlan": "Virtual Extensible LAN",
    },
)

sriov_configuration_mode = Enum(
    "sriov_configuration_mode",
    "Ways of setting up virtual functions on a network card.",
    {
        "sysfs": "through the kernel's sysfs files",
        "modprobe": "through driver module options, needing a reboot",
        "manual": "by the administrator outside the server",
        "unknown": "not determined",
    },
)


Bond = Class(
    "Bond",
    "A bond that joins network interfaces of one host into a single logical one.",
    "miami",
    enums=(bond_mode,),
    fields=(
        runtime("uuid", String, "Unique identifier of the bond.", "rio"),
        constructed("master", Ref("PIF"), "PIF standing for the bonded interface as a whole.", "miami", default=NULL_REF),
        runtime(
            "slaves", Set(Ref("PIF")), "Member PIFs that the bond joins.", "miami",
            derived_from=Derived("PIF", "bond_slave_of"),
        ),
        writable(
            "other_config", Map(String, String), "Extra settings and client data as free key-value pairs.", "miami", default={},
        ),
        runtime(
            "primary_slave", Ref("PIF"), "Member PIF whose IP configuration, and by default MAC address, the bond took over.",
            "boston", default=NULL_REF,
        ),
        runtime("mode", bond_mode, "How traffic is shared among the members.", "boston", default="balance-slb"),
        runtime(
            "properties", Map(String, String), "Further settings of the mode, such as hashing_algorithm for LACP.", "tampa",
            default={},
        ),
        runtime("links_up", Int, "Number of members whose link is up.", "tampa", default=0),
        runtime(
            "auto_update_mac", Bool, "True if the bond's MAC address follows its primary member's.", "quebec", default=True,
        ),
    ),
    messages=(
        Message(
            "create",
            (
                Param("network", Ref("network")), Param("members", Set(Ref("PIF"))), Param("MAC", String),
                Param("mode", bond_mode, "balance-slb"), Param("properties", Map(String, String), {}),
            ),
            Ref("Bond"), "Bonds the given PIFs of one host on a network, with an empty MAC meaning the primary's.", "miami",
            forward=to_host("members"),
        ),
        Message(
            "destroy", (Param("self", Ref("Bond")),), Void,
            "Takes the bond apart and moves its configuration to the primary member.", "miami", forward=to_host("self.master"),
        ),
        Message(
            "set_mode", (Param("self", Ref("Bond")), Param("value", bond_mode)), Void,
            "Changes how traffic is shared among the members.", "boston", forward=to_host("self.master"),
        ),
        Message(
            "set_property", (Param("self", Ref("Bond")), Param("name", String), Param("value", String)), Void,
            "Sets one property of the bond's mode.", "tampa", forward=to_host("self.master"),
        ),
    ),
)


VLAN = Class(
    "VLAN",
    "The tie between a host interface carrying tagged frames and the pseudo-interface of one VLAN on it.",
    "miami",
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "rio"),
        constructed(
            "tagged_PIF", Ref("PIF"), "Underlying interface, on which the VLAN's frames travel tagged.", "miami",
            default=NULL_REF,
        ),
        runtime(
            "untagged_PIF", Ref("PIF"), "Pseudo-interface on which the VLAN's frames appear without their tag.", "miami",
            default=NULL_REF,
        ),
        constructed("tag", Int, "VLAN number, from 0 to 4094.", "miami", default=-1),
        writable(
            "other_config", Map(String, String),
            "Free key/value pairs for clients and for options without a field of their own.", "miami", default={},
        ),
    ),
    messages=(
        Message(
            "pool_introduce",
            (
                Param("tagged_PIF", Ref("PIF")), Param("untagged_PIF", Ref("PIF")), Param("tag", Int),
                Param("other_config", Map(String, String)),
            ),
            Ref("VLAN"), "Creates a record for a VLAN that a joining host brings along.", hidden=True,
        ),
        Message(
            "create", (Param("tagged_PIF", Ref("PIF")), Param("tag", Int), Param("network", Ref("network"))), Ref("VLAN"),
            "Creates a VLAN on an interface and connects it to the given network.", "miami", forward=to_host("tagged_PIF"),
        ),
        Message(
            "destroy", (Param("self", Ref("VLAN")),), Void, "Unplugs and deletes the VLAN together with its pseudo-interface.",
            "miami", forward=to_host("self.tagged_PIF"),
        ),
    ),
)


tunnel = Class(
    "tunnel",
    "An encapsulated network path between hosts, seen by each host as one more interface.",
    "cowley",
    enums=(tunnel_protocol,),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the tunnel.", "cowley"),
        constructed("access_PIF", Ref("PIF"), "Interface through which VMs enter the tunnel.", "cowley", default=NULL_REF),
        constructed(
            "transport_PIF", Ref("PIF"), "Interface that carries the encapsulated traffic.", "cowley", default=NULL_REF,
        ),
        writable(
            "status", Map(String, String), "State of the tunnel, including whether it is active.", "cowley",
            default={"active": "false"},
        ),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the tunnel.",
            "cowley", default={},
        ),
        writable("protocol", tunnel_protocol, "Encapsulation used by the tunnel.", "1.250.0", default="gre"),
    ),
    messages=(
        Message(
            "create",
            (
                Param("transport_PIF", Ref("PIF")), Param("network", Ref("network")), Param("protocol", tunnel_protocol, "gre"),
            ),
            Ref("tunnel"), "Makes a tunnel over an interface for the given network.", "cowley",
            errors=("OPENVSWITCH_NOT_ACTIVE", "TRANSPORT_PIF_NOT_CONFIGURED", "IS_TUNNEL_ACCESS_PIF"),
            forward=to_host("transport_PIF"),
        ),
        Message(
            "destroy", (Param("self", Ref("tunnel")),), Void, "Removes the tunnel and its access interface.", "cowley",
            forward=to_host("self.transport_PIF"),
        ),
    ),
)


network_sriov = Class(
    "network_sriov",
    "SR-IOV in use on a network card, linking the real port with a logical interface.",
    "kolkata",
    enums=(sriov_configuration_mode,),
    fields=(
        runtime(
            "uuid", String, "Unique identifier of this SR-IOV configuration, stable across references and restarts.", "rio",
        ),
        constructed(
            "physical_PIF", Ref("PIF"), "Interface of the card that provides the virtual functions.", "kolkata",
            default=NULL_REF,
        ),
        constructed(
            "logical_PIF", Ref("PIF"), "Interface that stands for the virtual functions on the SR-IOV network.", "kolkata",
            default=NULL_REF,
        ),
        runtime(
            "requires_reboot", Bool, "True when the host must reboot before the configuration takes effect.", "kolkata",
            default=False,
        ),
        runtime(
            "configuration_mode", sriov_configuration_mode, "How virtual functions are set up on the card.", "kolkata",
            default="unknown",
        ),
    ),
    messages=(
        Message(
            "create", (Param("pif", Ref("PIF")), Param("network", Ref("network"))), Ref("network_sriov"),
            "Turns on SR-IOV on a network card and connects it to the given network.", "kolkata", forward=to_host("pif"),
        ),
        Message(
            "destroy", (Param("self", Ref("network_sriov")),), Void,
            "Turns off SR-IOV on the card and removes the logical interface.", "kolkata", forward=to_host("self.physical_PIF"),
        ),
        Message(
            "get_remaining_capacity", (Param("self", Ref("network_sriov")),), Int,
            "Returns how many virtual functions are still free on the card.", "kolkata", roles=READ_ONLY,
        ),
    ),
)
