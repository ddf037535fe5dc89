"""Which interface of a host carries its management, and that it carries it (class ``host``)."""

from __future__ import annotations

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.cabling import check_managed, follow_management, plug, remove_pifs, the_pool
from xapid.operations.context import Context
from xapid.operations.host_roles import assert_in_maintenance


def get_management_interface(context: Context, host: str) -> str:
    pif = management_pif(context.db, host)
    if pif is None:
        raise XenAPIError("HOST_HAS_NO_MANAGEMENT_IP")
    return pif.ref


async def management_reconfigure(context: Context, pif: str) -> None:
    db = context.db
    row = db.get("PIF", pif)
    if the_pool(db).ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    check_can_manage(row)
    present = management_pif(db, row.host)
    if present is not None and present.ref == pif:
        return
    assert_in_maintenance(db.get("host", row.host))
    await plug(context, pif)
    with db.transaction() as tx:
        if present is not None:
            tx.update(db.get("PIF", present.ref), management=False)
        tx.update(db.get("PIF", pif), management=True)
        follow_management(tx, db, pif)


def management_disable(context: Context) -> None:
    db = context.db
    if the_pool(db).ha_enabled:
        raise XenAPIError("HA_IS_ENABLED")
    if context.host != the_pool(db).master:
        raise XenAPIError("SLAVE_REQUIRES_MANAGEMENT_INTERFACE")
    present = management_pif(db, context.host)
    with db.transaction() as tx:
        if present is not None:
            tx.update(present, management=False)


def local_management_reconfigure(context: Context, interface: str) -> None:
    """Where the daemon answers is for its machine to say, also in an emergency. Errors: NOT_IN_EMERGENCY_MODE."""
    if context.services.role.emergency is None:
        raise XenAPIError("NOT_IN_EMERGENCY_MODE")


def reset_networking(context: Context, host: str) -> None:
    with context.db.transaction() as tx:
        remove_pifs(tx, context.db, context.db.get("host", host))


def signal_networking_change(context: Context) -> None:
    """Agents notice such changes by themselves."""


def check_can_manage(pif: Row) -> None:
    """Errors: PIF_UNMANAGED, CANNOT_PLUG_BOND_SLAVE, PIF_HAS_NO_NETWORK_CONFIGURATION, PIF_HAS_NO_V6_NETWORK_CONFIGURATION."""
    check_managed(pif)
    if pif.bond_slave_of != NULL_REF:
        raise XenAPIError("CANNOT_PLUG_BOND_SLAVE", pif.ref)
    if pif.primary_address_type == "IPv4" and pif.ip_configuration_mode == "None":
        raise XenAPIError("PIF_HAS_NO_NETWORK_CONFIGURATION", pif.ref)
    if pif.primary_address_type == "IPv6" and pif.ipv6_configuration_mode == "None":
        raise XenAPIError("PIF_HAS_NO_V6_NETWORK_CONFIGURATION", pif.ref)


def management_pif(db: Database, host: str) -> Row | None:
    """The PIF that carries a host's management, if there is one."""
    pifs = [db.get("PIF", ref) for ref in db.get("host", host).PIFs]
    return next((pif for pif in pifs if pif.management), None)
