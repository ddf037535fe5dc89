"""The certificates that a host shows, to clients and to the other hosts, and those that it trusts (class ``host``)."""

from __future__ import annotations

import json
from typing import Any, Final

from twisted.internet.task import deferLater

from xapid.agent.values import CertificateState, Neighbour
from xapid.certificates.checks import check_server_certificate
from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool
from xapid.operations.certificate_rows import bring_in_line, record
from xapid.operations.context import Context
from xapid.placement.checks import is_live

OVERLAP: Final = 5.0
"""Seconds for which the old certificate of a host is still known to the others, for connections that are being made."""


async def install_server_certificate(
    context: Context, host: str, certificate: str, private_key: str, certificate_chain: str
) -> None:
    if the_pool(context.db).ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    check_server_certificate(certificate, private_key, certificate_chain, context.now())
    record(context.db, host, await context.agent(host).certificates.install_server(certificate, private_key, certificate_chain))


async def reset_server_certificate(context: Context, host: str) -> None:
    record(context.db, host, await context.agent(host).certificates.renew_server())


async def emergency_reset_server_certificate(context: Context) -> None:
    """Of the host that was called. A member's coordinator notes it when it next hears of the host."""
    state = await context.agent(context.host).certificates.renew_server()
    if context.services.role.leader is None:
        record(context.db, context.host, state)


async def get_server_certificate(context: Context, host: str) -> str:
    return next(state["pem"] for state in await _certificates(context, host) if state["type"] == "host")


async def refresh_server_certificate(context: Context, host: str) -> None:
    """The one for other hosts. They learn the new one first, and forget the old one when it is in use no longer."""
    for row in context.db.table("host"):
        if not is_live(context.db, row):
            raise XenAPIError("CANNOT_CONTACT_HOST", row.ref)
    agent, pool = context.agent(host), context.services.pool
    async with pool.renewing(host, (await agent.certificates.prepare_internal())["pem"]):
        state = await agent.certificates.follow_internal()
        for each in pool.hosts_beside(host):
            record(context.db, each, state)
        await deferLater(context.clock, OVERLAP)


# What it trusts --------------------------------------------------------------------------------------------------------


async def install_ca_certificate(context: Context, host: str, name: str, cert: str) -> None:
    await context.agent(host).certificates.trust(name, "ca", cert)


async def uninstall_ca_certificate(context: Context, host: str, name: str, force: bool) -> None:
    await _remove(context, host, name, "ca", None if force else "CERTIFICATE_DOES_NOT_EXIST")


async def certificate_list(context: Context, host: str) -> tuple[str, ...]:
    return await _names(context, host, "ca")


async def crl_install(context: Context, host: str, name: str, crl: str) -> None:
    await context.agent(host).certificates.trust(name, "crl", crl)


async def crl_uninstall(context: Context, host: str, name: str) -> None:
    await _remove(context, host, name, "crl", "CRL_DOES_NOT_EXIST")


async def crl_list(context: Context, host: str) -> tuple[str, ...]:
    return await _names(context, host, "crl")


async def certificate_sync(context: Context, host: str) -> None:
    await bring_in_line(context.agent(the_pool(context.db).master), context.agent(host))


async def copy_primary_host_certs(context: Context, host: str) -> None:
    await certificate_sync(context, host)


async def cert_distrib_atom(context: Context, host: str, command: str) -> str:
    """One step of spreading certificates, as JSON with one member, which gives the answer as JSON.

    ``collect`` gives all of the host's; ``write`` with a list of :class:`~xapid.agent.values.CertificateState` has it trust
    these and no others; ``ping`` with a list of :class:`~xapid.agent.values.Neighbour` gives the uuids of those that it does
    not reach. Errors: INVALID_VALUE.
    """
    certificates = context.agent(host).certificates
    try:
        ((step, argument),) = json.loads(command).items()
        if step == "collect":
            answer: Any = await certificates.list_certificates()
        elif step == "write":
            wanted = [CertificateState(name=each["name"], type=each["type"], pem=each["pem"]) for each in argument]
            await certificates.replace_trusted(wanted)
            answer = None
        elif step == "ping":
            places = [
                Neighbour(host=each["host"], address=each["address"], port=each["port"], fingerprint=each["fingerprint"])
                for each in argument
            ]
            answer = await certificates.unreached(places)
        else:
            raise ValueError(step)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise XenAPIError("INVALID_VALUE", "command", command) from None
    return json.dumps(answer)


async def _remove(context: Context, host: str, name: str, kind: str, missing: str | None) -> None:
    if missing is not None and name not in await _names(context, host, kind):
        raise XenAPIError(missing, name)
    await context.agent(host).certificates.distrust(name, kind)


async def _names(context: Context, host: str, kind: str) -> tuple[str, ...]:
    return tuple(state["name"] for state in await _certificates(context, host) if state["type"] == kind)


async def _certificates(context: Context, host: str) -> list[CertificateState]:
    states: list[CertificateState] = await context.agent(host).certificates.list_certificates()
    return states


# Whether it looks at the certificates of others --------------------------------------------------------------------------


async def emergency_disable_tls_verification(context: Context) -> None:
    """On the host that was called, and on no other."""
    await _set_verification(context, False)


async def emergency_reenable_tls_verification(context: Context) -> None:
    if not the_pool(context.db).tls_verification_enabled:
        raise XenAPIError("TLS_VERIFICATION_NOT_ENABLED_IN_POOL")
    await _set_verification(context, True)


async def _set_verification(context: Context, is_on: bool) -> None:
    await context.agent(context.host).certificates.set_verification(is_on)
    if context.services.role.leader is None:
        with context.db.transaction() as tx:
            tx.update(context.db.get("host", context.host), tls_verification_enabled=is_on)
