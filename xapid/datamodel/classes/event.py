"""Events: how clients learn of changes."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import READ_ONLY
from xapid.datamodel.schema import Class, Message, Param, constructed
from xapid.datamodel.types import DateTime, Enum, Float, Int, Record, Set, String, Void

event_operation = Enum(
    "event_operation",
    "What happened to the object of an event.",
    {
        "add": "created",
        "del": "deleted",
        "mod": "changed",
    },
    exact_case=True,
)


event = Class(
    "event",
    "A note that a database object was added, changed or deleted.",
    "rio",
    events=False,
    persist=False,
    in_database=False,
    roles=READ_ONLY,
    enums=(event_operation,),
    fields=(
        constructed("id", Int, "Number of the event, growing with every change.", "rio"),
        constructed("timestamp", DateTime, "Moment at which the event arose.", Lifecycle(published="rio", deprecated="boston")),
        constructed("class", String, "Lower-case name of the class of the object.", "rio"),
        constructed("operation", event_operation, "What happened to the object.", "rio"),
        constructed("ref", String, "Reference of the object.", "rio"),
        constructed("obj_uuid", String, "UUID of the object; no longer sent.", Lifecycle(published="rio", deprecated="boston")),
    ),
    messages=(
        Message(
            "register", (Param("classes", Set(String)),), Void,
            "Subscribes the session to the named classes for the older call next.",
            Lifecycle(published="rio", deprecated="boston"),
        ),
        Message(
            "unregister", (Param("classes", Set(String)),), Void, "Ends the session's subscription to the named classes.",
            Lifecycle(published="rio", deprecated="boston"),
        ),
        Message(
            "next", (), Set(Record("event")), "Waits for events on the registered classes and returns them; use from instead.",
            Lifecycle(published="rio", deprecated="boston"),
            errors=("SESSION_NOT_REGISTERED", "EVENTS_LOST", "EVENT_SUBSCRIPTION_PARSE_FAILURE"), asynchronous=False,
        ),
        Message(
            "from", (Param("classes", Set(String)), Param("token", String), Param("timeout", Float)), Set(Record("event")),
            "Returns what changed in the named classes since the token, waiting at most timeout seconds.", "boston",
            errors=("EVENT_FROM_TOKEN_PARSE_FAILURE", "EVENT_SUBSCRIPTION_PARSE_FAILURE"), asynchronous=False,
        ),
        Message(
            "get_current_id", (), Int, "Returns the number of the latest event in the older queue.", "rio", asynchronous=False,
        ),
        Message(
            "inject", (Param("class", String), Param("ref", String)), String,
            "Makes an artificial change event for an object and returns a token from just before it.", "tampa",
            asynchronous=False,
        ),
    ),
)
