"""Who may come in: directory subjects, roles, and the calls that ask about them."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import POOL_ADMIN, READ_ONLY
from xapid.datamodel.schema import Class, Message, Param, constructed, runtime, writable
from xapid.datamodel.types import Bool, Map, Ref, Set, String, Void

auth = Class(
    "auth",
    "Calls that look users and groups up in the external authentication service; it has no objects.",
    "george",
    events=False,
    persist=False,
    in_database=False,
    roles=READ_ONLY,
    fields=(),
    messages=(
        Message(
            "get_subject_identifier", (Param("subject_name", String),), String,
            "Returns the directory identifier of the user or group with the given name.", "george", asynchronous=False,
        ),
        Message(
            "get_subject_information_from_identifier", (Param("subject_identifier", String),), Map(String, String),
            "Returns what the directory knows about a user or group, as name/value pairs.", "george", asynchronous=False,
        ),
        Message(
            "get_group_membership", (Param("subject_identifier", String),), Set(String),
            "Returns the identifiers of all groups that a user or group is in, nested ones included.", "george",
            asynchronous=False,
        ),
    ),
)


subject = Class(
    "subject",
    "A user or group of an external directory that may log in to the pool.",
    "george",
    constructor=True,
    roles=POOL_ADMIN,
    fields=(
        runtime("uuid", String, "Unique identifier of this subject, stable across references and restarts.", "rio"),
        constructed(
            "subject_identifier", String, "Identifier of the user or group in the directory, unique there.", "george",
            default="",
        ),
        constructed(
            "other_config", Map(String, String), "Further details taken from the directory, such as the display name.",
            "george", default={},
        ),
        runtime(
            "roles", Set(Ref("role")), "Roles granted to the subject, which decide what it may do.", "midnight-ride",
            default=("OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba",), events=False,
        ),
    ),
    messages=(
        Message(
            "add_to_roles", (Param("self", Ref("subject")), Param("role", Ref("role"))), Void,
            "Grants one more role to the subject.", "midnight-ride", asynchronous=False,
        ),
        Message(
            "remove_from_roles", (Param("self", Ref("subject")), Param("role", Ref("role"))), Void,
            "Takes one role away from the subject.", "midnight-ride", asynchronous=False,
        ),
        Message(
            "get_permissions_name_label", (Param("self", Ref("subject")),), Set(String),
            "Lists the names of all permissions that the subject's roles give.", "midnight-ride", roles=READ_ONLY,
            asynchronous=False,
        ),
    ),
)


role = Class(
    "role",
    "A set of permissions to grant to subjects, or a single such permission.",
    "midnight-ride",
    roles=READ_ONLY,
    fields=(
        runtime("uuid", String, "Globally unique identifier of the role.", "rio"),
        constructed("name_label", String, "Name of the role or permission.", "midnight-ride", default=""),
        constructed("name_description", String, "What the role is meant for.", "midnight-ride", default=""),
        constructed(
            "subroles", Set(Ref("role")), "Roles and permissions contained in this one, empty for a single permission.",
            "midnight-ride", default=(), events=False,
        ),
        runtime(
            "is_internal", Bool, "True when the role serves the system itself and is not for users.", "22.5.0", default=False,
        ),
    ),
    messages=(
        Message(
            "get_permissions", (Param("self", Ref("role")),), Set(Ref("role")),
            "Lists all permissions that the role grants, through subroles too.", "midnight-ride", asynchronous=False,
        ),
        Message(
            "get_permissions_name_label", (Param("self", Ref("role")),), Set(String),
            "Lists the names of all permissions that the role grants.", "midnight-ride", asynchronous=False,
        ),
        Message(
            "get_by_permission", (Param("permission", Ref("role")),), Set(Ref("role")),
            "Lists the roles that grant the given permission.", "midnight-ride", asynchronous=False,
        ),
        Message(
            "get_by_permission_name_label", (Param("label", String),), Set(Ref("role")),
            "Lists the roles that grant the permission of the given name.", "midnight-ride", asynchronous=False,
        ),
    ),
)


user = Class(
    "user",
    "A local account that can log in to the server (deprecated).",
    Lifecycle(published="rio", deprecated="george"),
    constructor=True,
    events=False,
    listed=False,
    roles=POOL_ADMIN,
    fields=(
        runtime("uuid", String, "Unique identifier of this user, stable across references and restarts.", "rio"),
        constructed("short_name", String, "Login name of the user.", "rio"),
        writable("fullname", String, "Full name of the user.", "rio"),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this user.", "orlando",
            default={},
        ),
    ),
)
