"""The pool (class ``pool``): this module gathers what the ``pool_…`` modules beside it do."""

# ruff: noqa: F401 - what is imported here is registered by that, and not used

from __future__ import annotations

from xapid.operations.pool_calls import (
    apply_edition,
    audit_log_append,
    check_update_readiness,
    create_new_blob,
    create_VLAN,
    create_VLAN_from_PIF,
    disable_binary_storage,
    disable_local_storage_caching,
    disable_ssh,
    disable_ssl_legacy,
    enable_binary_storage,
    enable_local_storage_caching,
    enable_ssh,
    get_license_state,
    has_extension,
    management_reconfigure,
    set_console_idle_timeout,
    set_https_only,
    set_ssh_auto_mode,
    set_ssh_enabled_timeout,
)
from xapid.operations.pool_directory import (
    detect_nonhomogeneous_external_auth,
    disable_external_auth,
    enable_external_auth,
    external_auth_set_ldaps,
)
from xapid.operations.pool_eject import eject
from xapid.operations.pool_ha import (
    disable_ha,
    ha_compute_hypothetical_max_host_failures_to_tolerate,
    ha_compute_max_host_failures_to_tolerate,
    ha_compute_vm_failover_plan,
    ha_failover_plan_exists,
    ha_prevent_restarts_for,
    ha_schedule_plan_recomputation,
)
from xapid.operations.pool_join import exchange_certificates_on_join, initial_auth, join, join_force
from xapid.operations.pool_redo_log import disable_redo_log, enable_redo_log
from xapid.operations.pool_secret import rotate_secret
from xapid.operations.pool_settings import (
    add_repository,
    add_to_guest_agent_config,
    configure_repository_proxy,
    configure_update_sync,
    disable_client_certificate_auth,
    disable_repository_proxy,
    enable_client_certificate_auth,
    get_guest_secureboot_readiness,
    remove_from_guest_agent_config,
    remove_repository,
    reset_telemetry_uuid,
    set_custom_uefi_certificates,
    set_ext_auth_cache_enabled,
    set_ext_auth_cache_expiry,
    set_ext_auth_cache_size,
    set_ext_auth_max_threads,
    set_ha_host_failures_to_tolerate,
    set_igmp_snooping_enabled,
    set_local_auth_max_threads,
    set_repositories,
    set_telemetry_next_collection,
    set_uefi_certificates,
    set_update_sync_enabled,
    set_vswitch_controller,
    sync_updates,
)
from xapid.operations.pool_succession import (
    designate_new_master,
    emergency_reset_master,
    emergency_transition_to_master,
    hello,
    is_slave,
    recover_slaves,
    sync_database,
)
from xapid.operations.pool_trust import (
    certificate_install,
    certificate_list,
    certificate_sync,
    certificate_uninstall,
    crl_install,
    crl_list,
    crl_uninstall,
    enable_tls_verification,
    exchange_ca_certificates_on_join,
    exchange_crls_on_join,
    exchange_trusted_certificates_on_join,
    install_ca_certificate,
    install_trusted_certificate,
    sync_trusted_certificates_from,
    uninstall_ca_certificate,
    uninstall_trusted_certificate,
)
from xapid.operations.pool_wlb import (
    deconfigure_wlb,
    initialize_wlb,
    retrieve_wlb_configuration,
    retrieve_wlb_recommendations,
    send_test_post,
    send_wlb_configuration,
)
