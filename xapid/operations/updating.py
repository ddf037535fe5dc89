"""Updates of hosts: looking at repositories, what hosts lack, installing it, and what is left to do afterwards.

Serves ``pool.sync_updates``, ``host.apply_updates`` and the HTTP actions about updates. Simulated hosts remember which
packages they have; a host that was never updated has the oldest that its repository knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import orjson

from xapid.database import Database, Row, Transaction
from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.services import Services
from xapid.updates.hosts import Lacking, lacking
from xapid.updates.metadata import GUIDANCE, LARGEST, BadMetadata
from xapid.updates.offers import Offer, Read, look, reader_of

PACKAGES: Final = "packages:"
"""Prefix, before a host's uuid, of what it has installed."""
_FIELDS: Final = {
    "mandatory": "pending_guidances", "recommended": "pending_guidances_recommended", "full": "pending_guidances_full",
}  # fmt: skip
_OF_VMS: Final = ("restart_device_model", "restart_vm")


def enabled(db: Database) -> Row:
    """The repository that has the pool's updates. Errors: NO_REPOSITORY_ENABLED, MULTIPLE_UPDATE_REPOSITORIES_ENABLED."""
    rows = [row for ref in the_pool(db).repositories if (row := db.table("Repository").find(ref)) is not None and row.update]
    if not rows:
        raise XenAPIError("NO_REPOSITORY_ENABLED")
    if len(rows) > 1:
        raise XenAPIError("MULTIPLE_UPDATE_REPOSITORIES_ENABLED")
    return rows[0]


def offer_of(db: Database, services: Services) -> Offer:
    """What the enabled repository offered when it was looked at last. Errors: NO_REPOSITORY_ENABLED, GET_UPDATES_FAILED."""
    offer: Offer | None = services.offers.get(enabled(db).uuid)
    if offer is None:
        raise XenAPIError("GET_UPDATES_FAILED")
    return offer


async def sync(context: Context, username: str, password: str) -> str:
    """Look at the enabled repository; returns the checksum of what it offers.

    Errors: those of :func:`enabled`; REPOSYNC_FAILED, INVALID_UPDATEINFO_XML, UPDATEINFO_HASH_MISMATCH, with nothing changed.
    """
    row = enabled(context.db)
    if row.origin == "bundle":
        if context.services.offers.get(row.uuid) is None:
            raise XenAPIError("CAN_NOT_SYNC_UPDATES")
        return str(row.hash)
    try:
        offer = await look(_reader(context, row, username, password))
    except BadMetadata as problem:
        raise XenAPIError(problem.code) from problem
    take(context.db, context.services, row, offer)
    with context.db.transaction() as tx:
        tx.update(the_pool(context.db), last_update_sync=context.now())
    return offer.checksum


def take(db: Database, services: Services, repository: Row, offer: Offer) -> None:
    """``repository`` offers this from now on."""
    services.offers.put(repository.uuid, offer)
    with db.transaction() as tx:
        tx.update(repository, hash=offer.checksum)
        for host in db.table("host").rows():
            tx.update(host, latest_synced_updates_applied="no" if missing(db, host, offer).updates else "yes")


def missing(db: Database, host: Row, offer: Offer) -> Lacking:
    """What a host lacks of an offer."""
    return lacking(offer, installed(db, host, offer))


def installed(db: Database, host: Row, offer: Offer) -> dict[str, str]:
    """The packages that a host has: name and architecture → epoch, version and release."""
    kept = db.meta.get(PACKAGES + host.uuid)
    return offer.oldest() if kept is None else {**offer.oldest(), **orjson.loads(kept)}


def apply(context: Context, host: Row, hash: str) -> None:
    """Install on a host what it lacks of the updates that ``hash`` is the checksum of.

    Errors: NO_REPOSITORY_ENABLED, GET_UPDATES_FAILED, UPDATEINFO_HASH_MISMATCH, HA_IS_ENABLED.
    """
    db = context.db
    offer = offer_of(db, context.services)
    if offer.checksum != hash:
        raise XenAPIError("UPDATEINFO_HASH_MISMATCH")
    if the_pool(db).ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    gaps = missing(db, host, offer)
    present = installed(db, host, offer) | {package.key: package.edition for package in gaps.packages}
    with db.transaction() as tx:
        tx.set_meta(PACKAGES + host.uuid, orjson.dumps(present).decode())
        tx.update(
            host,
            last_software_update=context.now() if gaps.packages else host.last_software_update,
            last_update_hash=hash,
            latest_synced_updates_applied="yes",
        )
        for kind, field in _FIELDS.items():
            left = [GUIDANCE[word] for word in gaps.guidance[kind] if GUIDANCE[word]]
            _add(tx, db.get("host", host.ref), field, [word for word in left if word not in _OF_VMS])
            for vm in host.resident_VMs:
                _add(tx, db.get("VM", vm), field, [word for word in left if word in _OF_VMS])


def done(tx: Transaction, host: Row, *words: str) -> None:
    """What was left to do on a host has been done: the words named, or everything if none is."""
    for field in _FIELDS.values():
        tx.update(host, **{field: tuple(word for word in getattr(host, field) if words and word not in words)})


def _add(tx: Transaction, row: Row, field: str, words: Iterable[str]) -> None:
    present = getattr(row, field)
    added = tuple(word for word in words if word not in present)
    if added:
        tx.update(row, **{field: (*present, *added)})


def _reader(context: Context, repository: Row, username: str, password: str) -> Read:
    url = str(repository.binary_url)
    directory = context.services.offers.directory_of(url)
    if directory is not None:
        return reader_of(directory)
    parts = urlsplit(url if url.endswith("/") else f"{url}/")
    if username:
        parts = parts._replace(netloc=f"{quote(username, safe='')}:{quote(password, safe='')}@{parts.netloc}")

    async def read(path: str) -> bytes:
        try:
            fetched = await context.services.elsewhere.fetch(urlunsplit(parts._replace(path=parts.path + path)))
            data = b""
            while piece := await fetched.read():
                data += piece
                if len(data) > LARGEST:
                    fetched.close()
                    raise BadMetadata("REPOSYNC_FAILED", f"{path} is too large")
        except XenAPIError as problem:
            raise BadMetadata("REPOSYNC_FAILED", " ".join(problem.description)) from problem
        return data

    return read
