"""The certificates that the whole pool trusts, and the lists of those that it does not any longer (class ``pool``).

The coordinator's host has them in files; every other host has the same ones. A host that is away gets them when it returns.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from xapid.agent.interface import IHostAgent
from xapid.agent.values import AgentFailure, CertificateState, Neighbour
from xapid.certificates.checks import certificate_fields, check_trusted
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.cabling import the_pool
from xapid.operations.certificate_rows import bring_in_line
from xapid.operations.context import Context
from xapid.placement.checks import is_live

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.pem")
_PEM: Final = "-----BEGIN CERTIFICATE-----"


# Authorities, by name --------------------------------------------------------------------------------------------------


async def install_ca_certificate(context: Context, name: str, cert: str) -> None:
    """Errors: CERTIFICATE_NAME_INVALID, CERTIFICATE_ALREADY_EXISTS, CERTIFICATE_CORRUPT for what is no certificate,
    CA_CERTIFICATE_INVALID for more than one, CA_CERTIFICATE_NOT_VALID_YET, CA_CERTIFICATE_EXPIRED.
    """
    _check_name("CERTIFICATE_NAME_INVALID", name)
    if _named(context.db, name) is not None:
        raise XenAPIError("CERTIFICATE_ALREADY_EXISTS", name)
    loaded = _authority(context, name, cert)
    await _trust(context, name, "ca", cert)
    with context.db.transaction() as tx:
        tx.create("Certificate", type="ca", name=name, **certificate_fields(loaded))


async def uninstall_ca_certificate(context: Context, name: str, force: bool) -> None:
    _check_name("CERTIFICATE_NAME_INVALID", name)
    row = _named(context.db, name)
    if row is None and not force:
        raise XenAPIError("CERTIFICATE_DOES_NOT_EXIST", name)
    await _distrust(context, name, "ca")
    if row is not None:
        with context.db.transaction() as tx:
            tx.destroy(row)


async def certificate_install(context: Context, name: str, cert: str) -> None:
    await install_ca_certificate(context, name, cert)


async def certificate_uninstall(context: Context, name: str) -> None:
    await uninstall_ca_certificate(context, name, False)


def certificate_list(context: Context) -> tuple[str, ...]:
    return tuple(row.name for row in context.db.table("Certificate") if row.type == "ca" and row.name)


async def certificate_sync(context: Context) -> None:
    """Errors: HOST_OFFLINE, CANNOT_CONTACT_HOST."""
    coordinator = _coordinator(context)
    for host in context.db.table("host"):
        await bring_in_line(coordinator, context.agent(host.ref))


async def exchange_ca_certificates_on_join(context: Context, import_: Any, export: Any) -> frozenmap:
    """Those that a joining host brings, by name, are the pool's too; returns the text of the pool's own, by name."""
    for name, cert in import_.items():
        row = _named(context.db, name)
        if row is None:
            await install_ca_certificate(context, name, cert)
        elif row.fingerprint_sha256 != certificate_fields(_authority(context, name, cert))["fingerprint_sha256"]:
            raise XenAPIError("CERTIFICATE_ALREADY_EXISTS", name)
    held = {state["name"]: state["pem"] for state in await _held(context) if state["type"] == "ca"}
    names = [context.db.get("Certificate", ref).name for ref in export]
    return frozenmap({name: held[name] for name in names if name in held})


# Revocation lists --------------------------------------------------------------------------------------------------------


async def crl_install(context: Context, name: str, cert: str) -> None:
    _check_name("CRL_NAME_INVALID", name)
    if name in await crl_list(context):
        raise XenAPIError("CRL_ALREADY_EXISTS", name)
    try:
        x509.load_pem_x509_crl(cert.encode())
    except ValueError:
        raise XenAPIError("CRL_CORRUPT", name) from None
    await _trust(context, name, "crl", cert)


async def crl_uninstall(context: Context, name: str) -> None:
    _check_name("CRL_NAME_INVALID", name)
    if name not in await crl_list(context):
        raise XenAPIError("CRL_DOES_NOT_EXIST", name)
    await _distrust(context, name, "crl")


async def crl_list(context: Context) -> tuple[str, ...]:
    return tuple(sorted(state["name"] for state in await _held(context) if state["type"] == "crl"))


async def exchange_crls_on_join(context: Context, self: str, import_: Any, export: Any) -> frozenmap:
    """The same for lists. Those that are there stay as they are."""
    context.db.get("pool", self)
    held = {state["name"]: state["pem"] for state in await _held(context) if state["type"] == "crl"}
    for name, crl in import_.items():
        if name not in held:
            await crl_install(context, name, crl)
    return frozenmap({name: held[name] for name in export if name in held})


# Certificates that are trusted for a purpose, by fingerprint ----------------------------------------------------------------


async def install_trusted_certificate(context: Context, self: str, ca: bool, cert: str, purpose: Any) -> None:
    """Errors: CERTIFICATE_LACKS_PURPOSE for one of a single server without any, TRUSTED_CERTIFICATE_INVALID,
    TRUSTED_CERTIFICATE_NOT_VALID_YET, TRUSTED_CERTIFICATE_EXPIRED, TRUSTED_CERTIFICATE_ALREADY_EXISTS.
    """
    context.db.get("pool", self)
    await _install_trusted(context, ca, cert, purpose)


async def _install_trusted(context: Context, ca: bool, cert: str, purpose: Any) -> str:
    if not ca and not purpose:
        raise XenAPIError("CERTIFICATE_LACKS_PURPOSE")
    fields = certificate_fields(check_trusted(cert, context.now(), "TRUSTED_CERTIFICATE"))
    fingerprint = fields["fingerprint_sha256"]
    kind = "ca" if ca else "pinned"
    if any(row.fingerprint_sha256 == fingerprint and row.type == kind for row in _trusted(context.db)):
        raise XenAPIError("TRUSTED_CERTIFICATE_ALREADY_EXISTS", fingerprint)
    await _trust(context, trusted_file(fingerprint), kind, cert)
    with context.db.transaction() as tx:
        return tx.create("Certificate", type=kind, purpose=tuple(dict.fromkeys(purpose)), **fields)


async def uninstall_trusted_certificate(context: Context, self: str, certificate: str) -> None:
    context.db.get("pool", self)
    row = context.db.get("Certificate", certificate)
    if row not in _trusted(context.db):
        raise XenAPIError("NOT_TRUSTED_CERTIFICATE", certificate)
    await _distrust(context, trusted_file(row.fingerprint_sha256), row.type)
    with context.db.transaction() as tx:
        tx.destroy(row)


async def exchange_trusted_certificates_on_join(context: Context, self: str, ca: bool, import_: Any, export: Any) -> frozenmap:
    """The same for these: purposes by text. Those that are there stay as they are."""
    context.db.get("pool", self)
    for cert, purpose in import_.items():
        try:
            await _install_trusted(context, ca, cert, purpose)
        except XenAPIError as refusal:
            if refusal.code != "TRUSTED_CERTIFICATE_ALREADY_EXISTS":
                raise
    held = {state["name"]: state["pem"] for state in await _held(context)}
    rows = [context.db.get("Certificate", ref) for ref in export]
    files = [(row, trusted_file(row.fingerprint_sha256)) for row in rows if row.type == ("ca" if ca else "pinned")]
    return frozenmap({held[file]: tuple(row.purpose) for row, file in files if file in held})


async def sync_trusted_certificates_from(
    context: Context, self: str, remote_pool: str, remote_session: str, remote_certificate: str, ca: bool
) -> tuple[str, ...]:
    """Trust what another pool trusts, whose coordinator answers at ``remote_pool`` with ``remote_certificate``.

    Returns the objects here, of those that were there before too. Errors: TRUSTED_CERTIFICATE_INVALID, those of the call there,
    TLS_CONNECTION_FAILED.
    """
    context.db.get("pool", self)
    check_trusted(remote_certificate, context.now(), "TRUSTED_CERTIFICATE")
    there = context.services.elsewhere.pinned(remote_pool, remote_certificate)
    pools = await there.call("pool.get_all", remote_session)
    rows = await there.call("Certificate.get_all_records", remote_session)
    kind = "ca" if ca else "pinned"
    wanted = [ref for ref, row in rows.items() if row["type"] == kind and not row["name"]]
    found = await there.call("pool.exchange_trusted_certificates_on_join", remote_session, pools[0], ca, {}, wanted)
    refs = []
    for cert, purpose in found.items():
        fingerprint = certificate_fields(check_trusted(cert, context.now(), "TRUSTED_CERTIFICATE"))["fingerprint_sha256"]
        present = [row.ref for row in _trusted(context.db) if row.fingerprint_sha256 == fingerprint and row.type == kind]
        refs.append(present[0] if present else await _install_trusted(context, ca, cert, purpose))
    return tuple(refs)


# Whether hosts look at the certificates of each other -------------------------------------------------------------------


async def enable_tls_verification(context: Context) -> None:
    """When every host reaches every other one, and sees the certificate there that it should. There is no way back.

    Errors: CANNOT_CONTACT_HOST with the one that is not reached.
    """
    db = context.db
    if the_pool(db).tls_verification_enabled:
        return
    neighbours = [await _neighbour(context, host) for host in db.table("host")]
    for host in db.table("host"):
        others = [each for each in neighbours if each["host"] != host.uuid]
        for uuid in await context.agent(host.ref).certificates.unreached(others):
            raise XenAPIError("CANNOT_CONTACT_HOST", db.table("host").by_uuid(uuid).ref)
    for host in db.table("host"):
        await context.agent(host.ref).certificates.set_verification(True)
    with db.transaction() as tx:
        for host in db.table("host"):
            tx.update(host, tls_verification_enabled=True)
        tx.update(the_pool(db), tls_verification_enabled=True, wlb_verify_cert=True)


async def _neighbour(context: Context, host: Row) -> Neighbour:
    states: list[CertificateState] = await context.agent(host.ref).certificates.list_certificates()
    pem = next(state["pem"] for state in states if state["type"] == "host_internal")
    shown = x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256()).hex()
    place = context.services.pool.common.place_of(host.ref)
    return Neighbour(host=host.uuid, address=place.address, port=place.port, fingerprint=shown)


# All of them -----------------------------------------------------------------------------------------------------------


async def _trust(context: Context, name: str, kind: str, pem: str) -> None:
    """On every host that is there, the coordinator's first; if one fails, on none. Errors: CANNOT_CONTACT_HOST."""
    done: list[IHostAgent] = []
    for host in _hosts(context):
        try:
            agent = context.agent(host.ref)
            await agent.certificates.trust(name, kind, pem)
        except (AgentFailure, XenAPIError) as problem:
            for each in done:
                with suppress(AgentFailure):  # a host that is away gets what the coordinator has when it returns
                    await each.certificates.distrust(name, kind)
            raise XenAPIError("CANNOT_CONTACT_HOST", host.ref) from problem
        done.append(agent)


async def _distrust(context: Context, name: str, kind: str) -> None:
    for host in _hosts(context):
        await context.agent(host.ref).certificates.distrust(name, kind)


def _hosts(context: Context) -> list[Row]:
    master = the_pool(context.db).master
    live = [host for host in context.db.table("host") if host.ref == master or is_live(context.db, host)]
    return sorted(live, key=lambda host: host.ref != master)


def _coordinator(context: Context) -> IHostAgent:
    return context.agent(the_pool(context.db).master)


async def _held(context: Context) -> list[CertificateState]:
    ask: Callable[[], Awaitable[list[CertificateState]]] = _coordinator(context).certificates.list_trusted
    return await ask()


def _authority(context: Context, name: str, cert: str) -> x509.Certificate:
    if _PEM not in cert:
        raise XenAPIError("CERTIFICATE_CORRUPT", name)
    try:
        x509.load_pem_x509_certificate(cert.encode())
    except ValueError:
        raise XenAPIError("CERTIFICATE_CORRUPT", name) from None
    return check_trusted(cert, context.now(), "CA_CERTIFICATE")


def trusted_file(fingerprint: str) -> str:
    return f"{fingerprint.replace(':', '').lower()}.pem"


def _trusted(db: Database) -> list[Row]:
    """The objects of those without a name."""
    return [row for row in db.table("Certificate") if row.type == "pinned" or (row.type == "ca" and not row.name)]


def _check_name(code: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise XenAPIError(code, name)


def _named(db: Database, name: str) -> Row | None:
    return next((row for row in db.table("Certificate") if row.type == "ca" and row.name == name), None)
