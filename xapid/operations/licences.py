"""What licences of hosts restrict in their pool: ``pool.restrictions``, as :mod:`~xapid.operations.levelling` derives it."""

from __future__ import annotations

from typing import Final

from xapid.database import Database
from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool

_KEYS: Final = {
    "Pooling": "restrict_pooling",
    "IGMP_snooping": "restrict_igmp_snooping",
    "Pool_secret_rotation": "restrict_pool_secret_rotation",
    "WLB": "restrict_wlb",
    "Storage_motion": "restrict_storage_xen_motion",
    "VM_groups": "restrict_vm_groups",
}
"""Features by the names that errors give them, and the keys that restrict them."""


def is_licensed(db: Database, feature: str) -> bool:
    """Whether no host's licence restricts a feature."""
    return bool(the_pool(db).restrictions.get(_KEYS[feature]) != "true")


def assert_licensed(db: Database, feature: str) -> None:
    """Errors: LICENCE_RESTRICTION."""
    if not is_licensed(db, feature):
        raise XenAPIError("LICENCE_RESTRICTION", feature)
