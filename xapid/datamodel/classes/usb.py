"""USB devices and their way into VMs."""

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, to_host, where_vm_runs, writable
from xapid.datamodel.types import NULL_REF, Bool, Enum, Float, Map, Ref, Set, String, Void

vusb_operations = Enum(
    "vusb_operations",
    "Operations that can run on a virtual USB port.",
    {
        "attach": "connect to the VM",
        "plug": "plug into the running VM",
        "unplug": "unplug from the running VM",
    },
)


PUSB = Class(
    "PUSB",
    "A USB device plugged into a host.",
    "inverness",
    roles=POOL_ADMIN,
    fields=(
        runtime("uuid", String, "Globally unique identifier of the device.", "inverness"),
        constructed(
            "USB_group", Ref("USB_group"), "Group through which VMs can be given the device.", "inverness", default=NULL_REF,
        ),
        constructed("host", Ref("host"), "Host into which the device is plugged.", "inverness", default=NULL_REF),
        constructed("path", String, "Position of the device on the USB buses of the host.", "inverness", default=""),
        constructed("vendor_id", String, "USB vendor number, in hexadecimal.", "inverness", default=""),
        constructed("vendor_desc", String, "Name of the vendor.", "inverness", default=""),
        constructed("product_id", String, "USB product number, in hexadecimal.", "inverness", default=""),
        constructed("product_desc", String, "Name of the product.", "inverness", default=""),
        constructed("serial", String, "Serial number reported by the device.", "inverness", default=""),
        constructed("version", String, "USB version that the device speaks.", "inverness", default=""),
        constructed("description", String, "Summary text naming the device.", "inverness", default=""),
        runtime("passthrough_enabled", Bool, "True when VMs may be given the device.", "inverness", default=False),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the device.",
            "inverness", default={},
        ),
        constructed("speed", Float, "Transfer speed of the device, in Mbit/s.", "stockholm", default=-1.0),
    ),
    messages=(
        Message(
            "scan", (Param("host", Ref("host")),), Void, "Looks for USB devices on a host and brings their records up to date.",
            "inverness", forward=to_host("host"),
        ),
        Message(
            "set_passthrough_enabled", (Param("self", Ref("PUSB")), Param("value", Bool)), Void,
            "Allows or forbids giving the device to VMs.", "inverness",
        ),
    ),
)


USB_group = Class(
    "USB_group",
    "A group of like USB devices, any of which can serve a VM.",
    "inverness",
    roles=POOL_ADMIN,
    fields=(
        runtime("uuid", String, "Globally unique identifier of the group.", "inverness"),
        writable("name_label", String, "Display name of the group.", "inverness", default=""),
        writable("name_description", String, "Free text describing the group.", "inverness", default=""),
        runtime(
            "PUSBs", Set(Ref("PUSB")), "Physical USB devices in the group.", "inverness",
            derived_from=Derived("PUSB", "USB_group"),
        ),
        runtime(
            "VUSBs", Set(Ref("VUSB")), "Virtual USB ports that draw on the group.", "inverness",
            derived_from=Derived("VUSB", "USB_group"),
        ),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the group.",
            "inverness", default={},
        ),
    ),
    messages=(
        Message(
            "create",
            (
                Param("name_label", String, ""), Param("name_description", String, ""),
                Param("other_config", Map(String, String), {}),
            ),
            Ref("USB_group"), "Creates an empty USB group.", "inverness",
        ),
        Message(
            "destroy", (Param("self", Ref("USB_group")),), Void, "Deletes the USB group, which must have no virtual ports.",
            "inverness",
        ),
    ),
)


VUSB = Class(
    "VUSB",
    "A virtual USB port through which a VM is given a physical USB device.",
    "inverness",
    roles=POOL_ADMIN,
    enums=(vusb_operations,),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the virtual USB port.", "inverness"),
        runtime(
            "allowed_operations", Set(vusb_operations), "Operations that the port would accept in its present state.", "rio",
            default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, vusb_operations),
            "Operations now under way on the port, keyed by the task that runs each.", "rio", default={}, persist=False,
        ),
        runtime("VM", Ref("VM"), "VM that has the port.", "inverness"),
        runtime("USB_group", Ref("USB_group"), "Group from which the physical device is taken.", "inverness"),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the port.",
            "inverness", default={},
        ),
        runtime(
            "currently_attached", Bool, "True while a physical device is passed through to the running VM.", "rio",
            default=False,
        ),
    ),
    messages=(
        Message(
            "create",
            (Param("VM", Ref("VM")), Param("USB_group", Ref("USB_group")), Param("other_config", Map(String, String), {})),
            Ref("VUSB"), "Gives a halted VM a port to a device of a USB group.", "inverness",
        ),
        Message(
            "unplug", (Param("self", Ref("VUSB")),), Void, "Detaches the device from the running VM.", "inverness",
            forward=where_vm_runs("self"), operation="unplug",
        ),
        Message("destroy", (Param("self", Ref("VUSB")),), Void, "Removes the port from its VM.", "inverness"),
    ),
)
