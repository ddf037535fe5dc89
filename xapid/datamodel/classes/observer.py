"""Observers: tracing of calls."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.schema import Class, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import Bool, Map, Ref, Set, String, Void

Observer = Class(
    "Observer",
    "A tracing set-up that collects spans from parts of the system and sends them on.",
    Lifecycle(prototyped="23.14.0"),
    constructor=True,
    roles=POOL_ADMIN,
    fields=(
        runtime("uuid", String, "Unique identifier of the observer.", Lifecycle(prototyped="23.14.0")),
        writable("name_label", String, "Name of the observer as shown to people.", "rio", default=""),
        writable("name_description", String, "Free text saying what the observer is for.", "rio", default=""),
        constructed(
            "hosts", Set(Ref("host")), "Hosts on which it traces; an empty set means every host.",
            Lifecycle(prototyped="23.14.0"), default=(), events=False,
        ),
        constructed(
            "attributes", Map(String, String), "Key-value pairs added to every span it collects.",
            Lifecycle(prototyped="23.14.0"), default={},
        ),
        constructed(
            "endpoints", Set(String), "Places its spans go to: URLs of collectors, or bugtool for local files.",
            Lifecycle(prototyped="23.14.0"), default=(),
        ),
        constructed(
            "components", Set(String), "Parts of the system it traces; an empty set means all of them.",
            Lifecycle(prototyped="23.14.0"), default=(),
        ),
        constructed("enabled", Bool, "True if it is tracing.", Lifecycle(prototyped="23.14.0"), default=False),
    ),
    messages=(
        Message(
            "register", (Param("self", Ref("Observer")), Param("host", Ref("host"))), Void,
            "Sets the observer up on one host, a step used among hosts.", hidden=True, forward=to_host("host"),
        ),
        Message(
            "unregister", (Param("self", Ref("Observer")), Param("host", Ref("host"))), Void,
            "Removes the observer from one host, a step used among hosts.", hidden=True, forward=to_host("host"),
        ),
        Message(
            "set_hosts", (Param("self", Ref("Observer")), Param("value", Set(Ref("host")))), Void,
            "Sets the hosts on which it traces.", Lifecycle(prototyped="23.14.0"),
        ),
        Message(
            "set_enabled", (Param("self", Ref("Observer")), Param("value", Bool)), Void, "Starts or stops its tracing.",
            Lifecycle(prototyped="23.14.0"),
        ),
        Message(
            "set_attributes", (Param("self", Ref("Observer")), Param("value", Map(String, String))), Void,
            "Sets the key-value pairs added to its spans.", Lifecycle(prototyped="23.14.0"),
        ),
        Message(
            "set_endpoints", (Param("self", Ref("Observer")), Param("value", Set(String))), Void,
            "Sets the places its spans go to.", Lifecycle(prototyped="23.14.0"),
        ),
        Message(
            "set_components", (Param("self", Ref("Observer")), Param("value", Set(String))), Void,
            "Sets the parts of the system it traces.", Lifecycle(prototyped="23.14.0"),
        ),
    ),
)
