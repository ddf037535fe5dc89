"""The HTTP handlers beside the calls: name, method, path, parameters, and who may use them.

Each is an *action*, and ``http/<action>`` is the permission that it needs. Handlers find their roles here, and the roles
their HTTP permissions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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


@attrs.frozen(kw_only=True)
class HttpAction:
    """One HTTP handler."""

    name: str
    method: str
    path: str
    roles: Roles
    args: tuple[str, ...] = ()
    """Query parameters of its own, as ``name`` or ``name:type``."""
    sub_actions: Mapping[str, Roles] = attrs.field(factory=dict)
    """Narrower rights for some uses of it."""
    public: bool = False
    """Whether it answers without a session."""
    published: bool = False
    """Whether client libraries know it."""

    @property
    def permission(self) -> str:
        """What a session needs to use it, in the case of the wire."""
        return f"http/{self.name}"


def _action(
    name: str,
    method: str,
    path: str,
    roles: Roles,
    *args: str,
    sub_actions: Mapping[str, Roles] | None = None,
    public: bool = False,
    published: bool = False,
) -> HttpAction:
    return HttpAction(
        name=name,
        method=method,
        path=path,
        roles=roles,
        args=args,
        sub_actions=sub_actions or {},
        public=public,
        published=published,
    )


HTTP_ACTIONS: Final[Mapping[str, HttpAction]] = {
    action.name: action
    for action in (
        _action("get_services", "GET", "/services", READ_ONLY, published=True),
        _action("post_services", "POST", "/services", POOL_ADMIN),
        _action("put_services", "PUT", "/services", POOL_ADMIN),
        _action("post_remote_db_access", "POST", "/remote_db_access", POOL_ADMIN),
        _action("post_remote_db_access_v2", "POST", "/remote_db_access_v2", POOL_ADMIN),
        _action("get_services_xenops", "GET", "/services/xenops", VM_POWER_ADMIN),
        _action("post_services_xenops", "POST", "/services/xenops", VM_POWER_ADMIN | CLIENT_CERT),
        _action("put_services_xenops", "PUT", "/services/xenops", VM_POWER_ADMIN | CLIENT_CERT),
        _action("get_services_sm", "GET", "/services/SM", VM_POWER_ADMIN),
        _action("post_services_sm", "POST", "/services/SM", VM_POWER_ADMIN),
        _action("put_services_sm", "PUT", "/services/SM", VM_POWER_ADMIN),
        _action("put_import", "PUT", "/import", VM_ADMIN, "restore:bool", "force:bool", "sr_id", published=True),
        _action(
            "put_import_metadata",
            "PUT",
            "/import_metadata",
            VM_ADMIN,
            "restore:bool",
            "force:bool",
            "dry_run:bool",
            published=True,
        ),
        _action("put_import_raw_vdi", "PUT", "/import_raw_vdi", VM_ADMIN, "vdi", "format", "chunked:bool", published=True),
        _action(
            "get_export", "GET", "/export", VM_ADMIN, "uuid", "use_compression", "preserve_power_state:bool", published=True
        ),
        _action(
            "get_export_metadata",
            "GET",
            "/export_metadata",
            VM_ADMIN,
            "uuid",
            "all:bool",
            "include_dom0:bool",
            "include_vhd_parents:bool",
            "export_snapshots:bool",
            "excluded_device_types",
            published=True,
        ),
        _action("get_export_raw_vdi", "GET", "/export_raw_vdi", VM_ADMIN, "vdi", "format", published=True),
        _action("connect_console", "CONNECT", "/console", VM_OPERATOR, sub_actions={"host_console": POOL_ADMIN}),
        _action("connect_console_ws", "GET", "/console", VM_OPERATOR, sub_actions={"host_console_ws": POOL_ADMIN}),
        _action("get_root", "GET", "/", READ_ONLY, public=True),
        _action("post_cli", "POST", "/cli", READ_ONLY, public=True),
        _action("get_host_backup", "GET", "/host_backup", POOL_ADMIN, published=True),
        _action("put_host_restore", "PUT", "/host_restore", POOL_ADMIN, published=True),
        _action("get_host_logs_download", "GET", "/host_logs_download", POOL_OPERATOR, published=True),
        _action("put_pool_patch_upload", "PUT", "/pool_patch_upload", POOL_OPERATOR, "sr_id", published=True),
        _action(
            "get_vncsnapshot",
            "GET",
            "/vncsnapshot",
            VM_OPERATOR,
            "uuid",
            sub_actions={"host_console": POOL_ADMIN},
            published=True,
        ),
        _action("get_pool_xml_db_sync", "GET", "/pool/xmldbdump", POOL_ADMIN, published=True),
        _action("put_pool_xml_db_sync", "PUT", "/pool/xmldbdump", POOL_ADMIN),
        _action("get_config_sync", "GET", "/sync_config_files", POOL_ADMIN),
        _action("get_system_status", "GET", "/system-status", POOL_OPERATOR, "entries", "output", published=True),
        _action("vm_rrd", "GET", "/vm_rrd", READ_ONLY, "uuid", "json:bool", published=True),
        _action("get_vm_rrds", "GET", "/vm_rrds", READ_ONLY, "uuid", "json:bool"),
        _action("host_rrd", "GET", "/host_rrd", READ_ONLY, "json:bool", published=True),
        _action("get_host_rrds", "GET", "/host_rrds", READ_ONLY, "json:bool"),
        _action("sr_rrd", "GET", "/sr_rrd", READ_ONLY, "uuid", published=True),
        _action(
            "rrd_updates",
            "GET",
            "/rrd_updates",
            READ_ONLY,
            "start:int",
            "cf",
            "interval:int",
            "host:bool",
            "uuid",
            "json:bool",
            published=True,
        ),
        _action("rrd", "PUT", "/rrd", POOL_ADMIN),
        _action("get_blob", "GET", "/blob", READ_ONLY, public=True),
        _action("put_blob", "PUT", "/blob", VM_POWER_ADMIN, "ref", published=True),
        _action("put_messages", "PUT", "/messages", VM_POWER_ADMIN),
        _action("connect_remotecmd", "CONNECT", "/remotecmd", POOL_ADMIN),
        _action("get_wlb_report", "GET", "/wlb_report", READ_ONLY, "report", "...", published=True),
        _action("get_wlb_diagnostics", "GET", "/wlb_diagnostics", READ_ONLY, published=True),
        _action("get_audit_log", "GET", "/audit_log", READ_ONLY, "since", published=True),
        _action("post_root", "POST", "/", READ_ONLY, public=True),
        _action("post_RPC2", "POST", "/RPC2", READ_ONLY, public=True),
        _action("post_json", "POST", "/json", READ_ONLY, public=True),
        _action("post_root_options", "OPTIONS", "/", READ_ONLY, public=True),
        _action("post_json_options", "OPTIONS", "/json", READ_ONLY, public=True),
        _action("post_jsonrpc", "POST", "/jsonrpc", READ_ONLY, public=True),
        _action("post_jsonrpc_options", "OPTIONS", "/jsonrpc", READ_ONLY, public=True),
        _action("get_pool_update_download", "GET", "/update/", READ_ONLY, public=True),
        _action("get_repository", "GET", "/repository", LOCAL_ROOT),
        _action("get_enabled_repository", "GET", "/repository/enabled", POOL_OPERATOR | CLIENT_CERT),
        _action("get_host_updates", "GET", "/host_updates", POOL_OPERATOR | CLIENT_CERT),
        _action("get_updates", "GET", "/updates", POOL_OPERATOR | CLIENT_CERT, published=True),
        _action("put_bundle", "PUT", "/bundle", POOL_OPERATOR, published=True),
    )
}
