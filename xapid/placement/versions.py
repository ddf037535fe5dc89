"""Which hosts are new enough for a VM while a pool is upgraded host by host.

VMs start on the newest only, and move to none that is older than the one they are on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError

UPGRADING: Final = "rolling_upgrade_in_progress"
"""The key of the pool's ``other_config`` that is there while its hosts run different versions."""


def version_of(software: Mapping[str, str]) -> tuple[int, ...]:
    """The version of a host, to be compared, by its ``software_version``."""
    return tuple(int(word) for word in software.get("platform_version", "").split(".") if word.isdigit())


def newest_of(db: Database) -> tuple[int, ...] | None:
    """The version of the newest host, while the pool is being upgraded."""
    if not any(UPGRADING in pool.other_config for pool in db.table("pool")):
        return None
    return max(version_of(host.software_version) for host in db.table("host"))


def assert_not_older(db: Database, vm: Row, software: Mapping[str, str], host: str) -> None:
    """``software`` is the ``software_version`` of ``host``. Errors: VM_HOST_INCOMPATIBLE_VERSION_MIGRATE, where that is older
    than the host that the VM is on.
    """
    here = db.table("host").find(vm.resident_on)
    if here is not None and version_of(software) < version_of(here.software_version):
        raise XenAPIError("VM_HOST_INCOMPATIBLE_VERSION_MIGRATE", host, vm.ref)
