"""Virtual block devices: how VMs reach disk images."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import VM_ADMIN, VM_OPERATOR
from xapid.datamodel.schema import Class, Message, Param, constructed, runtime, where_vm_runs, writable
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Enum, Float, Int, Map, Ref, Set, String, Void

vbd_operations = Enum(
    "vbd_operations",
    "Operations on a virtual drive.",
    {
        "attach": "connecting it as part of a VM operation",
        "eject": "removing the medium",
        "insert": "inserting a medium",
        "plug": "hot-plugging into a running VM",
        "unplug": "removing from a running VM",
        "unplug_force": "removing without the guest's consent",
        "pause": "halting I/O",
        "unpause": "resuming I/O",
    },
)

vbd_type = Enum(
    "vbd_type",
    "Kinds of drive that a guest can see.",
    {
        "CD": "optical drive with removable media",
        "Disk": "hard disk",
        "Floppy": "floppy drive",
    },
)

vbd_mode = Enum(
    "vbd_mode",
    "Whether a drive can be written.",
    {
        "RO": "read-only",
        "RW": "readable and writable",
    },
)


VBD = Class(
    "VBD",
    "A virtual drive of a VM, which either holds a VDI or, for removable media, may be empty.",
    "rio",
    constructor=True,
    roles=VM_ADMIN,
    enums=(vbd_operations, vbd_type, vbd_mode),
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "rio"),
        runtime(
            "allowed_operations", Set(vbd_operations), "Operations that the object's present state permits.", "rio", default=(),
            persist=False,
        ),
        runtime(
            "current_operations", Map(String, vbd_operations),
            "Operations under way now, each keyed by the reference of its task.", "rio", default={}, persist=False,
        ),
        constructed("VM", Ref("VM"), "VM that the drive belongs to.", "rio"),
        constructed("VDI", Ref("VDI"), "Disk image in the drive, or null while the drive is empty.", "rio"),
        constructed(
            "device", String, "Name under which the guest sees the drive, such as xvda, once it is known.",
            Lifecycle(published="rio", changed="1.257.0"), default="",
        ),
        writable(
            "userdevice", String, "Position of the drive chosen by the user, usually a decimal number counted from 0.", "rio",
        ),
        writable("bootable", Bool, "Whether a paravirtual VM may boot from the drive.", "rio"),
        constructed("mode", vbd_mode, "Whether the guest may write to the drive.", "rio"),
        writable("type", vbd_type, "Kind of drive shown to the guest.", "rio"),
        writable("unpluggable", Bool, "Whether the drive may be removed while the VM runs.", "miami", default=True),
        runtime("storage_lock", Bool, "Whether a storage-level lock on the disk is held for the drive.", "rio"),
        constructed("empty", Bool, "Whether the drive holds no medium.", "rio"),
        runtime(
            "reserved", Bool, "Whether a VM start or similar operation has claimed the drive without attaching it yet.",
            default=False, internal=True,
        ),
        writable(
            "other_config", Map(String, String),
            "Free key/value pairs for clients and for options without a field of their own.", "rio",
        ),
        constructed(
            "currently_attached", Bool, "Whether the drive is plugged into its VM now.",
            Lifecycle(published="rio", changed="1.257.0"), default=False,
        ),
        runtime("status_code", Int, "Result code of the last attach attempt; kept for old clients.", "rio"),
        runtime("status_detail", String, "Text that goes with the status code; kept for old clients.", "rio"),
        runtime("runtime_properties", Map(String, String), "Details of the attached device; kept for old clients.", "rio"),
        writable(
            "qos_algorithm_type", String, "Name of the I/O scheduling method for the drive, such as ionice, or empty for none.",
            "rio",
        ),
        writable("qos_algorithm_params", Map(String, String), "Parameters of the I/O scheduling method.", "rio"),
        runtime("qos_supported_algorithms", Set(String), "I/O scheduling methods that the drive can use.", "rio"),
        runtime(
            "metrics", Ref("VBD_metrics"), "Old-style throughput figures of the drive; no longer filled.",
            Lifecycle(published="rio", deprecated="tampa", removed="tampa"), default=NULL_REF,
        ),
    ),
    messages=(
        Message(
            "eject", (Param("vbd", Ref("VBD")),), Void, "Takes the medium out of a removable drive and leaves it empty.", "rio",
            roles=VM_OPERATOR, errors=("VBD_NOT_REMOVABLE_MEDIA", "VBD_IS_EMPTY"), forward=where_vm_runs("vbd"),
            operation="eject",
        ),
        Message(
            "insert", (Param("vbd", Ref("VBD")), Param("vdi", Ref("VDI"))), Void,
            "Puts the given VDI into an empty removable drive.", "rio", roles=VM_OPERATOR,
            errors=("VBD_NOT_REMOVABLE_MEDIA", "VBD_NOT_EMPTY"), forward=where_vm_runs("vbd"), operation="insert",
        ),
        Message(
            "plug", (Param("self", Ref("VBD")),), Void, "Attaches the drive to its running VM.", "rio",
            forward=where_vm_runs("self"), operation="plug",
        ),
        Message(
            "unplug", (Param("self", Ref("VBD")),), Void,
            "Detaches the drive from its running VM with the guest's cooperation.", "rio",
            errors=("DEVICE_DETACH_REJECTED", "DEVICE_ALREADY_DETACHED"), forward=where_vm_runs("self"), operation="unplug",
        ),
        Message(
            "unplug_force", (Param("self", Ref("VBD")),), Void,
            "Detaches the drive from its running VM even if the guest does not agree.", "rio", forward=where_vm_runs("self"),
            operation="unplug_force",
        ),
        Message(
            "unplug_force_no_safety_check", (Param("self", Ref("VBD")),), Void,
            "Detaches the drive by force and skips the check that this is safe.", hidden=True, forward=where_vm_runs("self"),
            operation="unplug_force",
        ),
        Message(
            "assert_attachable", (Param("self", Ref("VBD")),), Void, "Raises an error if the drive could not be attached now.",
            "rio",
        ),
        Message(
            "pause", (Param("self", Ref("VBD")),), String,
            "Halts the drive's I/O so that the disk can change below it, and returns a token for resuming.", hidden=True,
            forward=where_vm_runs("self"), operation="pause",
        ),
        Message(
            "unpause", (Param("self", Ref("VBD")), Param("token", String, "")), Void,
            "Resumes the drive's I/O, with the token from the matching pause.", hidden=True, forward=where_vm_runs("self"),
            operation="unpause",
        ),
        Message(
            "set_mode", (Param("self", Ref("VBD")), Param("value", vbd_mode)), Void,
            "Sets whether the guest may write to the drive; the VM must be halted.", "rio",
        ),
    ),
)


VBD_metrics = Class(
    "VBD_metrics",
    "Old-style throughput figures of a virtual drive, replaced by round-robin statistics.",
    Lifecycle(published="rio", deprecated="tampa", removed="tampa"),
    persist=False,
    roles=VM_ADMIN,
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "rio"),
        runtime(
            "io_read_kbs", Float, "Rate of reading from the drive, in KiB per second.",
            Lifecycle(published="rio", deprecated="tampa", removed="tampa"), default=0.0, persist=False,
        ),
        runtime(
            "io_write_kbs", Float, "Rate of writing to the drive, in KiB per second.",
            Lifecycle(published="rio", deprecated="tampa", removed="tampa"), default=0.0, persist=False,
        ),
        runtime(
            "last_updated", DateTime, "Time at which the figures were taken.",
            Lifecycle(published="rio", deprecated="tampa", removed="tampa"), default=EPOCH,
        ),
        writable(
            "other_config", Map(String, String),
            "Free key/value pairs for clients and for options without a field of their own.",
            Lifecycle(published="orlando", deprecated="tampa", removed="tampa"), default={},
        ),
    ),
)
