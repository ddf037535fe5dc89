"""How hosts reach storage repositories."""

from xapid.datamodel.schema import Class, Lock, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import Bool, Map, Ref, String, Void

PBD = Class(
    "PBD",
    "The connection of one host to one SR, with the settings by which the host reaches that storage.",
    "rio",
    constructor=True,
    policy={
        "create": {"also_locks": (Lock("args.SR", "pbd_create"),)},
        "destroy": {"also_locks": (Lock("self.SR", "pbd_destroy"),)},
    },
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "rio"),
        constructed("host", Ref("host"), "Host whose connection this is.", "rio"),
        constructed("SR", Ref("SR"), "SR that the connection leads to.", "rio"),
        constructed(
            "device_config", Map(String, String), "Settings the storage driver needs to reach the SR from this host.", "rio",
        ),
        runtime("currently_attached", Bool, "Whether the SR is attached to the host through this connection now.", "rio"),
        writable(
            "other_config", Map(String, String),
            "Free key/value pairs for clients and for options without a field of their own.", "miami", default={},
        ),
    ),
    messages=(
        Message(
            "plug", (Param("self", Ref("PBD")),), Void, "Attaches the SR to the host.", "rio", errors=("SR_UNKNOWN_DRIVER",),
            forward=to_host("self"), also_locks=(Lock("self.SR", "plug"),),
        ),
        Message(
            "unplug", (Param("self", Ref("PBD")),), Void, "Detaches the SR from the host; no disk on it may be in use there.",
            "rio", forward=to_host("self"), also_locks=(Lock("self.SR", "unplug"),),
        ),
        Message(
            "set_device_config", (Param("self", Ref("PBD")), Param("value", Map(String, String))), Void,
            "Replaces the settings by which the host reaches the SR.", "miami",
        ),
    ),
)
