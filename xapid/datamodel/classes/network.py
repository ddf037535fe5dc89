"""Virtual networks."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import POOL_ADMIN, POOL_OPERATOR, VM_ADMIN, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import Bool, Enum, Int, Map, Ref, Set, String, Void

network_operations = Enum(
    "network_operations",
    "Operations on a network.",
    {
        "attaching": "the network is being brought up",
    },
)

network_default_locking_mode = Enum(
    "network_default_locking_mode",
    "Filtering for VIFs that defer to their network.",
    {
        "unlocked": "everything passes",
        "disabled": "nothing passes",
    },
)

network_purpose = Enum(
    "network_purpose",
    "Special services that a network can offer.",
    {
        "nbd": "disk access over NBD with TLS",
        "insecure_nbd": "disk access over NBD without TLS",
    },
)


network = Class(
    "network",
    "A virtual Ethernet network that joins VIFs and PIFs, realized by a bridge on each host.",
    "rio",
    constructor=True,
    roles=VM_ADMIN,
    enums=(network_operations, network_default_locking_mode, network_purpose),
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "rio"),
        writable(
            "name_label", String, "Short human-readable name, not required to be unique.", "rio", default="",
            writers=POOL_OPERATOR,
        ),
        writable("name_description", String, "Free-form note describing the object.", "rio", default="", writers=POOL_OPERATOR),
        runtime(
            "allowed_operations", Set(network_operations), "Operations that the object's present state permits.", "rio",
            default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, network_operations),
            "Operations under way now, each keyed by the reference of its task.", "rio", default={}, persist=False,
        ),
        runtime(
            "VIFs", Set(Ref("VIF")), "Virtual interfaces of VMs that are connected to the network.", "rio",
            derived_from=Derived("VIF", "network"),
        ),
        runtime(
            "PIFs", Set(Ref("PIF")), "Host interfaces that are connected to the network.", "rio",
            derived_from=Derived("PIF", "network"),
        ),
        writable("MTU", Int, "Largest packet, in bytes, that the network carries.", "midnight-ride", default=1500),
        writable(
            "other_config", Map(String, String),
            "Free key/value pairs for clients and for options without a field of their own.", "rio", writers=POOL_OPERATOR,
            map_key_roles={
                "folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR, "XenCenterCreateInProgress": VM_OPERATOR,
            },
        ),
        constructed(
            "bridge", String, "Name of the bridge that realizes the network on each host.",
            Lifecycle(published="rio", changed="falcon"), default="",
        ),
        constructed(
            "managed", Bool, "Whether the server itself creates and removes the bridge; false for one made outside it.",
            "falcon", default=True,
        ),
        runtime(
            "blobs", Map(String, Ref("blob")), "Binary objects attached to the network, keyed by name.", "orlando", default={},
        ),
        writable(
            "tags", Set(String), "Labels set by users to sort and find the network.", "orlando", default=(),
            writers=VM_OPERATOR,
        ),
        runtime(
            "default_locking_mode", network_default_locking_mode,
            "Filtering applied to VIFs whose own mode defers to the network.", "tampa", default="unlocked",
        ),
        runtime(
            "assigned_ips", Map(Ref("VIF"), String), "Addresses handed out on an internally managed network, by VIF.",
            "creedence", default={},
        ),
        runtime("purpose", Set(network_purpose), "Special services offered on the network.", "inverness", default=()),
    ),
    messages=(
        Message(
            "attach", (Param("network", Ref("network")), Param("host", Ref("host"))), Void,
            "Brings the network up on the given host.", roles=POOL_OPERATOR, hidden=True, forward=to_host("host"),
        ),
        Message(
            "pool_introduce",
            (
                Param("name_label", String), Param("name_description", String), Param("MTU", Int),
                Param("other_config", Map(String, String)), Param("bridge", String), Param("managed", Bool),
                Param("purpose", Set(network_purpose)),
            ),
            Ref("network"), "Creates a record for a network that a joining host brings along.", roles=POOL_OPERATOR,
            hidden=True,
        ),
        Message(
            "create_new_blob",
            (
                Param("network", Ref("network")), Param("name", String), Param("mime_type", String),
                Param("public", Bool, False),
            ),
            Ref("blob"), "Attaches a new, empty binary object to the network under the given name.", "orlando",
            roles=POOL_OPERATOR,
        ),
        Message(
            "set_default_locking_mode", (Param("network", Ref("network")), Param("value", network_default_locking_mode)), Void,
            "Sets the filtering for VIFs that defer to the network; no VIF may be attached meanwhile.", "tampa",
            roles=POOL_OPERATOR,
        ),
        Message(
            "attach_for_vm", (Param("host", Ref("host")), Param("vm", Ref("VM"))), Void,
            "Brings up on a host all the networks that the given VM needs.", roles=VM_POWER_ADMIN, hidden=True,
            forward=to_host("host"),
        ),
        Message(
            "detach_for_vm", (Param("host", Ref("host")), Param("vm", Ref("VM"))), Void,
            "Takes down on a host the networks that only the given VM needed.", roles=VM_POWER_ADMIN, hidden=True,
            forward=to_host("host"),
        ),
        Message(
            "add_purpose", (Param("self", Ref("network")), Param("value", network_purpose)), Void,
            "Declares that the network serves a further purpose.", "inverness", roles=POOL_ADMIN,
            errors=("NETWORK_INCOMPATIBLE_PURPOSES",),
        ),
        Message(
            "remove_purpose", (Param("self", Ref("network")), Param("value", network_purpose)), Void,
            "Withdraws a purpose from the network.", "inverness", roles=POOL_ADMIN,
        ),
    ),
)
