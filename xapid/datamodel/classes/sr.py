"""Storage repositories, and what probing and measuring them returns."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, POOL_ADMIN, READ_ONLY, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import Class, Derived, Message, Param, any_host_with_sr, constructed, runtime, to_host, writable
from xapid.datamodel.types import NULL_REF, Bool, Enum, Float, Int, Map, Option, Record, Ref, Set, String, Void

storage_operations = Enum(
    "storage_operations",
    "Operations that can be run on a storage repository.",
    {
        "scan": "comparing records with the storage",
        "destroy": "wiping the repository",
        "forget": "dropping the records only",
        "plug": "connecting a host",
        "unplug": "disconnecting a host",
        "update": "refreshing the record from the backend",
        "vdi_create": "creating a disk image",
        "vdi_introduce": "recording an existing disk image",
        "vdi_destroy": "deleting a disk image",
        "vdi_resize": "resizing an idle disk image",
        "vdi_clone": "cloning a disk image",
        "vdi_snapshot": "taking a snapshot of a disk image",
        "vdi_mirror": "mirroring a disk image",
        "vdi_enable_cbt": "starting changed block tracking",
        "vdi_disable_cbt": "stopping changed block tracking",
        "vdi_data_destroy": "deleting a snapshot's data only",
        "vdi_list_changed_blocks": "listing blocks that differ",
        "vdi_set_on_boot": "choosing whether a disk's writes survive a start",
        "vdi_blocked": "a disk image is held back by another operation",
        "vdi_copy": "copying a disk image",
        "vdi_force_unlock": "breaking the lock of a disk image",
        "vdi_forget": "dropping a disk image's record",
        "vdi_generate_config": "producing a stand-alone attach description",
        "vdi_resize_online": "resizing a disk image in use",
        "vdi_update": "refreshing a disk image's record",
        "vdi_revert": "returning a disk image to a snapshot",
        "pbd_create": "adding a host connection record",
        "pbd_destroy": "removing a host connection record",
    },
)

sr_health = Enum(
    "sr_health",
    "Conditions a storage repository can be in.",
    {
        "healthy": "working normally",
        "recovering": "usable while it repairs itself",
        "unreachable": "the storage cannot be contacted",
        "unavailable": "in contact but not usable now",
    },
)


SR = Class(
    "SR",
    "A storage repository: a place, local or shared, in which disk images are kept.",
    "rio",
    enums=(storage_operations,),
    fields=(
        runtime("uuid", String, "Unique identifier of this storage repository, stable across references and restarts.", "rio"),
        constructed("name_label", String, "Human-readable name of the repository.", "rio", default=""),
        constructed("name_description", String, "Longer human-readable remarks about the repository.", "rio", default=""),
        runtime(
            "allowed_operations", Set(storage_operations), "Operations the server would currently accept on this repository.",
            "rio", default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, storage_operations),
            "Operations in progress on this repository, keyed by the task driving each.", "rio", default={}, persist=False,
        ),
        runtime("VDIs", Set(Ref("VDI")), "Disk images that live in the repository.", "rio", derived_from=Derived("VDI", "SR")),
        runtime(
            "PBDs", Set(Ref("PBD")), "Connections through which hosts reach the repository, one per host.", "rio",
            derived_from=Derived("PBD", "SR"),
        ),
        runtime("virtual_allocation", Int, "Sum of the capacities of all disk images here, in bytes.", "rio"),
        runtime("physical_utilisation", Int, "Bytes of the underlying storage that are in use.", "rio"),
        constructed("physical_size", Int, "Total capacity of the underlying storage, in bytes.", "rio"),
        constructed("type", String, "Name of the storage driver that serves the repository, such as nfs or lvm.", "rio"),
        constructed("content_type", String, "Kind of content kept here, such as user or iso.", "rio"),
        runtime("shared", Bool, "True when several hosts of the pool are meant to reach the repository.", "rio"),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this repository.", "rio",
            map_key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR},
        ),
        writable(
            "tags", Set(String), "Client-chosen labels for grouping and searching.", "orlando", default=(), writers=VM_OPERATOR,
        ),
        runtime("default_vdi_visibility", Bool, "Whether new disk images here are shown to clients by default.", internal=True),
        writable(
            "sm_config", Map(String, String), "Key/value pairs that the storage driver keeps about the repository.", "miami",
            default={},
        ),
        runtime("blobs", Map(String, Ref("blob")), "Named binary objects attached to the repository.", "orlando", default={}),
        runtime(
            "local_cache_enabled", Bool, "True when this repository serves as the local disk cache of its host.", "cowley",
            default=False,
        ),
        runtime(
            "introduced_by", Ref("DR_task"), "Disaster recovery task that brought the repository into the pool, if one did.",
            "boston", default=NULL_REF,
        ),
        runtime(
            "clustered", Bool, "True when the backend relies on a cluster stack to coordinate its hosts.", "dundee",
            default=False,
        ),
        runtime("is_tools_sr", Bool, "True for the repository that holds the guest tools ISO.", "dundee", default=False),
    ),
    messages=(
        Message(
            "create",
            (
                Param("host", Ref("host")), Param("device_config", Map(String, String)), Param("physical_size", Int),
                Param("name_label", String), Param("name_description", String), Param("type", String),
                Param("content_type", String), Param("shared", Bool), Param("sm_config", Map(String, String), {}),
            ),
            Ref("SR"), "Formats a new repository on the storage described and connects the host, or all hosts if shared.",
            "rio", errors=("SR_UNKNOWN_DRIVER",), forward=to_host("host"),
        ),
        Message(
            "introduce",
            (
                Param("uuid", String), Param("name_label", String), Param("name_description", String), Param("type", String),
                Param("content_type", String), Param("shared", Bool), Param("sm_config", Map(String, String), {}),
            ),
            Ref("SR"), "Adds a record for a repository that exists on storage already, without connecting any host.", "rio",
        ),
        Message(
            "make",
            (
                Param("host", Ref("host")), Param("device_config", Map(String, String)), Param("physical_size", Int),
                Param("name_label", String), Param("name_description", String), Param("type", String),
                Param("content_type", String), Param("sm_config", Map(String, String), {}),
            ),
            String, "Formerly formatted a repository without recording it; now obsolete.",
            Lifecycle(published="rio", deprecated="miami"), forward=to_host("host"), refused="MESSAGE_DEPRECATED",
        ),
        Message(
            "destroy", (Param("sr", Ref("SR")),), Void, "Wipes the repository from its storage and removes its records.", "rio",
            errors=("SR_HAS_PBD",), forward=any_host_with_sr("sr", unplugged=True), operation="destroy",
        ),
        Message(
            "forget", (Param("sr", Ref("SR")),), Void,
            "Removes the records of the repository and leaves the data on storage alone.", "rio", errors=("SR_HAS_PBD",),
            operation="forget",
        ),
        Message(
            "update", (Param("sr", Ref("SR")),), Void,
            "Asks the backend for the repository's current sizes and details and refreshes the record.", "symc",
            forward=any_host_with_sr("sr"),
        ),
        Message(
            "get_supported_types", (), Set(String), "Lists the storage driver types this pool offers.", "rio", roles=READ_ONLY,
            asynchronous=False,
        ),
        Message(
            "scan", (Param("sr", Ref("SR")),), Void,
            "Looks through the storage and brings the disk image records into line with what is there.", "rio",
            roles=VM_POWER_ADMIN, forward=any_host_with_sr("sr"), operation="scan",
        ),
        Message(
            "probe",
            (
                Param("host", Ref("host")), Param("device_config", Map(String, String)), Param("type", String),
                Param("sm_config", Map(String, String), {}),
            ),
            String, "Searches the given device for usable storage and returns the driver's XML answer.", "miami",
            forward=to_host("host"),
        ),
        Message(
            "probe_ext",
            (
                Param("host", Ref("host")), Param("device_config", Map(String, String)), Param("type", String),
                Param("sm_config", Map(String, String), {}),
            ),
            Set(Record("probe_result")), "Searches the given device for usable storage and returns structured results.",
            Lifecycle(prototyped="kolkata", published="lima"), forward=to_host("host"),
        ),
        Message(
            "set_shared", (Param("sr", Ref("SR")), Param("value", Bool)), Void,
            "Marks the repository as shared between hosts or as belonging to one.", "rio",
        ),
        Message(
            "set_name_label", (Param("sr", Ref("SR")), Param("value", String)), Void,
            "Renames the repository, in the record and on the storage.", "rio", forward=any_host_with_sr("sr"),
        ),
        Message(
            "set_name_description", (Param("sr", Ref("SR")), Param("value", String)), Void,
            "Replaces the repository's description, in the record and on the storage.", "rio", forward=any_host_with_sr("sr"),
        ),
        Message(
            "create_new_blob",
            (Param("sr", Ref("SR")), Param("name", String), Param("mime_type", String), Param("public", Bool, False)),
            Ref("blob"), "Creates an empty named binary object attached to the repository.", "orlando",
        ),
        Message(
            "set_physical_size", (Param("self", Ref("SR")), Param("value", Int)), Void,
            "Records, for a storage backend, the total capacity in bytes.", "miami", asynchronous=False,
        ),
        Message(
            "set_virtual_allocation", (Param("self", Ref("SR")), Param("value", Int)), Void,
            "Records, for a storage backend, the summed capacity of the images in bytes.", roles=LOCAL_ROOT, asynchronous=False,
            hidden=True,
        ),
        Message(
            "set_physical_utilisation", (Param("self", Ref("SR")), Param("value", Int)), Void,
            "Records, for a storage backend, the bytes in use on storage.", roles=LOCAL_ROOT, asynchronous=False, hidden=True,
        ),
        Message(
            "assert_can_host_ha_statefile", (Param("sr", Ref("SR")),), Void,
            "Raises an error unless the repository could store the high availability state.", "orlando",
        ),
        Message(
            "assert_supports_database_replication", (Param("sr", Ref("SR")),), Void,
            "Raises an error unless the pool database could be replicated to the repository.", "boston",
        ),
        Message(
            "enable_database_replication", (Param("sr", Ref("SR")),), Void,
            "Starts keeping an up-to-date copy of the pool database in the repository.", "boston",
        ),
        Message(
            "disable_database_replication", (Param("sr", Ref("SR")),), Void,
            "Stops keeping a copy of the pool database in the repository.", "boston",
        ),
        Message(
            "get_data_sources", (Param("sr", Ref("SR")),), Set(Record("data_source")),
            "Lists the performance metrics available for the repository.", "dundee", roles=READ_ONLY, asynchronous=False,
            forward=any_host_with_sr("sr"),
        ),
        Message(
            "record_data_source", (Param("sr", Ref("SR")), Param("data_source", String)), Void,
            "Starts archiving the named performance metric.", "dundee", asynchronous=False, forward=any_host_with_sr("sr"),
        ),
        Message(
            "query_data_source", (Param("sr", Ref("SR")), Param("data_source", String)), Float,
            "Returns the latest value of the named performance metric.", "dundee", roles=READ_ONLY, asynchronous=False,
            forward=any_host_with_sr("sr"),
        ),
        Message(
            "forget_data_source_archives", (Param("sr", Ref("SR")), Param("data_source", String)), Void,
            "Throws away the archived values of the named performance metric.", "dundee", asynchronous=False,
            forward=any_host_with_sr("sr"),
        ),
        Message(
            "get_live_hosts", (Param("sr", Ref("SR")),), Set(Ref("host")),
            "Lists the hosts that are up and connected to the repository.", hidden=True,
        ),
    ),
)


sr_stat = Class(
    "sr_stat",
    "Details of a storage repository as a probe of the storage reports them.",
    Lifecycle(prototyped="kolkata", published="lima", extended="24.17.0"),
    events=False,
    persist=False,
    in_database=False,
    enums=(sr_health,),
    fields=(
        runtime(
            "uuid", Option(String), "UUID of the repository found, absent if it has none.",
            Lifecycle(prototyped="kolkata", published="lima", extended="24.17.0"),
        ),
        runtime(
            "name_label", String, "Human-readable name stored with the repository.",
            Lifecycle(prototyped="kolkata", published="lima", extended="24.17.0"),
        ),
        runtime(
            "name_description", String, "Longer remarks stored with the repository.",
            Lifecycle(prototyped="kolkata", published="lima", extended="24.17.0"),
        ),
        runtime(
            "free_space", Int, "Bytes still free on the storage.",
            Lifecycle(prototyped="kolkata", published="lima", extended="24.17.0"),
        ),
        runtime(
            "total_space", Int, "Capacity of the storage in bytes.",
            Lifecycle(prototyped="kolkata", published="lima", extended="24.17.0"),
        ),
        runtime(
            "clustered", Bool, "True when the repository relies on a cluster stack.",
            Lifecycle(prototyped="kolkata", published="lima", extended="24.17.0"),
        ),
        runtime(
            "health", sr_health, "Condition of the repository.",
            Lifecycle(prototyped="kolkata", published="lima", extended="24.17.0"),
        ),
    ),
)


probe_result = Class(
    "probe_result",
    "One finding of a storage probe: a usable or partial configuration, and any SR found with it.",
    Lifecycle(prototyped="kolkata", published="lima"),
    events=False,
    persist=False,
    in_database=False,
    fields=(
        runtime(
            "configuration", Map(String, String), "Device settings, as far as the probe could complete them.",
            Lifecycle(prototyped="kolkata", published="lima"),
        ),
        runtime(
            "complete", Bool, "Whether the settings suffice to create or attach an SR, with no further probing needed.",
            Lifecycle(prototyped="kolkata", published="lima"),
        ),
        runtime(
            "sr", Option(Record("sr_stat")), "Properties of an existing SR found with these settings, if there is one.",
            Lifecycle(prototyped="kolkata", published="lima"),
        ),
        runtime(
            "extra_info", Map(String, String), "Further driver-specific details about the finding.",
            Lifecycle(prototyped="kolkata", published="lima"),
        ),
    ),
)


LVHD = Class(
    "LVHD",
    "Calls that manage storage repositories keeping VHD images on LVM volumes.",
    "dundee",
    listed=False,
    roles=POOL_ADMIN,
    fields=(
        runtime("uuid", String, "Unique identifier of this object, stable across references and restarts.", "rio"),
    ),
    messages=(
        Message(
            "enable_thin_provisioning",
            (
                Param("host", Ref("host")), Param("SR", Ref("SR")), Param("initial_allocation", Int),
                Param("allocation_quantum", Int),
            ),
            String, "Switches a repository to thin allocation for new images, with first size and growth step in bytes.",
            "dundee", forward=to_host("host"),
        ),
    ),
)
