"""Callers, and limits on how often they may call."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import POOL_ADMIN, POOL_OPERATOR
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, writable
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Float, Int, Ref, Set, String, Void

Caller = Class(
    "Caller",
    "A pattern of client program and address under which API use is counted and may be limited.",
    Lifecycle(prototyped="26.17.0"),
    constructor=True,
    roles=POOL_ADMIN,
    fields=(
        runtime(
            "uuid", String, "Universally unique identifier that stays the same for the object's whole life.",
            Lifecycle(prototyped="26.17.0"),
        ),
        writable(
            "name_label", String, "Short human-readable name, not required to be unique.", Lifecycle(prototyped="26.17.0"),
            default="",
        ),
        writable(
            "name_description", String, "Free-form note describing the object.", Lifecycle(prototyped="26.17.0"), default="",
        ),
        constructed(
            "user_agent", String, "User-Agent that requests must carry to count for this caller; empty matches any.",
            Lifecycle(prototyped="26.17.0"), default="",
        ),
        constructed(
            "client_ip", String, "Client address that requests must come from to count for this caller; empty matches any.",
            Lifecycle(prototyped="26.17.0"), default="",
        ),
        runtime(
            "last_access", DateTime, "Time of the latest request counted for this caller.", Lifecycle(prototyped="26.17.0"),
            default=EPOCH,
        ),
        runtime(
            "groups", Set(String), "Names of the groups over which the caller's usage is added up.",
            Lifecycle(prototyped="26.17.0"), default=(),
        ),
        runtime(
            "rate_limit", Ref("Rate_limit"), "Rate limit applied to the caller, or null if it is unlimited.",
            Lifecycle(prototyped="26.17.0"), default=NULL_REF,
        ),
        runtime(
            "auto_registered", Bool, "Whether the server made the record itself upon seeing an unknown client.",
            Lifecycle(prototyped="26.17.0"), default=False,
        ),
    ),
    messages=(
        Message(
            "add_group", (Param("self", Ref("Caller")), Param("group", String)), Void, "Puts the caller into the named group.",
            Lifecycle(prototyped="26.17.0"), roles=POOL_OPERATOR,
        ),
        Message(
            "remove_group", (Param("self", Ref("Caller")), Param("group", String)), Void,
            "Takes the caller out of the named group.", Lifecycle(prototyped="26.17.0"), roles=POOL_OPERATOR,
        ),
        Message(
            "query_token_usage", (Param("self", Ref("Caller")),), Float,
            "Returns the cost, in tokens, of the caller's calls since the server started.", Lifecycle(prototyped="26.15.0"),
            roles=POOL_OPERATOR,
        ),
        Message(
            "query_call_count", (Param("self", Ref("Caller")),), Int,
            "Returns how many calls the caller has made since the server started.", Lifecycle(prototyped="26.15.0"),
            roles=POOL_OPERATOR,
        ),
        Message(
            "query_group_token_usage", (Param("group", String),), Float,
            "Returns the total cost, in tokens, of the calls of a group's callers since the server started.",
            Lifecycle(prototyped="26.15.0"), roles=POOL_OPERATOR,
        ),
        Message(
            "query_group_call_count", (Param("group", String),), Int,
            "Returns how many calls a group's callers have made since the server started.", Lifecycle(prototyped="26.15.0"),
            roles=POOL_OPERATOR,
        ),
        Message(
            "query_all_usage", (), Set(Set(String)),
            "Returns UUID, name, tokens and calls of every caller, heaviest token users first.",
            Lifecycle(prototyped="26.17.0"), roles=POOL_OPERATOR,
        ),
    ),
)


Rate_limit = Class(
    "Rate_limit",
    "A token bucket that bounds how fast a set of callers may make API requests.",
    Lifecycle(prototyped="26.17.0"),
    constructor=True,
    roles=POOL_ADMIN,
    fields=(
        runtime("uuid", String, "Unique identifier of the rate limit.", Lifecycle(prototyped="26.17.0")),
        writable(
            "name_label", String, "Name of the rate limit as shown to people.", Lifecycle(prototyped="26.17.0"), default="",
        ),
        writable(
            "name_description", String, "Free text saying what the rate limit is for.", Lifecycle(prototyped="26.17.0"),
            default="",
        ),
        runtime(
            "callers", Set(Ref("Caller")), "Callers that share this limit.", Lifecycle(prototyped="26.17.0"),
            derived_from=Derived("Caller", "rate_limit"),
        ),
        constructed(
            "burst_size", Float, "Capacity of the bucket, the most tokens that can be spent at once.",
            Lifecycle(prototyped="26.17.0"), default=0.0,
        ),
        constructed(
            "fill_rate", Float, "Tokens that flow into the bucket per second.", Lifecycle(prototyped="26.17.0"), default=0.0,
        ),
    ),
    messages=(
        Message(
            "add_caller", (Param("self", Ref("Rate_limit")), Param("caller", Ref("Caller"))), Void,
            "Puts a caller under this limit.", Lifecycle(prototyped="26.17.0"),
        ),
        Message(
            "remove_caller", (Param("self", Ref("Rate_limit")), Param("caller", Ref("Caller"))), Void,
            "Releases a caller from this limit.", Lifecycle(prototyped="26.17.0"),
        ),
        Message(
            "set_burst_size", (Param("self", Ref("Rate_limit")), Param("value", Float)), Void,
            "Sets the capacity of the bucket, in tokens.", Lifecycle(prototyped="26.17.0"),
        ),
        Message(
            "set_fill_rate", (Param("self", Ref("Rate_limit")), Param("value", Float)), Void,
            "Sets how fast the bucket fills, in tokens per second.", Lifecycle(prototyped="26.17.0"),
        ),
    ),
)
