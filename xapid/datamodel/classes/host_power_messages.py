"""host: the messages by which hosts come and go: enabled, emptied, switched off, and led by another."""

from xapid.datamodel.classes.host_enums import (
    host_ntp_mode,
    host_numa_affinity_policy,
    latest_synced_updates_applied_state,
)
from xapid.datamodel.classes.vm_enums import update_guidances
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import CLIENT_CERT, LOCAL_ROOT, POOL_ADMIN, POOL_OPERATOR, READ_ONLY
from xapid.datamodel.schema import THE_POOL, Lock, Message, Param, to_host
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Float, Int, Map, Ref, Set, String, Void

POWER = (
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
        "restart_agent", (Param("host", Ref("host")),), Void,
        "Restarts the management agent of the host without touching its VMs.", "rio", forward=to_host("host"),
    ),
    Message(
        "shutdown_agent", (), Void, "Stops the management agent of this host until someone starts it again.", "orlando",
        asynchronous=False,
    ),
    Message(
        "is_in_emergency_mode", (), Bool, "Says whether this host runs in emergency mode, cut off from its coordinator.",
        roles=READ_ONLY, asynchronous=False, hidden=True,
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
        "retrieve_wlb_evacuate_recommendations", (Param("self", Ref("host")),), Map(Ref("VM"), Set(String)),
        "Asks the workload balancer where each VM of the host should go.", "george", roles=READ_ONLY,
    ),
    Message(
        "update_master", (Param("host", Ref("host")), Param("master_address", String)), Void,
        "Makes the host follow the coordinator at the given address.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "set_power_on_mode",
        (Param("self", Ref("host")), Param("power_on_mode", String), Param("power_on_config", Map(String, String))), Void,
        "Sets the remote power-on method of the host and its settings.", Lifecycle(published="cowley", changed="stockholm"),
        also=("set_host_power_on_mode",),
    ),
    Message(
        "declare_dead", (Param("host", Ref("host")),), Void,
        "Records that the host is off for certain, so that its VMs count as halted.", "clearwater",
    ),
    Message(
        "apply_updates", (Param("self", Ref("host")), Param("hash", String)), Set(Set(String)),
        "Installs the synced updates with the given hash and returns warnings.", "1.301.0",
        roles=POOL_OPERATOR | CLIENT_CERT, operation="apply_updates", also_locks=(Lock(THE_POOL, "apply_updates"),),
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
)
