"""Virtual trusted platform modules."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, VM_ADMIN
from xapid.datamodel.schema import Class, Message, Param, constructed, runtime
from xapid.datamodel.types import NULL_REF, Bool, Enum, Map, Ref, Set, String, Void

vtpm_operations = Enum(
    "vtpm_operations",
    "Operations that can run on a virtual TPM.",
    {
        "destroy": "remove the virtual TPM",
    },
)

persistence_backend = Enum(
    "persistence_backend",
    "Places where virtual TPM contents are kept.",
    {
        "xapi": "in the management database",
    },
)


VTPM = Class(
    "VTPM",
    "A virtual TPM chip belonging to a VM.",
    Lifecycle(prototyped="22.26.0"),
    roles=VM_ADMIN,
    enums=(vtpm_operations, persistence_backend),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the virtual TPM.", "rio"),
        runtime(
            "allowed_operations", Set(vtpm_operations), "Operations that the virtual TPM would accept in its present state.",
            "rio", default=(), persist=False,
        ),
        runtime(
            "current_operations", Map(String, vtpm_operations),
            "Operations now under way on the virtual TPM, keyed by the task that runs each.", "rio", default={}, persist=False,
        ),
        constructed("VM", Ref("VM"), "VM that owns the virtual TPM.", "rio"),
        runtime("backend", Ref("VM"), "Domain in which the device's backend runs.", "rio", default=NULL_REF),
        runtime(
            "persistence_backend", persistence_backend, "Where the contents are kept.", Lifecycle(prototyped="22.26.0"),
            default="xapi",
        ),
        constructed(
            "is_unique", Bool, "True when the contents must never be duplicated, as by cloning.",
            Lifecycle(prototyped="22.26.0"), default=False,
        ),
        runtime(
            "is_protected", Bool, "True when the contents are guarded against tampering at rest.",
            Lifecycle(prototyped="22.26.0"), default=False,
        ),
        runtime("contents", Ref("secret"), "Secret that holds the stored state.", internal=True),
    ),
    messages=(
        Message(
            "create", (Param("vM", Ref("VM")), Param("is_unique", Bool)), Ref("VTPM"), "Gives a halted VM a virtual TPM.",
            Lifecycle(prototyped="22.26.0"), operation="create_vtpm",
        ),
        Message(
            "destroy", (Param("self", Ref("VTPM")),), Void, "Removes the virtual TPM and loses its contents for good.",
            Lifecycle(prototyped="22.26.0"),
        ),
        Message(
            "get_contents", (Param("self", Ref("VTPM")),), String, "Returns the stored state, base64-encoded.",
            roles=LOCAL_ROOT, hidden=True, secret=True,
        ),
        Message(
            "set_contents", (Param("self", Ref("VTPM")), Param("contents", String)), Void,
            "Replaces the stored state with base64-encoded data.", roles=LOCAL_ROOT, hidden=True, secret=True,
        ),
    ),
)
