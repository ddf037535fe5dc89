"""What is measured of a VM from outside and reported from inside."""

from xapid.datamodel.classes.vm_enums import domain_type
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.schema import Class, constructed, runtime, writable
from xapid.datamodel.types import Bool, DateTime, Enum, Float, Int, Map, Set, String

tristate_type = Enum(
    "tristate_type",
    "A yes or no that may be unknown.",
    {
        "yes": "",
        "no": "",
        "unspecified": "not known",
    },
)


VM_metrics = Class(
    "VM_metrics",
    "Run-time measurements and state of one VM as the hypervisor sees it.",
    "rio",
    roles=VM_ADMIN,
    enums=(domain_type,),
    fields=(
        runtime("uuid", String, "Unique identifier of this metrics record, stable across references and restarts.", "rio"),
        runtime("memory_actual", Int, "Memory in bytes that the VM really holds at present.", "rio", persist=False),
        runtime("VCPUs_number", Int, "Number of virtual CPUs the VM currently has.", "rio"),
        runtime(
            "VCPUs_utilisation", Map(Int, Float),
            "Former load of each virtual CPU as a fraction from 0 to 1; no longer updated.",
            Lifecycle(published="rio", deprecated="tampa", removed="tampa"), default={}, persist=False,
        ),
        runtime("VCPUs_CPU", Map(Int, Int), "Physical CPU on which each virtual CPU runs.", "rio", persist=False),
        runtime(
            "VCPUs_params", Map(String, String), "Scheduling parameters in effect for the virtual CPUs.", "rio", persist=False,
        ),
        runtime(
            "VCPUs_flags", Map(Int, Set(String)), "Flags describing each virtual CPU, such as online or blocked.", "rio",
            persist=False,
        ),
        runtime("state", Set(String), "Hypervisor state flags of the VM's domain.", "rio", persist=False),
        runtime("start_time", DateTime, "Moment at which the VM was last booted.", "rio"),
        runtime("install_time", DateTime, "Moment at which the VM was installed.", "rio"),
        runtime("last_updated", DateTime, "Moment at which this record was last refreshed.", "rio", persist=False),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this metrics record.",
            "orlando", default={}, persist=False,
        ),
        runtime("hvm", Bool, "True when the VM runs with hardware virtualization.", "ely", default=False, persist=False),
        runtime(
            "nested_virt", Bool, "True when the VM was started with nested virtualization.", "ely", default=False,
            persist=False,
        ),
        runtime(
            "nomigrate", Bool, "True when the VM was started in a way that rules out migration.", "ely", default=False,
            persist=False,
        ),
        runtime(
            "current_domain_type", domain_type, "Virtualization mode the VM is running in, or unspecified when not running.",
            Lifecycle(prototyped="jura", published="kolkata"), default="unspecified",
        ),
        constructed(
            "numa_optimised", Bool, "True when the VM's memory was placed on as few NUMA nodes as possible.",
            Lifecycle(prototyped="26.2.0"), default=False,
        ),
        constructed(
            "numa_nodes", Int, "Number of NUMA nodes over which the VM's memory is spread.", Lifecycle(prototyped="26.2.0"),
            default=0,
        ),
        runtime(
            "numa_node_memory", Map(Int, Int), "Bytes of the VM's memory on each NUMA node, by node number.",
            Lifecycle(prototyped="26.2.0"), default={},
        ),
    ),
)


VM_guest_metrics = Class(
    "VM_guest_metrics",
    "What the agent inside a running guest reports about it.",
    "rio",
    roles=VM_ADMIN,
    enums=(tristate_type,),
    fields=(
        runtime("uuid", String, "Unique identifier of the guest metrics.", "rio"),
        runtime(
            "os_version", Map(String, String), "Guest operating system: keys such as name, distro, uname, major and minor.",
            "rio",
        ),
        runtime(
            "netbios_name", Map(String, String), "NetBIOS names of a Windows guest.", Lifecycle(prototyped="24.28.0"),
            default={},
        ),
        runtime(
            "PV_drivers_version", Map(String, String),
            "Version of the guest's paravirtual drivers: major, minor, micro and build.", "rio", flat=True,
        ),
        runtime(
            "PV_drivers_up_to_date", Bool, "Formerly told whether the drivers were current; now the same as drivers detected.",
            Lifecycle(published="rio", deprecated="dundee"), flat=True,
        ),
        runtime(
            "memory", Map(String, String), "Formerly held memory figures from the guest; always empty now.",
            Lifecycle(published="rio", deprecated="george", removed="george"), default={},
        ),
        runtime(
            "disks", Map(String, String), "Formerly held disk figures from the guest; always empty now.",
            Lifecycle(published="rio", deprecated="orlando", removed="orlando"), default={},
        ),
        runtime("networks", Map(String, String), "IP addresses in the guest, by keys such as 0/ip or 0/ipv6/0.", "rio"),
        runtime("other", Map(String, String), "Everything else the guest reports, such as its feature flags.", "rio"),
        runtime("last_updated", DateTime, "Moment of the last change to this object, in UTC.", "rio"),
        writable(
            "other_config", Map(String, String), "Extra settings and client data as free key-value pairs.", "orlando",
            default={},
        ),
        runtime("live", Bool, "True if the guest's agent is reporting.", "orlando", default=False),
        runtime(
            "can_use_hotplug_vbd", tristate_type, "Whether block devices can be plugged while the guest runs.", "dundee",
            default="unspecified",
        ),
        runtime(
            "can_use_hotplug_vif", tristate_type, "Whether network interfaces can be plugged while the guest runs.", "dundee",
            default="unspecified",
        ),
        runtime(
            "PV_drivers_detected", Bool, "True if at least one paravirtual driver is at work in the guest.", "dundee",
            default=False, flat=True,
        ),
        runtime(
            "services", Map(String, String), "Services that the guest reports, with their details.",
            Lifecycle(prototyped="25.15.0"), default={},
        ),
    ),
)
