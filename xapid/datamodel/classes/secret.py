"""Secrets that other objects refer to."""

from xapid.datamodel.roles import POOL_OPERATOR, READ_ONLY
from xapid.datamodel.schema import Class, Message, Param, runtime, writable
from xapid.datamodel.types import Map, Ref, String

secret = Class(
    "secret",
    "A confidential string, such as a password, that other objects name by its UUID.",
    "midnight-ride",
    constructor=True,
    events=False,
    readers=POOL_OPERATOR,
    policy={
        "get_other_config": {"roles": READ_ONLY},
    },
    fields=(
        runtime("uuid", String, "Unique identifier of the secret, by which settings refer to it.", "rio"),
        writable("value", String, "The confidential string itself.", "rio", secret=True),
        writable(
            "other_config", Map(String, String), "Extra settings and client data as free key-value pairs.", "rio", default={},
        ),
    ),
    messages=(
        Message(
            "introduce", (Param("uuid", String), Param("value", String), Param("other_config", Map(String, String), {})),
            Ref("secret"), "Stores a secret under a given UUID, as when a host joins a pool.", asynchronous=False, hidden=True,
            secret=True,
        ),
    ),
)
