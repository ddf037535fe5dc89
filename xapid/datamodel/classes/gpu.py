"""Physical and virtual graphics processors."""

from xapid.datamodel.classes.pci import pci_dom0_access
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, READ_ONLY
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import NULL_REF, Bool, Enum, Int, Map, Ref, Set, String, Void

allocation_algorithm = Enum(
    "allocation_algorithm",
    "Rules for picking a physical GPU from a group.",
    {
        "breadth_first": "spread over the least used GPUs",
        "depth_first": "fill up the most used GPU first",
    },
)

vgpu_type_implementation = Enum(
    "vgpu_type_implementation",
    "Techniques by which a virtual GPU can be provided.",
    {
        "passthrough": "a whole physical GPU given to the VM",
        "nvidia": "NVIDIA mediated sharing",
        "nvidia_sriov": "NVIDIA sharing over SR-IOV",
        "gvt_g": "Intel GVT-g sharing",
        "mxgpu": "AMD MxGPU sharing",
    },
)


PGPU = Class(
    "PGPU",
    "A physical GPU in a host.",
    "boston",
    enums=(pci_dom0_access,),
    fields=(
        runtime("uuid", String, "Unique identifier of the physical GPU.", "boston"),
        constructed("PCI", Ref("PCI"), "PCI device that is this GPU.", "boston", default=NULL_REF),
        constructed("GPU_group", Ref("GPU_group"), "Group of like GPUs this one belongs to.", "boston", default=NULL_REF),
        runtime("host", Ref("host"), "Host in which the GPU is built.", "boston", default=NULL_REF),
        writable(
            "other_config", Map(String, String), "Extra settings and client data as free key-value pairs.", "boston",
            default={},
        ),
        runtime(
            "supported_VGPU_types", Set(Ref("VGPU_type")), "Kinds of virtual GPU the hardware can provide.",
            "vgpu-tech-preview",
        ),
        runtime(
            "enabled_VGPU_types", Set(Ref("VGPU_type")), "Kinds of virtual GPU that an administrator lets this GPU provide.",
            "vgpu-tech-preview",
        ),
        runtime(
            "resident_VGPUs", Set(Ref("VGPU")), "Virtual GPUs running on this GPU now.", "vgpu-tech-preview",
            derived_from=Derived("VGPU", "resident_on"),
        ),
        constructed(
            "size", Int, "Total capacity of the GPU, in the abstract unit in which virtual GPU types state their share.",
            default=1048576, internal=True,
        ),
        runtime(
            "supported_VGPU_max_capacities", Map(Ref("VGPU_type"), Int),
            "How many virtual GPUs of each supported kind an empty GPU can hold.", "vgpu-productisation", default={},
        ),
        runtime(
            "dom0_access", pci_dom0_access, "Whether the control domain may use the GPU, now and after the next reboot.",
            Lifecycle(published="cream", deprecated="24.14.0"), default="enabled",
        ),
        runtime(
            "is_system_display_device", Bool, "True if the host shows its own console on this GPU.", "cream", default=False,
        ),
        runtime(
            "compatibility_metadata", Map(String, String),
            "Driver data used to judge whether a virtual GPU can migrate between two GPUs.", "inverness", default={},
        ),
    ),
    messages=(
        Message(
            "add_enabled_VGPU_types", (Param("self", Ref("PGPU")), Param("value", Ref("VGPU_type"))), Void,
            "Lets the GPU provide one more kind of virtual GPU.", "vgpu-tech-preview",
        ),
        Message(
            "remove_enabled_VGPU_types", (Param("self", Ref("PGPU")), Param("value", Ref("VGPU_type"))), Void,
            "Stops the GPU from providing one kind of virtual GPU.", "vgpu-tech-preview",
        ),
        Message(
            "set_enabled_VGPU_types", (Param("self", Ref("PGPU")), Param("value", Set(Ref("VGPU_type")))), Void,
            "Sets all kinds of virtual GPU the GPU may provide.", "vgpu-tech-preview",
        ),
        Message(
            "set_GPU_group", (Param("self", Ref("PGPU")), Param("value", Ref("GPU_group"))), Void,
            "Moves the GPU to another group.", "vgpu-tech-preview",
        ),
        Message(
            "get_remaining_capacity", (Param("self", Ref("PGPU")), Param("vgpu_type", Ref("VGPU_type"))), Int,
            "Tells how many more virtual GPUs of the given kind the GPU can take now.", "vgpu-tech-preview", roles=READ_ONLY,
        ),
        Message(
            "enable_dom0_access", (Param("self", Ref("PGPU")),), pci_dom0_access,
            "Gives the GPU back to the control domain at the next host reboot.",
            Lifecycle(published="cream", deprecated="24.14.0"), forward=to_host("self"),
        ),
        Message(
            "disable_dom0_access", (Param("self", Ref("PGPU")),), pci_dom0_access,
            "Hides the GPU from the control domain at the next host reboot.",
            Lifecycle(published="cream", deprecated="24.14.0"), forward=to_host("self"),
        ),
    ),
)


GPU_group = Class(
    "GPU_group",
    "A set of interchangeable physical GPUs in the pool, from which virtual GPUs are allotted.",
    "boston",
    enums=(allocation_algorithm,),
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "boston"),
        writable("name_label", String, "Short human-readable name, not required to be unique.", "boston", default=""),
        writable("name_description", String, "Free-form note describing the object.", "boston", default=""),
        runtime("PGPUs", Set(Ref("PGPU")), "Physical GPUs in the group.", "boston", derived_from=Derived("PGPU", "GPU_group")),
        runtime(
            "VGPUs", Set(Ref("VGPU")), "Virtual GPUs that draw on the group.", "boston",
            derived_from=Derived("VGPU", "GPU_group"),
        ),
        runtime("GPU_types", Set(String), "PCI vendor and device identifiers of the GPUs in the group.", "boston", default=()),
        writable(
            "other_config", Map(String, String),
            "Free key/value pairs for clients and for options without a field of their own.", "boston", default={},
        ),
        writable(
            "allocation_algorithm", allocation_algorithm, "Rule by which a physical GPU is picked for a new virtual GPU.",
            "vgpu-tech-preview", default="depth_first",
        ),
        runtime(
            "supported_VGPU_types", Set(Ref("VGPU_type")), "Virtual GPU types that some physical GPU of the group can provide.",
            "vgpu-productisation",
        ),
        runtime(
            "enabled_VGPU_types", Set(Ref("VGPU_type")), "Virtual GPU types allowed on some physical GPU of the group.",
            "vgpu-productisation",
        ),
    ),
    messages=(
        Message(
            "create",
            (
                Param("name_label", String, ""), Param("name_description", String, ""),
                Param("other_config", Map(String, String), {}),
            ),
            Ref("GPU_group"), "Creates a GPU group with no physical GPUs in it.", "boston",
        ),
        Message(
            "destroy", (Param("self", Ref("GPU_group")),), Void, "Deletes a GPU group that no physical or virtual GPU uses.",
            "boston",
        ),
        Message(
            "update_enabled_VGPU_types", (Param("self", Ref("GPU_group")),), Void,
            "Recomputes the group's enabled types from its physical GPUs.", hidden=True,
        ),
        Message(
            "update_supported_VGPU_types", (Param("self", Ref("GPU_group")),), Void,
            "Recomputes the group's supported types from its physical GPUs.", hidden=True,
        ),
        Message(
            "get_remaining_capacity", (Param("self", Ref("GPU_group")), Param("vgpu_type", Ref("VGPU_type"))), Int,
            "Returns how many more virtual GPUs of the given type the group can take.", "vgpu-tech-preview", roles=READ_ONLY,
        ),
    ),
)


VGPU = Class(
    "VGPU",
    "A virtual graphics processor of a VM.",
    "boston",
    fields=(
        runtime("uuid", String, "Unique identifier of this virtual GPU, stable across references and restarts.", "boston"),
        runtime("VM", Ref("VM"), "VM that owns the virtual GPU.", "boston"),
        runtime("GPU_group", Ref("GPU_group"), "Group of physical GPUs that may serve it.", "boston"),
        runtime("device", String, "Position among the VM's virtual GPUs, counted from 0.", "boston", default="0"),
        runtime(
            "currently_attached", Bool, "True while the virtual GPU is plugged into a running VM.", "boston", default=False,
        ),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this virtual GPU.",
            "boston", default={},
        ),
        runtime("type", Ref("VGPU_type"), "Model of virtual GPU to provide.", "vgpu-tech-preview", default=NULL_REF),
        runtime(
            "resident_on", Ref("PGPU"), "Physical GPU that currently serves it, or null.", "vgpu-tech-preview",
            default=NULL_REF,
        ),
        runtime(
            "scheduled_to_be_resident_on", Ref("PGPU"), "Physical GPU set aside for it while the VM starts or moves.", "dundee",
            default=NULL_REF,
        ),
        runtime(
            "compatibility_metadata", Map(String, String), "Driver data by which a target's fitness for migration is judged.",
            "inverness", default={},
        ),
        writable(
            "extra_args", String, "Additional arguments handed to the device emulator of the virtual GPU.", "quebec",
            default="",
        ),
        runtime(
            "PCI", Ref("PCI"), "PCI device passed to the VM to provide the virtual GPU, or null.", "quebec", default=NULL_REF,
        ),
    ),
    messages=(
        Message(
            "create",
            (
                Param("VM", Ref("VM")), Param("GPU_group", Ref("GPU_group")), Param("device", String, "0"),
                Param("other_config", Map(String, String), {}), Param("type", Ref("VGPU_type"), NULL_REF),
            ),
            Ref("VGPU"), "Adds a virtual GPU to a VM, served from the given GPU group.", "boston",
        ),
        Message("destroy", (Param("self", Ref("VGPU")),), Void, "Removes the virtual GPU from its VM.", "boston"),
        Message(
            "atomic_set_resident_on", (Param("self", Ref("VGPU")), Param("value", Ref("PGPU"))), Void,
            "Records in one step the physical GPU that serves it and ends its reservation.", roles=LOCAL_ROOT, hidden=True,
            pool_internal=True,
        ),
    ),
)


VGPU_type = Class(
    "VGPU_type",
    "A kind of virtual GPU that physical GPUs can provide.",
    "vgpu-tech-preview",
    enums=(vgpu_type_implementation,),
    fields=(
        runtime(
            "uuid", String, "Universally unique identifier that stays the same for the object's whole life.",
            "vgpu-tech-preview",
        ),
        constructed("vendor_name", String, "Name of the GPU's maker.", "vgpu-tech-preview", default=""),
        constructed("model_name", String, "Name of the virtual GPU model.", "vgpu-tech-preview", default=""),
        constructed("framebuffer_size", Int, "Video memory of one such virtual GPU, in bytes.", "vgpu-tech-preview", default=0),
        constructed("max_heads", Int, "Greatest number of displays.", "vgpu-tech-preview", default=0),
        constructed("max_resolution_x", Int, "Greatest display width in pixels.", "vgpu-productisation", default=0),
        constructed("max_resolution_y", Int, "Greatest display height in pixels.", "vgpu-productisation", default=0),
        constructed(
            "size", Int, "Share of a physical GPU's capacity that one such virtual GPU takes up, in internal units.", default=0,
            internal=True,
        ),
        runtime(
            "supported_on_PGPUs", Set(Ref("PGPU")), "Physical GPUs able to provide this type.", "vgpu-tech-preview",
            derived_from=Derived("PGPU", "supported_VGPU_types"),
        ),
        runtime(
            "enabled_on_PGPUs", Set(Ref("PGPU")), "Physical GPUs on which this type is allowed to be used.",
            "vgpu-tech-preview", derived_from=Derived("PGPU", "enabled_VGPU_types"),
        ),
        runtime(
            "VGPUs", Set(Ref("VGPU")), "Virtual GPUs of this type.", "vgpu-tech-preview", derived_from=Derived("VGPU", "type"),
        ),
        constructed(
            "internal_config", Map(String, String), "Implementation details needed to start a virtual GPU of this type.",
            default={}, internal=True,
        ),
        runtime(
            "supported_on_GPU_groups", Set(Ref("GPU_group")),
            "GPU groups with at least one physical GPU able to provide this type.", "vgpu-productisation",
            derived_from=Derived("GPU_group", "supported_VGPU_types"),
        ),
        runtime(
            "enabled_on_GPU_groups", Set(Ref("GPU_group")),
            "GPU groups with at least one physical GPU on which this type is allowed.", "vgpu-productisation",
            derived_from=Derived("GPU_group", "enabled_VGPU_types"),
        ),
        constructed(
            "implementation", vgpu_type_implementation, "Technique by which the virtual GPU is provided.", "dundee",
            default="passthrough",
        ),
        constructed(
            "identifier", String, "Key built from the type's properties, by which the server recognizes the same type again.",
            "dundee", default="",
        ),
        constructed(
            "experimental", Bool, "Whether the type is provided for trial only, without full support.", "dundee", default=False,
        ),
        runtime(
            "compatible_types_in_vm", Set(Ref("VGPU_type")), "Types that one VM may have alongside this type.", "quebec",
            default=(), events=False,
        ),
        runtime(
            "compatible_types_on_pgpu", Set(Ref("VGPU_type")), "Types that one physical GPU may provide alongside this type.",
            default=(), internal=True, events=False,
        ),
    ),
)
