"""PCI devices."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import NULL_REF, Enum, Int, Map, Ref, Set, String

pci_dom0_access = Enum(
    "pci_dom0_access",
    "Whether the control domain can use a PCI device.",
    {
        "enabled": "usable now and after a reboot",
        "disable_on_reboot": "usable until the host reboots",
        "disabled": "hidden now and after a reboot",
        "enable_on_reboot": "hidden until the host reboots",
    },
)


PCI = Class(
    "PCI",
    "A PCI device present in a host.",
    "boston",
    enums=(pci_dom0_access,),
    fields=(
        runtime("uuid", String, "Unique identifier of this PCI device, stable across references and restarts.", "boston"),
        constructed("class_id", String, "Hexadecimal code of the device's PCI class.", "boston", default=""),
        constructed("class_name", String, "Name of the device's PCI class.", "boston", default=""),
        constructed("vendor_id", String, "Hexadecimal code of the maker.", "boston", default=""),
        constructed("vendor_name", String, "Name of the maker.", "boston", default=""),
        constructed("device_id", String, "Hexadecimal code of the model.", "boston", default=""),
        constructed("device_name", String, "Name of the model.", "boston", default=""),
        constructed("host", Ref("host"), "Host in which the device sits.", "boston", default=NULL_REF),
        constructed("pci_id", String, "Bus address of the device: domain, bus, slot and function.", "boston", default=""),
        runtime("functions", Int, "Number of functions the device offers.", default=1, internal=True),
        runtime(
            "virtual_functions", Set(Ref("PCI")), "SR-IOV virtual functions split off from this device.", internal=True,
            derived_from=Derived("PCI", "physical_function"),
        ),
        constructed(
            "physical_function", Ref("PCI"), "For a virtual function, the device it was split off from.", default=NULL_REF,
            internal=True,
        ),
        runtime("attached_VMs", Set(Ref("VM")), "VMs to which the device is passed through.", internal=True),
        runtime(
            "dependencies", Set(Ref("PCI")), "Other devices that must be passed through together with this one.", "boston",
            events=False,
        ),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this PCI device.",
            "boston", default={},
        ),
        constructed("subsystem_vendor_id", String, "Hexadecimal code of the card's maker.", "clearwater-whetstone", default=""),
        constructed("subsystem_vendor_name", String, "Name of the card's maker.", "clearwater-whetstone", default=""),
        constructed("subsystem_device_id", String, "Hexadecimal code of the card's model.", "clearwater-whetstone", default=""),
        constructed("subsystem_device_name", String, "Name of the card's model.", "clearwater-whetstone", default=""),
        runtime(
            "scheduled_to_be_attached_to", Ref("VM"), "VM for which the device is set aside while that VM starts.",
            default=NULL_REF, internal=True,
        ),
        constructed("driver_name", String, "Name of the kernel driver bound to the device, or empty.", "kolkata", default=""),
    ),
    messages=(
        Message(
            "disable_dom0_access", (Param("self", Ref("PCI")),), pci_dom0_access,
            "Hides the device from the control domain from the next host reboot, for passing to a VM.",
            Lifecycle(prototyped="24.14.0"), forward=to_host("self"),
        ),
        Message(
            "enable_dom0_access", (Param("self", Ref("PCI")),), pci_dom0_access,
            "Gives the device back to the control domain from the next host reboot.", Lifecycle(prototyped="24.14.0"),
            forward=to_host("self"),
        ),
        Message(
            "get_dom0_access_status", (Param("self", Ref("PCI")),), pci_dom0_access,
            "Tells whether the control domain can use the device now and after the next reboot.",
            Lifecycle(prototyped="24.14.0"), forward=to_host("self"),
        ),
    ),
)
