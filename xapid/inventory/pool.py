"""The one Pool object of a new pool, the root user, and what the pool derives from its hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from xapid.inventory.build import Build
from xapid.inventory.hosts import FEATURES_HVM, FEATURES_PV, Host, cpu_info, license_params
from xapid.inventory.storage import Stores

OTHER_CONFIG: Final = {"memory-ratio-hvm": "0.25", "memory-ratio-pv": "0.25"}


def create_pool(build: Build, hosts: Sequence[Host], stores: Stores) -> str:
    """The Pool, whose coordinator is the first host and whose default SR is shared, where there is such an SR."""
    coordinator = hosts[0].ref
    build.make("user", short_name="root", fullname="superuser")
    default = stores.for_disks(coordinator) if stores.shared or len(hosts) == 1 else ""
    info, count = cpu_info(build), len(hosts)
    return build.make(
        "pool",
        name_label=build.counts.pool_name,
        name_description="",
        master=coordinator,
        other_config=OTHER_CONFIG,
        restrictions=restrictions(),
        ha_cluster_stack="xhad",
        ext_auth_cache_enabled=False,
        cpu_info={
            "vendor": info["vendor"],
            "socket_count": str(count * build.counts.sockets),
            "cpu_count": str(count * build.counts.cpus),
            "features_pv_host": FEATURES_PV,
            "features_hvm_host": FEATURES_HVM,
            "features_pv": FEATURES_PV,
            "features_hvm": FEATURES_HVM,
        },
        **({"default_SR": default, "suspend_image_SR": default, "crash_dump_SR": default} if default else {}),
    )


def restrictions() -> dict[str, str]:
    """What the licences of the hosts restrict together: nothing."""
    return {key: value for key, value in license_params().items() if key.startswith("restrict_")}
