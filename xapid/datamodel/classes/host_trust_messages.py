"""host: the messages about whom a host trusts, what it shows to others, and who may log in."""

from xapid.datamodel.lifecycle import Lifecycle
from xapid.datamodel.roles import LOCAL_ROOT, POOL_ADMIN, READ_ONLY
from xapid.datamodel.schema import THE_POOL, Message, Param, to_host
from xapid.datamodel.types import Bool, Map, Ref, Set, String, Void

TRUST = (
    Message(
        "enable_external_auth",
        (
            Param("host", Ref("host")), Param("config", Map(String, String)), Param("service_name", String),
            Param("auth_type", String),
        ),
        Void, "Joins the host to an external directory for user logins.", "george", roles=POOL_ADMIN, asynchronous=False,
        forward=to_host("host"),
    ),
    Message(
        "disable_external_auth",
        (Param("host", Ref("host")), Param("config", Map(String, String), {}), Param("force", Bool, False)), Void,
        "Makes the host leave its external directory, by force where needed.", "george", roles=POOL_ADMIN,
        asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "external_auth_set_ldaps", (Param("host", Ref("host")), Param("ldaps", Bool), Param("force", Bool, False)), Void,
        "Turns encrypted LDAP towards the directory on or off for the host.", "26.16.0", roles=POOL_ADMIN,
        asynchronous=False, forward=to_host("host"),
    ),
    Message(
        "install_ca_certificate", (Param("host", Ref("host")), Param("name", String), Param("cert", String)), Void,
        "Places a trusted CA certificate on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "uninstall_ca_certificate", (Param("host", Ref("host")), Param("name", String), Param("force", Bool, False)), Void,
        "Removes a trusted CA certificate from the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "certificate_list", (Param("host", Ref("host")),), Set(String),
        "Lists the trusted CA certificates present on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "crl_install", (Param("host", Ref("host")), Param("name", String), Param("crl", String)), Void,
        "Places a certificate revocation list on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "crl_uninstall", (Param("host", Ref("host")), Param("name", String)), Void,
        "Removes a certificate revocation list from the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "crl_list", (Param("host", Ref("host")),), Set(String),
        "Lists the certificate revocation lists present on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True,
        forward=to_host("host"),
    ),
    Message(
        "certificate_sync", (Param("host", Ref("host")),), Void,
        "Brings the host's certificates and revocation lists in line with the coordinator.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "get_server_certificate", (Param("host", Ref("host")),), String,
        "Returns the TLS certificate that the host serves, in PEM form.",
        Lifecycle(published="george", changed="inverness"), roles=READ_ONLY, forward=to_host("host"),
    ),
    Message(
        "refresh_server_certificate", (Param("host", Ref("host")),), Void,
        "Makes a new certificate for the host's traffic inside the pool.", "1.307.0", roles=POOL_ADMIN,
        forward=to_host("host"), operation="cert_refresh", locked=THE_POOL,
    ),
    Message(
        "install_server_certificate",
        (
            Param("host", Ref("host")), Param("certificate", String), Param("private_key", String),
            Param("certificate_chain", String, ""),
        ),
        Void, "Puts a TLS certificate with its private key and chain in place on the host.", "stockholm", roles=POOL_ADMIN,
        forward=to_host("host"),
    ),
    Message(
        "emergency_reset_server_certificate", (), Void,
        "Gives this host a new self-signed certificate, usable without a coordinator.", "stockholm", roles=LOCAL_ROOT,
        asynchronous=False,
    ),
    Message(
        "reset_server_certificate", (Param("host", Ref("host")),), Void,
        "Replaces the TLS certificate of the host by a new self-signed one.", "1.290.0", roles=POOL_ADMIN,
        forward=to_host("host"),
    ),
    Message(
        "update_pool_secret", (Param("host", Ref("host")), Param("pool_secret", String)), Void,
        "Stores a new pool secret on the host.", roles=LOCAL_ROOT, hidden=True, pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "set_ssl_legacy", (Param("self", Ref("host")), Param("value", Bool)), Void,
        "Sets the obsolete switch for old TLS protocols on the host.", Lifecycle(published="dundee", changed="stockholm"),
    ),
    Message(
        "write_uefi_certificates_to_disk", (Param("host", Ref("host")),), Void,
        "Writes the secure boot certificates in force to the host's file system.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "set_uefi_certificates", (Param("host", Ref("host")), Param("value", String)), Void,
        "Sets the secure boot certificates on the host, superseded by the pool's own call.",
        Lifecycle(published="quebec", deprecated="22.16.0"), roles=LOCAL_ROOT,
    ),
    Message(
        "notify_accept_new_pool_secret", (Param("host", Ref("host")), Param("old_ps", String), Param("new_ps", String)),
        Void, "Makes the host accept the new pool secret besides the old one.", roles=LOCAL_ROOT, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "notify_send_new_pool_secret", (Param("host", Ref("host")), Param("old_ps", String), Param("new_ps", String)), Void,
        "Makes the host present the new pool secret while still accepting the old one.", roles=LOCAL_ROOT, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "cleanup_pool_secret", (Param("host", Ref("host")), Param("old_ps", String), Param("new_ps", String)), Void,
        "Makes the host accept only the new pool secret, ending a rotation.", roles=LOCAL_ROOT, hidden=True,
        forward=to_host("host"),
    ),
    Message(
        "emergency_disable_tls_verification", (), Void,
        "Turns certificate checking off on this host alone, usable without a coordinator.", "1.290.0", roles=LOCAL_ROOT,
        asynchronous=False,
    ),
    Message(
        "emergency_reenable_tls_verification", (), Void,
        "Turns certificate checking back on after an emergency switch-off on this host.", "1.298.0", roles=LOCAL_ROOT,
        asynchronous=False,
    ),
    Message(
        "cert_distrib_atom", (Param("host", Ref("host")), Param("command", String)), String,
        "Carries out one step of the exchange of certificates between hosts.", roles=LOCAL_ROOT, hidden=True,
        pool_internal=True, forward=to_host("host"),
    ),
    Message(
        "copy_primary_host_certs", (Param("host", Ref("host")),), Void,
        "Copies the trusted certificates of the coordinator to the host.", roles=POOL_ADMIN, hidden=True,
        pool_internal=True, operation="copy_primary_host_certs", locked=THE_POOL,
    ),
    Message(
        "set_https_only", (Param("self", Ref("host")), Param("value", Bool)), Void,
        "Opens or closes plain HTTP access to the host.", Lifecycle(prototyped="22.27.0"), forward=to_host("self"),
    ),
)
