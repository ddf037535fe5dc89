"""What crashes of VMs and hosts leave behind."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.schema import Class, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import DateTime, Int, Map, Ref, String, Void

crashdump = Class(
    "crashdump",
    "A memory dump left behind by a crashed VM (deprecated).",
    Lifecycle(published="rio", deprecated="inverness"),
    fields=(
        runtime("uuid", String, "Unique identifier of this crash dump, stable across references and restarts.", "rio"),
        constructed("VM", Ref("VM"), "VM that crashed.", "rio"),
        constructed("VDI", Ref("VDI"), "Disk image that stores the dump.", "rio"),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this crash dump.",
            "miami", default={},
        ),
    ),
    messages=(
        Message("destroy", (Param("self", Ref("crashdump")),), Void, "Deletes the dump and its record.", "rio"),
    ),
)


host_crashdump = Class(
    "host_crashdump",
    "A dump left behind when a host crashed.",
    "rio",
    fields=(
        runtime("uuid", String, "Globally unique identifier of the crash dump.", "rio"),
        constructed("host", Ref("host"), "Host that crashed.", "rio"),
        runtime("timestamp", DateTime, "Time of the crash.", "rio"),
        runtime("size", Int, "Size of the dump, in bytes.", "rio"),
        constructed("filename", String, "Name of the dump on the disk of the host.", internal=True),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the crash dump.",
            "miami", default={},
        ),
    ),
    messages=(
        Message(
            "destroy", (Param("self", Ref("host_crashdump")),), Void,
            "Deletes the dump from the host's disk together with its record.", "rio", forward=to_host("self"),
        ),
        Message(
            "upload", (Param("self", Ref("host_crashdump")), Param("url", String), Param("options", Map(String, String))), Void,
            "Sends the dump to a URL.", "rio", forward=to_host("self"),
        ),
    ),
)
