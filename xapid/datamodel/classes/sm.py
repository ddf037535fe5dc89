"""Storage drivers and what they can do."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.schema import Class, runtime, writable
from xapid.datamodel.types import Enum, Int, Map, Ref, Set, String

image_format_type = Enum(
    "image_format_type",
    "Disk image formats.",
    {
        "raw": "plain bytes without metadata",
        "vhd": "Virtual Hard Disk",
        "qcow2": "QEMU copy-on-write, version 2",
    },
)


SM = Class(
    "SM",
    "A storage driver able to manage SRs of one type.",
    "rio",
    enums=(image_format_type,),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the driver.", "rio"),
        runtime("name_label", String, "Display name of the driver.", "rio", default=""),
        runtime("name_description", String, "Free text describing the driver.", "rio", default=""),
        runtime("type", String, "SR type that the driver handles.", "rio"),
        runtime("vendor", String, "Maker of the driver.", "rio"),
        runtime("copyright", String, "Copyright notice of the driver.", "rio"),
        runtime("version", String, "Version of the driver itself.", "rio"),
        runtime("required_api_version", String, "Lowest storage API version that the driver needs.", "rio"),
        runtime(
            "configuration", Map(String, String), "Device settings that the driver takes, each with an explanation.", "rio",
        ),
        runtime(
            "capabilities", Set(String), "Names of the operations that the driver supports.",
            Lifecycle(published="miami", deprecated="clearwater"), default=(),
        ),
        runtime(
            "features", Map(String, Int), "Supported operations, each with its version number.",
            Lifecycle(published="clearwater", changed="24.37.0"), default={},
        ),
        runtime(
            "host_pending_features", Map(Ref("host"), Set(String)),
            "Features that only some hosts' drivers have yet, listed by host.", default={}, internal=True,
        ),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the driver.",
            "miami", default={},
        ),
        runtime("driver_filename", String, "File name of the driver program.", "orlando", default=""),
        runtime(
            "required_cluster_stack", Set(String), "Cluster stacks of which the driver needs one, empty when it needs none.",
            "dundee", default=(),
        ),
        runtime(
            "supported_image_formats", Set(image_format_type), "Disk image formats in which the driver can store VDIs.",
            Lifecycle(prototyped="26.15.0"), default=(),
        ),
    ),
)
