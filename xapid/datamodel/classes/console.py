"""Consoles of VMs."""

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.schema import Class, runtime, writable
from xapid.datamodel.types import Enum, Int, Map, Ref, String

console_protocol = Enum(
    "console_protocol",
    "Protocols a console can speak.",
    {
        "vt100": "text terminal",
        "rfb": "graphical screen over VNC",
        "rdp": "Windows remote desktop",
    },
)


console = Class(
    "console",
    "A means of reaching the screen or terminal of a VM.",
    "rio",
    constructor=True,
    roles=VM_ADMIN,
    policy={
        "create": {"refused": "NOT_IMPLEMENTED"},
        "destroy": {"refused": "NOT_IMPLEMENTED"},
    },
    enums=(console_protocol,),
    fields=(
        runtime("uuid", String, "Unique identifier of this console, stable across references and restarts.", "rio"),
        runtime("protocol", console_protocol, "Protocol that the console speaks.", "rio"),
        runtime("location", String, "URL at which a client can open the console.", "rio"),
        runtime("VM", Ref("VM"), "VM to which the console belongs.", "rio"),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this console.", "rio",
        ),
        writable("port", Int, "TCP port in the control domain on which the console listens.", internal=True),
    ),
)
