"""Provisioning services: sites, servers, proxies and caches."""

from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, writable
from xapid.datamodel.types import NULL_REF, Bool, Enum, Int, Ref, Set, String, Void

pvs_proxy_status = Enum(
    "pvs_proxy_status",
    "State of a PVS proxy.",
    {
        "stopped": "",
        "initialised": "set up, not yet caching",
        "caching": "",
        "incompatible_write_cache_mode": "not caching, as the VM's write cache mode does not allow it",
        "incompatible_protocol_version": "not caching, as the server speaks an unknown protocol version",
    },
)


PVS_site = Class(
    "PVS_site",
    "A provisioning services site known to the pool, to whose servers VMs' boot traffic may be cached.",
    "ely",
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "ely"),
        writable("name_label", String, "Short human-readable name, not required to be unique.", "ely", default=""),
        writable("name_description", String, "Free-form note describing the object.", "ely", default=""),
        constructed(
            "PVS_uuid", String, "Identifier that the provisioning services software itself gives the site.", "ely", default="",
        ),
        runtime(
            "cache_storage", Set(Ref("PVS_cache_storage")), "Storage set aside on hosts for caching the site's traffic.", "ely",
            default=(), events=False, derived_from=Derived("PVS_cache_storage", "site"),
        ),
        runtime(
            "servers", Set(Ref("PVS_server")), "Provisioning servers that belong to the site.", "ely",
            derived_from=Derived("PVS_server", "site"),
        ),
        runtime(
            "proxies", Set(Ref("PVS_proxy")), "Caching proxies of VM interfaces that use the site.", "ely",
            derived_from=Derived("PVS_proxy", "site"),
        ),
    ),
    messages=(
        Message(
            "introduce", (Param("name_label", String), Param("name_description", String), Param("PVS_uuid", String)),
            Ref("PVS_site"), "Makes a provisioning services site known to the pool.", "ely",
        ),
        Message(
            "forget", (Param("self", Ref("PVS_site")),), Void, "Removes the record of a site that is no longer in use.", "ely",
            errors=("PVS_SITE_CONTAINS_RUNNING_PROXIES", "PVS_SITE_CONTAINS_SERVERS"),
        ),
        Message(
            "set_PVS_uuid", (Param("self", Ref("PVS_site")), Param("value", String)), Void,
            "Sets the identifier that the provisioning services software gives the site.", "ely",
        ),
    ),
)


PVS_server = Class(
    "PVS_server",
    "A server of a provisioning site from which VMs stream their disks.",
    "ely",
    fields=(
        runtime("uuid", String, "Unique identifier of the provisioning server.", "ely"),
        constructed("addresses", Set(String), "IPv4 addresses of the server.", "ely", default=()),
        constructed("first_port", Int, "Lowest UDP port the server uses.", "ely", default=0),
        constructed("last_port", Int, "Highest UDP port the server uses.", "ely", default=0),
        constructed("site", Ref("PVS_site"), "Provisioning site the server belongs to.", "ely", default=NULL_REF),
    ),
    messages=(
        Message(
            "introduce",
            (
                Param("addresses", Set(String)), Param("first_port", Int), Param("last_port", Int),
                Param("site", Ref("PVS_site")),
            ),
            Ref("PVS_server"), "Makes a server with the given addresses and port range known to a site.", "ely",
        ),
        Message(
            "forget", (Param("self", Ref("PVS_server")),), Void,
            "Deletes the server from the database; the server itself is left alone.", "ely",
        ),
    ),
)


PVS_proxy = Class(
    "PVS_proxy",
    "A cache between one VM network interface and the servers of a provisioning site.",
    "ely",
    enums=(pvs_proxy_status,),
    fields=(
        runtime("uuid", String, "Unique identifier of the proxy.", "ely"),
        constructed("site", Ref("PVS_site"), "Provisioning site whose traffic the proxy caches.", "ely", default=NULL_REF),
        constructed("VIF", Ref("VIF"), "Network interface of the VM that uses the proxy.", "ely", default=NULL_REF),
        runtime("currently_attached", Bool, "True if the proxy is now in the interface's data path.", "ely", default=False),
        runtime("status", pvs_proxy_status, "What the proxy is doing at present.", "ely", default="stopped"),
    ),
    messages=(
        Message(
            "create", (Param("site", Ref("PVS_site")), Param("VIF", Ref("VIF"))), Ref("PVS_proxy"),
            "Sets a VM's network interface up to use a proxy for the given site.", "ely",
        ),
        Message(
            "destroy", (Param("self", Ref("PVS_proxy")),), Void, "Removes the proxy, switching it off first if the VM runs.",
            "ely",
        ),
    ),
)


PVS_cache_storage = Class(
    "PVS_cache_storage",
    "Storage on one host set aside for caching the traffic of a provisioning services site.",
    "ely",
    constructor=True,
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "ely"),
        constructed("host", Ref("host"), "Host on which the cache is used.", "ely", default=NULL_REF),
        constructed("SR", Ref("SR"), "SR that holds the cache.", "ely", default=NULL_REF),
        constructed("site", Ref("PVS_site"), "Site whose traffic is cached.", "ely", default=NULL_REF),
        constructed("size", Int, "Space set aside for the cache, in bytes.", "ely", default=21474836480),
        runtime("VDI", Ref("VDI"), "Disk that holds the cached data, or null while there is none.", "ely", default=NULL_REF),
    ),
)
