"""VM: the messages by which VMs start, stop and move."""

from xapid.datamodel.classes.vm_enums import (
    vm_operations,
)
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import CLIENT_CERT, LOCAL_ROOT, POOL_ADMIN, POOL_OPERATOR, READ_ONLY, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import (
    THE_HOST,
    Lock,
    Message,
    Param,
    any_host_with_disks,
    chosen_host,
    to_host,
    where_vm_runs,
)
from xapid.datamodel.types import Bool, Map, Record, Ref, Set, String, Void

POWER = (
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
        "resume", (Param("vm", Ref("VM")), Param("start_paused", Bool), Param("force", Bool)), Void,
        "Restores a suspended VM from its suspend image on a host of the server's choice.", "rio", roles=VM_OPERATOR,
        errors=("VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"), forward=chosen_host("vm"),
        operation="resume", also_locks=(Lock("vm.VBDs", "attach"),),
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
        "assert_operation_valid", (Param("self", Ref("VM")), Param("op", vm_operations)), Void,
        "Checks whether an operation is possible now, failing with the reason if it is not.", "rio", roles=READ_ONLY,
    ),
    Message(
        "update_allowed_operations", (Param("self", Ref("VM")),), Void,
        "Works out anew which operations the VM and its devices permit.", "rio", roles=POOL_ADMIN,
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
        "retrieve_wlb_recommendations", (Param("vm", Ref("VM")),), Map(Ref("host"), Set(String)),
        "Asks the workload balancing server how well each host suits the VM.", "george", roles=READ_ONLY,
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
)
