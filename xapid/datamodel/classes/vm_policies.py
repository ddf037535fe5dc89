"""Schedules for snapshots and backups of VMs."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, VM_POWER_ADMIN
from xapid.datamodel.schema import Class, Derived, Message, Param, constructed, runtime, writable
from xapid.datamodel.types import EPOCH, Bool, DateTime, Enum, Int, Map, Ref, Set, String, Void

vmpp_backup_type = Enum(
    "vmpp_backup_type",
    "What a backup captures.",
    {
        "snapshot": "disks only",
        "checkpoint": "disks and memory",
    },
)

vmpp_backup_frequency = Enum(
    "vmpp_backup_frequency",
    "How often backups are taken.",
    {
        "hourly": "",
        "daily": "",
        "weekly": "",
    },
)

vmpp_archive_frequency = Enum(
    "vmpp_archive_frequency",
    "How often backups are archived.",
    {
        "never": "",
        "always_after_backup": "straight after each backup",
        "daily": "",
        "weekly": "",
    },
)

vmpp_archive_target_type = Enum(
    "vmpp_archive_target_type",
    "Kinds of storage that can receive archives.",
    {
        "none": "no archive target",
        "cifs": "Windows file share",
        "nfs": "NFS export",
    },
)

vmss_frequency = Enum(
    "vmss_frequency",
    "How often a snapshot schedule runs.",
    {
        "hourly": "",
        "daily": "",
        "weekly": "on the chosen weekdays",
    },
)

vmss_type = Enum(
    "vmss_type",
    "Kinds of scheduled snapshot.",
    {
        "snapshot": "disks only",
        "checkpoint": "disks and memory",
        "snapshot_with_quiesce": "disks, with the guest quiesced first",
    },
)


VMPP = Class(
    "VMPP",
    "A VM protection policy: scheduled backup and archiving of a group of VMs (no longer supported).",
    Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
    constructor=True,
    policy={
        "create": {"refused": "MESSAGE_REMOVED"},
        "destroy": {"refused": "MESSAGE_REMOVED"},
    },
    enums=(vmpp_backup_type, vmpp_backup_frequency, vmpp_archive_frequency, vmpp_archive_target_type),
    fields=(
        runtime(
            "uuid", String, "Unique identifier of this policy, stable across references and restarts.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
        ),
        writable(
            "name_label", String, "Human-readable name of the policy.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default="",
        ),
        writable(
            "name_description", String, "Longer human-readable remarks about the policy.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default="",
        ),
        writable(
            "is_policy_enabled", Bool, "True when the policy's schedule is in force.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default=True,
        ),
        writable(
            "backup_type", vmpp_backup_type, "Whether backups cover disks only or memory too.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default="snapshot",
        ),
        constructed(
            "backup_retention_value", Int, "Number of backups of each VM to keep before the oldest is deleted.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default=7,
        ),
        constructed(
            "backup_frequency", vmpp_backup_frequency, "How often backups are taken.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default="daily",
        ),
        constructed(
            "backup_schedule", Map(String, String), "Times of backup, as keys such as hour, min and days.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default={},
        ),
        runtime(
            "is_backup_running", Bool, "True while a backup of this policy is under way.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
        ),
        runtime(
            "backup_last_run_time", DateTime, "Moment at which the last backup ran.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default=EPOCH,
        ),
        constructed(
            "archive_target_type", vmpp_archive_target_type, "Kind of storage to which archives are sent.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default="none",
        ),
        constructed(
            "archive_target_config", Map(String, String), "Location of the archive target and the credentials for it.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default={},
        ),
        constructed(
            "archive_frequency", vmpp_archive_frequency, "How often backups are archived.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default="never",
        ),
        constructed(
            "archive_schedule", Map(String, String), "Times of archiving, as keys such as hour, min and days.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default={},
        ),
        runtime(
            "is_archive_running", Bool, "True while archiving for this policy is under way.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
        ),
        runtime(
            "archive_last_run_time", DateTime, "Moment at which the last archiving ran.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default=EPOCH,
        ),
        runtime(
            "VMs", Set(Ref("VM")), "VMs that the policy protects.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
            derived_from=Derived("VM", "protection_policy"),
        ),
        constructed(
            "is_alarm_enabled", Bool, "True when outcomes are notified by e-mail.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default=False,
        ),
        constructed(
            "alarm_config", Map(String, String), "Addresses and mail server used for notifications.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default={},
        ),
        runtime(
            "recent_alerts", Set(String), "Latest alerts raised by the policy.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), default=(),
        ),
    ),
    messages=(
        Message(
            "protect_now", (Param("vmpp", Ref("VMPP")),), String, "Runs the policy's backup at once.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "archive_now", (Param("snapshot", Ref("VM")),), String, "Sends the given snapshot to the archive target at once.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), roles=VM_POWER_ADMIN,
            asynchronous=False, refused="MESSAGE_REMOVED",
        ),
        Message(
            "create_alert",
            (
                Param("vmpp", Ref("VMPP")), Param("name", String), Param("priority", Int), Param("body", String),
                Param("data", String),
            ),
            Void, "Records an alert about the policy with name, priority, body and data.", roles=LOCAL_ROOT, asynchronous=False,
            hidden=True, refused="MESSAGE_REMOVED",
        ),
        Message(
            "get_alerts", (Param("vmpp", Ref("VMPP")), Param("hours_from_now", Int)), Set(String),
            "Returns the alerts of the policy raised within the given number of hours.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_backup_retention_value", (Param("self", Ref("VMPP")), Param("value", Int)), Void,
            "Sets how many backups to keep.", Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
            asynchronous=False, refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_is_backup_running", (Param("self", Ref("VMPP")), Param("value", Bool)), Void,
            "Records whether a backup is under way.", roles=LOCAL_ROOT, asynchronous=False, hidden=True,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_is_archive_running", (Param("self", Ref("VMPP")), Param("value", Bool)), Void,
            "Records whether archiving is under way.", roles=LOCAL_ROOT, asynchronous=False, hidden=True,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_backup_frequency", (Param("self", Ref("VMPP")), Param("value", vmpp_backup_frequency)), Void,
            "Sets how often backups are taken.", Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
            asynchronous=False, refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_backup_schedule", (Param("self", Ref("VMPP")), Param("value", Map(String, String))), Void,
            "Replaces the backup schedule.", Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
            asynchronous=False, refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_archive_frequency", (Param("self", Ref("VMPP")), Param("value", vmpp_archive_frequency)), Void,
            "Sets how often backups are archived.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_archive_schedule", (Param("self", Ref("VMPP")), Param("value", Map(String, String))), Void,
            "Replaces the archive schedule.", Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
            asynchronous=False, refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_archive_target_type", (Param("self", Ref("VMPP")), Param("value", vmpp_archive_target_type)), Void,
            "Sets the kind of storage to which archives go.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_archive_target_config", (Param("self", Ref("VMPP")), Param("value", Map(String, String))), Void,
            "Replaces the archive target settings.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_is_alarm_enabled", (Param("self", Ref("VMPP")), Param("value", Bool)), Void,
            "Turns notification by e-mail on or off.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_alarm_config", (Param("self", Ref("VMPP")), Param("value", Map(String, String))), Void,
            "Replaces the alarm settings.", Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
            asynchronous=False, refused="MESSAGE_REMOVED",
        ),
        Message(
            "add_to_backup_schedule", (Param("self", Ref("VMPP")), Param("key", String), Param("value", String)), Void,
            "Adds one key to the backup schedule.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "add_to_archive_target_config", (Param("self", Ref("VMPP")), Param("key", String), Param("value", String)), Void,
            "Adds one key to the archive target settings.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "add_to_archive_schedule", (Param("self", Ref("VMPP")), Param("key", String), Param("value", String)), Void,
            "Adds one key to the archive schedule.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "add_to_alarm_config", (Param("self", Ref("VMPP")), Param("key", String), Param("value", String)), Void,
            "Adds one key to the alarm settings.", Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
            asynchronous=False, refused="MESSAGE_REMOVED",
        ),
        Message(
            "remove_from_backup_schedule", (Param("self", Ref("VMPP")), Param("key", String)), Void,
            "Drops one key from the backup schedule; an absent key is ignored.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "remove_from_archive_target_config", (Param("self", Ref("VMPP")), Param("key", String)), Void,
            "Drops one key from the archive target settings; an absent key is ignored.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "remove_from_archive_schedule", (Param("self", Ref("VMPP")), Param("key", String)), Void,
            "Drops one key from the archive schedule; an absent key is ignored.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "remove_from_alarm_config", (Param("self", Ref("VMPP")), Param("key", String)), Void,
            "Drops one key from the alarm settings; an absent key is ignored.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_backup_last_run_time", (Param("self", Ref("VMPP")), Param("value", DateTime)), Void,
            "Records when the last backup ran.", Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"),
            roles=LOCAL_ROOT, asynchronous=False, refused="MESSAGE_REMOVED",
        ),
        Message(
            "set_archive_last_run_time", (Param("self", Ref("VMPP")), Param("value", DateTime)), Void,
            "Records when the last archiving ran.",
            Lifecycle(published="cowley", deprecated="clearwater", removed="clearwater"), roles=LOCAL_ROOT, asynchronous=False,
            refused="MESSAGE_REMOVED",
        ),
    ),
)


VMSS = Class(
    "VMSS",
    "A schedule by which snapshots of its VMs are taken.",
    "falcon",
    constructor=True,
    enums=(vmss_frequency, vmss_type),
    fields=(
        runtime("uuid", String, "Globally unique identifier of the schedule.", "rio"),
        writable("name_label", String, "Display name of the schedule.", "rio", default=""),
        writable("name_description", String, "Free text describing the schedule.", "rio", default=""),
        writable("enabled", Bool, "True when the schedule is in force.", "rio", default=True),
        constructed("type", vmss_type, "Kind of snapshot to take.", "rio"),
        constructed("retained_snapshots", Int, "How many scheduled snapshots to keep per VM, from 1 to 10.", "rio", default=7),
        constructed("frequency", vmss_frequency, "How often snapshots are taken.", "rio"),
        constructed(
            "schedule", Map(String, String), "Minute, hour and weekdays of the runs, under the keys min, hour and days.", "rio",
            default={},
        ),
        runtime("last_run_time", DateTime, "Time of the latest run of the schedule.", "rio", default=EPOCH),
        runtime("VMs", Set(Ref("VM")), "VMs covered by the schedule.", "rio", derived_from=Derived("VM", "snapshot_schedule")),
    ),
    messages=(
        Message(
            "snapshot_now", (Param("vmss", Ref("VMSS")),), String, "Runs the schedule at once, out of turn.", "falcon",
            asynchronous=False,
        ),
        Message(
            "set_retained_snapshots", (Param("self", Ref("VMSS")), Param("value", Int)), Void,
            "Sets how many scheduled snapshots to keep per VM.", "falcon", asynchronous=False,
        ),
        Message(
            "set_frequency", (Param("self", Ref("VMSS")), Param("value", vmss_frequency)), Void,
            "Sets how often snapshots are taken.", "falcon", asynchronous=False,
        ),
        Message(
            "set_schedule", (Param("self", Ref("VMSS")), Param("value", Map(String, String))), Void,
            "Replaces the times at which the schedule runs.", "falcon", asynchronous=False,
        ),
        Message(
            "add_to_schedule", (Param("self", Ref("VMSS")), Param("key", String), Param("value", String)), Void,
            "Adds one key to the times at which the schedule runs.", "falcon", asynchronous=False,
        ),
        Message(
            "remove_from_schedule", (Param("self", Ref("VMSS")), Param("key", String)), Void,
            "Removes one key from the times at which the schedule runs.", "falcon", asynchronous=False,
        ),
        Message(
            "set_last_run_time", (Param("self", Ref("VMSS")), Param("value", DateTime)), Void,
            "Records when the schedule last ran.", "falcon", roles=LOCAL_ROOT, asynchronous=False,
        ),
        Message(
            "set_type", (Param("self", Ref("VMSS")), Param("value", vmss_type)), Void, "Sets the kind of snapshot to take.",
            "falcon", asynchronous=False,
        ),
    ),
)
