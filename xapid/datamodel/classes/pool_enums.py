"""pool: its enums."""

from xapid.datamodel.types import Enum

pool_allowed_operations = Enum(
    "pool_allowed_operations",
    "Operations that concern the pool as a whole.",
    {
        "ha_enable": "switching HA on",
        "ha_disable": "switching HA off",
        "cluster_create": "creating a cluster over the pool",
        "designate_new_master": "handing over the coordinator role",
        "configure_repositories": "changing the update repositories",
        "sync_updates": "fetching updates from the repositories",
        "sync_bundle": "fetching updates from an uploaded bundle",
        "get_updates": "listing the available updates",
        "apply_updates": "applying updates to a host",
        "tls_verification_enable": "switching TLS verification on",
        "cert_refresh": "renewing a host's internal certificate",
        "exchange_certificates_on_join": "trading internal certificates with a joining host",
        "exchange_ca_certificates_on_join": "trading CA certificates with a joining host",
        "copy_primary_host_certs": "copying the coordinator's certificates to a host",
        "eject": "removing a member",
        "exchange_crls_on_join": "trading revocation lists with a joining host",
    },
)

telemetry_frequency = Enum(
    "telemetry_frequency",
    "How often telemetry is gathered.",
    {
        "daily": "",
        "weekly": "",
        "monthly": "",
    },
)

update_sync_frequency = Enum(
    "update_sync_frequency",
    "How often automatic update synchronization runs.",
    {
        "daily": "every day",
        "weekly": "once a week on the chosen day",
    },
)

pool_guest_secureboot_readiness = Enum(
    "pool_guest_secureboot_readiness",
    "How well the pool is equipped for guests to boot securely.",
    {
        "ready": "all needed certificates are present",
        "ready_no_dbx": "secure boot works, but without a revocation database",
        "not_ready": "needed certificates are missing",
    },
)

certificate_purpose = Enum(
    "certificate_purpose",
    "What a trusted certificate is trusted for.",
    {
        "licensing": "connections to the license server",
        "ldaps": "directory connections over LDAPS",
    },
)

hello_return = Enum(
    "hello_return",
    "What a coordinator says to a member that introduces itself.",
    {
        "ok": "The member is known and can be reached.",
        "unknown_host": "The pool has no such host.",
        "cannot_talk_back": "The coordinator cannot reach the member.",
    },
)
