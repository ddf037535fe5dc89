"""Another certificate for a daemon, while everyone goes on talking to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from xapid.agent.remote import read_answer
from xapid.agent.values import AgentFailure
from xapid.datamodel.errors import XenAPIError
from xapid.pool.common import ROSTER, Common


@asynccontextmanager
async def renewing(common: Common, host: str, certificate: str) -> AsyncIterator[None]:
    """Around the change of what the daemon of a host presents to this ``certificate``, in PEM.

    Every daemon knows both within, and the new one alone after; the old one alone, if something fails before the change.
    Errors: CANNOT_CONTACT_HOST.
    """
    daemon = common.place_of(host).who
    old = common.membership.pins().get(daemon, "")  # a pool that has no sockets has not begun with one
    remains = old or certificate
    try:
        await _tell(common, daemon, old + certificate)
        yield
        remains = certificate
    finally:
        common.membership.pin(daemon, remains)
        if daemon == common.membership.own:
            common.certificate = remains
        await _tell(common, daemon, remains)


def hosts_beside(common: Common, host: str) -> list[str]:
    """The hosts that the daemon of this one runs, itself among them."""
    daemon = common.place_of(host).who
    return [row.ref for row in common.db.table("host") if common.place_of(row.ref).who == daemon]


async def _tell(common: Common, daemon: str, pem: str) -> None:
    common.membership.pin(daemon, pem)
    roster = orjson.dumps(common.membership.roster(common.peers.own_places()))
    for place in common.others():
        try:
            read_answer(await common.tell(place, ROSTER, roster))
        except AgentFailure as problem:
            raise XenAPIError("CANNOT_CONTACT_HOST", common.ref_of(place.host) or "") from problem
