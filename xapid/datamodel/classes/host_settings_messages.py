"""host: the messages that set something: names, time, access, licences."""

from xapid.datamodel.classes.host_enums import (
    host_display,
    host_ntp_mode,
    host_numa_affinity_policy,
    host_sched_gran,
)
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, POOL_ADMIN, READ_ONLY
from xapid.datamodel.schema import Message, Param, to_host
from xapid.datamodel.types import Bool, DateTime, Int, Map, Ref, Set, String, Void

SETTINGS = (
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
        "set_license_params", (Param("self", Ref("host")), Param("value", Map(String, String))), Void,
        "Stores new license terms for the host and refreshes the pool restrictions.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True,
    ),
    Message(
        "syslog_reconfigure", (Param("host", Ref("host")),), Void,
        "Makes the host log to the destination found in its logging settings.", "miami", forward=to_host("host"),
    ),
    Message(
        "set_hostname_live", (Param("host", Ref("host")), Param("hostname", String)), Void,
        "Changes the network host name of the running machine and in its record.", "miami", errors=("HOST_NAME_INVALID",),
        asynchronous=False, forward=to_host("host"),
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
        "enable_local_storage_caching", (Param("host", Ref("host")), Param("sr", Ref("SR"))), Void,
        "Starts using the given local SR as a cache for shared VDIs on the host.", "cowley", asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "disable_local_storage_caching", (Param("host", Ref("host")),), Void,
        "Stops caching shared VDIs on local storage of the host.", "cowley", asynchronous=False, forward=to_host("host"),
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
        "apply_guest_agent_config", (Param("host", Ref("host")),), Void,
        "Passes the pool's guest agent settings to the VMs on the host.", roles=POOL_ADMIN, hidden=True,
        forward=to_host("host"),
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
