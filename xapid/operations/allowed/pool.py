"""Which operations a pool allows. Serves ``pool.allowed_operations`` and every message that takes a pool operation."""

from __future__ import annotations

from xapid.operations.allowed.rules import Facts, Refusal, Rule, Rules

IN_PROGRESS = {
    "ha_enable": "HA_ENABLE_IN_PROGRESS",
    "ha_disable": "HA_DISABLE_IN_PROGRESS",
    "cluster_create": "CLUSTER_CREATE_IN_PROGRESS",
    "designate_new_master": "DESIGNATE_NEW_MASTER_IN_PROGRESS",
    "tls_verification_enable": "TLS_VERIFICATION_ENABLE_IN_PROGRESS",
    "configure_repositories": "CONFIGURE_REPOSITORIES_IN_PROGRESS",
    "sync_updates": "SYNC_UPDATES_IN_PROGRESS",
    "sync_bundle": "SYNC_BUNDLE_IN_PROGRESS",
    "apply_updates": "APPLY_UPDATES_IN_PROGRESS",
}
"""Operations that others do not wait for, and how those are refused. The rest of the operations wait for each other."""


def _secret_changes(pool: Facts, operation: str) -> Refusal | None:
    return ("POOL_SECRET_ROTATION_PENDING",) if pool.row.is_psr_pending else None


def _concurrency(pool: Facts, operation: str) -> Refusal | None:
    blocking = [current for current in pool.current if current in IN_PROGRESS]
    waiting = [(current, task) for task, current in pool.row.current_operations.items() if current not in IN_PROGRESS]
    if blocking and operation in IN_PROGRESS:
        return (IN_PROGRESS[blocking[0]],)
    if blocking or waiting:
        return "OTHER_OPERATION_IN_PROGRESS", "pool", pool.row.ref, *(waiting[0] if waiting else ())
    return None


def _ha_off(pool: Facts, operation: str) -> Refusal | None:
    return ("HA_IS_ENABLED",) if pool.row.ha_enabled else None


def _ha_on(pool: Facts, operation: str) -> Refusal | None:
    return None if pool.row.ha_enabled else ("HA_NOT_ENABLED",)


def _upgrade(pool: Facts, operation: str) -> Refusal | None:
    return ("NOT_SUPPORTED_DURING_UPGRADE",) if "rolling_upgrade_in_progress" in pool.row.other_config else None


def _no_cluster(pool: Facts, operation: str) -> Refusal | None:
    return ("CLUSTER_ALREADY_EXISTS",) if len(pool.db.table("Cluster")) else None


def _stack_free(pool: Facts, operation: str) -> Refusal | None:
    return ("INCOMPATIBLE_CLUSTER_STACK_ACTIVE", pool.row.ha_cluster_stack) if pool.row.ha_enabled else None


RULES: Rules[Facts] = Rules(
    "pool",
    (
        "ha_enable", "ha_disable", "cluster_create", "designate_new_master", "configure_repositories", "sync_updates",
        "sync_bundle", "get_updates", "apply_updates", "tls_verification_enable", "cert_refresh",
        "exchange_certificates_on_join", "exchange_ca_certificates_on_join", "copy_primary_host_certs", "eject",
        "exchange_crls_on_join",
    ),
    Facts,
    (
        Rule(_secret_changes),
        Rule(_concurrency),
        Rule(_ha_off, {"ha_enable", "tls_verification_enable"}),
        Rule(_ha_on, {"ha_disable"}),
        Rule(_upgrade, {"cluster_create", "tls_verification_enable"}),
        Rule(_no_cluster, {"cluster_create"}),
        Rule(_stack_free, {"cluster_create"}),
    ),
)  # fmt: skip
