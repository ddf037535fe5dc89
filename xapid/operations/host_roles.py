"""What a host is for, where an administrator has said so: running VMs, keeping storage, or keeping backups.

The role stands in ``host.other_config:role`` or in a tag ``role:…``: ``processing``, ``storage`` or ``backup``. Hosts without
one, or with another word, are hosts as the API has them. With a role come rules: VMs run on processing hosts alone; the network
of a host is changed, and its agent restarted, only while the host is disabled; and only processing hosts leave the pool.
"""

from __future__ import annotations

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.placement.roles import PROCESSING, role_of


def assert_in_maintenance(host: Row) -> None:
    """Errors: HOST_NOT_DISABLED, for a host with a role that is enabled."""
    if role_of(host) and host.enabled:
        raise XenAPIError("HOST_NOT_DISABLED")


def assert_may_leave(host: Row) -> None:
    """Errors: OPERATION_NOT_ALLOWED, for a host that the others depend on."""
    role = role_of(host)
    if role not in ("", PROCESSING):
        raise XenAPIError("OPERATION_NOT_ALLOWED", f"The host has the role '{role}': only processing hosts can be removed")
