"""Tasks: calls that are under way, and how they ended."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import READ_ONLY, VM_OPERATOR
from xapid.datamodel.schema import Class, Derived, Message, Param, runtime
from xapid.datamodel.types import NULL_REF, Bool, DateTime, Enum, Float, Int, Map, Ref, Set, String, Void

task_allowed_operations = Enum(
    "task_allowed_operations",
    "Operations that can run on a task.",
    {
        "cancel": "ask the task to stop",
        "destroy": "delete the task record",
    },
)

task_status_type = Enum(
    "task_status_type",
    "States of a task.",
    {
        "pending": "still running",
        "success": "ended well",
        "failure": "ended with an error",
        "cancelling": "asked to stop, not yet stopped",
        "cancelled": "stopped before its end",
    },
)


task = Class(
    "task",
    "A piece of work going on in the server, whose progress and outcome can be watched.",
    "rio",
    persist=False,
    roles=READ_ONLY,
    enums=(task_allowed_operations, task_status_type),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the task.", "rio"),
        runtime("name_label", String, "Name of the task, usually that of the API call behind it.", "rio", default=""),
        runtime("name_description", String, "Free text describing the task.", "rio", default=""),
        runtime(
            "allowed_operations", Set(task_allowed_operations), "Operations that the task would accept in its present state.",
            "rio", default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, task_allowed_operations),
            "Operations now under way on the task, keyed by the task that runs each.", "rio", default={}, persist=False,
        ),
        runtime("created", DateTime, "Time at which the task came into being.", "rio"),
        runtime("finished", DateTime, "Time at which the task ended, meaningful once it is no longer pending.", "rio"),
        runtime("status", task_status_type, "How far the task has come or how it ended.", "rio"),
        runtime("session", Ref("session"), "Session under which the task was created.", internal=True),
        runtime("resident_on", Ref("host"), "Host on which the task runs.", "rio"),
        runtime("progress", Float, "Share of the work done, from 0.0 to 1.0.", "rio"),
        runtime("externalpid", Int, "Process id of a helper program run for the task, or -1 for none.", internal=True),
        runtime("stunnelpid", Int, "Process id of the TLS tunnel used by the task, or -1 for none.", internal=True),
        runtime("forwarded", Bool, "True when the task has been handed on to another host.", internal=True),
        runtime("forwarded_to", Ref("host"), "Host to which the task has been handed on.", internal=True),
        runtime("type", String, "Kind of value that a successful task returns.", "rio"),
        runtime("result", String, "Encoded return value, set once the task has succeeded.", "rio"),
        runtime("error_info", Set(String), "Error code and its parameters, set once the task has failed.", "rio"),
        runtime(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the task.",
            "miami", default={},
        ),
        runtime("subtask_of", Ref("task"), "Task of which this one is a part, if any.", "orlando", default=NULL_REF),
        runtime(
            "subtasks", Set(Ref("task")), "Tasks that do parts of this one.", "orlando",
            derived_from=Derived("task", "subtask_of"),
        ),
        runtime("backtrace", String, "Encoded stack trace of a failed task, for debugging.", "dundee", default="()"),
    ),
    messages=(
        Message(
            "create", (Param("label", String), Param("description", String)), Ref("task"),
            "Creates a task that the client itself drives and must later destroy.", "rio", asynchronous=False,
        ),
        Message("destroy", (Param("self", Ref("task")),), Void, "Deletes the task record.", "rio", asynchronous=False),
        Message(
            "cancel", (Param("task", Ref("task")),), Void,
            "Asks for the task to be stopped, which may take a while or be refused.", "rio", errors=("OPERATION_NOT_ALLOWED",),
        ),
        Message(
            "set_status", (Param("self", Ref("task")), Param("value", task_status_type)), Void, "Sets the state of the task.",
            "falcon", asynchronous=False,
        ),
        Message(
            "set_progress", (Param("self", Ref("task")), Param("value", Float)), Void,
            "Sets the share of work done, from 0.0 to 1.0.", "stockholm", asynchronous=False,
        ),
        Message(
            "set_result", (Param("self", Ref("task")), Param("value", String)), Void, "Sets the return value of the task.",
            "21.3.0", asynchronous=False,
        ),
        Message(
            "set_error_info", (Param("self", Ref("task")), Param("value", Set(String))), Void,
            "Sets the error code and parameters of the task.", "21.3.0", asynchronous=False,
        ),
        Message(
            "add_to_other_config", (Param("self", Ref("task")), Param("key", String), Param("value", String)), Void,
            "Adds one pair to the task's other_config.", Lifecycle(prototyped="25.8.0"),
            map_key_roles={
                "applies_to": VM_OPERATOR, "XenCenterUUID": VM_OPERATOR, "XenCenterMeddlingActionTitle": VM_OPERATOR,
            },
        ),
        Message(
            "remove_from_other_config", (Param("self", Ref("task")), Param("key", String)), Void,
            "Removes one key from the task's other_config, if present.", Lifecycle(prototyped="25.8.0"),
            map_key_roles={
                "applies_to": VM_OPERATOR, "XenCenterUUID": VM_OPERATOR, "XenCenterMeddlingActionTitle": VM_OPERATOR,
            },
        ),
        Message(
            "set_other_config", (Param("self", Ref("task")), Param("value", Map(String, String))), Void,
            "Replaces the whole other_config of the task.", Lifecycle(prototyped="25.8.0"),
        ),
    ),
)
