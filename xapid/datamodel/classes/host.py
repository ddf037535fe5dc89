"""Hosts: the fields."""

from xapid.datamodel.classes.host_enums import (
    host_allowed_operations,
    host_display,
    host_ntp_mode,
    host_numa_affinity_policy,
    host_sched_gran,
    latest_synced_updates_applied_state,
)
from xapid.datamodel.classes.host_messages import MESSAGES
from xapid.datamodel.classes.host_power_messages import POWER
from xapid.datamodel.classes.host_settings_messages import SETTINGS
from xapid.datamodel.classes.host_trust_messages import TRUST
from xapid.datamodel.classes.vm_enums import update_guidances
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import VM_OPERATOR
from xapid.datamodel.schema import Class, Derived, constructed, runtime, writable
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Int, Map, Ref, Set, String

host = Class(
    "host",
    "A physical machine that runs guests and belongs to a pool.",
    "rio",
    enums=(
        host_allowed_operations, latest_synced_updates_applied_state, update_guidances, host_display, host_sched_gran,
        host_numa_affinity_policy, host_ntp_mode,
    ),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the host.", "rio"),
        writable("name_label", String, "Display name of the host.", "rio", default=""),
        writable("name_description", String, "Free text describing the host.", "rio", default=""),
        runtime("memory_overhead", Int, "Memory taken by the hypervisor and fixed reservations, in bytes.", "rio", default=0),
        runtime(
            "allowed_operations", Set(host_allowed_operations), "Operations that the host would accept in its present state.",
            "rio", default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, host_allowed_operations),
            "Operations now under way on the host, keyed by the task that runs each.", "rio", default={}, persist=False,
        ),
        runtime("API_version_major", Int, "First number of the API version spoken by the host.", "rio"),
        runtime("API_version_minor", Int, "Second number of the API version spoken by the host.", "rio"),
        runtime("API_version_vendor", String, "Name of the vendor behind the API implementation.", "rio"),
        runtime(
            "API_version_vendor_implementation", Map(String, String), "Vendor-specific details of the API implementation.",
            "rio",
        ),
        runtime("enabled", Bool, "True while the host may start, resume or receive VMs.", "rio"),
        constructed(
            "software_version", Map(String, String), "Names of installed software components and their versions.", "rio",
        ),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the host.", "rio",
            map_key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR},
        ),
        constructed(
            "capabilities", Set(String), "Guest types that the hypervisor of this host can run, in Xen's notation.", "rio",
        ),
        runtime(
            "cpu_configuration", Map(String, String),
            "Settings and counts describing how the hypervisor uses the physical CPUs.", "rio",
        ),
        runtime("sched_policy", String, "Name of the CPU scheduler that the hypervisor runs.", "rio"),
        runtime("supported_bootloaders", Set(String), "Bootloaders that paravirtual guests can use on this host.", "rio"),
        runtime(
            "resident_VMs", Set(Ref("VM")), "VMs whose domains live on this host at present.", "rio",
            derived_from=Derived("VM", "resident_on"),
        ),
        writable(
            "logging", Map(String, String), "Log settings, such as the remote syslog address under syslog_destination.", "rio",
        ),
        runtime(
            "PIFs", Set(Ref("PIF")), "Physical and derived network interfaces of the host.", "rio",
            derived_from=Derived("PIF", "host"),
        ),
        writable("suspend_image_sr", Ref("SR"), "SR where the memory images of VMs suspended on this host go.", "rio"),
        writable("crash_dump_sr", Ref("SR"), "SR where the dumps of VMs crashed on this host go.", "rio"),
        runtime(
            "crashdumps", Set(Ref("host_crashdump")), "Crash dumps left behind by failures of the host itself.", "rio",
            derived_from=Derived("host_crashdump", "host"),
        ),
        runtime(
            "patches", Set(Ref("host_patch")), "Legacy patches known on this host.",
            Lifecycle(published="rio", deprecated="ely"), derived_from=Derived("host_patch", "host"),
        ),
        runtime("updates", Set(Ref("pool_update")), "Updates that have been applied to this host.", "ely"),
        runtime(
            "PBDs", Set(Ref("PBD")), "Storage connections of the host, one per SR it can reach.", "rio",
            derived_from=Derived("PBD", "host"),
        ),
        runtime(
            "host_CPUs", Set(Ref("host_cpu")), "Records of the individual physical CPUs of the host.", "rio",
            derived_from=Derived("host_cpu", "host"),
        ),
        runtime(
            "cpu_info", Map(String, String), "Details of the physical CPUs, such as count, vendor, model and feature masks.",
            "midnight-ride", default={},
        ),
        writable("hostname", String, "Network host name of the machine.", "rio"),
        writable("address", String, "IP address under which other pool members reach the host.", "rio"),
        runtime("metrics", Ref("host_metrics"), "Measured state of the host, such as its liveness and memory size.", "rio"),
        runtime(
            "license_params", Map(String, String), "Terms of the current license, including feature restrictions and expiry.",
            "rio",
        ),
        runtime("boot_free_mem", Int, "Memory that was free right after the host booted, in bytes.", internal=True),
        runtime("ha_statefiles", Set(String), "Statefile VDIs this host uses for high availability.", "orlando", default=()),
        runtime(
            "ha_network_peers", Set(String), "Hosts whose HA network heartbeats this host currently receives.", "orlando",
            default=(),
        ),
        runtime("blobs", Map(String, Ref("blob")), "Binary objects stored with the host, by name.", "orlando", default={}),
        writable(
            "tags", Set(String), "Labels that users put on the host to sort and find it.", "orlando", default=(),
            writers=VM_OPERATOR,
        ),
        runtime(
            "external_auth_type", String, "Kind of external directory used to authenticate users, or empty when none is used.",
            "george", default="",
        ),
        runtime(
            "external_auth_service_name", String, "Name of the directory or domain that the host has joined, or empty.",
            "george", default="",
        ),
        runtime(
            "external_auth_configuration", Map(String, String), "Settings needed by the external authentication service.",
            "george", default={},
        ),
        runtime("edition", String, "Product edition the host is licensed for.", "midnight-ride", default=""),
        writable(
            "license_server", Map(String, String), "Address and port of the license server that the host asks.",
            "midnight-ride", default={"address": "localhost", "port": "27000"},
        ),
        runtime(
            "bios_strings", Map(String, String), "Vendor, product and serial strings read from the firmware of the host.",
            "midnight-ride", default={},
        ),
        runtime(
            "power_on_mode", String, "Means of switching the host on remotely, empty when the feature is off.", "midnight-ride",
            default="",
        ),
        runtime(
            "power_on_config", Map(String, String), "Settings of the remote power-on method, such as address, user and secret.",
            "midnight-ride", default={},
        ),
        constructed(
            "local_cache_sr", Ref("SR"), "Local SR used to cache reads of VDIs held on shared storage.", "cowley",
            default=NULL_REF,
        ),
        runtime(
            "chipset_info", Map(String, String), "Abilities of the chipset, such as whether an IOMMU is present.", "boston",
            default={},
        ),
        runtime("PCIs", Set(Ref("PCI")), "PCI devices found in the host.", "boston", derived_from=Derived("PCI", "host")),
        runtime("PGPUs", Set(Ref("PGPU")), "Physical GPUs found in the host.", "boston", derived_from=Derived("PGPU", "host")),
        runtime(
            "PUSBs", Set(Ref("PUSB")), "USB devices plugged into the host.", "inverness", derived_from=Derived("PUSB", "host"),
        ),
        constructed(
            "ssl_legacy", Bool, "Obsolete switch for old TLS protocols and ciphers, expected to be false.",
            Lifecycle(published="dundee", deprecated="stockholm"), default=True,
        ),
        writable(
            "guest_VCPUs_params", Map(String, String),
            "Scheduling parameters that guests on this host get for their virtual CPUs.", "tampa", default={},
        ),
        writable(
            "display", host_display, "Whether the local screen shows the host console now and after the next reboot.", "cream",
            default="enabled",
        ),
        runtime(
            "virtual_hardware_platform_versions", Set(Int),
            "Virtual hardware platform versions that the host can offer to guests.", "cream", default=(0,),
        ),
        runtime("control_domain", Ref("VM"), "The privileged VM that manages the host.", "ely", default=NULL_REF),
        runtime(
            "updates_requiring_reboot", Set(Ref("pool_update")),
            "Applied updates that take effect only once the host restarts.", "ely", events=False,
        ),
        runtime(
            "features", Set(Ref("Feature")), "Optional features and whether this host has them on.", "falcon",
            derived_from=Derived("Feature", "host"),
        ),
        constructed("iscsi_iqn", String, "IQN with which the host presents itself to iSCSI targets.", "kolkata", default=""),
        constructed(
            "multipathing", Bool, "True when storage should be attached over several paths at once.", "kolkata", default=False,
        ),
        constructed(
            "uefi_certificates", String, "Secure boot certificates given to UEFI guests, as a base64 tar archive.",
            Lifecycle(published="quebec", deprecated="22.16.0"), default="",
        ),
        runtime(
            "certificates", Set(Ref("Certificate")), "TLS certificates installed on the host.", "stockholm",
            derived_from=Derived("Certificate", "host"),
        ),
        runtime("editions", Set(String), "Product editions that could be chosen for the host.", "stockholm", default=()),
        runtime(
            "pending_guidances", Set(update_guidances), "Mandatory follow-up actions still open after updates on the host.",
            "1.303.0", default=(),
        ),
        runtime(
            "tls_verification_enabled", Bool, "True when the host checks certificates on its outgoing TLS connections.",
            "1.313.0", default=False,
        ),
        runtime(
            "last_software_update", DateTime, "Time of the most recent software update on the host.",
            Lifecycle(prototyped="22.20.0"), default=EPOCH,
        ),
        runtime(
            "https_only", Bool, "True when the host answers no API traffic over plain HTTP.", Lifecycle(prototyped="22.27.0"),
            default=False,
        ),
        runtime(
            "recommended_guidances", Set(update_guidances), "Former internal record of advised actions after updates.",
            default=(), internal=True,
        ),
        runtime(
            "latest_synced_updates_applied", latest_synced_updates_applied_state,
            "Whether the host already runs the newest update set fetched by the pool.", Lifecycle(prototyped="23.18.0"),
            default="unknown",
        ),
        runtime(
            "numa_affinity_policy", host_numa_affinity_policy, "How VMs started on the host are placed over its NUMA nodes.",
            Lifecycle(prototyped="24.0.0"), default="default_policy",
        ),
        runtime(
            "pending_guidances_recommended", Set(update_guidances),
            "Advised follow-up actions still open after updates on the host.", Lifecycle(prototyped="24.10.0"), default=(),
        ),
        runtime(
            "pending_guidances_full", Set(update_guidances),
            "All actions still needed for updates on the host to take complete effect.", Lifecycle(prototyped="24.10.0"),
            default=(),
        ),
        runtime(
            "last_update_hash", String, "Checksum of the update metadata the host was last brought up to.",
            Lifecycle(prototyped="24.10.0"), default="",
        ),
        runtime("ssh_enabled", Bool, "True when the host accepts SSH logins.", Lifecycle(prototyped="25.21.0"), default=True),
        runtime(
            "ssh_enabled_timeout", Int, "Time SSH stays on once enabled, in seconds, 0 meaning for good.",
            Lifecycle(prototyped="25.21.0"), default=0,
        ),
        runtime(
            "ssh_expiry", DateTime, "Time at which SSH will be switched off again.", Lifecycle(prototyped="25.21.0"),
            default=EPOCH,
        ),
        runtime(
            "console_idle_timeout", Int, "Seconds after which an idle console session is closed, 0 meaning never.",
            Lifecycle(prototyped="25.21.0"), default=0,
        ),
        runtime(
            "ssh_auto_mode", Bool, "True when SSH is kept off as long as the management agent is healthy.",
            Lifecycle(prototyped="25.27.0"), default=False,
        ),
        runtime(
            "max_cstate", String, "Deepest CPU sleep state the hypervisor may enter, empty when not limited.",
            Lifecycle(prototyped="26.0.0"), default="",
        ),
        runtime(
            "secure_boot", Bool, "True when the host itself was booted with UEFI secure boot.", Lifecycle(prototyped="25.31.0"),
            default=False,
        ),
        runtime(
            "ntp_mode", host_ntp_mode, "Origin of the time servers that the host uses.", Lifecycle(prototyped="26.0.0"),
            default="Factory",
        ),
        runtime(
            "ntp_custom_servers", Set(String), "Time servers given by the administrator, used in custom NTP mode.",
            Lifecycle(prototyped="26.0.0"), default=(),
        ),
        runtime(
            "timezone", String, "Time zone of the host by its tz database name.", Lifecycle(prototyped="26.0.0"), default="UTC",
        ),
    ),
    messages=(*POWER, *TRUST, *SETTINGS, *MESSAGES),
)
