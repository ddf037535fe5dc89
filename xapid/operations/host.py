"""Hosts (class ``host``): this module gathers what the ``host_…`` modules beside it do, and makes new ones."""

# ruff: noqa: F401 - what is imported from the host_… modules is registered by that, and not used here

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from xapid.operations import allowed
from xapid.operations.context import Context
from xapid.operations.host_calls import (
    apply_guest_agent_config,
    backup_rrds,
    compute_free_memory,
    compute_memory_overhead,
    create_new_blob,
    disable_binary_storage,
    dmesg,
    enable_binary_storage,
    forget_data_source_archives,
    get_data_sources,
    get_diagnostic_timing_stats,
    get_sm_diagnostics,
    get_thread_diagnostics,
    get_tracked_user_agents,
    ha_xapi_healthcheck,
    is_in_emergency_mode,
    local_assert_healthy,
    query_data_source,
    record_data_source,
    refresh_pack_info,
    rescan_drivers,
    send_debug_keys,
    sync_data,
)
from xapid.operations.host_certificates import (
    cert_distrib_atom,
    certificate_list,
    certificate_sync,
    copy_primary_host_certs,
    crl_install,
    crl_list,
    crl_uninstall,
    emergency_disable_tls_verification,
    emergency_reenable_tls_verification,
    emergency_reset_server_certificate,
    get_server_certificate,
    install_ca_certificate,
    install_server_certificate,
    refresh_server_certificate,
    reset_server_certificate,
    uninstall_ca_certificate,
)
from xapid.operations.host_cycles import (
    prepare_for_poweroff,
    reboot,
    restart_agent,
    shutdown,
    shutdown_agent,
    tickle_heartbeat,
)
from xapid.operations.host_devices import mxgpu_vf_setup, nvidia_vf_setup, write_uefi_certificates_to_disk
from xapid.operations.host_directory import (
    disable_external_auth,
    enable_external_auth,
    external_auth_set_ldaps,
)
from xapid.operations.host_local import (
    allocate_resources_for_vm,
    attach_static_vdis,
    detach_static_vdis,
    get_sched_gran,
    notify,
    set_localdb_key,
    set_sched_gran,
    sm_dp_destroy,
    update_firewalld_service_status,
)
from xapid.operations.host_migration import migrate_receive
from xapid.operations.host_networking import (
    get_management_interface,
    local_management_reconfigure,
    management_disable,
    management_reconfigure,
    reset_networking,
    signal_networking_change,
)
from xapid.operations.host_plugins import call_extension, call_plugin, has_extension
from xapid.operations.host_power import (
    assert_can_evacuate,
    declare_dead,
    destroy,
    disable,
    enable,
    evacuate,
    get_uncooperative_domains,
    get_uncooperative_resident_VMs,
    get_vms_which_prevent_evacuation,
    retrieve_wlb_evacuate_recommendations,
)
from xapid.operations.host_power_on import power_on, set_power_on_mode
from xapid.operations.host_reports import bugreport_upload, get_system_status_capabilities
from xapid.operations.host_rights import (
    apply_edition,
    disable_local_storage_caching,
    enable_local_storage_caching,
    license_add,
    license_remove,
    set_license_params,
)
from xapid.operations.host_secret import (
    cleanup_pool_secret,
    notify_accept_new_pool_secret,
    notify_send_new_pool_secret,
    update_pool_secret,
)
from xapid.operations.host_settings import (
    disable_display,
    disable_ssh,
    enable_display,
    enable_ssh,
    get_ntp_servers_status,
    get_ntp_synchronized,
    get_server_localtime,
    get_servertime,
    list_timezones,
    set_console_idle_timeout,
    set_hostname_live,
    set_https_only,
    set_iscsi_iqn,
    set_max_cstate,
    set_multipathing,
    set_ntp_custom_servers,
    set_ntp_mode,
    set_numa_affinity_policy,
    set_servertime,
    set_ssh_auto_mode,
    set_ssh_enabled_timeout,
    set_ssl_legacy,
    set_timezone,
    set_uefi_certificates,
    syslog_reconfigure,
)
from xapid.operations.host_settling import sync_pif_currently_attached, sync_tunnels, sync_vlans
from xapid.operations.host_succession import (
    abort_new_master,
    commit_new_master,
    propose_new_master,
    request_backup,
    request_config_file_sync,
    update_master,
)
from xapid.operations.host_updates import apply_updates, emergency_clear_mandatory_guidance

API_VERSION: Final = (2, 23)


def create(
    context: Context,
    uuid: str,
    name_label: str,
    name_description: str,
    hostname: str,
    address: str,
    external_auth_type: str,
    external_auth_service_name: str,
    external_auth_configuration: Any,
    license_params: Any,
    edition: str,
    license_server: Any,
    local_cache_sr: str,
    chipset_info: Any,
    ssl_legacy: bool,
    last_software_update: datetime,
    last_update_hash: str,
    ssh_enabled: bool,
    ssh_enabled_timeout: int,
    ssh_expiry: datetime,
    console_idle_timeout: int,
    ssh_auto_mode: bool,
    secure_boot: bool,
    software_version: Any,
    https_only: bool,
    max_cstate: str,
    ntp_mode: str,
    ntp_custom_servers: tuple[str, ...],
    timezone: str,
    numa_affinity_policy: str,
    latest_synced_updates_applied: str,
    pending_guidances_full: tuple[str, ...],
    pending_guidances_recommended: tuple[str, ...],
) -> str:
    fields: dict[str, Any] = {name: value for name, value in locals().items() if name != "context"}
    fields["latest_synced_updates_applied"] = latest_synced_updates_applied or "unknown"  # the declared default is empty
    db = context.db
    with db.transaction() as tx:
        fields["metrics"] = tx.create("host_metrics", last_updated=context.now())
        host = tx.create(
            "host",
            enabled=False,
            API_version_major=API_VERSION[0],
            API_version_minor=API_VERSION[1],
            API_version_vendor="XenSource",
            sched_policy="credit",
            supported_bootloaders=("pygrub", "eliloader"),
            **fields,
        )
        allowed.refresh(tx, db, db.get("host", host))
    return host
