"""pool: the messages about whom the pool trusts, and who may log in."""

from xapid.datamodel.classes.pool_enums import (
    certificate_purpose,
)
from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import CLIENT_CERT, POOL_ADMIN, POOL_OPERATOR
from xapid.datamodel.schema import THE_POOL, Message, Param
from xapid.datamodel.types import Bool, Int, Map, Ref, Set, String, Void

TRUST = (
    Message(
        "exchange_certificates_on_join", (Param("uuid", String), Param("certificate", String)), Map(String, String),
        "Stores a joining host's internal certificate throughout the pool and returns the pool's own, by host.",
        hidden=True, operation="exchange_certificates_on_join", locked=THE_POOL,
    ),
    Message(
        "exchange_ca_certificates_on_join",
        (Param("import", Map(String, String)), Param("export", Set(Ref("Certificate")))), Map(String, String),
        "Imports a joining host's CA certificates and returns the content of the requested ones.", hidden=True,
        operation="exchange_ca_certificates_on_join", locked=THE_POOL,
    ),
    Message(
        "enable_external_auth",
        (
            Param("pool", Ref("pool")), Param("config", Map(String, String)), Param("service_name", String),
            Param("auth_type", String),
        ),
        Void, "Sets up external authentication of the given type on every host, undoing it all if one host fails.",
        "george", roles=POOL_ADMIN, asynchronous=False,
    ),
    Message(
        "disable_external_auth", (Param("pool", Ref("pool")), Param("config", Map(String, String), {})), Void,
        "Turns external authentication off on every host.", "george", roles=POOL_ADMIN, asynchronous=False,
    ),
    Message(
        "external_auth_set_ldaps", (Param("pool", Ref("pool")), Param("ldaps", Bool), Param("force", Bool, False)), Void,
        "Chooses whether every host talks to the directory over LDAPS instead of plain LDAP.", "26.16.0", roles=POOL_ADMIN,
        asynchronous=False,
    ),
    Message(
        "detect_nonhomogeneous_external_auth", (Param("pool", Ref("pool")),), Void,
        "Checks that all hosts use the same external authentication and raises an alert if they differ.", "george",
        asynchronous=False,
    ),
    Message(
        "certificate_install", (Param("name", String), Param("cert", String)), Void,
        "Installs a CA certificate on all hosts; an older name of the CA installation call.",
        Lifecycle(published="george", deprecated="1.290.0"),
    ),
    Message(
        "certificate_uninstall", (Param("name", String),), Void,
        "Removes a CA certificate from all hosts; an older name of the CA removal call.",
        Lifecycle(published="george", deprecated="1.290.0"),
    ),
    Message(
        "certificate_list", (), Set(String), "Returns the names of the installed CA certificates.",
        Lifecycle(published="george", deprecated="1.290.0"),
    ),
    Message(
        "install_ca_certificate", (Param("name", String), Param("cert", String)), Void,
        "Installs a CA certificate under the given name on all hosts.",
        Lifecycle(published="1.290.0", deprecated="26.13.0"), roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "uninstall_ca_certificate", (Param("name", String), Param("force", Bool, False)), Void,
        "Removes a CA certificate from all hosts; with force, a missing one is no error.",
        Lifecycle(published="1.290.0", changed="24.35.0", deprecated="26.13.0"), roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "crl_install", (Param("name", String), Param("cert", String)), Void,
        "Installs a certificate revocation list under the given name on all hosts.", "george",
    ),
    Message(
        "crl_uninstall", (Param("name", String),), Void, "Removes the named certificate revocation list from all hosts.",
        "george",
    ),
    Message("crl_list", (), Set(String), "Returns the names of the installed certificate revocation lists.", "george"),
    Message(
        "certificate_sync", (), Void,
        "Makes the certificates and revocation lists on every member equal to the coordinator's.", "george",
    ),
    Message(
        "enable_tls_verification", (), Void,
        "Starts checking TLS certificates between all hosts; there is no call to undo this.", "1.290.0", roles=POOL_ADMIN,
        asynchronous=False, operation="tls_verification_enable", locked=THE_POOL,
    ),
    Message(
        "enable_ssl_legacy", (Param("self", Ref("pool")),), Void,
        "Allowed old TLS versions on all hosts; no longer supported.",
        Lifecycle(published="dundee", deprecated="dundee", removed="stockholm"), refused="MESSAGE_REMOVED",
    ),
    Message(
        "disable_ssl_legacy", (Param("self", Ref("pool")),), Void, "Stops all hosts from accepting old TLS versions.",
        Lifecycle(published="dundee", deprecated="stockholm"),
    ),
    Message(
        "rotate_secret", (), Void, "Replaces the secret shared by the hosts of the pool with a new one.", "stockholm_psr",
        roles=POOL_ADMIN,
        errors=("INTERNAL_ERROR", "HOST_IS_SLAVE", "CANNOT_CONTACT_HOST", "HA_IS_ENABLED", "NOT_SUPPORTED_DURING_UPGRADE"),
    ),
    Message(
        "enable_client_certificate_auth", (Param("self", Ref("pool")), Param("name", String)), Void,
        "Lets clients log in with a TLS certificate that carries the given subject name.", "1.318.0",
        roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "disable_client_certificate_auth", (Param("self", Ref("pool")),), Void,
        "Stops accepting TLS certificates as a means of client login.", "1.318.0", roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "set_uefi_certificates", (Param("self", Ref("pool")), Param("value", String)), Void,
        "Sets the secure-boot certificates in effect; superseded by the call for custom ones.",
        Lifecycle(published="22.16.0", deprecated="24.0.0"), roles=POOL_ADMIN,
    ),
    Message(
        "set_custom_uefi_certificates", (Param("self", Ref("pool")), Param("value", String)), Void,
        "Sets the administrator's own secure-boot certificates and passes them on to all hosts.",
        Lifecycle(prototyped="24.0.0"), roles=POOL_ADMIN,
    ),
    Message(
        "set_https_only", (Param("self", Ref("pool")), Param("value", Bool)), Void,
        "Chooses whether all hosts close plain HTTP and answer on HTTPS alone.", Lifecycle(prototyped="22.27.0"),
    ),
    Message(
        "set_local_auth_max_threads", (Param("self", Ref("pool")), Param("value", Int)), Void,
        "Sets how many local authentications may run at the same time.", Lifecycle(prototyped="23.27.0"),
        asynchronous=False,
    ),
    Message(
        "set_ext_auth_max_threads", (Param("self", Ref("pool")), Param("value", Int)), Void,
        "Sets how many external authentications may run at the same time.", Lifecycle(prototyped="23.27.0"),
        asynchronous=False,
    ),
    Message(
        "set_ext_auth_cache_enabled", (Param("self", Ref("pool")), Param("value", Bool)), Void,
        "Switches the cache of external logins on or off.", Lifecycle(prototyped="24.31.0"),
    ),
    Message(
        "set_ext_auth_cache_size", (Param("self", Ref("pool")), Param("value", Int)), Void,
        "Sets the greatest number of entries in the cache of external logins.", Lifecycle(prototyped="24.31.0"),
    ),
    Message(
        "set_ext_auth_cache_expiry", (Param("self", Ref("pool")), Param("value", Int)), Void,
        "Sets for how many seconds an entry of the external login cache stays valid.", Lifecycle(prototyped="24.31.0"),
    ),
    Message(
        "install_trusted_certificate",
        (
            Param("self", Ref("pool")), Param("ca", Bool), Param("cert", String),
            Param("purpose", Set(certificate_purpose)),
        ),
        Void, "Installs a trusted certificate on all hosts, as a CA or pinned to the stated purposes.",
        Lifecycle(prototyped="26.13.0"), roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "uninstall_trusted_certificate", (Param("self", Ref("pool")), Param("certificate", Ref("Certificate"))), Void,
        "Removes a trusted certificate from all hosts.", Lifecycle(prototyped="26.13.0"), roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "sync_trusted_certificates_from",
        (
            Param("self", Ref("pool")), Param("remote_pool", String), Param("remote_session", Ref("session")),
            Param("remote_certificate", String), Param("ca", Bool),
        ),
        Set(Ref("Certificate")),
        "Copies the trusted certificates of another pool to this one and returns their records here.",
        Lifecycle(prototyped="26.16.0"), roles=POOL_OPERATOR | CLIENT_CERT,
    ),
    Message(
        "exchange_trusted_certificates_on_join",
        (
            Param("self", Ref("pool")), Param("ca", Bool), Param("import", Map(String, Set(String))),
            Param("export", Set(Ref("Certificate"))),
        ),
        Map(String, Set(String)),
        "Imports a joining host's trusted certificates and returns the content of the requested ones.",
        roles=POOL_OPERATOR | CLIENT_CERT, hidden=True,
    ),
    Message(
        "exchange_crls_on_join",
        (Param("self", Ref("pool")), Param("import", Map(String, String)), Param("export", Set(String))),
        Map(String, String), "Imports a joining host's revocation lists and returns the content of the requested ones.",
        roles=POOL_OPERATOR | CLIENT_CERT, hidden=True, operation="exchange_crls_on_join",
    ),
)
