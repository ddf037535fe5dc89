"""Messages: alerts for people."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import POOL_OPERATOR, READ_ONLY
from xapid.datamodel.schema import Class, Message, Param, runtime
from xapid.datamodel.types import DateTime, Enum, Int, Map, Record, Ref, Set, String, Void

cls = Enum(
    "cls",
    "Class of the object a notice is about.",
    {
        "VM": "",
        "Host": "",
        "SR": "storage repository",
        "Pool": "",
        "VMPP": "withdrawn backup policy",
        "VMSS": "snapshot schedule",
        "PVS_proxy": "",
        "VDI": "virtual disk",
        "Certificate": "",
    },
)


message = Class(
    "message",
    "A lasting notice about an object, such as an alert, kept outside the main database.",
    "orlando",
    persist=False,
    in_database=False,
    roles=READ_ONLY,
    enums=(cls,),
    fields=(
        runtime("uuid", String, "Unique identifier of the notice.", "rio"),
        runtime("name", String, "Kind of notice, such as ALARM or VM_STARTED.", "rio"),
        runtime("priority", Int, "How urgent the notice is, from 1 (most severe) to 5 (information).", "rio"),
        runtime("cls", cls, "Class of the object the notice is about.", Lifecycle(published="orlando", extended="1.313.0")),
        runtime("obj_uuid", String, "UUID of the object the notice is about.", "rio"),
        runtime("timestamp", DateTime, "Moment at which the notice was made, in UTC.", "rio"),
        runtime("body", String, "Details of the notice, as plain text or XML.", "rio"),
    ),
    messages=(
        Message(
            "create",
            (
                Param("name", String), Param("priority", Int), Param("cls", cls), Param("obj_uuid", String),
                Param("body", String),
            ),
            Ref("message"), "Puts up a notice about an existing object.", "orlando", roles=POOL_OPERATOR, asynchronous=False,
        ),
        Message(
            "destroy", (Param("self", Ref("message")),), Void, "Deletes a notice.", "orlando", roles=POOL_OPERATOR,
            asynchronous=False,
        ),
        Message(
            "destroy_many", (Param("messages", Set(Ref("message"))),), Void, "Deletes the given notices.",
            Lifecycle(prototyped="22.19.0"), roles=POOL_OPERATOR,
        ),
        Message(
            "destroy_all", (Param("filters", Map(String, String)),), Void,
            "Deletes the notices that match every filter (before, after, priority), or all if there is none.",
            Lifecycle(prototyped="26.6.0"), roles=POOL_OPERATOR,
        ),
        Message(
            "get", (Param("cls", cls), Param("obj_uuid", String), Param("since", DateTime)),
            Map(Ref("message"), Record("message")), "Returns the notices about one object made after the given time.",
            "orlando", asynchronous=False,
        ),
        Message("get_all", (), Set(Ref("message")), "Lists all notices.", "orlando", asynchronous=False),
        Message(
            "get_since", (Param("since", DateTime),), Map(Ref("message"), Record("message")),
            "Returns the notices made after the given time.", "orlando", asynchronous=False,
        ),
        Message(
            "get_record", (Param("self", Ref("message")),), Record("message"), "Returns the record of a notice.", "orlando",
            asynchronous=False,
        ),
        Message(
            "get_by_uuid", (Param("uuid", String),), Ref("message"), "Finds a notice by its UUID.", "orlando",
            asynchronous=False,
        ),
        Message(
            "get_all_records", (), Map(Ref("message"), Record("message")), "Returns the records of all notices.", "orlando",
            asynchronous=False,
        ),
        Message(
            "get_all_records_where", (Param("expr", String),), Map(Ref("message"), Record("message")),
            "Returns the records of the notices that satisfy a query expression.", "orlando", asynchronous=False,
        ),
    ),
)
