"""The one Pool object of a new pool, and the root user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from xapid.inventory.build import Build
from xapid.inventory.hosts import Host
from xapid.inventory.storage import Stores
from xapid.operations.levelling import level_pool

OTHER_CONFIG: Final = {"memory-ratio-hvm": "0.25", "memory-ratio-pv": "0.25"}


def create_pool(build: Build, hosts: Sequence[Host], stores: Stores) -> str:
    """The Pool, whose coordinator is the first host and whose default SR is shared, where there is such an SR."""
    coordinator = hosts[0].ref
    build.make("user", short_name="root", fullname="superuser")
    default = stores.for_disks(coordinator) if stores.shared or len(hosts) == 1 else ""
    pool = build.make(
        "pool",
        name_label=build.counts.pool_name,
        name_description="",
        master=coordinator,
        other_config=OTHER_CONFIG,
        ha_cluster_stack="xhad",
        ext_auth_cache_enabled=False,
        **({"default_SR": default, "suspend_image_SR": default, "crash_dump_SR": default} if default else {}),
    )
    level_pool(build.tx, build.tx.database)
    return pool
