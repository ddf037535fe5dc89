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
_PURPOSES: Final = frozenset({"nbd", "insecure_nbd"})


async def get_nbd_info(context: Context, self: str) -> tuple[dict[str, Any], ...]:
    db = context.db
    disk = db.get("VDI", self)
    if disk.type == "cbt_metadata":
        raise XenAPIError("VDI_INCOMPATIBLE_TYPE", self, disk.type)
    found: list[dict[str, Any]] = []
    for host in _hosts(db, disk):
        addresses = list(_addresses(db, host))
        with suppress(AgentFailure, XenAPIError):  # A host that cannot be asked cannot be read from either.
            certificate = await _certificate(context, host) if addresses else ""
            found += [
                {
                    "exportname": f"/{disk.uuid}?session_id={context.session.ref}",
                    "address": address,
                    "port": PORT,
                    "cert": certificate,
                    "subject": _subject(certificate) or host.hostname,
                }
                for address in addresses
            ]
    return tuple(found)


def _hosts(db: Database, disk: Row) -> list[Row]:
    pbds = [db.get("PBD", ref) for ref in db.get("SR", disk.SR).PBDs]
    return [db.get("host", pbd.host) for pbd in pbds if pbd.currently_attached]


def _addresses(db: Database, host: Row) -> Iterator[str]:
    """The addresses of a host on networks that are for this protocol."""
    for pif in (db.get("PIF", ref) for ref in host.PIFs):
        network = db.table("network").find(pif.network)
        if network is not None and _PURPOSES & set(network.purpose):
            yield from (address.split("/")[0] for address in (pif.IP, *pif.IPv6) if address)


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
