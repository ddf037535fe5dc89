"""Sessions: what a client holds after logging in."""

from xapid.datamodel.roles import LOCAL_ROOT, POOL_ADMIN, POOL_OPERATOR, READ_ONLY
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, writable
from xapid.datamodel.types import EPOCH, NULL_REF, Bool, DateTime, Map, Ref, Set, String, Void

session = Class(
    "session",
    "A client's login, whose reference authorizes the calls made with it.",
    "rio",
    events=False,
    persist=False,
    listed=False,
    roles=POOL_ADMIN,
    fields=(
        runtime("uuid", String, "Universally unique identifier that stays the same for the object's whole life.", "rio"),
        runtime("this_host", Ref("host"), "Host that accepted the login.", "rio"),
        runtime("this_user", Ref("user"), "Old-style user record behind the session; null in practice.", "rio"),
        runtime("last_active", DateTime, "Time of the latest call made with the session.", "rio"),
        runtime("pool", Bool, "Whether the session belongs to another host of the pool rather than to a client.", "rio"),
        writable(
            "other_config", Map(String, String),
            "Free key/value pairs for clients and for options without a field of their own.", "miami", default={},
        ),
        runtime(
            "is_local_superuser", Bool, "Whether the login was that of the local root user, to whom no role limits apply.",
            "george", default=False,
        ),
        runtime(
            "subject", Ref("subject"), "Directory subject whose membership admitted the user, or null for a local login.",
            "george", default=NULL_REF,
        ),
        runtime(
            "validation_time", DateTime, "Time at which the external user's right to be logged in was last confirmed.",
            "george", default=EPOCH,
        ),
        runtime("auth_user_sid", String, "Identifier of the logged-in external user in the directory.", "george", default=""),
        runtime("auth_user_name", String, "Name of the user who logged in.", "midnight-ride", default=""),
        constructed(
            "rbac_permissions", Set(String), "Permissions that the user's roles grant to the session.", "midnight-ride",
            default=(),
        ),
        runtime(
            "tasks", Set(Ref("task")), "Tasks started by calls of this session.", "midnight-ride",
            derived_from=Derived("task", "session"),
        ),
        constructed(
            "parent", Ref("session"), "Session from which this one was derived, or null.", "midnight-ride", default=NULL_REF,
        ),
        runtime("originator", String, "Name that the client gave for itself when logging in.", "clearwater", default=""),
        runtime(
            "client_certificate", Bool, "Whether the client proved its identity with a TLS certificate.", "21.2.0",
            default=False,
        ),
    ),
    messages=(
        Message(
            "login_with_password",
            (Param("uname", String), Param("pwd", String), Param("version", String, "1.1"), Param("originator", String, "")),
            Ref("session"), "Opens a session for a user name and password on the coordinator.", "rio", roles=READ_ONLY,
            errors=("SESSION_AUTHENTICATION_FAILED", "HOST_IS_SLAVE"), session=False, asynchronous=False, secret=True,
        ),
        Message("logout", (), Void, "Ends the session that makes the call.", "rio", roles=READ_ONLY, asynchronous=False),
        Message(
            "change_password", (Param("old_pwd", String), Param("new_pwd", String)), Void,
            "Sets root's password on every host; open to local superusers only.", "rio", roles=LOCAL_ROOT, asynchronous=False,
        ),
        Message(
            "slave_login", (Param("host", Ref("host")), Param("psecret", String)), Ref("session"),
            "Opens a session for another host of the pool, proven by the pool secret.", session=False, asynchronous=False,
            hidden=True, secret=True,
        ),
        Message(
            "slave_local_login", (Param("psecret", String),), Ref("session"),
            "Opens a session that holds on this host alone, proven by the pool secret.", session=False, asynchronous=False,
            hidden=True, secret=True,
        ),
        Message(
            "slave_local_login_with_password", (Param("uname", String), Param("pwd", String)), Ref("session"),
            "Opens a session that holds on this host alone, even in emergency mode, with a local password.", "miami",
            session=False, asynchronous=False, secret=True,
        ),
        Message(
            "create_from_db_file", (Param("filename", String),), Ref("session"),
            "Opens a read-only session onto the database dump in the named file.", "dundee", roles=LOCAL_ROOT,
        ),
        Message("local_logout", (), Void, "Ends a session that holds on this host alone.", "miami", asynchronous=False),
        Message(
            "get_all_subject_identifiers", (), Set(String),
            "Returns the directory identifiers of all externally authenticated users with a session.", "george",
            roles=READ_ONLY,
        ),
        Message(
            "logout_subject_identifier", (Param("subject_identifier", String),), Void,
            "Ends all sessions of the given external user except the one making the call.", "george", roles=POOL_OPERATOR,
        ),
    ),
)
