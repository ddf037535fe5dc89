"""Clusters of hosts for cluster storage."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, READ_ONLY
from xapid.datamodel.schema import THE_POOL, Class, Derived, Lock, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Enum, Float, Int, Map, Ref, Set, String, Void

cluster_operation = Enum(
    "cluster_operation",
    "Operation that can run on a cluster.",
    {
        "add": "adding a node",
        "remove": "removing a node",
        "enable": "enabling a node",
        "disable": "disabling a node",
        "destroy": "",
    },
)

cluster_host_operation = Enum(
    "cluster_host_operation",
    "Operations that can be run on a cluster member.",
    {
        "enable": "starting clustering on the host",
        "disable": "stopping clustering on the host",
        "destroy": "leaving the cluster",
    },
)


Cluster = Class(
    "Cluster",
    "A storage cluster formed by the hosts of the pool, needed for cluster file systems.",
    Lifecycle(prototyped="kolkata", published="lima"),
    enums=(cluster_operation,),
    fields=(
        runtime("uuid", String, "Unique identifier of the cluster.", Lifecycle(prototyped="kolkata", published="lima")),
        runtime(
            "cluster_hosts", Set(Ref("Cluster_host")), "Membership objects of the hosts in the cluster.",
            Lifecycle(prototyped="kolkata", published="lima"), derived_from=Derived("Cluster_host", "cluster"),
        ),
        runtime(
            "pending_forget", Set(String),
            "Addresses or identifiers of removed hosts that the cluster has not yet been told to forget.", "lima", default=(),
        ),
        constructed(
            "cluster_token", String, "Shared secret by which the nodes of the cluster authenticate each other.",
            Lifecycle(prototyped="kolkata", published="lima"), default="", secret=True,
        ),
        constructed(
            "cluster_stack", String, "Name of the clustering software, such as corosync.",
            Lifecycle(prototyped="kolkata", published="lima"), default="corosync",
        ),
        constructed(
            "cluster_stack_version", Int, "Version of the clustering software's configuration that is in use.",
            Lifecycle(prototyped="24.15.0"), default=2,
        ),
        runtime(
            "is_quorate", Bool, "True if enough nodes see each other for the cluster to work.", Lifecycle(prototyped="24.3.0"),
            default=False,
        ),
        runtime(
            "quorum", Int, "Number of live nodes the cluster needs to be quorate.", Lifecycle(prototyped="24.3.0"), default=0,
        ),
        runtime("live_hosts", Int, "Number of nodes that are live at present.", Lifecycle(prototyped="24.3.0"), default=0),
        runtime(
            "expected_hosts", Int, "Number of nodes the clustering software expects to see.", Lifecycle(prototyped="25.17.0"),
            default=0,
        ),
        runtime(
            "allowed_operations", Set(cluster_operation),
            "Operations that the cluster's present state permits; a hint that may change at any moment.", "rio", default=(),
            persist=False,
        ),
        runtime(
            "current_operations", Map(String, cluster_operation),
            "Operations now running on the cluster, keyed by the task that carries each of them out.", "rio", default={},
            persist=False,
        ),
        constructed(
            "pool_auto_join", Bool, "True if hosts that join the pool join the cluster as well.",
            Lifecycle(prototyped="kolkata", published="lima"), default=True,
        ),
        constructed(
            "token_timeout", Float, "How long a lost cluster token is awaited before a node counts as failed, in seconds.",
            Lifecycle(prototyped="kolkata", changed="lima", published="lima"), default=20.0,
        ),
        constructed(
            "token_timeout_coefficient", Float, "Seconds added to the token timeout for each node beyond two.",
            Lifecycle(prototyped="kolkata", changed="lima", published="lima"), default=1.0,
        ),
        constructed(
            "cluster_config", Map(String, String), "Further settings of the clustering software.",
            Lifecycle(prototyped="kolkata", published="lima"), default={},
        ),
        writable(
            "other_config", Map(String, String), "Extra settings and client data as free key-value pairs.",
            Lifecycle(prototyped="kolkata", published="lima"), default={},
        ),
    ),
    messages=(
        Message(
            "create",
            (
                Param("PIF", Ref("PIF")), Param("cluster_stack", String), Param("pool_auto_join", Bool),
                Param("token_timeout", Float, 20.0), Param("token_timeout_coefficient", Float, 1.0),
            ),
            Ref("Cluster"), "Starts a one-node cluster on the host of the given PIF, with timeouts in seconds.",
            Lifecycle(prototyped="kolkata", published="lima"),
            errors=("INVALID_CLUSTER_STACK", "INVALID_VALUE", "PIF_ALLOWS_UNPLUG", "REQUIRED_PIF_IS_UNPLUGGED"),
            operation="cluster_create", locked=THE_POOL,
        ),
        Message(
            "destroy", (Param("self", Ref("Cluster")),), Void, "Ends a cluster that has only one node left.",
            Lifecycle(prototyped="kolkata", published="lima"),
            errors=("CLUSTER_DOES_NOT_HAVE_ONE_NODE", "CLUSTER_STACK_IN_USE"), operation="destroy",
        ),
        Message(
            "get_network", (Param("self", Ref("Cluster")),), Ref("network"),
            "Returns the network that carries the cluster's traffic, if all its nodes agree on one.",
            Lifecycle(prototyped="kolkata", published="lima"), roles=READ_ONLY,
        ),
        Message(
            "pool_create",
            (
                Param("network", Ref("network")), Param("cluster_stack", String), Param("token_timeout", Float, 20.0),
                Param("token_timeout_coefficient", Float, 1.0),
            ),
            Ref("Cluster"), "Starts a cluster over the given network with every host of the pool as a node.",
            Lifecycle(prototyped="kolkata", published="lima"), operation="cluster_create", locked=THE_POOL,
        ),
        Message(
            "pool_force_destroy", (Param("self", Ref("Cluster")),), Void,
            "Ends the cluster on every host, going on past nodes that fail.", Lifecycle(prototyped="kolkata", published="lima"),
            errors=("CLUSTER_FORCE_DESTROY_FAILED",),
        ),
        Message(
            "pool_destroy", (Param("self", Ref("Cluster")),), Void, "Ends the cluster on every host of the pool.",
            Lifecycle(prototyped="kolkata", published="lima"),
            errors=("CLUSTER_STACK_IN_USE", "CLUSTERING_DISABLED", "CLUSTER_HOST_IS_LAST"),
        ),
        Message(
            "pool_resync", (Param("self", Ref("Cluster")),), Void,
            "Brings the cluster in line with the pool by adding and enabling missing hosts.",
            Lifecycle(prototyped="kolkata", published="lima"),
        ),
        Message(
            "cstack_sync", (Param("self", Ref("Cluster")),), Void,
            "Brings this database in line with what the clustering software reports, used among hosts.", hidden=True,
            pool_internal=True,
        ),
    ),
)


Cluster_host = Class(
    "Cluster_host",
    "The membership of one host in a cluster.",
    Lifecycle(prototyped="kolkata", published="lima"),
    enums=(cluster_host_operation,),
    fields=(
        runtime(
            "uuid", String, "Unique identifier of this cluster member, stable across references and restarts.",
            Lifecycle(prototyped="kolkata", published="lima"),
        ),
        constructed(
            "cluster", Ref("Cluster"), "Cluster to which the host belongs.", Lifecycle(prototyped="kolkata", published="lima"),
            default=NULL_REF,
        ),
        constructed(
            "host", Ref("host"), "Host whose membership this is.", Lifecycle(prototyped="kolkata", published="lima"),
            default=NULL_REF,
        ),
        runtime(
            "enabled", Bool, "True when the cluster software is switched on for this host.",
            Lifecycle(prototyped="kolkata", published="lima"), default=False,
        ),
        constructed(
            "PIF", Ref("PIF"), "Interface over which the host exchanges cluster traffic.",
            Lifecycle(prototyped="kolkata", published="lima"), default=NULL_REF,
        ),
        runtime(
            "joined", Bool, "True when the host has completed joining the cluster.",
            Lifecycle(prototyped="kolkata", published="lima"), default=True,
        ),
        runtime(
            "live", Bool, "True when the cluster software currently sees the host as a live member.",
            Lifecycle(prototyped="24.3.0"), default=False,
        ),
        runtime(
            "last_update_live", DateTime, "Moment at which the liveness was last refreshed.", Lifecycle(prototyped="24.3.0"),
            default=EPOCH,
        ),
        runtime(
            "allowed_operations", Set(cluster_host_operation),
            "Operations the server would currently accept on this cluster member.", "rio", default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, cluster_host_operation),
            "Operations in progress on this cluster member, keyed by the task driving each.", "rio", default={}, persist=False,
        ),
        constructed(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this cluster member.",
            Lifecycle(prototyped="kolkata", published="lima"), default={},
        ),
    ),
    messages=(
        Message(
            "create", (Param("cluster", Ref("Cluster")), Param("host", Ref("host")), Param("pif", Ref("PIF"))),
            Ref("Cluster_host"), "Makes a host join an existing cluster over the given interface.",
            Lifecycle(prototyped="kolkata", published="lima"),
            errors=("PIF_NOT_ATTACHED_TO_HOST", "NO_CLUSTER_HOSTS_REACHABLE"), forward=to_host("host"), operation="add",
        ),
        Message(
            "destroy", (Param("self", Ref("Cluster_host")),), Void,
            "Makes a host leave its cluster in an orderly way and removes the record.",
            Lifecycle(prototyped="kolkata", published="lima"),
            errors=("CLUSTER_STACK_IN_USE", "CLUSTERING_DISABLED", "CLUSTER_HOST_IS_LAST"), forward=to_host("self"),
            operation="destroy", also_locks=(Lock("self.cluster", "remove"),),
        ),
        Message(
            "enable", (Param("self", Ref("Cluster_host")),), Void, "Starts the cluster software on the host.",
            Lifecycle(prototyped="kolkata", published="lima"), errors=("PIF_ALLOWS_UNPLUG", "REQUIRED_PIF_IS_UNPLUGGED"),
            forward=to_host("self"), operation="enable", also_locks=(Lock("self.cluster", "enable"),),
        ),
        Message(
            "force_destroy", (Param("self", Ref("Cluster_host")),), Void,
            "Removes the host from its cluster even if it cannot leave in an orderly way.",
            Lifecycle(prototyped="kolkata", published="lima"), errors=("CLUSTER_STACK_IN_USE",), forward=to_host("self"),
            operation="destroy", also_locks=(Lock("self.cluster", "remove"),),
        ),
        Message(
            "forget", (Param("self", Ref("Cluster_host")),), Void, "Drops the membership of a host that is permanently dead.",
            roles=LOCAL_ROOT, hidden=True,
        ),
        Message(
            "disable", (Param("self", Ref("Cluster_host")),), Void, "Stops the cluster software on the host.",
            Lifecycle(prototyped="kolkata", published="lima"), errors=("CLUSTER_STACK_IN_USE",), forward=to_host("self"),
            operation="disable", also_locks=(Lock("self.cluster", "disable"),),
        ),
    ),
)
