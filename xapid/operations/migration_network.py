"""Which network the memory of a moving VM takes, and at what address the other host takes it.

Serves ``VM.pool_migrate``, ``host.evacuate`` and ``host.migrate_receive``. A caller may name the network. Where none is
named, the host that the VM goes to may prefer one (``other_config:migration_network_uuid``), then the pool
(``other_config:xo:migrationNetwork``); what they name is only used if the host has an address there, so that a stale key
never keeps a VM from moving. Else it is the management network.
"""

from __future__ import annotations

from typing import Final

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.cabling import the_pool

HOST_KEY: Final = "migration_network_uuid"
POOL_KEY: Final = "xo:migrationNetwork"


def address_on(db: Database, host: str, network: str, *, plugged: bool = True) -> str:
    """The address of a host on a network, for others to send to; with ``plugged``, one that is up now.

    Errors: HANDLE_INVALID, HOST_CANNOT_ATTACH_NETWORK, PIF_HAS_NO_NETWORK_CONFIGURATION, INTERFACE_HAS_NO_IP.
    """
    pif = next((pif for pif in (db.get("PIF", ref) for ref in db.get("network", network).PIFs) if pif.host == host), None)
    if pif is None or (plugged and not pif.currently_attached):
        raise XenAPIError("HOST_CANNOT_ATTACH_NETWORK", host, network)
    is_ipv6 = pif.primary_address_type == "IPv6"
    address = next((text.partition("/")[0] for text in pif.IPv6), "") if is_ipv6 else str(pif.IP)
    mode = pif.ipv6_configuration_mode if is_ipv6 else pif.ip_configuration_mode
    if mode == "None":
        raise XenAPIError("PIF_HAS_NO_NETWORK_CONFIGURATION", pif.ref)
    if not address:
        raise XenAPIError("INTERFACE_HAS_NO_IP", pif.ref)
    return address


def address_for(db: Database, host: str, network: str = NULL_REF) -> str:
    """Where a host takes VMs: on ``network`` if that is given, else on the one that the host or the pool prefers.

    Errors: those of :func:`address_on`, for a network that is given.
    """
    if network != NULL_REF:
        return address_on(db, host, network)
    row = db.get("host", host)
    for named in (row.other_config.get(HOST_KEY, ""), the_pool(db).other_config.get(POOL_KEY, "")):
        preferred = _network(db, named)
        if preferred is not None:
            try:
                return address_on(db, host, preferred.ref)
            except XenAPIError:
                continue
    return str(row.address)


def _network(db: Database, named: str) -> Row | None:
    """A network by its uuid, or by the reference that some clients store."""
    table = db.table("network")
    return table.find_uuid(named) or table.find(named)
