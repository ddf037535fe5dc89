"""Where clients can read a disk over the network block device protocol: ``VDI.get_nbd_info``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from cryptography import x509

from xapid.agent.values import AgentFailure
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context

PORT: Final = 10809
SECURE: Final = "nbd"
INSECURE: Final = "insecure_nbd"
"""The purposes of networks on which disks are served, with TLS and without."""


async def get_nbd_info(context: Context, self: str) -> tuple[dict[str, Any], ...]:
    db = context.db
    disk = db.get("VDI", self)
    if disk.type == "cbt_metadata":
        raise XenAPIError("VDI_INCOMPATIBLE_TYPE", self, disk.type)
    found: list[dict[str, Any]] = []
    for host in _hosts(context, disk):
        at = [address for address, _ in addresses(db, host)]
        with suppress(AgentFailure, XenAPIError):  # A host that cannot be asked cannot be read from either.
            certificate = await _certificate(context, host) if at else ""
            found += [
                {
                    "exportname": f"/{disk.uuid}?session_id={context.session.ref}",
                    "address": address,
                    "port": PORT,
                    "cert": certificate,
                    "subject": _subject(certificate) or host.hostname,
                }
                for address in at
            ]
    return tuple(found)


def _hosts(context: Context, disk: Row) -> list[Row]:
    """Those that reach the disk and that this daemon runs: it is the coordinator's that serves disks."""
    db, elsewhere = context.db, context.services.pool.membership.find
    pbds = [db.get("PBD", ref) for ref in db.get("SR", disk.SR).PBDs]
    hosts = [db.get("host", pbd.host) for pbd in pbds if pbd.currently_attached]
    return [host for host in hosts if elsewhere(host.uuid) is None]


def addresses(db: Database, host: Row) -> Iterator[tuple[str, str]]:
    """The addresses of a host on networks that are for this protocol, each with the purpose of its network."""
    for pif in (db.get("PIF", ref) for ref in host.PIFs):
        network = db.table("network").find(pif.network)
        purpose = None if network is None else next((each for each in (SECURE, INSECURE) if each in network.purpose), None)
        if purpose is not None:
            yield from ((address.split("/")[0], purpose) for address in (pif.IP, *pif.IPv6) if address)


async def _certificate(context: Context, host: Row) -> str:
    states = await context.agent(host.ref).certificates.list_certificates()
    return next((state["pem"] for state in states if state["type"] == "host"), "")


def _subject(certificate: str) -> str:
    """A name that the certificate is for."""
    try:
        parsed = x509.load_pem_x509_certificate(certificate.encode())
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return ""
    return next(iter(names.get_values_for_type(x509.DNSName)), "")
