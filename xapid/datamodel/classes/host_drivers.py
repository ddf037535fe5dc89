"""Drivers of a host that come in variants."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, to_host
from xapid.datamodel.types import NULL_REF, Bool, Float, Ref, Set, String, Void

Host_driver = Class(
    "Host_driver",
    "A kernel driver on a host of which several variants may be installed to choose from.",
    Lifecycle(prototyped="25.2.0"),
    roles=POOL_ADMIN,
    fields=(
        runtime(
            "uuid", String, "Universally unique identifier that stays the same for the object's whole life.",
            Lifecycle(prototyped="25.2.0"),
        ),
        constructed(
            "host", Ref("host"), "Host that the driver is installed on.", Lifecycle(prototyped="25.2.0"), default=NULL_REF,
        ),
        runtime("name", String, "Name of the driver's kernel module.", Lifecycle(prototyped="25.2.0")),
        runtime("friendly_name", String, "Name of the driver for display.", Lifecycle(prototyped="25.2.0")),
        runtime(
            "variants", Set(Ref("Driver_variant")), "Variants of the driver available on the host.",
            Lifecycle(prototyped="25.2.0"), derived_from=Derived("Driver_variant", "driver"),
        ),
        runtime(
            "active_variant", Ref("Driver_variant"), "Variant loaded now, or null if none is.", Lifecycle(prototyped="25.2.0"),
        ),
        runtime(
            "selected_variant", Ref("Driver_variant"), "Variant that takes effect at the next boot, or null if none is chosen.",
            Lifecycle(prototyped="25.2.0"),
        ),
        runtime(
            "type", String, "Kind of device that the driver serves, such as network or storage.",
            Lifecycle(prototyped="25.2.0"),
        ),
        runtime("description", String, "Text describing the driver.", Lifecycle(prototyped="25.2.0")),
        runtime("info", String, "Further details about the driver.", Lifecycle(prototyped="25.2.0")),
    ),
    messages=(
        Message(
            "select", (Param("self", Ref("Host_driver")), Param("variant", Ref("Driver_variant"))), Void,
            "Chooses the variant that the host is to load from its next boot on.", Lifecycle(prototyped="25.2.0"),
            forward=to_host("self"),
        ),
        Message(
            "deselect", (Param("self", Ref("Host_driver")),), Void, "Drops the choice of variant, so that none is selected.",
            Lifecycle(prototyped="25.2.0"), forward=to_host("self"),
        ),
        Message(
            "rescan", (Param("host", Ref("host")),), Void,
            "Looks again at the drivers installed on a host and updates their records.", Lifecycle(prototyped="25.2.0"),
            forward=to_host("host"),
        ),
    ),
)


Driver_variant = Class(
    "Driver_variant",
    "One of the installed versions of a host driver.",
    Lifecycle(prototyped="25.2.0"),
    roles=POOL_ADMIN,
    fields=(
        runtime(
            "uuid", String, "Universally unique identifier that stays the same for the object's whole life.",
            Lifecycle(prototyped="25.2.0"),
        ),
        runtime(
            "name", String, "Name that tells the variant from the driver's other variants.", Lifecycle(prototyped="25.2.0"),
        ),
        runtime("driver", Ref("Host_driver"), "Driver of which this is a variant.", Lifecycle(prototyped="25.2.0")),
        runtime("version", String, "Version string of the variant.", Lifecycle(prototyped="25.2.0")),
        runtime(
            "hardware_present", Bool, "Whether the host has hardware that the variant supports.",
            Lifecycle(prototyped="25.2.0"),
        ),
        runtime(
            "priority", Float, "Preference among the variants; the highest is the default choice.",
            Lifecycle(prototyped="25.2.0"),
        ),
        runtime("status", String, "Maturity of the variant, such as production or beta.", Lifecycle(prototyped="25.2.0")),
    ),
    messages=(
        Message(
            "select", (Param("self", Ref("Driver_variant")),), Void,
            "Chooses this variant for its host to load from the next boot on.", Lifecycle(prototyped="25.2.0"),
            forward=to_host("self.driver"),
        ),
    ),
)
