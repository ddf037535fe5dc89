"""VMs that start together, or apart."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import READ_ONLY, VM_ADMIN
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, writable
from xapid.datamodel.types import Bool, Enum, Map, Ref, Set, String, Void

vm_appliance_operation = Enum(
    "vm_appliance_operation",
    "Operations on an appliance.",
    {
        "start": "",
        "clean_shutdown": "shutdown with the guests' cooperation",
        "hard_shutdown": "power-off without it",
        "shutdown": "clean if possible, otherwise hard",
    },
)

placement_policy = Enum(
    "placement_policy",
    "Rule for placing the VMs of a group.",
    {
        "anti_affinity": "spread over as many hosts as can be",
        "normal": "no common rule",
    },
)


VM_appliance = Class(
    "VM_appliance",
    "A group of VMs that are started, stopped and recovered together in a set order.",
    "boston",
    constructor=True,
    enums=(vm_appliance_operation,),
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "rio"),
        writable("name_label", String, "Short human-readable name, not required to be unique.", "rio", default=""),
        writable("name_description", String, "Free-form note describing the object.", "rio", default=""),
        runtime(
            "allowed_operations", Set(vm_appliance_operation), "Operations that the object's present state permits.", "rio",
            default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, vm_appliance_operation),
            "Operations under way now, each keyed by the reference of its task.", "rio", default={}, persist=False,
        ),
        runtime("VMs", Set(Ref("VM")), "VMs that make up the appliance.", "rio", derived_from=Derived("VM", "appliance")),
    ),
    messages=(
        Message(
            "start", (Param("self", Ref("VM_appliance")), Param("paused", Bool)), Void,
            "Starts the appliance's halted VMs in their order, leaving them paused if asked.", "boston",
            errors=("OPERATION_PARTIALLY_FAILED",), operation="start",
        ),
        Message(
            "clean_shutdown", (Param("self", Ref("VM_appliance")),), Void,
            "Asks all running VMs of the appliance to shut down, in reverse start order.", "boston",
            errors=("OPERATION_PARTIALLY_FAILED",), operation="clean_shutdown",
        ),
        Message(
            "hard_shutdown", (Param("self", Ref("VM_appliance")),), Void,
            "Powers off all VMs of the appliance at once, without asking the guests.", "boston",
            errors=("OPERATION_PARTIALLY_FAILED",), operation="hard_shutdown",
        ),
        Message(
            "shutdown", (Param("self", Ref("VM_appliance")),), Void,
            "Shuts each VM of the appliance down cleanly if possible and by force otherwise.", "boston",
            errors=("OPERATION_PARTIALLY_FAILED",), operation="shutdown",
        ),
        Message(
            "assert_can_be_recovered", (Param("self", Ref("VM_appliance")), Param("session_to", Ref("session"))), Void,
            "Raises an error if the pool behind the target session lacks an SR the appliance needs.", "boston", roles=READ_ONLY,
            errors=("VM_REQUIRES_SR",),
        ),
        Message(
            "get_SRs_required_for_recovery", (Param("self", Ref("VM_appliance")), Param("session_to", Ref("session"))),
            Set(Ref("SR")), "Returns the SRs that the target pool must have attached to recover the appliance.", "creedence",
            roles=READ_ONLY,
        ),
        Message(
            "recover", (Param("self", Ref("VM_appliance")), Param("session_to", Ref("session")), Param("force", Bool)), Void,
            "Recreates the appliance and its VMs in the pool behind the target session; force replaces old copies.", "boston",
            roles=READ_ONLY, errors=("VM_REQUIRES_SR",),
        ),
    ),
)


VM_group = Class(
    "VM_group",
    "A set of VMs placed on hosts by a common rule.",
    Lifecycle(prototyped="24.19.1"),
    constructor=True,
    roles=VM_ADMIN,
    enums=(placement_policy,),
    fields=(
        runtime("uuid", String, "Unique identifier of the VM group.", "rio"),
        writable("name_label", String, "Name of the VM group as shown to people.", "rio", default=""),
        writable("name_description", String, "Free text saying what the VM group is for.", "rio", default=""),
        constructed(
            "placement", placement_policy, "Rule by which the group's VMs are given hosts.", Lifecycle(prototyped="24.19.1"),
            default="normal",
        ),
        runtime(
            "VMs", Set(Ref("VM")), "VMs that belong to the group.", Lifecycle(prototyped="24.19.1"),
            derived_from=Derived("VM", "groups"),
        ),
    ),
)
