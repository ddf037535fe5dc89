"""host: the other messages: what hosts tell and run, and what they have of networks, storage and devices."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, POOL_ADMIN, READ_ONLY, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import Message, Param, to_host
from xapid.datamodel.types import Bool, Float, Int, Map, Record, Ref, Set, String, Void

MESSAGES = (
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
        "signal_networking_change", (), Void, "Tells the agent that the management address may have changed.",
        roles=LOCAL_ROOT, asynchronous=False, hidden=True, pool_internal=True,
    ),
    Message(
        "notify", (Param("ty", String), Param("params", String)), Void,
        "Hands an event from a local script to the management agent.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
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
        "compute_free_memory", (Param("host", Ref("host")),), Int,
        "Works out how many bytes of memory are left on the host for more VMs.", "orlando", roles=READ_ONLY,
    ),
    Message(
        "compute_memory_overhead", (Param("host", Ref("host")),), Int,
        "Works out how many bytes virtualization itself takes on the host.", "midnight-ride", roles=READ_ONLY,
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
        "reset_networking", (Param("host", Ref("host")),), Void,
        "Deletes all network records of the host so that they can be built anew.", hidden=True,
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
        "rescan_drivers", (Param("self", Ref("host")),), Void,
        "Looks again for driver variants on the host and refreshes their records.", Lifecycle(prototyped="25.2.0"),
        roles=POOL_ADMIN, forward=to_host("self"),
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
)
