"""Virtual disk images."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, POOL_OPERATOR, READ_ONLY, VM_ADMIN, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import (
    Class,
    Derived,
    Lock,
    Message,
    Param,
    any_host_with_sr,
    constructed,
    runtime,
    to_host,
    where_vm_runs,
    writable,
)
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Enum, Int, Map, Record, Ref, Set, String, Void

vdi_operations = Enum(
    "vdi_operations",
    "Operations that can be run on a disk image.",
    {
        "clone": "making a writable duplicate",
        "copy": "copying the contents elsewhere",
        "resize": "changing the capacity while not in use",
        "resize_online": "changing the capacity while in use",
        "snapshot": "taking a snapshot",
        "mirror": "keeping a live copy up to date, as in migration",
        "destroy": "deleting the image and its data",
        "forget": "dropping the record only",
        "update": "refreshing the record from the backend",
        "force_unlock": "breaking a storage lock",
        "generate_config": "producing a stand-alone attach description",
        "enable_cbt": "starting changed block tracking",
        "disable_cbt": "stopping changed block tracking",
        "data_destroy": "deleting a snapshot's data but not its change record",
        "list_changed_blocks": "comparing two images block by block",
        "set_on_boot": "choosing whether writes survive a start",
        "blocked": "held back because another operation needs the image untouched",
        "revert_to": "serving as the snapshot to return to",
        "revert_from": "having its contents replaced by those of a snapshot",
    },
)

vdi_type = Enum(
    "vdi_type",
    "Purpose of a disk image.",
    {
        "system": "disk the operating system boots from",
        "user": "ordinary data disk",
        "ephemeral": "scratch space not worth keeping",
        "suspend": "memory image of a suspended VM",
        "crashdump": "memory dump of a crashed VM",
        "ha_statefile": "shared heartbeat and state area for high availability",
        "metadata": "copy of a pool database",
        "redo_log": "log of database changes for recovery after a failure",
        "rrd": "archive of performance statistics",
        "pvs_cache": "cache of a PVS proxy",
        "cbt_metadata": "record of changed blocks whose data was deleted",
    },
)

on_boot = Enum(
    "on_boot",
    "What becomes of a disk's changes when its VM starts.",
    {
        "reset": "go back to the original contents",
        "persist": "keep the changes",
    },
)


VDI = Class(
    "VDI",
    "A virtual disk image: one block-addressable volume kept in a storage repository.",
    "rio",
    constructor=True,
    roles=VM_ADMIN,
    policy={
        "create": {"forward": any_host_with_sr("args.SR"), "also_locks": (Lock("args.SR", "vdi_create"),)},
        "destroy": {"forward": any_host_with_sr("self"), "operation": "destroy", "also_locks": (Lock("self.SR", "vdi_destroy"),)},
    },
    enums=(vdi_operations, vdi_type, on_boot),
    fields=(
        runtime("uuid", String, "Unique identifier of this disk image, stable across references and restarts.", "rio"),
        constructed("name_label", String, "Human-readable name of the disk image.", "rio", default=""),
        constructed("name_description", String, "Longer human-readable remarks about the disk image.", "rio", default=""),
        runtime(
            "allowed_operations", Set(vdi_operations), "Operations the server would currently accept on this disk image.",
            "rio", default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, vdi_operations),
            "Operations in progress on this disk image, keyed by the task driving each.", "rio", default={}, persist=False,
        ),
        constructed("SR", Ref("SR"), "Storage repository that holds the image.", "rio"),
        runtime(
            "VBDs", Set(Ref("VBD")), "Virtual block devices through which VMs reach this image.", "rio",
            derived_from=Derived("VBD", "VDI"),
        ),
        runtime(
            "crash_dumps", Set(Ref("crashdump")), "Crash dump records whose contents are stored in this image.", "rio",
            derived_from=Derived("crashdump", "VDI"),
        ),
        constructed("virtual_size", Int, "Capacity in bytes that the image presents to its user.", "rio"),
        runtime("physical_utilisation", Int, "Bytes the image really takes up on the underlying storage.", "rio"),
        constructed("type", vdi_type, "What the image is used for.", "rio"),
        constructed("sharable", Bool, "True when several VMs may have the image attached for writing at the same time.", "rio"),
        constructed(
            "read_only", Bool, "True when the contents must not be written, so only read-only attachment works.", "rio",
        ),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this disk image.", "rio",
            map_key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR},
        ),
        runtime("storage_lock", Bool, "True while the storage layer holds a lock on the image.", "rio"),
        runtime(
            "location", String, "Backend-specific address of the image, unique inside its storage repository.", "miami",
            default="",
        ),
        runtime(
            "managed", Bool,
            "True when the server handles the image; false marks backend-internal data that clients cannot use.", "rio",
        ),
        runtime("missing", Bool, "True when the last scan of the repository did not find the data behind this record.", "rio"),
        runtime(
            "parent", Ref("VDI"), "Formerly the image this one was derived from; no longer filled in.",
            Lifecycle(published="rio", deprecated="ely"),
        ),
        writable(
            "xenstore_data", Map(String, String),
            "Key/value pairs written to xenstore beside each block device that attaches the image.", "miami", default={},
        ),
        writable(
            "sm_config", Map(String, String), "Key/value pairs that the storage backend keeps about the image.", "miami",
            default={},
        ),
        runtime("is_a_snapshot", Bool, "True when the image was made by taking a snapshot.", "orlando", default=False),
        runtime(
            "snapshot_of", Ref("VDI"), "For a snapshot, the image that it captured; otherwise null.", "orlando",
            default=NULL_REF,
        ),
        runtime(
            "snapshots", Set(Ref("VDI")), "Snapshots that were taken of this image.", "orlando",
            derived_from=Derived("VDI", "snapshot_of"),
        ),
        runtime(
            "snapshot_time", DateTime, "Moment at which the snapshot was taken, or the epoch for an ordinary image.", "orlando",
            default=EPOCH,
        ),
        writable(
            "tags", Set(String), "Client-chosen labels for grouping and searching.", "orlando", default=(), writers=VM_OPERATOR,
        ),
        runtime(
            "allow_caching", Bool, "True when hosts may cache the image in their local cache repository.", "cowley",
            default=False,
        ),
        runtime(
            "on_boot", on_boot, "Whether changes survive when the VM using the image is started again.", "cowley",
            default="persist",
        ),
        runtime(
            "metadata_of_pool", Ref("pool"), "For a metadata image, the pool whose database it carries, if that pool is known.",
            "boston", default=NULL_REF,
        ),
        runtime(
            "metadata_latest", Bool, "True when this image holds the newest known database of its metadata pool.", "boston",
            default=False,
        ),
        runtime("is_tools_iso", Bool, "True for the ISO image with the guest tools.", "dundee", default=False),
        runtime(
            "cbt_enabled", Bool, "True while the backend records which blocks of the image change.", "inverness", default=False,
        ),
    ),
    messages=(
        Message(
            "snapshot", (Param("vdi", Ref("VDI")), Param("driver_params", Map(String, String), {})), Ref("VDI"),
            "Captures the present contents of the image as a new snapshot in the same repository.", "rio",
            forward=any_host_with_sr("vdi"), operation="snapshot", also_locks=(Lock("vdi.SR", "vdi_snapshot"),),
        ),
        Message(
            "clone", (Param("vdi", Ref("VDI")), Param("driver_params", Map(String, String), {})), Ref("VDI"),
            "Makes an independent writable duplicate in the same repository, sharing blocks if the backend can.", "rio",
            forward=any_host_with_sr("vdi"), operation="clone", also_locks=(Lock("vdi.SR", "vdi_clone"),),
        ),
        Message(
            "resize", (Param("vdi", Ref("VDI")), Param("size", Int)), Void,
            "Changes the capacity of an image that is not in use to the given number of bytes.", "rio",
            forward=any_host_with_sr("vdi"), operation="resize", also_locks=(Lock("vdi.SR", "vdi_resize"),),
        ),
        Message(
            "resize_online", (Param("vdi", Ref("VDI")), Param("size", Int)), Void,
            "Changes the capacity, in bytes, of an image that may be attached to a running VM.",
            Lifecycle(published="rio", deprecated="inverness", removed="inverness"), forward=any_host_with_sr("vdi"),
            operation="resize_online",
        ),
        Message(
            "introduce",
            (
                Param("uuid", String), Param("name_label", String), Param("name_description", String), Param("SR", Ref("SR")),
                Param("type", vdi_type), Param("sharable", Bool), Param("read_only", Bool),
                Param("other_config", Map(String, String)), Param("location", String),
                Param("xenstore_data", Map(String, String), {}), Param("sm_config", Map(String, String), {}),
                Param("managed", Bool, True), Param("virtual_size", Int, 0), Param("physical_utilisation", Int, 0),
                Param("metadata_of_pool", Ref("pool"), NULL_REF), Param("is_a_snapshot", Bool, False),
                Param("snapshot_time", DateTime, EPOCH), Param("snapshot_of", Ref("VDI"), NULL_REF),
            ),
            Ref("VDI"), "Adds a record for an image that already exists on the storage, checking with the backend.", "miami",
            errors=("SR_OPERATION_NOT_SUPPORTED",), forward=any_host_with_sr("SR"), operation="vdi_introduce",
        ),
        Message(
            "pool_introduce",
            (
                Param("uuid", String), Param("name_label", String), Param("name_description", String), Param("SR", Ref("SR")),
                Param("type", vdi_type), Param("sharable", Bool), Param("read_only", Bool),
                Param("other_config", Map(String, String)), Param("location", String),
                Param("xenstore_data", Map(String, String), {}), Param("sm_config", Map(String, String), {}),
                Param("managed", Bool, True), Param("virtual_size", Int, 0), Param("physical_utilisation", Int, 0),
                Param("metadata_of_pool", Ref("pool"), NULL_REF), Param("is_a_snapshot", Bool, False),
                Param("snapshot_time", DateTime, EPOCH), Param("snapshot_of", Ref("VDI"), NULL_REF),
                Param("cbt_enabled", Bool, False),
            ),
            Ref("VDI"), "Adds a record for an existing image; used between hosts when one joins a pool.", hidden=True,
        ),
        Message(
            "db_introduce",
            (
                Param("uuid", String), Param("name_label", String), Param("name_description", String), Param("SR", Ref("SR")),
                Param("type", vdi_type), Param("sharable", Bool), Param("read_only", Bool),
                Param("other_config", Map(String, String)), Param("location", String),
                Param("xenstore_data", Map(String, String), {}), Param("sm_config", Map(String, String), {}),
                Param("managed", Bool, True), Param("virtual_size", Int, 0), Param("physical_utilisation", Int, 0),
                Param("metadata_of_pool", Ref("pool"), NULL_REF), Param("is_a_snapshot", Bool, False),
                Param("snapshot_time", DateTime, EPOCH), Param("snapshot_of", Ref("VDI"), NULL_REF),
                Param("cbt_enabled", Bool, False),
            ),
            Ref("VDI"), "Writes an image record straight into the database on behalf of a storage backend.", roles=LOCAL_ROOT,
            hidden=True,
        ),
        Message(
            "db_forget", (Param("vdi", Ref("VDI")),), Void,
            "Deletes an image record from the database on behalf of a storage backend.", roles=LOCAL_ROOT, hidden=True,
        ),
        Message(
            "update", (Param("vdi", Ref("VDI")),), Void,
            "Asks the backend for the image's current details and refreshes the record.", "symc",
            errors=("SR_OPERATION_NOT_SUPPORTED",), forward=any_host_with_sr("vdi"), operation="update",
        ),
        Message(
            "copy",
            (
                Param("vdi", Ref("VDI")), Param("sr", Ref("SR"), NULL_REF), Param("base_vdi", Ref("VDI"), NULL_REF),
                Param("into_vdi", Ref("VDI"), NULL_REF),
            ),
            Ref("VDI"),
            "Copies contents to a new image in a repository, or into an existing image, optionally only the changes to a base.",
            Lifecycle(published="rio", extended="cowley"), errors=("VDI_READONLY", "VDI_TOO_SMALL", "VDI_NOT_SPARSE"),
            forward=any_host_with_sr("vdi"), operation="copy",
        ),
        Message(
            "force_unlock", (Param("vdi", Ref("VDI")),), Void,
            "Formerly broke a stale storage lock on the image; now obsolete.", hidden=True, forward=any_host_with_sr("vdi"),
            operation="force_unlock", refused="MESSAGE_DEPRECATED",
        ),
        Message(
            "set_managed", (Param("self", Ref("VDI")), Param("value", Bool)), Void,
            "Records, for a storage backend, whether clients may use the image.", roles=LOCAL_ROOT, asynchronous=False,
            hidden=True,
        ),
        Message(
            "forget", (Param("vdi", Ref("VDI")),), Void,
            "Drops the record of the image and leaves its data on the storage alone.", "rio", forward=any_host_with_sr("vdi"),
            operation="forget",
        ),
        Message(
            "set_sharable", (Param("self", Ref("VDI")), Param("value", Bool)), Void,
            "Records, for a storage backend, whether several writers may attach the image.", "george", asynchronous=False,
        ),
        Message(
            "set_read_only", (Param("self", Ref("VDI")), Param("value", Bool)), Void,
            "Records, for a storage backend, whether the image is write-protected.", "rio", asynchronous=False,
        ),
        Message(
            "set_missing", (Param("self", Ref("VDI")), Param("value", Bool)), Void,
            "Records, for a storage backend, whether the image's data could not be found.", roles=LOCAL_ROOT,
            asynchronous=False, hidden=True,
        ),
        Message(
            "set_virtual_size", (Param("self", Ref("VDI")), Param("value", Int)), Void,
            "Records, for a storage backend, the capacity of the image in bytes.", roles=LOCAL_ROOT, asynchronous=False,
            hidden=True,
        ),
        Message(
            "set_physical_utilisation", (Param("self", Ref("VDI")), Param("value", Int)), Void,
            "Records, for a storage backend, the bytes occupied on storage.", roles=LOCAL_ROOT, asynchronous=False, hidden=True,
        ),
        Message(
            "set_is_a_snapshot", (Param("self", Ref("VDI")), Param("value", Bool)), Void,
            "Records, for a storage backend, whether the image is a snapshot.", roles=LOCAL_ROOT, asynchronous=False,
            hidden=True,
        ),
        Message(
            "set_snapshot_of", (Param("self", Ref("VDI")), Param("value", Ref("VDI"))), Void,
            "Records, for a storage backend, the image that this snapshot captured.", roles=LOCAL_ROOT, asynchronous=False,
            hidden=True,
        ),
        Message(
            "set_snapshot_time", (Param("self", Ref("VDI")), Param("value", DateTime)), Void,
            "Records, for a storage backend, when this snapshot was taken.", roles=LOCAL_ROOT, asynchronous=False, hidden=True,
        ),
        Message(
            "set_metadata_of_pool", (Param("self", Ref("VDI")), Param("value", Ref("pool"))), Void,
            "Records, for a storage backend, the pool whose database the image carries.", roles=LOCAL_ROOT, asynchronous=False,
            hidden=True,
        ),
        Message(
            "set_name_label", (Param("self", Ref("VDI")), Param("value", String)), Void,
            "Renames the image, in the record and on the storage.", "rio", forward=any_host_with_sr("self"),
        ),
        Message(
            "set_name_description", (Param("self", Ref("VDI")), Param("value", String)), Void,
            "Replaces the description of the image, in the record and on the storage.", "rio", forward=any_host_with_sr("self"),
        ),
        Message(
            "generate_config", (Param("host", Ref("host")), Param("vdi", Ref("VDI"))), String,
            "Returns an opaque text with which the given host can attach the image without the database.", hidden=True,
            forward=to_host("host"), operation="generate_config", locked="vdi",
        ),
        Message(
            "set_on_boot", (Param("self", Ref("VDI")), Param("value", on_boot)), Void,
            "Chooses whether writes are kept or thrown away when the VM next starts.", "cowley",
            forward=any_host_with_sr("self"), operation="set_on_boot", also_locks=(Lock("self.SR", "vdi_set_on_boot"),),
        ),
        Message(
            "set_allow_caching", (Param("self", Ref("VDI")), Param("value", Bool)), Void,
            "Allows or forbids local caching of the image on hosts.", "cowley",
        ),
        Message(
            "open_database", (Param("self", Ref("VDI")),), Ref("session"),
            "Opens the pool database stored in a metadata image and returns a session on it.", "boston", roles=POOL_OPERATOR,
        ),
        Message(
            "checksum", (Param("self", Ref("VDI")),), String, "Computes an MD5 checksum over the contents of the image.",
            hidden=True, forward=any_host_with_sr("self"),
        ),
        Message(
            "read_database_pool_uuid", (Param("self", Ref("VDI")),), String,
            "Returns the UUID of the pool whose database lies in this metadata image.", "boston", roles=READ_ONLY,
        ),
        Message(
            "pool_migrate", (Param("vdi", Ref("VDI")), Param("sr", Ref("SR")), Param("options", Map(String, String))),
            Ref("VDI"), "Moves the image to another repository, even while its VM runs, and returns the new image.", "tampa",
            roles=VM_POWER_ADMIN, forward=where_vm_runs("vdi.VBDs.VM"),
            also_locks=(Lock("vdi.VBDs.VM", "migrate_send"),),
        ),
        Message(
            "enable_cbt", (Param("self", Ref("VDI")),), Void,
            "Turns on recording of changed blocks; does nothing when it is on already.", "inverness",
            errors=(
                "SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "OPERATION_NOT_ALLOWED",
                "VDI_INCOMPATIBLE_TYPE", "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",
            ),
            forward=any_host_with_sr("self"), operation="enable_cbt", also_locks=(Lock("self.SR", "vdi_enable_cbt"),),
        ),
        Message(
            "disable_cbt", (Param("self", Ref("VDI")),), Void,
            "Turns off recording of changed blocks; does nothing when it is off already.", "inverness",
            errors=(
                "SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "OPERATION_NOT_ALLOWED",
                "VDI_INCOMPATIBLE_TYPE", "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",
            ),
            forward=any_host_with_sr("self"), operation="disable_cbt", also_locks=(Lock("self.SR", "vdi_disable_cbt"),),
        ),
        Message(
            "set_cbt_enabled", (Param("self", Ref("VDI")), Param("value", Bool)), Void,
            "Records, for a storage backend, whether changed blocks are tracked.", roles=LOCAL_ROOT, hidden=True,
        ),
        Message(
            "data_destroy", (Param("self", Ref("VDI")),), Void,
            "Deletes the contents of a snapshot but keeps its record of changed blocks.", "inverness",
            errors=(
                "SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "OPERATION_NOT_ALLOWED",
                "VDI_INCOMPATIBLE_TYPE", "VDI_NO_CBT_METADATA", "VDI_IN_USE", "VDI_IS_A_PHYSICAL_DEVICE",
            ),
            forward=any_host_with_sr("self"), operation="data_destroy", also_locks=(Lock("self.SR", "vdi_data_destroy"),),
        ),
        Message(
            "list_changed_blocks", (Param("vdi_from", Ref("VDI")), Param("vdi_to", Ref("VDI"))), String,
            "Returns a base64 bitmap of the 64 KiB blocks that differ between two images.", "inverness", roles=VM_OPERATOR,
            errors=("SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "VDI_IN_USE"),
            forward=any_host_with_sr("vdi_to"), operation="list_changed_blocks", locked="vdi_to",
            also_locks=(Lock("vdi_from.SR", "vdi_list_changed_blocks"),),
        ),
        Message(
            "get_nbd_info", (Param("self", Ref("VDI")),), Set(Record("vdi_nbd_server_info")),
            "Lists the network block device endpoints from which a client can read the image.", "inverness",
            errors=("VDI_INCOMPATIBLE_TYPE",), asynchronous=False,
        ),
        Message(
            "revert", (Param("snapshot", Ref("VDI")),), Void,
            "Puts the contents of a snapshot back into the image it was taken of.", Lifecycle(prototyped="26.16.0"),
            roles=VM_POWER_ADMIN, errors=("UNIMPLEMENTED_IN_SM_BACKEND",), forward=any_host_with_sr("snapshot"),
            operation="revert_to", also_locks=(Lock("snapshot.snapshot_of", "revert_from"), Lock("snapshot.SR", "vdi_revert")),
        ),
    ),
)


vdi_nbd_server_info = Class(
    "vdi_nbd_server_info",
    "What a client needs to reach one virtual disk over the network block device protocol.",
    "inverness",
    events=False,
    persist=False,
    in_database=False,
    fields=(
        runtime(
            "exportname", String, "Export name to ask the server for; it contains a session reference, so keep it secret.",
            "inverness",
        ),
        runtime("address", String, "IP address or host name of the server.", "inverness"),
        runtime("port", Int, "TCP port of the server.", "inverness"),
        runtime("cert", String, "TLS certificate of the server, in PEM form.", "inverness"),
        runtime(
            "subject", String, "Name to check against the server's certificate, taken from the certificate itself.",
            "inverness",
        ),
    ),
)
