"""The external directory, as operations reach it."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from xapid.auth.directory import IDirectory
from xapid.auth.ldap_directory import Trust
from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.services import Agents

PURPOSE: Final = "ldaps"


def directory(context: Context) -> IDirectory:
    """The directory of the pool. Errors: AUTH_IS_DISABLED."""
    found = context.services.logins.directory
    if found is None:
        raise XenAPIError("AUTH_IS_DISABLED")
    return found


async def trust_for_directories(db: Database, agents: Agents) -> Trust:
    """The certificates that the pool trusts for directories: those for this purpose, and authorities for any."""
    rows = {
        (row.type, row.fingerprint_sha256)
        for row in db.table("Certificate")
        if PURPOSE in row.purpose or (row.type == "ca" and not row.purpose)
    }
    authorities, pinned = [], set()
    for state in await agents.get(the_pool(db).master).certificates.list_trusted():
        if state["type"] == "crl":
            continue
        shown = x509.load_pem_x509_certificate(state["pem"].encode()).fingerprint(SHA256())
        if (state["type"], shown.hex(":").upper()) in rows and state["type"] == "ca":
            authorities.append(state["pem"])
        elif (state["type"], shown.hex(":").upper()) in rows:
            pinned.add(shown.hex())
    return Trust(tuple(authorities), frozenset(pinned))
