"""The pool: all hosts that one coordinator leads."""

from xapid.datamodel.classes.pool_enums import (
    certificate_purpose,
    pool_allowed_operations,
    pool_guest_secureboot_readiness,
    telemetry_frequency,
    update_sync_frequency,
)
from xapid.datamodel.classes.pool_messages import MESSAGES
from xapid.datamodel.classes.pool_trust_messages import TRUST
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, VM_OPERATOR
from xapid.datamodel.schema import Class, Derived, constructed, runtime, writable
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Int, Map, Ref, Set, String

pool = Class(
    "pool",
    "The set of hosts managed as one unit from a single coordinator; each database holds exactly one pool.",
    "rio",
    by_name=False,
    enums=(
        pool_allowed_operations, telemetry_frequency, update_sync_frequency, pool_guest_secureboot_readiness,
        certificate_purpose,
    ),
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "rio"),
        writable("name_label", String, "Name shown for the pool; empty for a stand-alone host that was never named.", "rio"),
        writable("name_description", String, "Free-form note describing the pool.", "rio"),
        runtime("master", Ref("host"), "Host that currently acts as the pool's coordinator.", "rio"),
        writable("default_SR", Ref("SR"), "SR on which new disks are placed when no other is named.", "rio"),
        writable(
            "suspend_image_SR", Ref("SR"),
            "SR that takes the memory images of suspended VMs unless a VM or host names another.", "rio",
        ),
        writable("crash_dump_SR", Ref("SR"), "SR that takes crash dumps of VMs unless a host names another.", "rio"),
        writable(
            "other_config", Map(String, String),
            "Free key/value pairs for clients and for pool-wide options without a field of their own.", "rio",
            map_key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR, "EMPTY_FOLDERS": VM_OPERATOR},
        ),
        runtime("ha_enabled", Bool, "Whether high availability is switched on for the pool.", "orlando", default=False),
        runtime(
            "ha_configuration", Map(String, String),
            "Settings with which HA was last switched on, such as its timeout in seconds.", "orlando", default={},
        ),
        runtime(
            "ha_statefiles", Set(String), "References of the VDIs that HA uses as shared statefiles.", "orlando", default=(),
        ),
        runtime(
            "ha_host_failures_to_tolerate", Int,
            "Number of host failures after which HA must still be able to restart every protected VM.", "orlando", default=0,
        ),
        runtime(
            "ha_plan_exists_for", Int, "Number of further host failures for which the present restart plan holds.", "orlando",
            default=0,
        ),
        writable(
            "ha_allow_overcommit", Bool,
            "Whether changes are let through that leave too few resources for the promised failure tolerance.", "orlando",
            default=False,
        ),
        runtime(
            "ha_overcommitted", Bool, "Whether the pool at present cannot keep its promised tolerance of host failures.",
            "orlando", default=False,
        ),
        runtime(
            "blobs", Map(String, Ref("blob")), "Binary objects attached to the pool, keyed by name.", "orlando", default={},
        ),
        writable(
            "tags", Set(String), "Labels set by users to sort and find the pool.", "orlando", default=(), writers=VM_OPERATOR,
        ),
        writable(
            "gui_config", Map(String, String), "Settings kept here by graphical clients for their own use.", "orlando",
            default={}, writers=VM_OPERATOR,
        ),
        writable(
            "health_check_config", Map(String, String), "Settings of the health-check reporting service.", "dundee", default={},
        ),
        runtime(
            "wlb_url", String, "Address of the workload balancing server, or empty if none is configured.", "george",
            default="",
        ),
        runtime(
            "wlb_username", String, "User name with which the pool logs in to the workload balancing server.", "george",
            default="",
        ),
        runtime("wlb_password", Ref("secret"), "Secret holding the password for the workload balancing server.", internal=True),
        writable(
            "wlb_enabled", Bool, "Whether the pool makes use of its configured workload balancing server.", "george",
            default=False, writers=POOL_OPERATOR | CLIENT_CERT,
        ),
        writable(
            "wlb_verify_cert", Bool, "Whether the TLS certificate of the workload balancing server is checked.",
            Lifecycle(published="george", deprecated="1.290.0"), default=False,
        ),
        runtime(
            "redo_log_enabled", Bool, "Whether database changes are written to a redo log even without HA.", "midnight-ride",
            default=False,
        ),
        runtime(
            "redo_log_vdi", Ref("VDI"), "VDI that holds the database redo log, or null if there is none.", "midnight-ride",
            default=NULL_REF,
        ),
        runtime(
            "vswitch_controller", String, "Address of the pool's virtual switch controller, or empty if none is set.",
            Lifecycle(published="midnight-ride", deprecated="falcon"), default="",
        ),
        runtime(
            "restrictions", Map(String, String),
            "Licensed-feature limits in force for the whole pool, computed from those of its hosts.", "midnight-ride",
            default={},
        ),
        runtime(
            "metadata_VDIs", Set(Ref("VDI")), "VDIs that carry a copy of this pool's metadata for disaster recovery.", "boston",
            derived_from=Derived("VDI", "metadata_of_pool"),
        ),
        runtime(
            "ha_cluster_stack", String, "Name of the cluster stack that HA runs on, or would run on if switched on.", "dundee",
            default="",
        ),
        runtime(
            "allowed_operations", Set(pool_allowed_operations), "Pool-wide operations that the present state permits.", "rio",
            default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, pool_allowed_operations),
            "Pool-wide operations under way now, each keyed by the reference of its task.", "rio", default={}, persist=False,
        ),
        runtime(
            "guest_agent_config", Map(String, String),
            "Settings handed to the guest agents of all VMs, such as whether they update themselves.", "dundee", default={},
        ),
        runtime(
            "cpu_info", Map(String, String),
            "Description of the CPU that VMs can rely on throughout the pool, including the common feature sets.", "dundee",
            default={},
        ),
        writable(
            "policy_no_vendor_device", Bool,
            "Whether new VMs are created without the vendor PCI device that delivers Windows driver updates.",
            Lifecycle(published="dundee", deprecated="24.14.0"), default=False,
        ),
        writable(
            "live_patching_disabled", Bool, "Whether updates are applied without patching running software in place.", "ely",
            default=False,
        ),
        runtime(
            "igmp_snooping_enabled", Bool, "Whether the pool's bridges watch IGMP to limit where multicast traffic is sent.",
            "inverness", default=False,
        ),
        constructed(
            "uefi_certificates", String, "Base64 archive of the secure-boot certificates in effect for UEFI guests.",
            Lifecycle(published="quebec", changed="22.16.0"), default="",
        ),
        constructed(
            "custom_uefi_certificates", String,
            "Base64 archive of the administrator's own secure-boot certificates, or empty to use the defaults.",
            Lifecycle(prototyped="24.0.0"), default="",
        ),
        writable(
            "is_psr_pending", Bool, "Whether a rotation of the pool secret has been started and has not finished yet.",
            "stockholm_psr", default=False,
        ),
        runtime(
            "tls_verification_enabled", Bool, "Whether TLS certificates are checked on connections between hosts of the pool.",
            "1.290.0", default=False,
        ),
        runtime(
            "repositories", Set(Ref("Repository")), "Update repositories from which the pool takes its packages.", "1.301.0",
            default=(), events=False,
        ),
        runtime(
            "client_certificate_auth_enabled", Bool,
            "Whether clients may authenticate with a TLS certificate instead of a password.", "1.318.0", default=False,
        ),
        runtime(
            "client_certificate_auth_name", String, "Subject name that a client's certificate must carry to be accepted.",
            "1.318.0", default="",
        ),
        runtime(
            "repository_proxy_url", String,
            "Address of the proxy through which update repositories are reached, or empty for none.", "21.3.0", default="",
        ),
        runtime(
            "repository_proxy_username", String, "User name for the repository proxy, or empty if it needs none.", "21.3.0",
            default="",
        ),
        runtime(
            "repository_proxy_password", Ref("secret"), "Secret holding the password for the repository proxy.",
            Lifecycle(published="21.3.0", changed="23.9.0"), default=NULL_REF,
        ),
        writable(
            "migration_compression", Bool, "Whether migration streams are compressed when the call does not say otherwise.",
            Lifecycle(prototyped="22.33.0"), default=False,
        ),
        writable(
            "coordinator_bias", Bool, "Whether VM placement prefers members over the coordinator so as to spare the latter.",
            Lifecycle(prototyped="22.37.0", published="rio"), default=True,
        ),
        constructed(
            "local_auth_max_threads", Int, "Greatest number of local (PAM) authentications that run at the same time.",
            Lifecycle(prototyped="23.27.0"), default=8,
        ),
        constructed(
            "ext_auth_max_threads", Int, "Greatest number of external authentications that run at the same time.",
            Lifecycle(prototyped="23.27.0"), default=1,
        ),
        runtime(
            "ext_auth_cache_enabled", Bool, "Whether successful external logins are cached to speed up repeated ones.",
            Lifecycle(prototyped="24.31.0"), default=True,
        ),
        runtime(
            "ext_auth_cache_size", Int, "Greatest number of entries in the external authentication cache.",
            Lifecycle(prototyped="24.31.0"), default=50,
        ),
        runtime(
            "ext_auth_cache_expiry", Int,
            "Time in seconds for which an entry of the external authentication cache stays valid.",
            Lifecycle(prototyped="24.31.0"), default=300,
        ),
        runtime(
            "telemetry_uuid", Ref("secret"), "Secret holding the identifier under which the pool reports telemetry.",
            Lifecycle(prototyped="23.9.0"), default=NULL_REF,
        ),
        runtime(
            "telemetry_frequency", telemetry_frequency, "How often telemetry is gathered.", Lifecycle(prototyped="23.9.0"),
            default="weekly",
        ),
        runtime(
            "telemetry_next_collection", DateTime, "Earliest time at which telemetry is gathered next.",
            Lifecycle(prototyped="23.9.0"), default=EPOCH,
        ),
        runtime(
            "last_update_sync", DateTime,
            "Time of the last successful synchronization with the update repositories; the epoch means never.",
            Lifecycle(prototyped="23.18.0"), default=EPOCH,
        ),
        runtime(
            "update_sync_frequency", update_sync_frequency,
            "How often automatic synchronization with the update repositories runs.", Lifecycle(prototyped="23.18.0"),
            default="weekly",
        ),
        runtime(
            "update_sync_day", Int, "Weekday of the weekly synchronization, 0 (Sunday) to 6; ignored when it runs daily.",
            Lifecycle(prototyped="23.18.0"), default=0,
        ),
        runtime(
            "update_sync_enabled", Bool, "Whether synchronization with the update repositories runs automatically.",
            Lifecycle(prototyped="23.18.0"), default=False,
        ),
        runtime(
            "recommendations", Map(String, String), "Recommended settings for the pool, as name/value pairs.",
            Lifecycle(prototyped="24.19.1"), default={},
        ),
        writable(
            "license_server", Map(String, String),
            "Address and other details of the license server shared by all hosts of the pool.", Lifecycle(prototyped="25.6.0"),
            default={},
        ),
        writable(
            "ha_reboot_vm_on_internal_shutdown", Bool,
            "Whether HA restarts a protected VM that was powered off from inside the guest.", Lifecycle(prototyped="25.16.0"),
            default=True,
        ),
        writable(
            "limit_console_sessions", Bool, "Whether a VM's console admits only one connection at a time.",
            Lifecycle(prototyped="26.1.0"), default=False,
        ),
        writable(
            "vm_console_idle_timeout", Int,
            "Time in seconds after which an idle VM console connection is closed; 0 means never.",
            Lifecycle(prototyped="26.1.0"), default=0,
        ),
        writable(
            "auto_update_vm_secureboot_certificates", Bool,
            "Whether the secure-boot certificates of VMs are brought up to date automatically.",
            Lifecycle(prototyped="26.16.1"), default=False,
        ),
    ),
    messages=(*TRUST, *MESSAGES),
)
