"""The certificates that the whole pool trusts, and the lists of those that it does not any longer (class ``pool``)."""

from __future__ import annotations

import re

from cryptography import x509

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.certificate_checks import certificate_fields
from xapid.operations.context import Context

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.pem")
_CRL = "crl:"
"""Prefix under which the lists are kept."""


async def install_ca_certificate(context: Context, name: str, cert: str) -> None:
    _check_name("CERTIFICATE_NAME_INVALID", name)
    if _named(context.db, name) is not None:
        raise XenAPIError("CERTIFICATE_ALREADY_EXISTS", name)
    try:
        loaded = x509.load_pem_x509_certificate(cert.encode())
    except ValueError:
        raise XenAPIError("CERTIFICATE_CORRUPT", name) from None
    for host in context.db.table("host"):
        await context.agent(host.ref).certificates.trust(name, "ca", cert)
    with context.db.transaction() as tx:
        tx.create("Certificate", type="ca", name=name, **certificate_fields(loaded))


async def uninstall_ca_certificate(context: Context, name: str, force: bool) -> None:
    _check_name("CERTIFICATE_NAME_INVALID", name)
    row = _named(context.db, name)
    if row is None and not force:
        raise XenAPIError("CERTIFICATE_DOES_NOT_EXIST", name)
    for host in context.db.table("host"):
        await context.agent(host.ref).certificates.distrust(name, "ca")
    if row is not None:
        with context.db.transaction() as tx:
            tx.destroy(row)


async def certificate_install(context: Context, name: str, cert: str) -> None:
    await install_ca_certificate(context, name, cert)


async def certificate_uninstall(context: Context, name: str) -> None:
    await uninstall_ca_certificate(context, name, False)


def certificate_list(context: Context) -> tuple[str, ...]:
    return tuple(row.name for row in context.db.table("Certificate") if row.type == "ca" and row.name)


def certificate_sync(context: Context) -> None:
    """Certificates reach every host when they are installed."""


def crl_install(context: Context, name: str, cert: str) -> None:
    _check_name("CRL_NAME_INVALID", name)
    if _CRL + name in context.db.meta:
        raise XenAPIError("CRL_ALREADY_EXISTS", name)
    try:
        x509.load_pem_x509_crl(cert.encode())
    except ValueError:
        raise XenAPIError("CRL_CORRUPT", name) from None
    with context.db.transaction() as tx:
        tx.set_meta(_CRL + name, cert)


def crl_uninstall(context: Context, name: str) -> None:
    _check_name("CRL_NAME_INVALID", name)
    if _CRL + name not in context.db.meta:
        raise XenAPIError("CRL_DOES_NOT_EXIST", name)
    with context.db.transaction() as tx:
        tx.set_meta(_CRL + name, None)


def crl_list(context: Context) -> tuple[str, ...]:
    return tuple(sorted(key.removeprefix(_CRL) for key in context.db.meta if key.startswith(_CRL)))


def _check_name(code: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise XenAPIError(code, name)


def _named(db: Database, name: str) -> Row | None:
    return next((row for row in db.table("Certificate") if row.type == "ca" and row.name == name), None)
