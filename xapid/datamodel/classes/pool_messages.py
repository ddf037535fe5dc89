"""pool: the other messages: who belongs to it, who leads it, and what is set for all hosts."""

from xapid.datamodel.classes.pool_enums import (
    hello_return,
    pool_guest_secureboot_readiness,
    update_sync_frequency,
)
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import CLIENT_CERT, LOCAL_ROOT, POOL_ADMIN, POOL_OPERATOR, READ_ONLY
from xapid.datamodel.schema import THE_POOL, Message, Param, to_host
from xapid.datamodel.types import Bool, DateTime, Int, Map, Ref, Set, String, Void

MESSAGES = (
    Message(
        "join", (Param("master_address", String), Param("master_username", String), Param("master_password", String)), Void,
        "Makes this host a member of the pool whose coordinator has the given address.", "rio",
        errors=("JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS",),
    ),
    Message(
        "join_force", (Param("master_address", String), Param("master_username", String), Param("master_password", String)),
        Void, "Makes this host a member of another pool, skipping those compatibility checks that can be waived.", "rio",
    ),
    Message(
        "eject", (Param("host", Ref("host")),), Void,
        "Removes a member from the pool and reboots it into a freshly installed state, losing its local data.", "rio",
        forward=to_host("host"), operation="eject", locked=THE_POOL,
    ),
    Message("initial_auth", (), String, "Returns the pool secret to a host that is about to join.", hidden=True),
    Message(
        "emergency_transition_to_master", (), Void,
        "Makes this member the coordinator, starting from its last database backup.", "rio", asynchronous=False,
    ),
    Message(
        "emergency_reset_master", (Param("master_address", String),), Void,
        "Points this member at a coordinator with a new address and restarts its agent.", "rio", asynchronous=False,
    ),
    Message(
        "recover_slaves", (), Set(Ref("host")),
        "Tells all other hosts to follow this coordinator and returns those that accepted.", "rio",
    ),
    Message(
        "hello", (Param("host_uuid", String), Param("host_address", String)), hello_return,
        "Reports a starting member to the coordinator, which answers whether it knows and can reach the member.",
        hidden=True,
    ),
    Message(
        "is_slave", (Param("host", Ref("host")),), Bool,
        "Returns whether the addressed host runs as a member rather than as the coordinator.", roles=POOL_ADMIN,
        asynchronous=False, hidden=True,
    ),
    Message(
        "create_VLAN", (Param("device", String), Param("network", Ref("network")), Param("VLAN", Int)), Set(Ref("PIF")),
        "Creates a VLAN on the named device of every host and returns the resulting PIFs.", "rio",
        errors=("VLAN_TAG_INVALID",),
    ),
    Message(
        "management_reconfigure", (Param("network", Ref("network")),), Void,
        "Moves the management interface of every host to the given network.", "inverness",
        errors=(
            "HA_IS_ENABLED", "PIF_NOT_PRESENT", "CANNOT_PLUG_BOND_SLAVE", "PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE",
            "PIF_HAS_NO_NETWORK_CONFIGURATION", "PIF_HAS_NO_V6_NETWORK_CONFIGURATION",
        ),
    ),
    Message(
        "create_VLAN_from_PIF", (Param("pif", Ref("PIF")), Param("network", Ref("network")), Param("VLAN", Int)),
        Set(Ref("PIF")), "Creates a VLAN over the PIFs that share the given PIF's network, one on each live host.", "rio",
        errors=("VLAN_TAG_INVALID",),
    ),
    Message(
        "enable_ha", (Param("heartbeat_srs", Set(Ref("SR"))), Param("configuration", Map(String, String))), Void,
        "Switches HA on with the given heartbeat SRs, or with any suitable ones if the set is empty.", "miami",
        roles=POOL_OPERATOR | CLIENT_CERT, operation="ha_enable", locked=THE_POOL,
    ),
    Message(
        "disable_ha", (), Void, "Switches HA off on all hosts.", "miami", roles=POOL_OPERATOR | CLIENT_CERT,
        operation="ha_disable", locked=THE_POOL,
    ),
    Message(
        "sync_database", (), Void,
        "Has the members take a copy of the database now, or flushes the redo log while HA is on.", "rio",
    ),
    Message(
        "designate_new_master", (Param("host", Ref("host")),), Void,
        "Hands the coordinator role over to another live host in an orderly way.", "miami",
        operation="designate_new_master", locked=THE_POOL,
    ),
    Message(
        "ha_prevent_restarts_for", (Param("seconds", Int),), Void,
        "Holds back automatic VM restarts for the given number of seconds; 0 lifts the hold at once.", "orlando-update-1",
        asynchronous=False,
    ),
    Message(
        "ha_failover_plan_exists", (Param("n", Int),), Bool,
        "Returns whether all protected VMs could be restarted after any n hosts fail.", "orlando", asynchronous=False,
    ),
    Message(
        "ha_compute_max_host_failures_to_tolerate", (), Int,
        "Returns the greatest number of host failures the pool could tolerate as it stands.", "orlando", asynchronous=False,
    ),
    Message(
        "ha_compute_hypothetical_max_host_failures_to_tolerate", (Param("configuration", Map(Ref("VM"), String)),), Int,
        "Returns the tolerable number of host failures if the VMs had the given restart priorities.", "orlando",
        roles=READ_ONLY, asynchronous=False,
    ),
    Message(
        "ha_compute_vm_failover_plan", (Param("failed_hosts", Set(Ref("host"))), Param("failed_vms", Set(Ref("VM")))),
        Map(Ref("VM"), Map(String, String)),
        "Returns, for each given VM, where it would restart if the given hosts failed, or why it could not.", "orlando",
        asynchronous=False,
    ),
    Message(
        "set_ha_host_failures_to_tolerate", (Param("self", Ref("pool")), Param("value", Int)), Void,
        "Sets the number of host failures for which HA has to keep a restart plan.", "orlando",
    ),
    Message(
        "create_new_blob",
        (Param("pool", Ref("pool")), Param("name", String), Param("mime_type", String), Param("public", Bool, False)),
        Ref("blob"), "Attaches a new, empty binary object to the pool under the given name.", "orlando",
    ),
    Message(
        "ha_schedule_plan_recomputation", (), Void, "Asks the HA planner to work out its restart plan anew soon.",
        roles=LOCAL_ROOT, hidden=True, pool_internal=True,
    ),
    Message(
        "enable_binary_storage", (), Void,
        "Switches on the storing of binary data such as blobs and statistics on all hosts.", hidden=True,
    ),
    Message(
        "disable_binary_storage", (), Void,
        "Switches off the storing of binary data on all hosts and discards what is stored.", hidden=True,
    ),
    Message(
        "initialize_wlb",
        (
            Param("wlb_url", String), Param("wlb_username", String), Param("wlb_password", String),
            Param("xenserver_username", String), Param("xenserver_password", String),
        ),
        Void, "Registers the pool with a workload balancing server and stores the credentials for it.", "george",
    ),
    Message(
        "deconfigure_wlb", (), Void,
        "Ends the pool's use of its workload balancing server and forgets the server's details.", "george",
    ),
    Message(
        "send_wlb_configuration", (Param("config", Map(String, String)),), Void,
        "Sends optimization settings to the workload balancing server.", "george",
    ),
    Message(
        "retrieve_wlb_configuration", (), Map(String, String),
        "Returns the optimization settings held by the workload balancing server.", "george", roles=READ_ONLY,
    ),
    Message(
        "retrieve_wlb_recommendations", (), Map(Ref("VM"), Set(String)),
        "Returns the VM moves that the workload balancing server advises, by VM.", "george", roles=READ_ONLY,
    ),
    Message(
        "send_test_post", (Param("host", String), Param("port", Int), Param("body", String)), String,
        "Sends the text by HTTPS POST to a host and port, and returns the answer, to test a connection.", "george",
        roles=POOL_ADMIN,
    ),
    Message(
        "enable_redo_log", (Param("sr", Ref("SR")),), Void,
        "Starts writing database changes to a redo log on the given SR.", "midnight-ride",
    ),
    Message("disable_redo_log", (), Void, "Stops writing the redo log, unless HA still needs it.", "midnight-ride"),
    Message(
        "audit_log_append", (Param("line", String),), Void, "Adds one line to the coordinator's audit log.",
        roles=POOL_ADMIN, hidden=True, pool_internal=True,
    ),
    Message(
        "set_vswitch_controller", (Param("address", String),), Void,
        "Sets the address of the virtual switch controller for all hosts; an empty one removes it.",
        Lifecycle(published="midnight-ride", extended="cowley", deprecated="falcon"),
    ),
    Message(
        "test_archive_target", (Param("self", Ref("pool")), Param("config", Map(String, String))), String,
        "Used to test a place for VM archives; removed, so it only answers with an error.", "cowley", asynchronous=False,
        refused="MESSAGE_REMOVED",
    ),
    Message(
        "enable_local_storage_caching", (Param("self", Ref("pool")),), Void,
        "Enables on every host the caching of shared disks in local storage.", "cowley",
    ),
    Message(
        "disable_local_storage_caching", (Param("self", Ref("pool")),), Void,
        "Disables on every host the caching of shared disks in local storage.", "cowley",
    ),
    Message(
        "get_license_state", (Param("self", Ref("pool")),), Map(String, String),
        "Returns the edition and license expiry date that hold for the pool as a whole.", "clearwater", roles=READ_ONLY,
    ),
    Message(
        "apply_edition", (Param("self", Ref("pool")), Param("edition", String)), Void,
        "Applies the given license edition to all hosts.", "clearwater",
    ),
    Message(
        "set_igmp_snooping_enabled", (Param("self", Ref("pool")), Param("value", Bool)), Void,
        "Turns IGMP snooping on the bridges of all hosts on or off.", "inverness",
    ),
    Message(
        "has_extension", (Param("self", Ref("pool")), Param("name", String)), Bool,
        "Returns whether every host of the pool offers the named API extension.", "dundee", roles=POOL_ADMIN,
    ),
    Message(
        "add_to_guest_agent_config", (Param("self", Ref("pool")), Param("key", String), Param("value", String)), Void,
        "Adds a guest agent setting and passes it on to all hosts.", "dundee", roles=POOL_ADMIN,
    ),
    Message(
        "remove_from_guest_agent_config", (Param("self", Ref("pool")), Param("key", String)), Void,
        "Removes a guest agent setting and tells all hosts.", "dundee", roles=POOL_ADMIN,
    ),
    Message(
        "set_repositories", (Param("self", Ref("pool")), Param("value", Set(Ref("Repository")))), Void,
        "Replaces the set of update repositories in use.", "1.301.0", roles=POOL_OPERATOR | CLIENT_CERT,
        operation="configure_repositories",
    ),
    Message(
        "add_repository", (Param("self", Ref("pool")), Param("value", Ref("Repository"))), Void,
        "Adds one repository to the update repositories in use.", "1.301.0", roles=POOL_OPERATOR | CLIENT_CERT,
        operation="configure_repositories",
    ),
    Message(
        "remove_repository", (Param("self", Ref("pool")), Param("value", Ref("Repository"))), Void,
        "Takes one repository out of the update repositories in use.", "1.301.0", roles=POOL_OPERATOR | CLIENT_CERT,
        operation="configure_repositories",
    ),
    Message(
        "sync_updates",
        (
            Param("self", Ref("pool")), Param("force", Bool), Param("token", String, ""), Param("token_id", String, ""),
            Param("username", String, ""), Param("password", String, ""),
        ),
        String, "Fetches update metadata and packages from the enabled repositories and returns a hash of the result.",
        Lifecycle(published="1.329.0", changed="25.7.0"), roles=POOL_OPERATOR | CLIENT_CERT, operation="sync_updates",
    ),
    Message(
        "check_update_readiness", (Param("self", Ref("pool")), Param("requires_reboot", Bool)), Set(Set(String)),
        "Returns the obstacles to applying updates, each as an error code followed by its parameters.", "1.304.0",
        roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "configure_repository_proxy",
        (Param("self", Ref("pool")), Param("url", String), Param("username", String), Param("password", String)), Void,
        "Sets the proxy, with optional credentials, through which update repositories are reached.", "21.3.0",
        roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "disable_repository_proxy", (Param("self", Ref("pool")),), Void,
        "Removes the proxy for update repositories along with its credentials.", "21.4.0",
        roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "set_telemetry_next_collection", (Param("self", Ref("pool")), Param("value", DateTime)), Void,
        "Sets the earliest time at which telemetry is gathered next.", Lifecycle(prototyped="23.9.0"), roles=POOL_ADMIN,
    ),
    Message(
        "reset_telemetry_uuid", (Param("self", Ref("pool")),), Void, "Gives the pool a new random telemetry identifier.",
        Lifecycle(prototyped="23.9.0"), roles=POOL_ADMIN,
    ),
    Message(
        "configure_update_sync",
        (
            Param("self", Ref("pool")), Param("update_sync_frequency", update_sync_frequency),
            Param("update_sync_day", Int),
        ),
        Void, "Sets the frequency, and the weekday, of automatic update synchronization.", Lifecycle(prototyped="23.18.0"),
    ),
    Message(
        "set_update_sync_enabled", (Param("self", Ref("pool")), Param("value", Bool)), Void,
        "Switches automatic update synchronization on or off.", Lifecycle(prototyped="23.18.0"),
    ),
    Message(
        "get_guest_secureboot_readiness", (Param("self", Ref("pool")),), pool_guest_secureboot_readiness,
        "Returns whether the pool has the certificates needed for guests to boot securely.",
        Lifecycle(prototyped="24.17.0"), asynchronous=False,
    ),
    Message(
        "enable_ssh", (Param("self", Ref("pool")),), Void, "Enables SSH access on every host.",
        Lifecycle(prototyped="25.13.0"), roles=POOL_ADMIN,
    ),
    Message(
        "disable_ssh", (Param("self", Ref("pool")),), Void, "Disables SSH access on every host.",
        Lifecycle(prototyped="25.13.0"), roles=POOL_ADMIN,
    ),
    Message(
        "set_ssh_enabled_timeout", (Param("self", Ref("pool")), Param("value", Int)), Void,
        "Sets on every host the number of seconds SSH stays on once enabled; 0 means no limit.",
        Lifecycle(prototyped="25.21.0"), roles=POOL_ADMIN,
    ),
    Message(
        "set_console_idle_timeout", (Param("self", Ref("pool")), Param("value", Int)), Void,
        "Sets on every host the number of seconds before an idle host console logs out; 0 means never.",
        Lifecycle(prototyped="25.21.0"), roles=POOL_ADMIN,
    ),
    Message(
        "set_ssh_auto_mode", (Param("self", Ref("pool")), Param("value", Bool)), Void,
        "Chooses whether each host itself turns SSH on when its agent is down and off when it is well.",
        Lifecycle(prototyped="25.27.0"), roles=POOL_ADMIN,
    ),
)
