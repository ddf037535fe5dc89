"""The certificate that a host shows to clients (class ``host``)."""

from __future__ import annotations

from cryptography import x509

from xapid.agent.values import CertificateState
from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool
from xapid.operations.certificate_checks import certificate_fields, check_server_certificate
from xapid.operations.context import Context


async def install_server_certificate(
    context: Context, host: str, certificate: str, private_key: str, certificate_chain: str
) -> None:
    if the_pool(context.db).ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    leaf = check_server_certificate(certificate, private_key, certificate_chain, context.now())
    await context.agent(host).certificates.install_server(certificate, private_key, certificate_chain)
    _replace(context, host, leaf)


async def reset_server_certificate(context: Context, host: str) -> None:
    state = await context.agent(host).certificates.renew_server()
    if state["pem"]:
        _replace(context, host, x509.load_pem_x509_certificate(state["pem"].encode()))


async def get_server_certificate(context: Context, host: str) -> str:
    states = await _states(context, host)
    return next((state["pem"] for state in states if state["type"] == "host"), "")


async def certificate_list(context: Context, host: str) -> tuple[str, ...]:
    return tuple(state["name"] for state in await _states(context, host) if state["type"] == "ca")


def emergency_reenable_tls_verification(context: Context) -> None:
    if not the_pool(context.db).tls_verification_enabled:
        raise XenAPIError("TLS_VERIFICATION_NOT_ENABLED_IN_POOL")
    with context.db.transaction() as tx:
        tx.update(context.db.get("host", context.host), tls_verification_enabled=True)


async def _states(context: Context, host: str) -> list[CertificateState]:
    states: list[CertificateState] = await context.agent(host).certificates.list_certificates()
    return states


def _replace(context: Context, host: str, leaf: x509.Certificate) -> None:
    """The host's Certificate object is that of the certificate which it shows from now on."""
    db = context.db
    old = [db.get("Certificate", ref) for ref in db.get("host", host).certificates]
    with db.transaction() as tx:
        for row in old:
            if row.type == "host":
                tx.destroy(row)
        tx.create("Certificate", type="host", host=host, **certificate_fields(leaf))
