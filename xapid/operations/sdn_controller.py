"""The controller of the pool's virtual switches (class ``SDN_controller``)."""

from __future__ import annotations

from xapid.datamodel.errors import XenAPIError
from xapid.operations.addressing import is_address
from xapid.operations.context import Context

_PORT = 6632


def introduce(context: Context, protocol: str, address: str, port: int) -> str:
    if len(context.db.table("SDN_controller")):
        raise XenAPIError("OPERATION_NOT_ALLOWED", "the pool has a controller already")
    if protocol == "pssl":
        if address:
            raise XenAPIError("OPERATION_NOT_ALLOWED", "a passive connection has no address")
    elif not (is_address(address, 4) or is_address(address, 6)):
        raise XenAPIError("INVALID_IP_ADDRESS_SPECIFIED", "address")
    if not 0 <= port <= 65535:
        raise XenAPIError("VALUE_NOT_SUPPORTED", "port", str(port), "there are 65535 ports")
    with context.db.transaction() as tx:
        return tx.create("SDN_controller", protocol=protocol, address=address, port=port or _PORT)


def forget(context: Context, self: str) -> None:
    with context.db.transaction() as tx:
        tx.destroy(context.db.get("SDN_controller", self))
