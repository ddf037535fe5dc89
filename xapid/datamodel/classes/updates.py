"""Patches and updates of hosts."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, to_host, writable
from xapid.datamodel.types import NULL_REF, Bool, DateTime, Enum, Int, Map, Ref, Set, String, Void

after_apply_guidance = Enum(
    "after_apply_guidance",
    "Restarts that a patch can call for.",
    {
        "restartHVM": "restart HVM guests",
        "restartPV": "restart paravirtual guests",
        "restartHost": "reboot the host",
        "restartXAPI": "restart the management server",
    },
)

update_after_apply_guidance = Enum(
    "update_after_apply_guidance",
    "Restarts called for by an applied update.",
    {
        "restartHVM": "restart HVM guests",
        "restartPV": "restart paravirtual guests",
        "restartHost": "reboot the host",
        "restartXAPI": "restart the management agent",
    },
)

livepatch_status = Enum(
    "livepatch_status",
    "How far live patching can make an update take effect at once.",
    {
        "ok_livepatch_complete": "live patching is enough, no reboot needed",
        "ok_livepatch_incomplete": "live patching does not cover all, a reboot is needed",
        "ok": "applicable, without live patches",
    },
)


pool_patch = Class(
    "pool_patch",
    "An old-style software fix uploaded to the pool (superseded by pool updates).",
    Lifecycle(published="miami", deprecated="ely"),
    enums=(after_apply_guidance,),
    fields=(
        runtime("uuid", String, "Unique identifier of this patch, stable across references and restarts.", "rio"),
        constructed("name_label", String, "Human-readable name of the patch.", "rio", default=""),
        constructed("name_description", String, "Longer human-readable remarks about the patch.", "rio", default=""),
        constructed("version", String, "Version of the patch.", "miami", default=""),
        runtime("filename", String, "Path of the file in which the patch is stored.", default="", internal=True),
        runtime("size", Int, "Size of the patch in bytes.", "miami", default=0),
        runtime("pool_applied", Bool, "True when the patch is on every host of the pool.", "miami", default=False),
        runtime(
            "host_patches", Set(Ref("host_patch")), "Records of this patch on individual hosts.", "miami",
            derived_from=Derived("host_patch", "pool_patch"),
        ),
        runtime(
            "after_apply_guidance", Set(after_apply_guidance), "What must be restarted after the patch is applied.", "miami",
            default=(),
        ),
        constructed("pool_update", Ref("pool_update"), "Pool update that stands behind this patch.", "ely", default=NULL_REF),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients may attach to this patch.", "miami",
            default={},
        ),
    ),
    messages=(
        Message(
            "apply", (Param("self", Ref("pool_patch")), Param("host", Ref("host"))), String,
            "Installs the patch on one host and returns the output.", Lifecycle(published="miami", deprecated="ely"),
            forward=to_host("host"),
        ),
        Message(
            "pool_apply", (Param("self", Ref("pool_patch")),), Void, "Installs the patch on all hosts of the pool.",
            Lifecycle(published="miami", deprecated="ely"),
        ),
        Message(
            "precheck", (Param("self", Ref("pool_patch")), Param("host", Ref("host"))), String,
            "Tests whether one host could take the patch and returns the output.",
            Lifecycle(published="miami", deprecated="ely"), forward=to_host("host"),
        ),
        Message(
            "clean", (Param("self", Ref("pool_patch")),), Void,
            "Deletes the patch file from the coordinator and keeps the record.", Lifecycle(published="miami", deprecated="ely"),
        ),
        Message(
            "pool_clean", (Param("self", Ref("pool_patch")),), Void,
            "Deletes the patch file from all hosts and keeps the record.", Lifecycle(published="tampa", deprecated="ely"),
        ),
        Message(
            "destroy", (Param("self", Ref("pool_patch")),), Void,
            "Deletes the patch file from the pool and its record, if no host has it applied.",
            Lifecycle(published="miami", deprecated="ely"),
        ),
        Message(
            "clean_on_host", (Param("self", Ref("pool_patch")), Param("host", Ref("host"))), Void,
            "Deletes the patch file from one host and keeps the record.", Lifecycle(published="tampa", deprecated="ely"),
            forward=to_host("host"),
        ),
    ),
)


pool_update = Class(
    "pool_update",
    "A software update that can be applied to the hosts of the pool.",
    "ely",
    enums=(update_after_apply_guidance, livepatch_status),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the update.", "rio"),
        constructed("name_label", String, "Display name of the update.", "rio", default=""),
        constructed("name_description", String, "Free text describing the update.", "rio", default=""),
        constructed("version", String, "Version of the update.", "ely", default=""),
        constructed("installation_size", Int, "Disk space needed to install the update, in bytes.", "ely", default=0),
        constructed("key", String, "Name of the GPG key with which the update is signed.", "ely", default=""),
        constructed(
            "after_apply_guidance", Set(update_after_apply_guidance), "What has to be restarted once the update is applied.",
            "ely", default=(),
        ),
        constructed("vdi", Ref("VDI"), "VDI that holds the contents of the update.", "rio"),
        runtime(
            "hosts", Set(Ref("host")), "Hosts to which the update has been applied.", "ely",
            derived_from=Derived("host", "updates"),
        ),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the update.",
            "inverness", default={},
        ),
        constructed(
            "enforce_homogeneity", Bool, "True when either all hosts of a pool or none must have the update.", "inverness",
            default=False,
        ),
    ),
    messages=(
        Message(
            "introduce", (Param("vdi", Ref("VDI")),), Ref("pool_update"), "Registers the update held in a VDI with the pool.",
            "ely",
        ),
        Message(
            "precheck", (Param("self", Ref("pool_update")), Param("host", Ref("host"))), livepatch_status,
            "Checks whether the update could be applied to a host.", "ely", forward=to_host("host"),
        ),
        Message(
            "apply", (Param("self", Ref("pool_update")), Param("host", Ref("host"))), Void, "Applies the update to one host.",
            "ely", forward=to_host("host"),
        ),
        Message(
            "pool_apply", (Param("self", Ref("pool_update")),), Void, "Applies the update to every host of the pool.", "ely",
        ),
        Message(
            "pool_clean", (Param("self", Ref("pool_update")),), Void,
            "Removes the contents of the update from the pool's storage, keeping its record.", "ely",
        ),
        Message(
            "destroy", (Param("self", Ref("pool_update")),), Void, "Deletes the record of an update that no host has applied.",
            "ely",
        ),
        Message(
            "attach", (Param("self", Ref("pool_update")), Param("use_localhost_proxy", Bool, False)), String,
            "Attaches the update's VDI and returns a URL at which its contents are served.", hidden=True,
        ),
        Message(
            "detach", (Param("self", Ref("pool_update")),), Void, "Stops serving the update's contents and detaches its VDI.",
            hidden=True,
        ),
        Message(
            "resync_host", (Param("host", Ref("host")),), Void, "Refreshes the record of which updates a host has.",
            hidden=True, forward=to_host("host"),
        ),
    ),
)


host_patch = Class(
    "host_patch",
    "A legacy patch as present on one host.",
    Lifecycle(published="rio", deprecated="ely"),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the host patch.", "rio"),
        constructed("name_label", String, "Display name of the patch.", "rio", default=""),
        constructed("name_description", String, "Free text describing the patch.", "rio", default=""),
        constructed("version", String, "Version of the patch.", "rio"),
        constructed("host", Ref("host"), "Host that the record is about.", "rio"),
        runtime("filename", String, "Path of the patch file on the host.", internal=True),
        runtime("applied", Bool, "True when the patch has been applied.", "rio"),
        runtime("timestamp_applied", DateTime, "Time at which the patch was applied.", "rio"),
        runtime("size", Int, "Size of the patch, in bytes.", "rio"),
        constructed("pool_patch", Ref("pool_patch"), "Patch of which this is the copy on one host.", "miami", default=NULL_REF),
        writable(
            "other_config", Map(String, String), "Free-form key/value pairs that clients and tools keep with the host patch.",
            "miami", default={},
        ),
    ),
    messages=(
        Message(
            "destroy", (Param("self", Ref("host_patch")),), Void, "Deletes a patch that has not been applied to the host.",
            Lifecycle(published="rio", deprecated="miami"),
        ),
        Message(
            "apply", (Param("self", Ref("host_patch")),), String, "Applies the patch and returns the output of doing so.",
            Lifecycle(published="rio", deprecated="miami"), forward=to_host("self"),
        ),
    ),
)
