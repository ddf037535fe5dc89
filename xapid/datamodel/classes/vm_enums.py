"""VM: its enums."""

from xapid.datamodel.types import Enum

vm_power_state = Enum(
    "vm_power_state",
    "Power state of a VM.",
    {
        "Halted": "has no domain and no saved memory",
        "Paused": "in memory with its virtual CPUs stopped",
        "Running": "",
        "Suspended": "memory saved to disk, no domain",
    },
)

update_guidances = Enum(
    "update_guidances",
    "Action needed for an update to take effect.",
    {
        "reboot_host": "",
        "reboot_host_on_livepatch_failure": "reboot the host if a live patch fails",
        "reboot_host_on_kernel_livepatch_failure": "reboot the host if a kernel live patch fails",
        "reboot_host_on_xen_livepatch_failure": "reboot the host if a hypervisor live patch fails",
        "restart_toolstack": "",
        "restart_device_model": "restart the VM's device emulators",
        "restart_vm": "",
    },
)

vm_secureboot_certificates_state = Enum(
    "vm_secureboot_certificates_state",
    "State of a VM's Secure Boot certificates.",
    {
        "ok": "nothing to do",
        "update_available": "newer certificates exist",
        "update_on_boot": "newer certificates are applied at next boot",
    },
)

on_softreboot_behavior = Enum(
    "on_softreboot_behavior",
    "Reaction to a soft reboot asked for by the guest.",
    {
        "soft_reboot": "reboot within the same domain",
        "destroy": "end the domain",
        "restart": "boot in a new domain",
        "preserve": "leave the domain as it is",
    },
)

on_normal_exit = Enum(
    "on_normal_exit",
    "Reaction to the guest shutting down or rebooting.",
    {
        "destroy": "end the domain",
        "restart": "boot in a new domain",
    },
)

on_crash_behaviour = Enum(
    "on_crash_behaviour",
    "Reaction to a crash of the guest.",
    {
        "destroy": "end the domain",
        "coredump_and_destroy": "write a core dump, then end the domain",
        "restart": "boot in a new domain",
        "coredump_and_restart": "write a core dump, then boot in a new domain",
        "preserve": "leave the crashed domain for inspection",
        "rename_restart": "keep the crashed domain under another name and boot a new one",
    },
)

domain_type = Enum(
    "domain_type",
    "Kind of virtualization of a domain.",
    {
        "hvm": "full virtualization with emulated devices",
        "pv": "paravirtualization",
        "pv_in_pvh": "paravirtual guest inside a PVH shim",
        "pvh": "hardware virtualization without emulated devices",
        "unspecified": "not set, or not known",
    },
)

vm_uefi_mode = Enum(
    "vm_uefi_mode",
    "Key state of the guest's UEFI firmware.",
    {
        "setup": "no platform key, so keys may be enrolled",
        "user": "keys enrolled and enforced",
    },
)

vm_secureboot_readiness = Enum(
    "vm_secureboot_readiness",
    "How far a VM is prepared for Secure Boot.",
    {
        "not_supported": "the VM does not use UEFI firmware",
        "disabled": "Secure Boot is switched off for the VM",
        "first_boot": "the VM has no UEFI variables yet",
        "ready": "",
        "ready_no_dbx": "ready, yet without a revocation list",
        "setup_mode": "the firmware has no platform key",
        "certs_incomplete": "some certificates are missing",
    },
)

vm_operations = Enum(
    "vm_operations",
    "Operation that can run on a VM.",
    {
        "snapshot": "",
        "clone": "",
        "copy": "",
        "create_template": "",
        "revert": "go back to this snapshot",
        "checkpoint": "snapshot with memory",
        "snapshot_with_quiesce": "withdrawn",
        "provision": "make the disks of a template",
        "start": "",
        "start_on": "start on a chosen host",
        "pause": "",
        "unpause": "",
        "clean_shutdown": "",
        "clean_reboot": "",
        "hard_shutdown": "",
        "power_state_reset": "mark as halted in the database",
        "hard_reboot": "",
        "suspend": "",
        "csvm": "clone of a suspended VM",
        "resume": "",
        "resume_on": "resume on a chosen host",
        "pool_migrate": "move within the pool",
        "migrate_send": "move with storage or to another pool",
        "get_boot_record": "",
        "send_sysrq": "",
        "send_trigger": "",
        "query_services": "ask a system domain for its services",
        "shutdown": "clean shutdown, hard if that fails",
        "call_plugin": "call a plugin in the guest",
        "changing_memory_live": "",
        "awaiting_memory_live": "waiting for the memory target",
        "changing_dynamic_range": "ballooning limits",
        "changing_static_range": "static memory limits",
        "changing_memory_limits": "all memory limits",
        "changing_shadow_memory": "",
        "changing_shadow_memory_live": "",
        "changing_VCPUs": "",
        "changing_VCPUs_live": "",
        "changing_NVRAM": "",
        "assert_operation_valid": "",
        "data_source_op": "performance data source call",
        "update_allowed_operations": "",
        "make_into_template": "",
        "import": "",
        "export": "",
        "metadata_export": "export without disks",
        "reverting": "being put back to a snapshot",
        "destroy": "",
        "create_vtpm": "",
        "sysprep": "Windows generalization",
    },
)

update_status = Enum(
    "update_status",
    "Whether the variables come from an update of the secure boot databases.",
    {
        "unspecified": "",
        "unchanged": "",
        "updated": "",
    },
)
