"""host: the messages that say something of their own."""

from xapid.datamodel.classes.host_enums import (
    host_display,
    host_ntp_mode,
    host_numa_affinity_policy,
    host_sched_gran,
    latest_synced_updates_applied_state,
)
from xapid.datamodel.classes.vm_enums import update_guidances
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import CLIENT_CERT, LOCAL_ROOT, POOL_ADMIN, POOL_OPERATOR, READ_ONLY, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import THE_POOL, Lock, Message, Param, to_host
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Float, Int, Map, Record, Ref, Set, String, Void

MESSAGES = (
    Message(
        "disable", (Param("host", Ref("host")), Param("auto_enable", Bool, True)), Void,
        "Stops the host from taking new VMs, optionally keeping it disabled across restarts.",
        Lifecycle(published="rio", changed="25.31.0"), roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "enable", (Param("host", Ref("host")),), Void, "Lets the host start and receive VMs again.", "rio",
        roles=POOL_OPERATOR | CLIENT_CERT, forward=to_host("host"), operation="enable",
    ),
    Message(
        "shutdown", (Param("host", Ref("host")),), Void, "Powers the host off, which must be disabled first.", "rio",
        forward=to_host("host"), operation="shutdown",
    ),
    Message(
        "reboot", (Param("host", Ref("host")),), Void, "Restarts the host, which must be disabled first.", "rio",
        forward=to_host("host"), operation="reboot",
    ),
    Message(
        "prepare_for_poweroff", (Param("host", Ref("host")),), Void,
        "Clears HA membership, storage and monitoring data just before the machine goes down.", roles=LOCAL_ROOT,
        hidden=True, forward=to_host("host"),
    ),
    Message(
        "dmesg", (Param("host", Ref("host")),), String, "Returns the message buffer of the hypervisor.", "rio",
        forward=to_host("host"),
    ),
    Message(
        "dmesg_clear", (Param("host", Ref("host")),), String,
        "Returns the message buffer of the hypervisor and empties it.", "rio", forward=to_host("host"),
        refused="NOT_IMPLEMENTED",
    ),
    Message(
        "get_log", (Param("host", Ref("host")),), String, "Returns the log of the host.", "rio", roles=READ_ONLY,
        forward=to_host("host"), refused="NOT_IMPLEMENTED",
    ),
    Message(
        "send_debug_keys", (Param("host", Ref("host")), Param("keys", String)), Void,
        "Passes debug key presses to the hypervisor.", "rio", roles=POOL_ADMIN, forward=to_host("host"),
    ),
    Message(
        "bugreport_upload", (Param("host", Ref("host")), Param("url", String), Param("options", Map(String, String))), Void,
        "Collects diagnostics of the host and sends them to a URL.", "rio", forward=to_host("host"),
    ),
    Message(
        "list_methods", (), Set(String), "Lists the names of all API calls that the server knows.", "rio", roles=READ_ONLY,
        asynchronous=False, refused="NOT_IMPLEMENTED",
    ),
    Message(
        "license_apply", (Param("host", Ref("host")), Param("contents", String)), Void,
        "Applied a license to the host, a call no longer offered.",
        Lifecycle(published="rio", deprecated="clearwater", removed="clearwater"), errors=("LICENSE_PROCESSING_ERROR",),
        refused="MESSAGE_REMOVED",
    ),
    Message(
        "license_add", (Param("host", Ref("host")), Param("contents", String)), Void,
        "Installs a license file, given base64-encoded, on the host.", "indigo", errors=("LICENSE_PROCESSING_ERROR",),
        forward=to_host("host"),
    ),
    Message(
        "license_remove", (Param("host", Ref("host")),), Void, "Takes the license off the host, leaving it unlicensed.",
        "indigo", forward=to_host("host"),
    ),
    Message(
        "create",
        (
            Param("uuid", String), Param("name_label", String), Param("name_description", String),
            Param("hostname", String), Param("address", String), Param("external_auth_type", String, ""),
            Param("external_auth_service_name", String, ""), Param("external_auth_configuration", Map(String, String), {}),
            Param("license_params", Map(String, String), {}), Param("edition", String, ""),
            Param("license_server", Map(String, String), {"address": "localhost", "port": "27000"}),
            Param("local_cache_sr", Ref("SR"), NULL_REF), Param("chipset_info", Map(String, String), {}),
            Param("ssl_legacy", Bool, True), Param("last_software_update", DateTime, EPOCH),
            Param("last_update_hash", String, ""), Param("ssh_enabled", Bool, True), Param("ssh_enabled_timeout", Int, 0),
            Param("ssh_expiry", DateTime, EPOCH), Param("console_idle_timeout", Int, 0),
            Param("ssh_auto_mode", Bool, False), Param("secure_boot", Bool, False),
            Param("software_version", Map(String, String), {}), Param("https_only", Bool, False),
            Param("max_cstate", String, ""), Param("ntp_mode", host_ntp_mode, "Factory"),
            Param("ntp_custom_servers", Set(String), ()), Param("timezone", String, "UTC"),
            Param("numa_affinity_policy", host_numa_affinity_policy, "default_policy"),
            Param("latest_synced_updates_applied", latest_synced_updates_applied_state, ()),
            Param("pending_guidances_full", Set(update_guidances), ()),
            Param("pending_guidances_recommended", Set(update_guidances), ()),
        ),
        Ref("host"), "Adds the record of a host, as done while it joins the pool.", hidden=True,
    ),
    Message(
        "destroy", (Param("self", Ref("host")),), Void,
        "Deletes the record of a dead host together with the records that depend on it.", "rio",
    ),
    Message(
        "power_on", (Param("host", Ref("host")),), Void, "Switches the host on by its configured remote method.", "orlando",
        operation="power_on",
    ),
    Message(
        "set_license_params", (Param("self", Ref("host")), Param("value", Map(String, String))), Void,
        "Stores new license terms for the host and refreshes the pool restrictions.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True,
    ),
    Message(
        "emergency_ha_disable", (Param("soft", Bool, False),), Void,
        "Turns high availability off on this host alone, without its coordinator.", "orlando", asynchronous=False,
    ),
    Message(
        "ha_disarm_fencing", (Param("host", Ref("host")),), Void,
        "Stops this host from fencing itself when HA contact is lost.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "preconfigure_ha",
        (
            Param("host", Ref("host")), Param("statefiles", Set(Ref("VDI"))), Param("metadata_vdi", Ref("VDI")),
            Param("generation", String),
        ),
        Void, "Attaches the HA VDIs and writes the HA daemon settings on the host.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "ha_join_liveset", (Param("host", Ref("host")),), Void,
        "Starts the HA daemon on the host and joins the set of live hosts.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "ha_disable_failover_decisions", (Param("host", Ref("host")),), Void,
        "Keeps this host from becoming coordinator through HA.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "ha_wait_for_shutdown_via_statefile", (Param("host", Ref("host")),), Void,
        "Waits until HA is told to stop through the statefile, then disarms this host.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "ha_stop_daemon", (Param("host", Ref("host")),), Void, "Stops the HA daemon on the host.", roles=LOCAL_ROOT,
        hidden=True, pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "ha_release_resources", (Param("host", Ref("host")),), Void,
        "Detaches the VDIs and clears the settings that HA held on the host.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "ha_xapi_healthcheck", (), Bool, "Tells the HA daemon whether the management agent is in good health.",
        roles=POOL_ADMIN, asynchronous=False, hidden=True,
    ),
    Message(
        "local_assert_healthy", (), Void, "Raises an error when the agent is in emergency mode or otherwise unwell.",
        roles=LOCAL_ROOT,
        errors=(
            "HOST_STILL_BOOTING", "HOST_HAS_NO_MANAGEMENT_IP", "HOST_MASTER_CANNOT_TALK_BACK", "HOST_UNKNOWN_TO_MASTER",
            "HOST_BROKEN", "LICENCE_RESTRICTION", "LICENSE_DOES_NOT_SUPPORT_POOLING", "HA_SHOULD_BE_FENCED",
            "HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR",
        ),
        asynchronous=False, hidden=True, pool_internal=True,
    ),
    Message(
        "request_backup", (Param("host", Ref("host")), Param("generation", Int), Param("force", Bool)), Void,
        "Makes the host fetch a fresh copy of the pool database.", roles=LOCAL_ROOT, asynchronous=False, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "request_config_file_sync", (Param("host", Ref("host")), Param("hash", String)), Void,
        "Makes the host fetch shared settings from the coordinator when its hash differs.", roles=LOCAL_ROOT,
        asynchronous=False, hidden=True, pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "propose_new_master", (Param("address", String), Param("manual", Bool)), Void,
        "Asks this host to agree to a new coordinator, first step of a two-phase change.", roles=LOCAL_ROOT,
        asynchronous=False, hidden=True, pool_internal=True,
    ),
    Message(
        "commit_new_master", (Param("address", String),), Void,
        "Makes this host follow the coordinator it agreed to before.", roles=LOCAL_ROOT, asynchronous=False, hidden=True,
        pool_internal=True,
    ),
    Message(
        "abort_new_master", (Param("address", String),), Void, "Drops a proposed change of coordinator on this host.",
        roles=LOCAL_ROOT, asynchronous=False, hidden=True, pool_internal=True,
    ),
    Message(
        "get_data_sources", (Param("host", Ref("host")),), Set(Record("data_source")),
        "Lists the measurements that the host can record.", "orlando", roles=READ_ONLY, asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "record_data_source", (Param("host", Ref("host")), Param("data_source", String)), Void,
        "Starts archiving the named measurement of the host.", "orlando", asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "query_data_source", (Param("host", Ref("host")), Param("data_source", String)), Float,
        "Returns the latest value of the named measurement of the host.", "orlando", roles=READ_ONLY, asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "forget_data_source_archives", (Param("host", Ref("host")), Param("data_source", String)), Void,
        "Throws away the recorded history of the named measurement.", "orlando", asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "assert_can_evacuate", (Param("host", Ref("host")),), Void,
        "Raises an error when some VM on the host could not be moved away.", "miami",
    ),
    Message(
        "get_vms_which_prevent_evacuation", (Param("self", Ref("host")),), Map(Ref("VM"), Set(String)),
        "Returns the VMs that block an evacuation, each with its reason.", "orlando", roles=READ_ONLY,
    ),
    Message(
        "get_uncooperative_resident_VMs", (Param("self", Ref("host")),), Set(Ref("VM")),
        "Lists VMs on the host that do not meet their memory balloon targets.",
        Lifecycle(published="midnight-ride", deprecated="tampa"), roles=READ_ONLY,
    ),
    Message(
        "get_uncooperative_domains", (Param("self", Ref("host")),), Set(String),
        "Lists domains on the host that do not meet their memory balloon targets.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True,
    ),
    Message(
        "evacuate",
        (Param("host", Ref("host")), Param("network", Ref("network"), NULL_REF), Param("evacuate_batch_size", Int, 0)),
        Void, "Live migrates every VM off the host, a limited number at a time.",
        Lifecycle(published="miami", extended="1.297.0"), roles=POOL_OPERATOR | CLIENT_CERT, operation="evacuate",
    ),
    Message(
        "signal_networking_change", (), Void, "Tells the agent that the management address may have changed.",
        roles=LOCAL_ROOT, asynchronous=False, hidden=True, pool_internal=True,
    ),
    Message(
        "notify", (Param("ty", String), Param("params", String)), Void,
        "Hands an event from a local script to the management agent.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
    ),
    Message(
        "syslog_reconfigure", (Param("host", Ref("host")),), Void,
        "Makes the host log to the destination found in its logging settings.", "miami", forward=to_host("host"),
    ),
    Message(
        "management_reconfigure", (Param("pif", Ref("PIF")),), Void,
        "Moves the management traffic of the host to the given PIF.", "miami", forward=to_host("pif"),
    ),
    Message(
        "local_management_reconfigure", (Param("interface", String),), Void,
        "Moves management traffic to a named interface, usable without a coordinator.", "miami", asynchronous=False,
    ),
    Message(
        "management_disable", (), Void, "Takes the management interface of this host down.", "miami", asynchronous=False,
    ),
    Message(
        "get_management_interface", (Param("host", Ref("host")),), Ref("PIF"),
        "Returns the PIF that carries the management traffic of the host.", "tampa",
    ),
    Message(
        "get_system_status_capabilities", (Param("host", Ref("host")),), String,
        "Returns, as XML, what a system status report of the host can contain.", "miami", roles=READ_ONLY,
        asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "get_diagnostic_timing_stats", (Param("host", Ref("host")), Param("counts", Bool, False)), Map(String, String),
        "Returns how long calls have taken on the host, or how often each ran.", roles=READ_ONLY, asynchronous=False,
        hidden=True, forward=to_host("host"),
    ),
    Message(
        "restart_agent", (Param("host", Ref("host")),), Void,
        "Restarts the management agent of the host without touching its VMs.", "rio", forward=to_host("host"),
    ),
    Message(
        "shutdown_agent", (), Void, "Stops the management agent of this host until someone starts it again.", "orlando",
        asynchronous=False,
    ),
    Message(
        "set_hostname_live", (Param("host", Ref("host")), Param("hostname", String)), Void,
        "Changes the network host name of the running machine and in its record.", "miami", errors=("HOST_NAME_INVALID",),
        asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "is_in_emergency_mode", (), Bool, "Says whether this host runs in emergency mode, cut off from its coordinator.",
        roles=READ_ONLY, asynchronous=False, hidden=True,
    ),
    Message(
        "compute_free_memory", (Param("host", Ref("host")),), Int,
        "Works out how many bytes of memory are left on the host for more VMs.", "orlando", roles=READ_ONLY,
    ),
    Message(
        "compute_memory_overhead", (Param("host", Ref("host")),), Int,
        "Works out how many bytes virtualization itself takes on the host.", "midnight-ride", roles=READ_ONLY,
    ),
    Message(
        "tickle_heartbeat", (Param("host", Ref("host")), Param("stuff", Map(String, String))), Map(String, String),
        "Reports to the coordinator that the host is alive, with its clock reading.", roles=LOCAL_ROOT, asynchronous=False,
        hidden=True, pool_internal=True,
    ),
    Message(
        "sync_data", (Param("host", Ref("host")),), Void,
        "Exchanges non-database data of the host, such as statistics, with the coordinator.", "orlando", roles=POOL_ADMIN,
        asynchronous=False,
    ),
    Message(
        "backup_rrds", (Param("host", Ref("host")), Param("delay", Float)), Void,
        "Saves the performance history to the coordinator after a delay in seconds.", "orlando", roles=POOL_ADMIN,
        asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "create_new_blob",
        (Param("host", Ref("host")), Param("name", String), Param("mime_type", String), Param("public", Bool, False)),
        Ref("blob"), "Creates an empty named binary object tied to the host.", "orlando",
    ),
    Message(
        "call_plugin",
        (Param("host", Ref("host")), Param("plugin", String), Param("fn", String), Param("args", Map(String, String))),
        String, "Runs a function of a plugin script on the host and returns its text result.", "orlando", roles=POOL_ADMIN,
        forward=to_host("host"),
    ),
    Message(
        "has_extension", (Param("host", Ref("host")), Param("name", String)), Bool,
        "Says whether the named API extension is installed on the host.", "ely", roles=POOL_ADMIN, forward=to_host("host"),
    ),
    Message(
        "call_extension", (Param("host", Ref("host")), Param("call", String)), String,
        "Runs an API extension on the host and returns its result.", "ely", roles=POOL_ADMIN, asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "get_servertime", (Param("host", Ref("host")),), DateTime, "Returns the clock of the host in UTC.", "orlando",
        roles=READ_ONLY, asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "get_server_localtime", (Param("host", Ref("host")),), DateTime,
        "Returns the clock of the host in its own time zone.", "cowley", roles=READ_ONLY, asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "enable_binary_storage", (Param("host", Ref("host")),), Void,
        "Lets this host keep blobs and performance history on its disk.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "disable_binary_storage", (Param("host", Ref("host")),), Void,
        "Deletes blobs and performance history from this host's disk and stores no more.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "enable_external_auth",
        (
            Param("host", Ref("host")), Param("config", Map(String, String)), Param("service_name", String),
            Param("auth_type", String),
        ),
        Void, "Joins the host to an external directory for user logins.", "george", roles=POOL_ADMIN, asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "disable_external_auth",
        (Param("host", Ref("host")), Param("config", Map(String, String), {}), Param("force", Bool, False)), Void,
        "Makes the host leave its external directory, by force where needed.", "george", roles=POOL_ADMIN,
        asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "external_auth_set_ldaps", (Param("host", Ref("host")), Param("ldaps", Bool), Param("force", Bool, False)), Void,
        "Turns encrypted LDAP towards the directory on or off for the host.", "26.16.0", roles=POOL_ADMIN,
        asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "retrieve_wlb_evacuate_recommendations", (Param("self", Ref("host")),), Map(Ref("VM"), Set(String)),
        "Asks the workload balancer where each VM of the host should go.", "george", roles=READ_ONLY,
    ),
    Message(
        "install_ca_certificate", (Param("host", Ref("host")), Param("name", String), Param("cert", String)), Void,
        "Places a trusted CA certificate on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "uninstall_ca_certificate", (Param("host", Ref("host")), Param("name", String), Param("force", Bool, False)), Void,
        "Removes a trusted CA certificate from the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "certificate_list", (Param("host", Ref("host")),), Set(String),
        "Lists the trusted CA certificates present on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "crl_install", (Param("host", Ref("host")), Param("name", String), Param("crl", String)), Void,
        "Places a certificate revocation list on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "crl_uninstall", (Param("host", Ref("host")), Param("name", String)), Void,
        "Removes a certificate revocation list from the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "crl_list", (Param("host", Ref("host")),), Set(String),
        "Lists the certificate revocation lists present on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "certificate_sync", (Param("host", Ref("host")),), Void,
        "Brings the host's certificates and revocation lists in line with the coordinator.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "get_server_certificate", (Param("host", Ref("host")),), String,
        "Returns the TLS certificate that the host serves, in PEM form.",
        Lifecycle(published="george", changed="inverness"), roles=READ_ONLY, forward=to_host("host"),
    ),
    Message(
        "refresh_server_certificate", (Param("host", Ref("host")),), Void,
        "Makes a new certificate for the host's traffic inside the pool.", "1.307.0", roles=POOL_ADMIN,
        forward=to_host("host"), operation="cert_refresh", locked=THE_POOL,
    ),
    Message(
        "install_server_certificate",
        (
            Param("host", Ref("host")), Param("certificate", String), Param("private_key", String),
            Param("certificate_chain", String, ""),
        ),
        Void, "Puts a TLS certificate with its private key and chain in place on the host.", "stockholm", roles=POOL_ADMIN,
        forward=to_host("host"),
    ),
    Message(
        "emergency_reset_server_certificate", (), Void,
        "Gives this host a new self-signed certificate, usable without a coordinator.", "stockholm", roles=LOCAL_ROOT,
        asynchronous=False,
    ),
    Message(
        "reset_server_certificate", (Param("host", Ref("host")),), Void,
        "Replaces the TLS certificate of the host by a new self-signed one.", "1.290.0", roles=POOL_ADMIN,
        forward=to_host("host"),
    ),
    Message(
        "update_pool_secret", (Param("host", Ref("host")), Param("pool_secret", String)), Void,
        "Stores a new pool secret on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "update_master", (Param("host", Ref("host")), Param("master_address", String)), Void,
        "Makes the host follow the coordinator at the given address.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "attach_static_vdis", (Param("host", Ref("host")), Param("vdi_reason_map", Map(Ref("VDI"), String))), Void,
        "Attaches VDIs that the host should have again from early boot on.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "detach_static_vdis", (Param("host", Ref("host")), Param("vdis", Set(Ref("VDI")))), Void,
        "Releases VDIs that were attached statically to the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "set_localdb_key", (Param("host", Ref("host")), Param("key", String), Param("value", String)), Void,
        "Writes one entry of the host's local key/value store.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "apply_edition", (Param("host", Ref("host")), Param("edition", String), Param("force", Bool, False)), Void,
        "Switches the host to another product edition, taking a license for it.", "midnight-ride", asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "refresh_pack_info", (Param("host", Ref("host")),), Void,
        "Rereads which supplemental packs are installed on the host.",
        Lifecycle(published="midnight-ride", deprecated="ely"), forward=to_host("host"),
    ),
    Message(
        "set_power_on_mode",
        (Param("self", Ref("host")), Param("power_on_mode", String), Param("power_on_config", Map(String, String))), Void,
        "Sets the remote power-on method of the host and its settings.", Lifecycle(published="cowley", changed="stockholm"),
        also=("set_host_power_on_mode",),
    ),
    Message(
        "set_cpu_features", (Param("host", Ref("host")), Param("features", String)), Void,
        "Masked CPU features of the host from the next boot on, a call no longer offered.",
        Lifecycle(published="midnight-ride", deprecated="dundee", removed="dundee"), asynchronous=False,
        refused="MESSAGE_REMOVED",
    ),
    Message(
        "reset_cpu_features", (Param("host", Ref("host")),), Void,
        "Undid the CPU feature mask of the host, a call no longer offered.",
        Lifecycle(published="midnight-ride", deprecated="dundee", removed="dundee"), asynchronous=False,
        refused="MESSAGE_REMOVED",
    ),
    Message(
        "reset_networking", (Param("host", Ref("host")),), Void,
        "Deletes all network records of the host so that they can be built anew.", hidden=True,
    ),
    Message(
        "enable_local_storage_caching", (Param("host", Ref("host")), Param("sr", Ref("SR"))), Void,
        "Starts using the given local SR as a cache for shared VDIs on the host.", "cowley", asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "disable_local_storage_caching", (Param("host", Ref("host")),), Void,
        "Stops caching shared VDIs on local storage of the host.", "cowley", asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "get_sm_diagnostics", (Param("host", Ref("host")),), String,
        "Returns a text dump of the storage layer's state on the host.", asynchronous=False, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "get_thread_diagnostics", (Param("host", Ref("host")),), String,
        "Returns a text dump of what the agent's threads are doing on the host.", asynchronous=False, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "sm_dp_destroy", (Param("host", Ref("host")), Param("dp", String), Param("allow_leak", Bool)), Void,
        "Destroys a storage datapath on the host, leaking it when allowed and necessary.", asynchronous=False, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "sync_vlans", (Param("host", Ref("host")),), Void, "Gives the host the VLANs that the coordinator has.",
        asynchronous=False, hidden=True, pool_internal=True,
    ),
    Message(
        "sync_tunnels", (Param("host", Ref("host")),), Void, "Gives the host the tunnels that the coordinator has.",
        asynchronous=False, hidden=True, pool_internal=True,
    ),
    Message(
        "sync_pif_currently_attached", (Param("host", Ref("host")), Param("bridges", Set(String))), Void,
        "Corrects the attached state of the host's PIFs from the bridges that are up.", asynchronous=False, hidden=True,
        pool_internal=True,
    ),
    Message(
        "migrate_receive",
        (Param("host", Ref("host")), Param("network", Ref("network")), Param("options", Map(String, String))),
        Map(String, String), "Readies the host for an incoming migration and returns what the sender must pass.", "tampa",
        roles=VM_POWER_ADMIN,
    ),
    Message(
        "declare_dead", (Param("host", Ref("host")),), Void,
        "Records that the host is off for certain, so that its VMs count as halted.", "clearwater",
    ),
    Message(
        "enable_display", (Param("host", Ref("host")),), host_display,
        "Shows the host console on the local screen from the next reboot on.", "cream", forward=to_host("host"),
    ),
    Message(
        "disable_display", (Param("host", Ref("host")),), host_display,
        "Hides the host console from the local screen from the next reboot on.", "cream", forward=to_host("host"),
    ),
    Message(
        "set_ssl_legacy", (Param("self", Ref("host")), Param("value", Bool)), Void,
        "Sets the obsolete switch for old TLS protocols on the host.", Lifecycle(published="dundee", changed="stockholm"),
    ),
    Message(
        "apply_guest_agent_config", (Param("host", Ref("host")),), Void,
        "Passes the pool's guest agent settings to the VMs on the host.", roles=POOL_ADMIN, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "mxgpu_vf_setup", (Param("host", Ref("host")),), Void,
        "Sets up the virtual functions of AMD MxGPU cards on the host.", roles=VM_OPERATOR, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "nvidia_vf_setup", (Param("host", Ref("host")), Param("pf", Ref("PCI")), Param("enable", Bool)), Void,
        "Enables or disables the virtual functions of an NVIDIA card on the host.", roles=VM_OPERATOR, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "allocate_resources_for_vm", (Param("self", Ref("host")), Param("vm", Ref("VM")), Param("live", Bool)), Void,
        "Reserves memory and devices on this host for a VM that is about to run.", roles=VM_OPERATOR, hidden=True,
    ),
    Message(
        "set_iscsi_iqn", (Param("host", Ref("host")), Param("value", String)), Void,
        "Changes the IQN with which the host talks to iSCSI targets.", "kolkata", forward=to_host("host"),
    ),
    Message(
        "set_multipathing", (Param("host", Ref("host")), Param("value", Bool)), Void,
        "Turns storage multipathing on or off for the host.", "kolkata", forward=to_host("host"),
    ),
    Message(
        "write_uefi_certificates_to_disk", (Param("host", Ref("host")),), Void,
        "Writes the secure boot certificates in force to the host's file system.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "set_uefi_certificates", (Param("host", Ref("host")), Param("value", String)), Void,
        "Sets the secure boot certificates on the host, superseded by the pool's own call.",
        Lifecycle(published="quebec", deprecated="22.16.0"), roles=LOCAL_ROOT,
    ),
    Message(
        "notify_accept_new_pool_secret", (Param("host", Ref("host")), Param("old_ps", String), Param("new_ps", String)),
        Void, "Makes the host accept the new pool secret besides the old one.", roles=LOCAL_ROOT, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "notify_send_new_pool_secret", (Param("host", Ref("host")), Param("old_ps", String), Param("new_ps", String)), Void,
        "Makes the host present the new pool secret while still accepting the old one.", roles=LOCAL_ROOT, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "cleanup_pool_secret", (Param("host", Ref("host")), Param("old_ps", String), Param("new_ps", String)), Void,
        "Makes the host accept only the new pool secret, ending a rotation.", roles=LOCAL_ROOT, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "set_sched_gran", (Param("self", Ref("host")), Param("value", host_sched_gran)), Void,
        "Chooses the unit in which the hypervisor schedules virtual CPUs after a reboot.", "1.271.0", roles=LOCAL_ROOT,
        forward=to_host("self"),
    ),
    Message(
        "get_sched_gran", (Param("self", Ref("host")),), host_sched_gran,
        "Returns the unit in which the hypervisor schedules virtual CPUs.", "1.271.0", roles=LOCAL_ROOT,
        forward=to_host("self"),
    ),
    Message(
        "set_numa_affinity_policy", (Param("self", Ref("host")), Param("value", host_numa_affinity_policy)), Void,
        "Sets how VMs started on the host are placed over its NUMA nodes.", Lifecycle(prototyped="24.0.0"),
        roles=POOL_ADMIN, forward=to_host("self"),
    ),
    Message(
        "emergency_disable_tls_verification", (), Void,
        "Turns certificate checking off on this host alone, usable without a coordinator.", "1.290.0", roles=LOCAL_ROOT,
        asynchronous=False,
    ),
    Message(
        "emergency_reenable_tls_verification", (), Void,
        "Turns certificate checking back on after an emergency switch-off on this host.", "1.298.0", roles=LOCAL_ROOT,
        asynchronous=False,
    ),
    Message(
        "cert_distrib_atom", (Param("host", Ref("host")), Param("command", String)), String,
        "Carries out one step of the exchange of certificates between hosts.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "apply_updates", (Param("self", Ref("host")), Param("hash", String)), Set(Set(String)),
        "Installs the synced updates with the given hash and returns warnings.", "1.301.0",
        roles=POOL_OPERATOR | CLIENT_CERT, operation="apply_updates", also_locks=(Lock(THE_POOL, "apply_updates"),),
    ),
    Message(
        "rescan_drivers", (Param("self", Ref("host")),), Void,
        "Looks again for driver variants on the host and refreshes their records.", Lifecycle(prototyped="25.2.0"),
        roles=POOL_ADMIN, forward=to_host("self"),
    ),
    Message(
        "copy_primary_host_certs", (Param("host", Ref("host")),), Void,
        "Copies the trusted certificates of the coordinator to the host.", roles=POOL_ADMIN, hidden=True,
        pool_internal=True, operation="copy_primary_host_certs", locked=THE_POOL,
    ),
    Message(
        "set_https_only", (Param("self", Ref("host")), Param("value", Bool)), Void,
        "Opens or closes plain HTTP access to the host.", Lifecycle(prototyped="22.27.0"), forward=to_host("self"),
    ),
    Message(
        "apply_recommended_guidances", (Param("self", Ref("host")),), Void,
        "Carried out the advised actions open after updates, a call no longer offered.",
        Lifecycle(prototyped="23.18.0", removed="23.25.0"), refused="MESSAGE_REMOVED",
    ),
    Message(
        "emergency_clear_mandatory_guidance", (), Void,
        "Drops the open mandatory guidance of this host without acting on it.", Lifecycle(prototyped="24.10.0"),
        roles=LOCAL_ROOT, asynchronous=False,
    ),
    Message(
        "enable_ssh", (Param("self", Ref("host")),), Void,
        "Switches SSH access to the host on, for its set time if there is one.", Lifecycle(prototyped="25.13.0"),
        roles=POOL_ADMIN, forward=to_host("self"),
    ),
    Message(
        "disable_ssh", (Param("self", Ref("host")),), Void, "Switches SSH access to the host off.",
        Lifecycle(prototyped="25.13.0"), roles=POOL_ADMIN, forward=to_host("self"),
    ),
    Message(
        "set_ssh_enabled_timeout", (Param("self", Ref("host")), Param("value", Int)), Void,
        "Sets for how many seconds SSH stays on after being enabled, 0 for good.", Lifecycle(prototyped="25.21.0"),
        roles=POOL_ADMIN, forward=to_host("self"),
    ),
    Message(
        "set_console_idle_timeout", (Param("self", Ref("host")), Param("value", Int)), Void,
        "Sets after how many idle seconds console sessions are closed, 0 for never.", Lifecycle(prototyped="25.21.0"),
        roles=POOL_ADMIN, forward=to_host("self"),
    ),
    Message(
        "set_ssh_auto_mode", (Param("self", Ref("host")), Param("value", Bool)), Void,
        "Chooses whether SSH is kept off while the agent is healthy.", Lifecycle(prototyped="25.27.0"), roles=POOL_ADMIN,
        forward=to_host("self"),
    ),
    Message(
        "get_tracked_user_agents", (Param("self", Ref("host")),), Map(String, String),
        "Returns the client programs seen calling the API on the host.", Lifecycle(prototyped="25.34.0"), roles=READ_ONLY,
        forward=to_host("self"),
    ),
    Message(
        "update_firewalld_service_status", (), Void,
        "Opens or closes firewall services to match what the host currently runs.", asynchronous=False, hidden=True,
        pool_internal=True,
    ),
    Message(
        "set_max_cstate", (Param("self", Ref("host")), Param("value", String)), Void,
        "Limits how deep a sleep state the CPUs of the host may enter.", Lifecycle(prototyped="26.0.0"),
        forward=to_host("self"),
    ),
    Message(
        "set_ntp_mode", (Param("self", Ref("host")), Param("value", host_ntp_mode)), Void,
        "Chooses where the host takes its time servers from.", Lifecycle(prototyped="26.0.0"), forward=to_host("self"),
    ),
    Message(
        "set_ntp_custom_servers", (Param("self", Ref("host")), Param("value", Set(String))), Void,
        "Sets the time servers used in custom NTP mode.", Lifecycle(prototyped="26.0.0"), forward=to_host("self"),
    ),
    Message(
        "get_ntp_servers_status", (Param("self", Ref("host")),), Map(String, String),
        "Returns each time server of the host with its state.", Lifecycle(prototyped="26.0.0"), roles=READ_ONLY,
        forward=to_host("self"),
    ),
    Message(
        "set_timezone", (Param("self", Ref("host")), Param("value", String)), Void, "Sets the time zone of the host.",
        Lifecycle(prototyped="26.0.0"), forward=to_host("self"),
    ),
    Message(
        "list_timezones", (Param("self", Ref("host")),), Set(String), "Lists the time zones that the host accepts.",
        Lifecycle(prototyped="26.0.0"), roles=READ_ONLY, forward=to_host("self"),
    ),
    Message(
        "get_ntp_synchronized", (Param("self", Ref("host")),), Bool,
        "Says whether the clock of the host is in step with its time servers.", Lifecycle(prototyped="26.0.0"),
        roles=READ_ONLY, forward=to_host("self"),
    ),
    Message(
        "set_servertime", (Param("self", Ref("host")), Param("value", DateTime)), Void,
        "Sets the clock of the host, which must not be using NTP.", Lifecycle(prototyped="26.0.0"),
    ),
)
