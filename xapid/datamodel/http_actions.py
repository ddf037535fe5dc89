"""What a host serves over HTTP besides calls: every action, where it is reached, who may use it and with which arguments.

An action's name is its permission too (``http/get_export``). A request reaches the action whose path is the longest prefix
of its own, under its method. Roles are checked by the action's handler, except for the open ones, which anyone may use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

from xapid.datamodel.roles import (
    CLIENT_CERT,
    LOCAL_ROOT,
    POOL_ADMIN,
    POOL_OPERATOR,
    READ_ONLY,
    VM_ADMIN,
    VM_OPERATOR,
    VM_POWER_ADMIN,
    Roles,
)

HttpMethod = Literal["GET", "POST", "PUT", "CONNECT", "OPTIONS"]


@attrs.frozen
class HttpAction:
    """One thing that a host serves."""

    name: str
    method: HttpMethod
    path: str
    roles: Roles
    doc: str
    args: tuple[str, ...] = ()
    """Names of its query arguments; ``:bool`` or ``:int`` follows those that are not text."""
    sub_actions: Mapping[str, Roles] = attrs.field(factory=dict, kw_only=True, eq=False)
    """Narrower permissions below this one, such as consoles of control domains."""
    sdk: bool = attrs.field(default=False, kw_only=True)
    """Whether it is meant for programs of users."""
    open: bool = attrs.field(default=False, kw_only=True)
    """Served without asking for credentials (calls bring their own session)."""

    @property
    def permission(self) -> str:
        return f"http/{self.name}"


_EXPORT_METADATA: Final = (
    "uuid",
    "all:bool",
    "include_dom0:bool",
    "include_vhd_parents:bool",
    "export_snapshots:bool",
    "excluded_device_types",
)
_UPDATES: Final = ("start:int", "cf", "interval:int", "host:bool", "uuid", "json:bool")

ACTIONS: Final[tuple[HttpAction, ...]] = (
    # Calls
    HttpAction("post_root", "POST", "/", READ_ONLY, "Takes calls as XML, also on every path that nothing else has.", open=True),
    HttpAction(
        "post_RPC2", "POST", "/RPC2", READ_ONLY, "Takes calls as XML under the path that XML-RPC tools expect.", open=True
    ),
    HttpAction("post_json", "POST", "/json", READ_ONLY, "Takes calls as XML from pages in browsers.", open=True),
    HttpAction("post_jsonrpc", "POST", "/jsonrpc", READ_ONLY, "Takes calls as JSON.", open=True),
    HttpAction("post_root_options", "OPTIONS", "/", READ_ONLY, "Tells browsers that any page may call.", open=True),
    HttpAction(
        "post_json_options", "OPTIONS", "/json", READ_ONLY, "Tells browsers that any page may call with XML.", open=True
    ),
    HttpAction(
        "post_jsonrpc_options", "OPTIONS", "/jsonrpc", READ_ONLY, "Tells browsers that any page may call with JSON.", open=True
    ),
    HttpAction("post_cli", "POST", "/cli", READ_ONLY, "Runs a command line that xe sent.", open=True),
    # Files
    HttpAction("get_root", "GET", "/", READ_ONLY, "Serves the files of the web interface.", open=True),
    # Virtual machines and disks
    HttpAction(
        "put_import",
        "PUT",
        "/import",
        VM_ADMIN,
        "Makes VMs of an uploaded archive.",
        ("restore:bool", "force:bool", "sr_id"),
        sdk=True,
    ),
    HttpAction(
        "put_import_metadata",
        "PUT",
        "/import_metadata",
        VM_ADMIN,
        "Makes VMs of uploaded metadata, for disks that exist.",
        ("restore:bool", "force:bool", "dry_run:bool"),
        sdk=True,
    ),
    HttpAction(
        "put_import_raw_vdi",
        "PUT",
        "/import_raw_vdi",
        VM_ADMIN,
        "Fills a disk with uploaded contents.",
        ("vdi", "format", "chunked:bool"),
        sdk=True,
    ),
    HttpAction(
        "get_export",
        "GET",
        "/export",
        VM_ADMIN,
        "Gives a VM with its disks as an archive.",
        ("uuid", "use_compression", "preserve_power_state:bool"),
        sdk=True,
    ),
    HttpAction(
        "get_export_metadata",
        "GET",
        "/export_metadata",
        VM_ADMIN,
        "Gives the metadata of one VM, or of all.",
        _EXPORT_METADATA,
        sdk=True,
    ),
    HttpAction(
        "get_export_raw_vdi", "GET", "/export_raw_vdi", VM_ADMIN, "Gives the contents of a disk.", ("vdi", "format"), sdk=True
    ),
    HttpAction(
        "connect_console",
        "CONNECT",
        "/console",
        VM_OPERATOR,
        "Connects to a console of a VM.",
        sub_actions={"host_console": POOL_ADMIN},
    ),
    HttpAction(
        "connect_console_ws",
        "GET",
        "/console",
        VM_OPERATOR,
        "Connects to a console of a VM through a websocket.",
        sub_actions={"host_console_ws": POOL_ADMIN},
    ),
    HttpAction(
        "get_vncsnapshot",
        "GET",
        "/vncsnapshot",
        VM_OPERATOR,
        "Gives a picture of a VM's screen.",
        ("uuid",),
        sub_actions={"host_console": POOL_ADMIN},
        sdk=True,
    ),
    # Blobs and messages
    HttpAction("get_blob", "GET", "/blob", READ_ONLY, "Gives the contents of a blob; public ones to anyone.", open=True),
    HttpAction("put_blob", "PUT", "/blob", VM_POWER_ADMIN, "Replaces the contents of a blob.", ("ref",), sdk=True),
    HttpAction("put_messages", "PUT", "/messages", VM_POWER_ADMIN, "Takes messages about objects that came from another pool."),
    # Statistics
    HttpAction("vm_rrd", "GET", "/vm_rrd", READ_ONLY, "Gives the statistics of a VM.", ("uuid", "json:bool"), sdk=True),
    HttpAction(
        "get_vm_rrds",
        "GET",
        "/vm_rrds",
        READ_ONLY,
        "Gives the statistics of a VM under their older path.",
        ("uuid", "json:bool"),
    ),
    HttpAction("host_rrd", "GET", "/host_rrd", READ_ONLY, "Gives the statistics of this host.", ("json:bool",), sdk=True),
    HttpAction(
        "get_host_rrds",
        "GET",
        "/host_rrds",
        READ_ONLY,
        "Gives the statistics of this host under their older path.",
        ("json:bool",),
    ),
    HttpAction("sr_rrd", "GET", "/sr_rrd", READ_ONLY, "Gives the statistics of a storage repository.", ("uuid",), sdk=True),
    HttpAction(
        "rrd_updates", "GET", "/rrd_updates", READ_ONLY, "Gives what statistics gained since a moment.", _UPDATES, sdk=True
    ),
    HttpAction("rrd", "PUT", "/rrd", POOL_ADMIN, "Takes statistics over from another host."),
    # Hosts and the pool
    HttpAction("get_host_backup", "GET", "/host_backup", POOL_ADMIN, "Gives a backup of the control domain.", sdk=True),
    HttpAction("put_host_restore", "PUT", "/host_restore", POOL_ADMIN, "Restores the control domain from a backup.", sdk=True),
    HttpAction(
        "get_host_logs_download", "GET", "/host_logs_download", POOL_OPERATOR, "Gives the host's logs as an archive.", sdk=True
    ),
    HttpAction(
        "get_system_status",
        "GET",
        "/system-status",
        POOL_OPERATOR,
        "Gives a report on the state of the host.",
        ("entries", "output"),
        sdk=True,
    ),
    HttpAction("get_audit_log", "GET", "/audit_log", READ_ONLY, "Gives the audit log.", ("since",), sdk=True),
    HttpAction("get_pool_xml_db_sync", "GET", "/pool/xmldbdump", POOL_ADMIN, "Gives the whole database.", sdk=True),
    HttpAction("put_pool_xml_db_sync", "PUT", "/pool/xmldbdump", POOL_ADMIN, "Replaces the whole database."),
    HttpAction("get_config_sync", "GET", "/sync_config_files", POOL_ADMIN, "Gives members the files that a pool shares."),
    HttpAction(
        "connect_remotecmd", "CONNECT", "/remotecmd", POOL_ADMIN, "Runs a command on this host for another of the pool."
    ),
    HttpAction("post_remote_db_access", "POST", "/remote_db_access", POOL_ADMIN, "Lets members use the database."),
    HttpAction(
        "post_remote_db_access_v2", "POST", "/remote_db_access_v2", POOL_ADMIN, "Lets members use the database, second form."
    ),
    HttpAction(
        "get_wlb_report",
        "GET",
        "/wlb_report",
        READ_ONLY,
        "Gives a report of the workload balancer.",
        ("report", "..."),
        sdk=True,
    ),
    HttpAction(
        "get_wlb_diagnostics", "GET", "/wlb_diagnostics", READ_ONLY, "Gives the workload balancer's diagnostics.", sdk=True
    ),
    # Services of the host's other programs
    HttpAction("get_services", "GET", "/services", READ_ONLY, "Lists the services behind this host.", sdk=True),
    HttpAction("post_services", "POST", "/services", POOL_ADMIN, "Calls a service behind this host."),
    HttpAction("put_services", "PUT", "/services", POOL_ADMIN, "Uploads to a service behind this host."),
    HttpAction("get_services_xenops", "GET", "/services/xenops", VM_POWER_ADMIN, "Reads from the host's domain manager."),
    HttpAction(
        "post_services_xenops", "POST", "/services/xenops", VM_POWER_ADMIN | CLIENT_CERT, "Calls the host's domain manager."
    ),
    HttpAction(
        "put_services_xenops", "PUT", "/services/xenops", VM_POWER_ADMIN | CLIENT_CERT, "Takes a VM that migrates to this host."
    ),
    HttpAction("get_services_sm", "GET", "/services/SM", VM_POWER_ADMIN, "Reads from the host's storage manager."),
    HttpAction("post_services_sm", "POST", "/services/SM", VM_POWER_ADMIN, "Calls the host's storage manager."),
    HttpAction("put_services_sm", "PUT", "/services/SM", VM_POWER_ADMIN, "Uploads to the host's storage manager."),
    # Updates
    HttpAction(
        "put_pool_patch_upload", "PUT", "/pool_patch_upload", POOL_OPERATOR, "Takes an update package.", ("sr_id",), sdk=True
    ),
    HttpAction("get_pool_update_download", "GET", "/update/", READ_ONLY, "Gives hosts the files of an update.", open=True),
    HttpAction("get_repository", "GET", "/repository", LOCAL_ROOT, "Gives the host itself the files of a package repository."),
    HttpAction(
        "get_enabled_repository",
        "GET",
        "/repository/enabled",
        POOL_OPERATOR | CLIENT_CERT,
        "Gives members the files of the enabled package repositories.",
    ),
    HttpAction(
        "get_host_updates", "GET", "/host_updates", POOL_OPERATOR | CLIENT_CERT, "Lists the updates that this host lacks."
    ),
    HttpAction(
        "get_updates", "GET", "/updates", POOL_OPERATOR | CLIENT_CERT, "Lists the updates that the pool's hosts lack.", sdk=True
    ),
    HttpAction("put_bundle", "PUT", "/bundle", POOL_OPERATOR, "Takes a bundle of packages.", sdk=True),
)

BY_NAME: Final[Mapping[str, HttpAction]] = {action.name: action for action in ACTIONS}
