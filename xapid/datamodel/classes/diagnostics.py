"""Looking into a running host."""

from xapid.datamodel.lifecycle import UNPUBLISHED
from xapid.datamodel.schema import Class, Message, Param, to_host
from xapid.datamodel.types import Map, Ref, Set, String, Void

Diagnostics = Class(
    "Diagnostics",
    "Calls for looking into the inner workings of the server, without objects of their own.",
    UNPUBLISHED,
    events=False,
    persist=False,
    in_database=False,
    fields=(),
    messages=(
        Message(
            "gc_compact", (Param("host", Ref("host")),), Void, "Runs a full memory collection in the agent of a host.",
            hidden=True, forward=to_host("host"),
        ),
        Message(
            "gc_stats", (Param("host", Ref("host")),), Map(String, String),
            "Returns memory management figures of the agent of a host.", hidden=True, forward=to_host("host"),
        ),
        Message("db_stats", (), Map(String, String), "Returns figures on the use of the database and its lock.", hidden=True),
        Message(
            "network_stats", (Param("host", Ref("host")), Param("params", Map(String, String))), Set(Set(String)),
            "Returns figures on the network connections of a host, filtered by the parameters.", hidden=True,
            forward=to_host("host"),
        ),
    ),
)
