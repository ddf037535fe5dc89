"""VM: the messages that set something: memory, processors, firmware, and what is kept in maps."""

from xapid.datamodel.classes.vm_enums import (
    domain_type,
    on_crash_behaviour,
    update_status,
    vm_operations,
    vm_secureboot_readiness,
    vm_uefi_mode,
)
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, POOL_ADMIN, POOL_OPERATOR, READ_ONLY, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import (
    Message,
    Param,
    where_vm_runs,
)
from xapid.datamodel.types import Bool, Float, Int, Map, Ref, Set, String, Void

SETTINGS = (
    Message(
        "set_is_default_template", (Param("vm", Ref("VM")), Param("value", Bool)), Void,
        "Marks or unmarks a template as one that came with the system.", roles=POOL_ADMIN, hidden=True,
    ),
    Message(
        "set_VCPUs_number_live", (Param("self", Ref("VM")), Param("nvcpu", Int)), Void,
        "Changes the number of virtual CPUs online in a running VM.", Lifecycle(published="rio", changed="ely"),
        errors=("OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"), forward=where_vm_runs("self"),
        operation="changing_VCPUs_live",
    ),
    Message(
        "add_to_VCPUs_params_live", (Param("self", Ref("VM")), Param("key", String), Param("value", String)), Void,
        "Adds a virtual CPU scheduling setting to a running VM; not implemented.", "rio", refused="NOT_IMPLEMENTED",
    ),
    Message(
        "set_NVRAM", (Param("self", Ref("VM")), Param("value", Map(String, String))), Void,
        "Replaces the nonvolatile memory contents of a halted VM.", "naples", asynchronous=False,
        operation="changing_NVRAM",
    ),
    Message(
        "add_to_NVRAM", (Param("self", Ref("VM")), Param("key", String), Param("value", String)), Void,
        "Adds a key to the nonvolatile memory contents of a halted VM.", "naples", asynchronous=False,
        operation="changing_NVRAM",
    ),
    Message(
        "remove_from_NVRAM", (Param("self", Ref("VM")), Param("key", String)), Void,
        "Removes a key from the nonvolatile memory contents of a halted VM.", "naples", asynchronous=False,
        operation="changing_NVRAM",
    ),
    Message(
        "set_ha_restart_priority", (Param("self", Ref("VM")), Param("value", String)), Void,
        "Sets how high availability restarts the VM: restart, best-effort, or empty.", "orlando", roles=POOL_OPERATOR,
        asynchronous=False,
    ),
    Message(
        "set_ha_always_run", (Param("self", Ref("VM")), Param("value", Bool)), Void,
        "Sets whether high availability keeps the VM running; use the restart priority instead.",
        Lifecycle(published="orlando", deprecated="boston"), roles=POOL_OPERATOR, asynchronous=False,
    ),
    Message(
        "compute_memory_overhead", (Param("vm", Ref("VM")),), Int,
        "Works out the memory virtualization adds to the VM's own, in bytes.", "midnight-ride", roles=READ_ONLY,
    ),
    Message(
        "set_memory_dynamic_max", (Param("self", Ref("VM")), Param("value", Int)), Void,
        "Sets the upper ballooning limit, in bytes.", "midnight-ride", roles=VM_POWER_ADMIN, asynchronous=False,
        forward=where_vm_runs("self"), operation="changing_dynamic_range",
    ),
    Message(
        "set_memory_dynamic_min", (Param("self", Ref("VM")), Param("value", Int)), Void,
        "Sets the lower ballooning limit, in bytes.", "midnight-ride", roles=VM_POWER_ADMIN, asynchronous=False,
        forward=where_vm_runs("self"), operation="changing_dynamic_range",
    ),
    Message(
        "set_memory_dynamic_range", (Param("self", Ref("VM")), Param("min", Int), Param("max", Int)), Void,
        "Sets both ballooning limits at once, in bytes.", "midnight-ride", roles=VM_POWER_ADMIN,
        forward=where_vm_runs("self"), operation="changing_dynamic_range",
    ),
    Message(
        "set_memory_static_max", (Param("self", Ref("VM")), Param("value", Int)), Void,
        "Sets the static memory maximum of a halted VM, in bytes.", "orlando", roles=VM_POWER_ADMIN,
        errors=("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN",), asynchronous=False, operation="changing_static_range",
    ),
    Message(
        "set_memory_static_min", (Param("self", Ref("VM")), Param("value", Int)), Void,
        "Sets the static memory minimum of a halted VM, in bytes.", "midnight-ride", roles=VM_POWER_ADMIN,
        asynchronous=False, operation="changing_static_range",
    ),
    Message(
        "set_memory_static_range", (Param("self", Ref("VM")), Param("min", Int), Param("max", Int)), Void,
        "Sets the static memory minimum and maximum of a halted VM at once, in bytes.", "midnight-ride",
        roles=VM_POWER_ADMIN, operation="changing_static_range",
    ),
    Message(
        "set_memory_limits",
        (
            Param("self", Ref("VM")), Param("static_min", Int), Param("static_max", Int), Param("dynamic_min", Int),
            Param("dynamic_max", Int),
        ),
        Void, "Sets all four memory limits of the VM at once, in bytes.", "midnight-ride", roles=VM_POWER_ADMIN,
        forward=where_vm_runs("self"), operation="changing_memory_limits",
    ),
    Message(
        "set_memory", (Param("self", Ref("VM")), Param("value", Int)), Void,
        "Gives the VM a fixed amount of memory by making three limits equal to it, in bytes.", "ely", roles=VM_POWER_ADMIN,
        forward=where_vm_runs("self"), operation="changing_memory_limits",
    ),
    Message(
        "set_memory_target_live", (Param("self", Ref("VM")), Param("target", Int)), Void,
        "Formerly set the balloon target of a running VM, in bytes; accepted without effect.",
        Lifecycle(published="rio", deprecated="midnight-ride"), roles=VM_POWER_ADMIN, forward=where_vm_runs("self"),
        operation="changing_memory_live",
    ),
    Message(
        "wait_memory_target_live", (Param("self", Ref("VM")),), Void,
        "Waits until the running VM's memory has come close to its target.",
        Lifecycle(published="orlando", deprecated="midnight-ride"), roles=READ_ONLY, forward=where_vm_runs("self"),
        operation="awaiting_memory_live",
    ),
    Message(
        "get_cooperative", (Param("self", Ref("VM")),), Bool,
        "Formerly told whether the guest follows its balloon target; always true now.",
        Lifecycle(published="midnight-ride", deprecated="tampa"), roles=READ_ONLY,
    ),
    Message(
        "set_HVM_shadow_multiplier", (Param("self", Ref("VM")), Param("value", Float)), Void,
        "Sets the shadow memory factor of a halted VM.", "midnight-ride", roles=VM_POWER_ADMIN, asynchronous=False,
        operation="changing_shadow_memory",
    ),
    Message(
        "set_shadow_multiplier_live", (Param("self", Ref("VM")), Param("multiplier", Float)), Void,
        "Sets the shadow memory factor of a running VM.", "rio", roles=VM_POWER_ADMIN, forward=where_vm_runs("self"),
        operation="changing_shadow_memory_live",
    ),
    Message(
        "set_VCPUs_max", (Param("self", Ref("VM")), Param("value", Int)), Void,
        "Sets the greatest number of virtual CPUs a halted VM can have.", "midnight-ride", asynchronous=False,
        operation="changing_VCPUs",
    ),
    Message(
        "set_VCPUs_at_startup", (Param("self", Ref("VM")), Param("value", Int)), Void,
        "Sets how many virtual CPUs come online at the next boot.", "midnight-ride", asynchronous=False,
    ),
    Message(
        "maximise_memory", (Param("self", Ref("VM")), Param("total", Int), Param("approximate", Bool)), Int,
        "Computes the largest static maximum whose total with overhead fits the given bytes.", "miami", roles=READ_ONLY,
    ),
    Message(
        "set_bios_strings", (Param("self", Ref("VM")), Param("value", Map(String, String))), Void,
        "Sets the SMBIOS strings shown to the guest, which can be done only once.", "inverness",
        errors=("VM_BIOS_STRINGS_ALREADY_SET", "INVALID_VALUE"),
    ),
    Message(
        "copy_bios_strings", (Param("vm", Ref("VM")), Param("host", Ref("host"))), Void,
        "Takes over the SMBIOS strings of the given host for the VM.", "midnight-ride",
    ),
    Message(
        "set_protection_policy", (Param("self", Ref("VM")), Param("value", Ref("VMPP"))), Void,
        "Formerly assigned a backup policy to the VM; withdrawn.",
        Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), roles=POOL_OPERATOR,
        asynchronous=False, refused="MESSAGE_REMOVED",
    ),
    Message(
        "set_snapshot_schedule", (Param("self", Ref("VM")), Param("value", Ref("VMSS"))), Void,
        "Assigns the VM to a snapshot schedule, or with null to none.", "falcon", roles=POOL_OPERATOR, asynchronous=False,
    ),
    Message(
        "set_start_delay", (Param("self", Ref("VM")), Param("value", Int)), Void,
        "Sets the pause after the VM has started, in seconds.", "boston", roles=POOL_OPERATOR,
    ),
    Message(
        "set_shutdown_delay", (Param("self", Ref("VM")), Param("value", Int)), Void,
        "Sets the pause after the VM has shut down, in seconds.", "boston", roles=POOL_OPERATOR,
    ),
    Message(
        "set_order", (Param("self", Ref("VM")), Param("value", Int)), Void, "Sets the VM's place in the start sequence.",
        "boston", roles=POOL_OPERATOR,
    ),
    Message(
        "set_suspend_VDI", (Param("self", Ref("VM")), Param("value", Ref("VDI"))), Void,
        "Replaces the suspend image of a suspended VM with an identical copy.", "boston", roles=POOL_OPERATOR,
    ),
    Message(
        "set_appliance", (Param("self", Ref("VM")), Param("value", Ref("VM_appliance"))), Void,
        "Puts the VM into an appliance, or with null out of any.", "boston", roles=POOL_OPERATOR,
    ),
    Message(
        "set_groups", (Param("self", Ref("VM")), Param("value", Set(Ref("VM_group")))), Void,
        "Sets the placement groups the VM belongs to, at most one.", Lifecycle(prototyped="24.19.1"),
        errors=("OPERATION_NOT_ALLOWED",),
    ),
    Message(
        "set_has_vendor_device", (Param("self", Ref("VM")), Param("value", Bool)), Void,
        "Sets whether a halted VM shows the PCI device for drivers from Windows Update.", "dundee",
    ),
    Message(
        "set_actions_after_crash", (Param("self", Ref("VM")), Param("value", on_crash_behaviour)), Void,
        "Sets what happens after the guest has crashed.", "rio",
    ),
    Message(
        "set_domain_type", (Param("self", Ref("VM")), Param("value", domain_type)), Void,
        "Sets the kind of virtualization used at the VM's next boot.", "kolkata", asynchronous=False,
    ),
    Message(
        "set_HVM_boot_policy", (Param("self", Ref("VM")), Param("value", String)), Void,
        "Sets the old boot type switch; use the domain type instead.", Lifecycle(published="rio", deprecated="kolkata"),
        asynchronous=False,
    ),
    Message(
        "set_NVRAM_EFI_variables",
        (Param("self", Ref("VM")), Param("value", String), Param("update", update_status, "unspecified")), Void,
        "Stores the UEFI variables of the guest on behalf of its firmware, at any time.", roles=LOCAL_ROOT,
        asynchronous=False, hidden=True,
    ),
    Message(
        "set_uefi_mode", (Param("self", Ref("VM")), Param("mode", vm_uefi_mode)), String,
        "Puts the guest's UEFI firmware into setup or user mode and returns the tool's output.",
        Lifecycle(prototyped="24.17.0"), roles=POOL_ADMIN,
    ),
    Message(
        "get_secureboot_readiness", (Param("self", Ref("VM")),), vm_secureboot_readiness,
        "Tells whether the VM has all it needs to boot with Secure Boot.", Lifecycle(prototyped="24.17.0"),
        roles=POOL_ADMIN,
    ),
    Message(
        "update_secureboot_certificates_on_boot", (Param("self", Ref("VM")), Param("mark", Bool)), Void,
        "Marks, or unmarks, the VM for a Secure Boot certificate update at its next boot.", Lifecycle(prototyped="26.14.0"),
    ),
    Message(
        "set_blocked_operations", (Param("self", Ref("VM")), Param("value", Map(vm_operations, String))), Void,
        "Replaces the set of operations forbidden on the VM.", "orlando",
    ),
    Message(
        "add_to_blocked_operations", (Param("self", Ref("VM")), Param("key", vm_operations), Param("value", String)), Void,
        "Forbids an operation on the VM, with the reason to answer with.", "orlando",
    ),
    Message(
        "remove_from_blocked_operations", (Param("self", Ref("VM")), Param("key", vm_operations)), Void,
        "Lifts the ban on an operation of the VM.", "orlando",
    ),
    Message(
        "add_to_other_config", (Param("self", Ref("VM")), Param("key", String), Param("value", String)), Void,
        "Adds a key to the VM's extra settings.", "rio", asynchronous=False,
        map_key_roles={
            "hvm_serial": POOL_ADMIN, "pci": POOL_ADMIN, "folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR,
        },
    ),
    Message(
        "remove_from_other_config", (Param("self", Ref("VM")), Param("key", String)), Void,
        "Removes a key from the VM's extra settings.", "rio", asynchronous=False,
        map_key_roles={
            "hvm_serial": POOL_ADMIN, "pci": POOL_ADMIN, "folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR,
        },
    ),
    Message(
        "set_other_config", (Param("self", Ref("VM")), Param("value", Map(String, String))), Void,
        "Replaces all of the VM's extra settings.", "rio", asynchronous=False,
    ),
    Message(
        "add_to_platform", (Param("self", Ref("VM")), Param("key", String), Param("value", String)), Void,
        "Adds a key to the VM's virtual hardware settings.", "rio", asynchronous=False,
        map_key_roles={"hvm_serial": POOL_ADMIN},
    ),
    Message(
        "remove_from_platform", (Param("self", Ref("VM")), Param("key", String)), Void,
        "Removes a key from the VM's virtual hardware settings.", "rio", asynchronous=False,
        map_key_roles={"hvm_serial": POOL_ADMIN},
    ),
    Message(
        "set_platform", (Param("self", Ref("VM")), Param("value", Map(String, String))), Void,
        "Replaces all of the VM's virtual hardware settings.", "rio", asynchronous=False,
    ),
)
