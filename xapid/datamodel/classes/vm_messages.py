"""VM: the other messages: copies, snapshots, recovery, figures, and what is asked of guests."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import POOL_ADMIN, POOL_OPERATOR, READ_ONLY, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.schema import (
    Lock,
    Message,
    Param,
    any_host_with_disks,
    any_host_with_sr,
    where_vm_runs,
)
from xapid.datamodel.types import Bool, DateTime, Float, Map, Record, Ref, Set, String, Void

MESSAGES = (
    Message(
        "snapshot", (Param("vm", Ref("VM")), Param("new_name", String), Param("ignore_vdis", Set(Ref("VDI")), ())),
        Ref("VM"), "Takes a disk snapshot of the VM, leaving out the disks named in ignore_vdis.", "orlando",
        roles=VM_POWER_ADMIN, errors=("VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED"),
        forward=where_vm_runs("vm", any_host_with_disks("vm")), operation="snapshot",
    ),
    Message(
        "snapshot_with_quiesce", (Param("vm", Ref("VM")), Param("new_name", String)), Ref("VM"),
        "Took a snapshot with the guest's file systems quiesced; withdrawn and always refused.",
        Lifecycle(published="orlando", deprecated="quebec", removed="quebec"), roles=VM_POWER_ADMIN,
        errors=(
            "VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "VM_SNAPSHOT_WITH_QUIESCE_FAILED",
            "VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT", "VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND",
            "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED",
        ),
        refused="MESSAGE_REMOVED",
    ),
    Message(
        "clone", (Param("vm", Ref("VM")), Param("new_name", String)), Ref("VM"),
        "Makes a new VM with fast copy-on-write clones of this VM's disks.", "rio",
        errors=("VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"),
        forward=any_host_with_disks("vm"), operation="clone",
    ),
    Message(
        "copy", (Param("vm", Ref("VM")), Param("new_name", String), Param("sr", Ref("SR"))), Ref("VM"),
        "Makes a new VM with full copies of the disks, on the given SR or, with null, on each disk's own.",
        Lifecycle(published="rio", extended="cowley"),
        errors=("VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"), operation="copy",
    ),
    Message(
        "revert", (Param("snapshot", Ref("VM")),), Void,
        "Puts the VM a snapshot was taken of back to the state the snapshot holds.", "midnight-ride", roles=VM_POWER_ADMIN,
        errors=("VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "SR_FULL", "VM_REVERT_FAILED"),
        forward=any_host_with_disks("snapshot"), operation="revert",
        also_locks=(Lock("snapshot.snapshot_of", "reverting"),),
    ),
    Message(
        "checkpoint", (Param("vm", Ref("VM")), Param("new_name", String)), Ref("VM"),
        "Takes a snapshot that includes memory, suspending the VM for a short while if it runs.", "midnight-ride",
        roles=VM_POWER_ADMIN,
        errors=(
            "VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "VM_CHECKPOINT_SUSPEND_FAILED",
            "VM_CHECKPOINT_RESUME_FAILED",
        ),
        forward=where_vm_runs("vm", any_host_with_disks("vm")), operation="checkpoint",
    ),
    Message(
        "csvm", (Param("vm", Ref("VM")),), Ref("VM"), "Clones a suspended VM together with its suspend image.",
        errors=("VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"), hidden=True,
        operation="csvm",
    ),
    Message(
        "get_data_sources", (Param("self", Ref("VM")),), Set(Record("data_source")),
        "Lists the performance data sources of the VM.", "orlando", roles=READ_ONLY, asynchronous=False,
        forward=where_vm_runs("self"), operation="data_source_op",
    ),
    Message(
        "record_data_source", (Param("self", Ref("VM")), Param("data_source", String)), Void,
        "Starts recording the named performance data source.", "orlando", asynchronous=False, forward=where_vm_runs("self"),
        operation="data_source_op",
    ),
    Message(
        "query_data_source", (Param("self", Ref("VM")), Param("data_source", String)), Float,
        "Returns the latest value of the named performance data source.", "orlando", roles=READ_ONLY, asynchronous=False,
        forward=where_vm_runs("self"),
    ),
    Message(
        "forget_data_source_archives", (Param("self", Ref("VM")), Param("data_source", String)), Void,
        "Drops the recorded history of the named performance data source.", "orlando", asynchronous=False,
        forward=where_vm_runs("self"), operation="data_source_op",
    ),
    Message(
        "get_allowed_VBD_devices", (Param("vm", Ref("VM")),), Set(String),
        "Lists the device numbers free for new virtual block devices.", "rio", roles=READ_ONLY, asynchronous=False,
    ),
    Message(
        "get_allowed_VIF_devices", (Param("vm", Ref("VM")),), Set(String),
        "Lists the device numbers free for new virtual network interfaces.", "rio", roles=READ_ONLY, asynchronous=False,
    ),
    Message(
        "create_new_blob",
        (Param("vm", Ref("VM")), Param("name", String), Param("mime_type", String), Param("public", Bool, False)),
        Ref("blob"), "Makes a named binary object attached to the VM.", "orlando", roles=VM_POWER_ADMIN,
    ),
    Message(
        "update_snapshot_metadata",
        (
            Param("vm", Ref("VM")), Param("snapshot_of", Ref("VM")), Param("snapshot_time", DateTime),
            Param("transportable_snapshot_id", String),
        ),
        Void, "Marks a VM as a snapshot of another with the given time and identifier.", roles=POOL_OPERATOR, hidden=True,
    ),
    Message(
        "assert_can_be_recovered", (Param("self", Ref("VM")), Param("session_to", Ref("session"))), Void,
        "Checks that all storage needed to recover the VM into another database is there.", "boston", roles=READ_ONLY,
        errors=("VM_IS_PART_OF_AN_APPLIANCE", "VM_REQUIRES_SR"),
    ),
    Message(
        "get_SRs_required_for_recovery", (Param("self", Ref("VM")), Param("session_to", Ref("session"))), Set(Ref("SR")),
        "Lists the storage repositories needed to recover the VM into another database.", "creedence", roles=READ_ONLY,
    ),
    Message(
        "recover", (Param("self", Ref("VM")), Param("session_to", Ref("session")), Param("force", Bool)), Void,
        "Brings the VM from this recovered database into the pool behind session_to.", "boston", roles=READ_ONLY,
    ),
    Message(
        "import_convert",
        (
            Param("type", String), Param("username", String), Param("password", String), Param("sr", Ref("SR")),
            Param("remote_config", Map(String, String)),
        ),
        Void, "Imports VMs from a foreign hypervisor by converting them onto the given SR.", "tampa",
    ),
    Message(
        "query_services", (Param("self", Ref("VM")),), Map(String, String),
        "Asks a system domain which services it offers.", "tampa", roles=POOL_ADMIN, forward=where_vm_runs("self"),
        operation="query_services",
    ),
    Message(
        "call_plugin",
        (Param("vm", Ref("VM")), Param("plugin", String), Param("fn", String), Param("args", Map(String, String))), String,
        "Runs a function of a plugin against the agent inside the guest.", "cream", roles=VM_OPERATOR,
        forward=where_vm_runs("vm"), operation="call_plugin",
    ),
    Message(
        "call_host_plugin",
        (Param("vm", Ref("VM")), Param("plugin", String), Param("fn", String), Param("args", Map(String, String))), String,
        "Runs a plugin function on the host where the VM lives.", Lifecycle(prototyped="25.22.0"), roles=VM_OPERATOR,
        forward=where_vm_runs("vm"),
    ),
    Message(
        "import", (Param("url", String), Param("sr", Ref("SR")), Param("full_restore", Bool), Param("force", Bool)),
        Set(Ref("VM")), "Imports the VMs of an archive fetched from a URL onto the given SR.", "dundee",
        roles=POOL_OPERATOR, forward=any_host_with_sr("sr"),
    ),
    Message(
        "sysprep", (Param("self", Ref("VM")), Param("unattend", String), Param("timeout", Float)), Void,
        "Runs Windows sysprep in the guest with the given answer file, waiting at most timeout seconds.",
        Lifecycle(prototyped="25.24.0"), forward=where_vm_runs("self"), operation="sysprep",
    ),
)
