"""Commands that are one message each: storage."""

from __future__ import annotations

from xapid.cli.rows import made, row

ROWS = (
    row(
        "sr-introduce",
        "SR.introduce",
        "uuid name-label [name-description] type [content-type] [shared]",
        first="name-label type",
    ),
    row("sr-probe", "SR.probe", "[host-uuid]=@coordinator [device-config:] type [sm-config:]", flags="long"),
    row("sr-probe-ext", "SR.probe_ext", "[host-uuid]=@coordinator [device-config:] type [sm-config:]"),
    row("sr-scan", "SR.scan", "uuid"),
    row("sr-update", "SR.update", "uuid"),
    row("sr-forget", "SR.forget", "uuid", flags="long"),
    row("sr-destroy", "SR.destroy", "uuid", flags="long"),
    row("sr-enable-database-replication", "SR.enable_database_replication", "uuid"),
    row("sr-disable-database-replication", "SR.disable_database_replication", "uuid"),
    row("sr-data-source-record", "SR.record_data_source", "@sr data-source", flags="single"),
    row("sr-data-source-query", "SR.query_data_source", "@sr data-source", flags="single"),
    row("sr-data-source-forget", "SR.forget_data_source_archives", "@sr data-source", flags="single"),
    made("pbd-create", "PBD", "host/host-uuid SR/sr-uuid [device-config:]"),
    row("pbd-plug", "PBD.plug", "uuid"),
    row("pbd-unplug", "PBD.unplug", "uuid"),
    row("pbd-destroy", "PBD.destroy", "uuid"),
    made(
        "vdi-create",
        "VDI",
        "SR/sr-uuid name-label virtual-size!size type/[type]=user [sharable] [sm-config:] tags/[tags:]",
        read_only=False,
        other_config={},
    ),
    row(
        "vdi-introduce",
        "VDI.introduce",
        "uuid [name-label] [name-description] sr-uuid type [sharable] [read-only] [other-config:] location [xenstore-data:]"
        " [sm-config:] [managed]",
    ),
    row("vdi-destroy", "VDI.destroy", "uuid", flags="long"),
    row("vdi-forget", "VDI.forget", "uuid"),
    row("vdi-update", "VDI.update", "uuid"),
    row("vdi-snapshot", "VDI.snapshot", "uuid [driver-params-]"),
    row("vdi-generate-config", "VDI.generate_config", "host-uuid uuid", flags="hidden"),
    row("vdi-enable-cbt", "VDI.enable_cbt", "uuid"),
    row("vdi-disable-cbt", "VDI.disable_cbt", "uuid"),
    row("vdi-data-destroy", "VDI.data_destroy", "uuid"),
    row("vdi-list-changed-blocks", "VDI.list_changed_blocks", "vdi-from-uuid vdi-to-uuid"),
    made("secret-create", "secret", "value"),
    row("drtask-create", "DR_task.create", "type [device-config:] [sr-whitelist]"),
    row("drtask-destroy", "DR_task.destroy", "uuid"),
    row(
        "lvhd-enable-thin-provisioning",
        "LVHD.enable_thin_provisioning",
        "@host sr-uuid initial-allocation!size allocation-quantum!size",
    ),
)
