"""The role of a host in the pool, as an administrator has written it down: see :mod:`xapid.operations.host_roles`."""

from __future__ import annotations

from typing import Final

from xapid.database import Row

PROCESSING: Final = "processing"
ROLES: Final = (PROCESSING, "storage", "backup")
KEY: Final = "role"
_TAG: Final = "role:"


def role_of(host: Row) -> str:
    """One of :data:`ROLES`; empty for a host that has none."""
    words = [host.other_config.get(KEY, ""), *(tag.removeprefix(_TAG) for tag in host.tags if tag.startswith(_TAG))]
    return next((word for word in words if word in ROLES), "")


def takes_vms(host: Row) -> bool:
    """Whether VMs may run on a host, as far as its role goes."""
    return role_of(host) in ("", PROCESSING)
