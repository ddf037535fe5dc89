"""Virtual machines, templates and snapshots: the fields."""

from xapid.datamodel.classes.vm_enums import (
    domain_type,
    on_crash_behaviour,
    on_normal_exit,
    on_softreboot_behavior,
    update_guidances,
    vm_operations,
    vm_power_state,
    vm_secureboot_certificates_state,
    vm_secureboot_readiness,
    vm_uefi_mode,
)
from xapid.datamodel.classes.vm_messages import MESSAGES
from xapid.datamodel.classes.vm_power_messages import POWER
from xapid.datamodel.classes.vm_settings_messages import SETTINGS
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import VM_ADMIN, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import Class, Derived, constructed, runtime, writable
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Float, Int, Map, Ref, Set, String

VM = Class(
    "VM",
    "A virtual machine, or a template, snapshot or control domain kept in the same table.",
    Lifecycle(published="rio", changed="1.257.0"),
    constructor=True,
    roles=VM_ADMIN,
    policy={
        "destroy": {"operation": "destroy"},
        "get_is_a_template": {"effect": True},
        "get_xenstore_data": {"effect": True},
        "set_is_a_template": {"effect": True},
        "set_xenstore_data": {"effect": True},
        "add_to_xenstore_data": {"effect": True},
        "remove_from_xenstore_data": {"effect": True},
    },
    enums=(
        vm_power_state, update_guidances, vm_secureboot_certificates_state, on_softreboot_behavior, on_normal_exit,
        on_crash_behaviour, domain_type, vm_uefi_mode, vm_secureboot_readiness, vm_operations,
    ),
    fields=(
        runtime("uuid", String, "Unique identifier of the VM, constant for its whole life.", "rio"),
        runtime(
            "allowed_operations", Set(vm_operations),
            "Operations that the VM's present state permits; a hint that may change at any moment.", "rio", default=(),
            persist=False,
        ),
        runtime(
            "current_operations", Map(String, vm_operations),
            "Operations now running on the VM, keyed by the task that carries each of them out.", "rio", default={},
            persist=False,
        ),
        writable("name_label", String, "Name of the VM as shown to people; it need not be unique.", "rio", default=""),
        writable("name_description", String, "Free text saying what the VM is for.", "rio", default=""),
        constructed(
            "power_state", vm_power_state, "Whether the VM is halted, paused, running or suspended.",
            Lifecycle(published="rio", changed="1.257.0"), default="Halted",
        ),
        writable("user_version", Int, "Version number of the VM or template that its author may set freely.", "rio"),
        writable("is_a_template", Bool, "True if this is a template to make VMs from; a template can never be started.", "rio"),
        runtime(
            "is_default_template", Bool, "True if this template came with the system, so it is protected from deletion.",
            "falcon", default=False,
        ),
        constructed(
            "suspend_VDI", Ref("VDI"), "Disk holding the saved memory of a suspended VM, null if there is none.",
            Lifecycle(published="rio", changed="1.257.0"), default=NULL_REF,
        ),
        runtime("resident_on", Ref("host"), "Host on which the VM's domain now lives, null unless running or paused.", "rio"),
        runtime(
            "scheduled_to_be_resident_on", Ref("host"),
            "Host whose memory is reserved for a start, resume or migration under way, else null.", "rio", default=NULL_REF,
        ),
        writable(
            "affinity", Ref("host"), "Host preferred when a place to run the VM is chosen, null for no preference.", "rio",
            writers=VM_POWER_ADMIN,
        ),
        runtime("memory_overhead", Int, "Memory that virtualization needs on top of the VM's own, in bytes.", "rio", default=0),
        constructed(
            "memory_target", Int, "Amount of memory the balloon driver is asked to reach, in bytes.",
            Lifecycle(published="rio", deprecated="midnight-ride"), default=0,
        ),
        constructed("memory_static_max", Int, "Upper bound of memory fixed for as long as the VM is up, in bytes.", "rio"),
        constructed("memory_dynamic_max", Int, "Largest amount of memory ballooning may give the running VM, in bytes.", "rio"),
        constructed(
            "memory_dynamic_min", Int, "Smallest amount of memory ballooning may leave the running VM, in bytes.", "rio",
        ),
        constructed(
            "memory_static_min", Int, "Least memory the guest is known to work with, a floor under the other limits, in bytes.",
            "rio",
        ),
        writable(
            "VCPUs_params", Map(String, String),
            "Scheduling settings of the virtual CPUs: weight, cap and mask of physical CPUs.", "rio",
        ),
        constructed("VCPUs_max", Int, "Number of virtual CPUs the VM can have at most while it runs.", "rio"),
        constructed("VCPUs_at_startup", Int, "Number of virtual CPUs brought online when the VM boots.", "rio"),
        writable(
            "actions_after_softreboot", on_softreboot_behavior,
            "What happens to the domain when the guest asks for a soft reboot.", Lifecycle(prototyped="23.1.0"),
            default="soft_reboot",
        ),
        writable("actions_after_shutdown", on_normal_exit, "What happens once the guest has powered itself off.", "rio"),
        writable("actions_after_reboot", on_normal_exit, "What happens once the guest has asked for a reboot.", "rio"),
        constructed("actions_after_crash", on_crash_behaviour, "What happens once the guest has crashed.", "rio"),
        runtime(
            "consoles", Set(Ref("console")), "Consoles through which the running VM can be seen and operated.", "rio",
            derived_from=Derived("console", "VM"),
        ),
        runtime("VIFs", Set(Ref("VIF")), "Virtual network interfaces of the VM.", "rio", derived_from=Derived("VIF", "VM")),
        runtime(
            "VBDs", Set(Ref("VBD")), "Virtual block devices that join disks and CD drives to the VM.", "rio",
            derived_from=Derived("VBD", "VM"),
        ),
        runtime("VUSBs", Set(Ref("VUSB")), "Virtual USB devices given to the VM.", "rio", derived_from=Derived("VUSB", "VM")),
        runtime(
            "crash_dumps", Set(Ref("crashdump")), "Crash dumps recorded for the VM.", "rio",
            derived_from=Derived("crashdump", "VM"),
        ),
        runtime("VTPMs", Set(Ref("VTPM")), "Virtual TPM devices of the VM.", "rio", derived_from=Derived("VTPM", "VM")),
        writable("PV_bootloader", String, "Name or path of the boot loader run for a paravirtualized guest.", "rio"),
        writable("PV_kernel", String, "Path of the kernel a paravirtualized guest boots directly.", "rio"),
        writable("PV_ramdisk", String, "Path of the initial ramdisk given to a directly booted kernel.", "rio"),
        writable("PV_args", String, "Kernel command line of a paravirtualized guest.", "rio"),
        writable("PV_bootloader_args", String, "Arguments handed to the paravirtual boot loader.", "rio"),
        writable(
            "PV_legacy_args", String, "Kernel arguments kept for old guests that expect the earlier calling convention.", "rio",
        ),
        constructed(
            "HVM_boot_policy", String, "Old switch between boot types: empty means PV, any other value means HVM.",
            Lifecycle(published="rio", deprecated="kolkata"),
        ),
        writable(
            "HVM_boot_params", Map(String, String),
            "Firmware boot settings of an HVM guest, such as order and firmware (bios or uefi).", "rio",
        ),
        constructed(
            "HVM_shadow_multiplier", Float, "Factor by which the standard shadow memory allowance is multiplied, at least 1.",
            "miami", default=1.0,
        ),
        constructed(
            "platform", Map(String, String),
            "Virtual hardware settings of the VM, such as acpi, viridian, secureboot and cores-per-socket.", "rio",
        ),
        writable(
            "PCI_bus", String, "Former setting for the PCI bus path passed to the VM; no longer of use.",
            Lifecycle(published="rio", deprecated="boston"),
        ),
        constructed("other_config", Map(String, String), "Extra settings and client data as free key-value pairs.", "rio"),
        runtime("domid", Int, "Number of the VM's domain on its host, -1 when there is no domain.", "rio"),
        runtime("domarch", String, "Architecture of the running domain, empty when unknown or not running.", "rio"),
        constructed(
            "last_boot_CPU_flags", Map(String, String), "CPU vendor and feature set the VM saw at its last boot.", "rio",
            default={},
        ),
        runtime("is_control_domain", Bool, "True if this is a privileged domain of the host itself, such as domain 0.", "rio"),
        runtime("metrics", Ref("VM_metrics"), "Measured figures of the VM kept apart in a metrics object.", "rio"),
        runtime(
            "guest_metrics", Ref("VM_guest_metrics"),
            "What the agent inside the guest last reported, null if nothing has come yet.", "rio",
        ),
        constructed(
            "last_booted_record", String, "Serialized configuration with which the VM was last booted, needed to resume it.",
            Lifecycle(published="miami", changed="1.257.0"), default="",
        ),
        writable(
            "recommendations", String, "XML with the limits and properties advised for the VM, mostly taken from its template.",
            "rio",
        ),
        writable(
            "xenstore_data", Map(String, String), "Keys and values written below the VM's xenstore tree when it starts.",
            "miami", default={},
        ),
        constructed(
            "ha_always_run", Bool,
            "True if high availability should keep the VM running; follows from starting and stopping it.",
            Lifecycle(published="orlando", deprecated="boston"), default=False,
        ),
        constructed(
            "ha_restart_priority", String,
            "How high availability treats the VM: restart, best-effort, or empty for not at all.", "orlando", default="",
        ),
        runtime("is_a_snapshot", Bool, "True if this object is a snapshot or checkpoint of a VM.", "orlando", default=False),
        runtime(
            "snapshot_of", Ref("VM"), "VM from which this snapshot was taken, null if this is not a snapshot.", "orlando",
            default=NULL_REF,
        ),
        runtime(
            "snapshots", Set(Ref("VM")), "Snapshots and checkpoints taken of this VM.", "orlando",
            derived_from=Derived("VM", "snapshot_of"),
        ),
        runtime("snapshot_time", DateTime, "Moment at which the snapshot was taken, in UTC.", "orlando", default=EPOCH),
        runtime(
            "transportable_snapshot_id", String,
            "Identifier of a snapshot that backup software may import, empty if there is none.", "orlando", default="",
        ),
        runtime("blobs", Map(String, Ref("blob")), "Binary objects attached to the VM, by name.", "orlando", default={}),
        writable(
            "tags", Set(String), "Labels that users put on the VM to sort and find it.", "orlando", default=(),
            writers=VM_OPERATOR,
        ),
        constructed(
            "blocked_operations", Map(vm_operations, String),
            "Operations forbidden on this VM, each with the error code or reason to answer with.", "orlando", default={},
        ),
        runtime(
            "snapshot_info", Map(String, String),
            "Facts about how the snapshot was made, such as the VM's power state at that moment.", "midnight-ride", default={},
        ),
        runtime(
            "snapshot_metadata", String, "Serialized copy of the VM's configuration at snapshot time, used when reverting.",
            "midnight-ride", default="",
        ),
        runtime(
            "parent", Ref("VM"), "Snapshot that this VM or snapshot descends from in the snapshot tree, null at the root.",
            "midnight-ride", default=NULL_REF,
        ),
        runtime(
            "children", Set(Ref("VM")), "VMs and snapshots descending directly from this one in the snapshot tree.",
            "midnight-ride", derived_from=Derived("VM", "parent"),
        ),
        runtime(
            "bios_strings", Map(String, String), "SMBIOS strings shown to the guest, fixed once they are set.", "midnight-ride",
            default={},
        ),
        constructed(
            "protection_policy", Ref("VMPP"), "Former backup policy of the VM; the feature has been withdrawn.",
            Lifecycle(published="cowley", deprecated="clearwater"), default=NULL_REF,
        ),
        constructed(
            "is_snapshot_from_vmpp", Bool, "True if the withdrawn backup policy feature took this snapshot.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default=False,
        ),
        constructed(
            "snapshot_schedule", Ref("VMSS"), "Schedule by which snapshots of the VM are taken, null if there is none.",
            "falcon", default=NULL_REF,
        ),
        constructed("is_vmss_snapshot", Bool, "True if a snapshot schedule took this snapshot.", "falcon", default=False),
        constructed(
            "appliance", Ref("VM_appliance"), "Appliance with which the VM is started and stopped, null if it belongs to none.",
            "rio", default=NULL_REF,
        ),
        constructed(
            "start_delay", Int, "Pause after the VM has started before the next start step goes on, in seconds.", "boston",
            default=0,
        ),
        constructed(
            "shutdown_delay", Int, "Pause after the VM has shut down before the next shutdown step goes on, in seconds.",
            "boston", default=0,
        ),
        constructed(
            "order", Int, "Place in the start sequence of an appliance or HA restart; lower numbers start first.", "boston",
            default=0,
        ),
        runtime("VGPUs", Set(Ref("VGPU")), "Virtual GPUs given to the VM.", "boston", derived_from=Derived("VGPU", "VM")),
        runtime(
            "attached_PCIs", Set(Ref("PCI")), "PCI devices of the host now passed through to the VM.", "boston",
            derived_from=Derived("PCI", "attached_VMs"),
        ),
        writable(
            "suspend_SR", Ref("SR"), "Storage repository for the suspend image, null to use the pool's or host's default.",
            "boston", default=NULL_REF,
        ),
        constructed(
            "version", Int, "How often the VM was brought back from recovered metadata, telling newer copies from older.",
            "boston", default=0,
        ),
        constructed(
            "generation_id", String,
            "Two 64-bit numbers joined by a colon that tell the guest it was cloned or rolled back; empty for none.",
            "clearwater", default="0:0",
        ),
        writable(
            "hardware_platform_version", Int, "Virtual hardware version that a host must offer to run the VM.", "cream",
            default=0,
        ),
        constructed(
            "has_vendor_device", Bool, "True if the VM shows the PCI device that makes Windows Update deliver drivers.",
            Lifecycle(published="dundee", changed="24.14.0"), default=True,
        ),
        runtime(
            "requires_reboot", Bool, "True if a changed setting takes effect only after the VM reboots.", "ely", default=False,
        ),
        constructed(
            "reference_label", String, "Stable name, independent of language, of the template the VM was made from.", "ely",
            default="",
        ),
        constructed(
            "domain_type", domain_type, "Kind of virtualization the VM gets at its next boot.",
            Lifecycle(prototyped="jura", published="kolkata"), default="unspecified",
        ),
        constructed(
            "NVRAM", Map(String, String), "Contents of the guest's nonvolatile memory, such as its UEFI variables.", "naples",
            default={},
        ),
        runtime(
            "pending_guidances", Set(update_guidances),
            "Mandatory actions the VM still needs for applied updates to take effect.", "1.303.0", default=(),
        ),
        runtime(
            "recommended_guidances", Set(update_guidances),
            "Recommended actions for the VM in an earlier form that is kept for internal use.", default=(), internal=True,
        ),
        runtime(
            "pending_guidances_recommended", Set(update_guidances),
            "Recommended actions the VM still needs after applied updates.", Lifecycle(prototyped="24.10.0"), default=(),
        ),
        runtime(
            "pending_guidances_full", Set(update_guidances),
            "Actions the VM still needs for every applied update to be fully in force.", Lifecycle(prototyped="24.10.0"),
            default=(),
        ),
        runtime(
            "groups", Set(Ref("VM_group")), "Placement groups the VM belongs to, at most one.", Lifecycle(prototyped="24.19.1"),
        ),
        runtime(
            "secureboot_certificates_state", vm_secureboot_certificates_state,
            "Whether the VM's Secure Boot certificates are current or wait for an update.", Lifecycle(prototyped="26.14.0"),
            default="ok",
        ),
    ),
    messages=(*POWER, *SETTINGS, *MESSAGES),
)
