"""VM: the messages that say something of their own."""

from xapid.datamodel.classes.vm_enums import (
    domain_type,
    on_crash_behaviour,
    update_status,
    vm_operations,
    vm_secureboot_readiness,
    vm_uefi_mode,
)
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import CLIENT_CERT, LOCAL_ROOT, POOL_ADMIN, POOL_OPERATOR, READ_ONLY, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import (
    THE_HOST,
    Lock,
    Message,
    Param,
    any_host_with_disks,
    any_host_with_sr,
    chosen_host,
    to_host,
    where_vm_runs,
)
from xapid.datamodel.types import Bool, DateTime, Float, Int, Map, Record, Ref, Set, String, Void

MESSAGES = (
    Message(
        "snapshot", (Param("vm", Ref("VM")), Param("new_name", String), Param("ignore_vdis", Set(Ref("VDI")), ())),
        Ref("VM"), "Takes a disk snapshot of the VM, leaving out the disks named in ignore_vdis.", "orlando",
        roles=VM_POWER_ADMIN, errors=("VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED"),
        forward=where_vm_runs("vm", any_host_with_disks("vm")), operation="snapshot",
    ),
    Message(
        "snapshot_with_quiesce", (Param("vm", Ref("VM")), Param("new_name", String)), Ref("VM"),
        "Took a snapshot with the guest's file systems quiesced; withdrawn and always refused.",
        Lifecycle(published="orlando", deprecated="quebec", removed="quebec"), roles=VM_POWER_ADMIN,
        errors=(
            "VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "VM_SNAPSHOT_WITH_QUIESCE_FAILED",
            "VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT", "VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND",
            "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED",
        ),
        refused="MESSAGE_REMOVED",
    ),
    Message(
        "clone", (Param("vm", Ref("VM")), Param("new_name", String)), Ref("VM"),
        "Makes a new VM with fast copy-on-write clones of this VM's disks.", "rio",
        errors=("VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"),
        forward=any_host_with_disks("vm"), operation="clone",
    ),
    Message(
        "copy", (Param("vm", Ref("VM")), Param("new_name", String), Param("sr", Ref("SR"))), Ref("VM"),
        "Makes a new VM with full copies of the disks, on the given SR or, with null, on each disk's own.",
        Lifecycle(published="rio", extended="cowley"),
        errors=("VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"), operation="copy",
    ),
    Message(
        "revert", (Param("snapshot", Ref("VM")),), Void,
        "Puts the VM a snapshot was taken of back to the state the snapshot holds.", "midnight-ride", roles=VM_POWER_ADMIN,
        errors=("VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "SR_FULL", "VM_REVERT_FAILED"),
        forward=any_host_with_disks("snapshot"), operation="revert",
        also_locks=(Lock("snapshot.snapshot_of", "reverting"),),
    ),
    Message(
        "checkpoint", (Param("vm", Ref("VM")), Param("new_name", String)), Ref("VM"),
        "Takes a snapshot that includes memory, suspending the VM for a short while if it runs.", "midnight-ride",
        roles=VM_POWER_ADMIN,
        errors=(
            "VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "VM_CHECKPOINT_SUSPEND_FAILED",
            "VM_CHECKPOINT_RESUME_FAILED",
        ),
        forward=where_vm_runs("vm", any_host_with_disks("vm")), operation="checkpoint",
    ),
    Message(
        "provision", (Param("vm", Ref("VM")),), Void,
        "Turns a template into a VM by making the disks its configuration lists.", "rio",
        errors=("VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"),
        forward=any_host_with_disks("vm"), operation="provision", also_locks=(Lock(THE_HOST, "provision"),),
    ),
    Message(
        "start", (Param("vm", Ref("VM")), Param("start_paused", Bool), Param("force", Bool)), Void,
        "Starts a halted VM on a host of the server's choice, paused at its first instruction on demand.", "rio",
        roles=VM_OPERATOR,
        errors=(
            "VM_BAD_POWER_STATE", "VM_HVM_REQUIRED", "VM_IS_TEMPLATE", "OTHER_OPERATION_IN_PROGRESS",
            "OPERATION_NOT_ALLOWED", "BOOTLOADER_FAILED", "UNKNOWN_BOOTLOADER", "NO_HOSTS_AVAILABLE", "LICENCE_RESTRICTION",
        ),
        forward=chosen_host("vm"), operation="start",
        also_locks=(Lock("vm.VBDs", "attach"), Lock("vm.VIFs", "attach")),
    ),
    Message(
        "start_on", (Param("vm", Ref("VM")), Param("host", Ref("host")), Param("start_paused", Bool), Param("force", Bool)),
        Void, "Starts a halted VM on the given host.", "rio", roles=VM_POWER_ADMIN | CLIENT_CERT,
        errors=(
            "VM_BAD_POWER_STATE", "VM_IS_TEMPLATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED",
            "BOOTLOADER_FAILED", "UNKNOWN_BOOTLOADER",
        ),
        forward=to_host("host"), operation="start_on",
        also_locks=(Lock("vm.VBDs", "attach"), Lock("vm.VIFs", "attach"), Lock("host", "vm_start")),
    ),
    Message(
        "pause", (Param("vm", Ref("VM")),), Void, "Stops the virtual CPUs of a running VM while its memory stays in place.",
        "rio", roles=VM_OPERATOR,
        errors=("VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"),
        forward=where_vm_runs("vm"), operation="pause",
    ),
    Message(
        "unpause", (Param("vm", Ref("VM")),), Void, "Lets a paused VM run again.", "rio", roles=VM_OPERATOR,
        errors=("VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"), forward=where_vm_runs("vm"),
        operation="unpause",
    ),
    Message(
        "clean_shutdown", (Param("vm", Ref("VM")),), Void, "Asks the guest to shut itself down and waits until it has.",
        "rio", roles=VM_OPERATOR,
        errors=("VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"),
        forward=where_vm_runs("vm"), operation="clean_shutdown",
    ),
    Message(
        "shutdown", (Param("vm", Ref("VM")),), Void,
        "Tries a clean shutdown first and falls back to a hard one if the guest fails to stop.", "clearwater",
        roles=VM_OPERATOR | CLIENT_CERT,
        errors=("VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"),
        forward=where_vm_runs("vm"), operation="shutdown",
    ),
    Message(
        "clean_reboot", (Param("vm", Ref("VM")),), Void, "Asks the guest to shut down cleanly, then boots the VM afresh.",
        "rio", roles=VM_OPERATOR,
        errors=("VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"),
        forward=where_vm_runs("vm"), operation="clean_reboot",
        also_locks=(Lock("vm.VBDs", "attach"), Lock("vm.VIFs", "attach")),
    ),
    Message(
        "hard_shutdown", (Param("vm", Ref("VM")),), Void,
        "Destroys the VM's domain, or discards its suspend image, without asking the guest.", "rio", roles=VM_OPERATOR,
        errors=("VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"),
        forward=where_vm_runs("vm"), operation="hard_shutdown",
    ),
    Message(
        "power_state_reset", (Param("vm", Ref("VM")),), Void,
        "Marks the VM as halted in the database only, for when its domain is known to be gone.", "rio", roles=POOL_OPERATOR,
        operation="power_state_reset",
    ),
    Message(
        "hard_reboot", (Param("vm", Ref("VM")),), Void,
        "Destroys the VM's domain without asking the guest, then boots the VM afresh.", "rio", roles=VM_OPERATOR,
        errors=("VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"),
        forward=where_vm_runs("vm"), operation="hard_reboot",
        also_locks=(Lock("vm.VBDs", "attach"), Lock("vm.VIFs", "attach")),
    ),
    Message(
        "suspend", (Param("vm", Ref("VM")),), Void, "Saves the memory of a running VM to a disk and releases its host.",
        "rio", roles=VM_OPERATOR | CLIENT_CERT,
        errors=("VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"),
        forward=where_vm_runs("vm"), operation="suspend",
    ),
    Message(
        "csvm", (Param("vm", Ref("VM")),), Ref("VM"), "Clones a suspended VM together with its suspend image.",
        errors=("VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"), hidden=True,
        operation="csvm",
    ),
    Message(
        "resume", (Param("vm", Ref("VM")), Param("start_paused", Bool), Param("force", Bool)), Void,
        "Restores a suspended VM from its suspend image on a host of the server's choice.", "rio", roles=VM_OPERATOR,
        errors=("VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"), forward=chosen_host("vm"),
        operation="resume", also_locks=(Lock("vm.VBDs", "attach"),),
    ),
    Message(
        "set_is_default_template", (Param("vm", Ref("VM")), Param("value", Bool)), Void,
        "Marks or unmarks a template as one that came with the system.", roles=POOL_ADMIN, hidden=True,
    ),
    Message(
        "hard_reboot_internal", (Param("vm", Ref("VM")),), Void,
        "Reboots the VM forcibly on the host that runs it, a step used among hosts.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True,
    ),
    Message(
        "resume_on",
        (Param("vm", Ref("VM")), Param("host", Ref("host")), Param("start_paused", Bool), Param("force", Bool)), Void,
        "Restores a suspended VM from its suspend image on the given host.", "rio", roles=VM_POWER_ADMIN | CLIENT_CERT,
        errors=("VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"), forward=to_host("host"),
        operation="resume_on", also_locks=(Lock("vm.VBDs", "attach"), Lock("host", "vm_resume")),
    ),
    Message(
        "pool_migrate", (Param("vm", Ref("VM")), Param("host", Ref("host")), Param("options", Map(String, String))), Void,
        "Moves a running VM to another host of the same pool.", "rio", roles=VM_POWER_ADMIN | CLIENT_CERT,
        errors=(
            "VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "VM_IS_TEMPLATE", "OPERATION_NOT_ALLOWED",
            "VM_BAD_POWER_STATE",
        ),
        forward=where_vm_runs("vm"), operation="pool_migrate", also_locks=(Lock("host", "vm_migrate"),),
    ),
    Message(
        "pool_migrate_complete", (Param("vm", Ref("VM")), Param("host", Ref("host"))), Void,
        "Finishes a migration within the pool on the receiving host, a step used among hosts.",
        roles=VM_POWER_ADMIN | CLIENT_CERT, hidden=True, forward=to_host("host"),
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
        "send_sysrq", (Param("vm", Ref("VM")), Param("key", String)), Void,
        "Sends a system request key to the guest; not implemented.", "rio", roles=POOL_ADMIN,
        errors=("VM_BAD_POWER_STATE",), forward=where_vm_runs("vm"), operation="send_sysrq", refused="NOT_IMPLEMENTED",
    ),
    Message(
        "send_trigger", (Param("vm", Ref("VM")), Param("trigger", String)), Void,
        "Sends a named trigger to the guest; not implemented.", "rio", roles=POOL_ADMIN, errors=("VM_BAD_POWER_STATE",),
        forward=where_vm_runs("vm"), operation="send_trigger", refused="NOT_IMPLEMENTED",
    ),
    Message(
        "maximise_memory", (Param("self", Ref("VM")), Param("total", Int), Param("approximate", Bool)), Int,
        "Computes the largest static maximum whose total with overhead fits the given bytes.", "miami", roles=READ_ONLY,
    ),
    Message(
        "migrate_send",
        (
            Param("vm", Ref("VM")), Param("dest", Map(String, String)), Param("live", Bool),
            Param("vdi_map", Map(Ref("VDI"), Ref("SR"))), Param("vif_map", Map(Ref("VIF"), Ref("network"))),
            Param("options", Map(String, String)), Param("vgpu_map", Map(Ref("VGPU"), Ref("GPU_group")), {}),
            Param("vdi_format_map", Map(Ref("VDI"), String), {}),
        ),
        Ref("VM"), "Moves or copies a VM to the host that prepared dest, with storage and perhaps to another pool.",
        "tampa", roles=VM_POWER_ADMIN, errors=("VM_BAD_POWER_STATE", "LICENCE_RESTRICTION"),
        forward=where_vm_runs("vm", any_host_with_disks("vm")), operation="migrate_send",
    ),
    Message(
        "assert_can_migrate",
        (
            Param("vm", Ref("VM")), Param("dest", Map(String, String)), Param("live", Bool),
            Param("vdi_map", Map(Ref("VDI"), Ref("SR"))), Param("vif_map", Map(Ref("VIF"), Ref("network"))),
            Param("options", Map(String, String)), Param("vgpu_map", Map(Ref("VGPU"), Ref("GPU_group")), {}),
        ),
        Void, "Checks a migration without carrying it out, failing with the reason it could not work.", "tampa",
        roles=VM_POWER_ADMIN, errors=("LICENCE_RESTRICTION",),
    ),
    Message(
        "assert_can_migrate_sender",
        (
            Param("vm", Ref("VM")), Param("dest", Map(String, String)), Param("live", Bool),
            Param("vdi_map", Map(Ref("VDI"), Ref("SR"))), Param("vif_map", Map(Ref("VIF"), Ref("network"))),
            Param("vgpu_map", Map(Ref("VGPU"), Ref("GPU_group"))), Param("options", Map(String, String)),
        ),
        Void, "Checks a migration on the sending host alone, a step used among hosts.", roles=VM_POWER_ADMIN, hidden=True,
        forward=where_vm_runs("vm"),
    ),
    Message(
        "get_boot_record", (Param("self", Ref("VM")),), Record("VM"),
        "Returns the record the VM was started with; today simply its present record.",
        Lifecycle(published="rio", deprecated="inverness"), roles=READ_ONLY, asynchronous=False,
        forward=where_vm_runs("self"), operation="get_boot_record",
    ),
    Message(
        "get_data_sources", (Param("self", Ref("VM")),), Set(Record("data_source")),
        "Lists the performance data sources of the VM.", "orlando", roles=READ_ONLY, asynchronous=False,
        forward=where_vm_runs("self"), operation="data_source_op",
    ),
    Message(
        "record_data_source", (Param("self", Ref("VM")), Param("data_source", String)), Void,
        "Starts recording the named performance data source.", "orlando", asynchronous=False, forward=where_vm_runs("self"),
        operation="data_source_op",
    ),
    Message(
        "query_data_source", (Param("self", Ref("VM")), Param("data_source", String)), Float,
        "Returns the latest value of the named performance data source.", "orlando", roles=READ_ONLY, asynchronous=False,
        forward=where_vm_runs("self"),
    ),
    Message(
        "forget_data_source_archives", (Param("self", Ref("VM")), Param("data_source", String)), Void,
        "Drops the recorded history of the named performance data source.", "orlando", asynchronous=False,
        forward=where_vm_runs("self"), operation="data_source_op",
    ),
    Message(
        "assert_operation_valid", (Param("self", Ref("VM")), Param("op", vm_operations)), Void,
        "Checks whether an operation is possible now, failing with the reason if it is not.", "rio", roles=READ_ONLY,
    ),
    Message(
        "update_allowed_operations", (Param("self", Ref("VM")),), Void,
        "Works out anew which operations the VM and its devices permit.", "rio", roles=POOL_ADMIN,
    ),
    Message(
        "get_allowed_VBD_devices", (Param("vm", Ref("VM")),), Set(String),
        "Lists the device numbers free for new virtual block devices.", "rio", roles=READ_ONLY, asynchronous=False,
    ),
    Message(
        "get_allowed_VIF_devices", (Param("vm", Ref("VM")),), Set(String),
        "Lists the device numbers free for new virtual network interfaces.", "rio", roles=READ_ONLY, asynchronous=False,
    ),
    Message(
        "get_possible_hosts", (Param("vm", Ref("VM")),), Set(Ref("host")), "Lists the hosts on which the VM could run.",
        "rio", roles=READ_ONLY,
    ),
    Message(
        "assert_can_boot_here", (Param("self", Ref("VM")), Param("host", Ref("host"))), Void,
        "Checks whether the VM could start on the given host, failing with the reason if not.",
        Lifecycle(published="rio", changed="quebec"), roles=READ_ONLY,
        errors=(
            "HOST_NOT_ENOUGH_FREE_MEMORY", "HOST_NOT_ENOUGH_PCPUS", "NETWORK_SRIOV_INSUFFICIENT_CAPACITY", "HOST_NOT_LIVE",
            "HOST_DISABLED", "HOST_CANNOT_ATTACH_NETWORK", "VM_HVM_REQUIRED", "VM_REQUIRES_GPU", "VM_REQUIRES_IOMMU",
            "VM_REQUIRES_NETWORK", "VM_REQUIRES_SR", "VM_REQUIRES_VGPU", "VM_HOST_INCOMPATIBLE_VERSION",
            "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", "INVALID_VALUE", "MEMORY_CONSTRAINT_VIOLATION",
            "OPERATION_NOT_ALLOWED", "VALUE_NOT_SUPPORTED", "VM_INCOMPATIBLE_WITH_THIS_HOST",
        ),
    ),
    Message(
        "atomic_set_resident_on", (Param("vm", Ref("VM")), Param("host", Ref("host"))), Void,
        "Records the host a VM lives on and clears its reservation in one step, used among hosts.", roles=LOCAL_ROOT,
        hidden=True, pool_internal=True,
    ),
    Message(
        "create_new_blob",
        (Param("vm", Ref("VM")), Param("name", String), Param("mime_type", String), Param("public", Bool, False)),
        Ref("blob"), "Makes a named binary object attached to the VM.", "orlando", roles=VM_POWER_ADMIN,
    ),
    Message(
        "s3_suspend", (Param("vm", Ref("VM")),), Void, "Puts a running guest into the ACPI S3 sleep state.",
        roles=VM_OPERATOR, hidden=True, forward=where_vm_runs("vm"),
    ),
    Message(
        "s3_resume", (Param("vm", Ref("VM")),), Void, "Wakes a guest from the ACPI S3 sleep state.", roles=VM_OPERATOR,
        hidden=True, forward=where_vm_runs("vm"),
    ),
    Message(
        "assert_agile", (Param("self", Ref("VM")),), Void,
        "Checks that the VM depends on nothing that ties it to one host, failing with the reason if so.", "orlando",
        roles=READ_ONLY,
    ),
    Message(
        "update_snapshot_metadata",
        (
            Param("vm", Ref("VM")), Param("snapshot_of", Ref("VM")), Param("snapshot_time", DateTime),
            Param("transportable_snapshot_id", String),
        ),
        Void, "Marks a VM as a snapshot of another with the given time and identifier.", roles=POOL_OPERATOR, hidden=True,
    ),
    Message(
        "retrieve_wlb_recommendations", (Param("vm", Ref("VM")),), Map(Ref("host"), Set(String)),
        "Asks the workload balancing server how well each host suits the VM.", "george", roles=READ_ONLY,
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
        "assert_can_be_recovered", (Param("self", Ref("VM")), Param("session_to", Ref("session"))), Void,
        "Checks that all storage needed to recover the VM into another database is there.", "boston", roles=READ_ONLY,
        errors=("VM_IS_PART_OF_AN_APPLIANCE", "VM_REQUIRES_SR"),
    ),
    Message(
        "get_SRs_required_for_recovery", (Param("self", Ref("VM")), Param("session_to", Ref("session"))), Set(Ref("SR")),
        "Lists the storage repositories needed to recover the VM into another database.", "creedence", roles=READ_ONLY,
    ),
    Message(
        "recover", (Param("self", Ref("VM")), Param("session_to", Ref("session")), Param("force", Bool)), Void,
        "Brings the VM from this recovered database into the pool behind session_to.", "boston", roles=READ_ONLY,
    ),
    Message(
        "import_convert",
        (
            Param("type", String), Param("username", String), Param("password", String), Param("sr", Ref("SR")),
            Param("remote_config", Map(String, String)),
        ),
        Void, "Imports VMs from a foreign hypervisor by converting them onto the given SR.", "tampa",
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
        "query_services", (Param("self", Ref("VM")),), Map(String, String),
        "Asks a system domain which services it offers.", "tampa", roles=POOL_ADMIN, forward=where_vm_runs("self"),
        operation="query_services",
    ),
    Message(
        "call_plugin",
        (Param("vm", Ref("VM")), Param("plugin", String), Param("fn", String), Param("args", Map(String, String))), String,
        "Runs a function of a plugin against the agent inside the guest.", "cream", roles=VM_OPERATOR,
        forward=where_vm_runs("vm"), operation="call_plugin",
    ),
    Message(
        "call_host_plugin",
        (Param("vm", Ref("VM")), Param("plugin", String), Param("fn", String), Param("args", Map(String, String))), String,
        "Runs a plugin function on the host where the VM lives.", Lifecycle(prototyped="25.22.0"), roles=VM_OPERATOR,
        forward=where_vm_runs("vm"),
    ),
    Message(
        "set_has_vendor_device", (Param("self", Ref("VM")), Param("value", Bool)), Void,
        "Sets whether a halted VM shows the PCI device for drivers from Windows Update.", "dundee",
    ),
    Message(
        "import", (Param("url", String), Param("sr", Ref("SR")), Param("full_restore", Bool), Param("force", Bool)),
        Set(Ref("VM")), "Imports the VMs of an archive fetched from a URL onto the given SR.", "dundee",
        roles=POOL_OPERATOR, forward=any_host_with_sr("sr"),
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
        "restart_device_models", (Param("self", Ref("VM")),), Void,
        "Restarts the device emulators of a running VM without stopping the guest.", Lifecycle(prototyped="23.30.0"),
        roles=VM_POWER_ADMIN | CLIENT_CERT,
        errors=(
            "VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "VM_IS_TEMPLATE", "OPERATION_NOT_ALLOWED",
            "VM_BAD_POWER_STATE",
        ),
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
        "sysprep", (Param("self", Ref("VM")), Param("unattend", String), Param("timeout", Float)), Void,
        "Runs Windows sysprep in the guest with the given answer file, waiting at most timeout seconds.",
        Lifecycle(prototyped="25.24.0"), forward=where_vm_runs("self"), operation="sysprep",
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
