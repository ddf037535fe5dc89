"""While the hosts of a pool run different versions, it is being upgraded host by host, and does only what helps that."""

from __future__ import annotations

from xapid.database import Database
from xapid.operations import allowed
from xapid.placement.versions import UPGRADING


def watch_versions(db: Database) -> None:
    """Mark the pool while the versions of its hosts differ, and what is allowed meanwhile."""
    versions = {host.software_version.get("platform_version", "") for host in db.table("host")}
    for pool in db.table("pool").rows():
        if (len(versions) > 1) == (UPGRADING in pool.other_config):
            continue
        with db.transaction() as tx:
            if UPGRADING in pool.other_config:
                tx.remove_from(pool, "other_config", UPGRADING)
            else:
                tx.add_to(pool, "other_config", UPGRADING, "true")
            allowed.refresh(tx, db, *(row for cls in ("pool", "host", "VM") for row in db.table(cls).rows()))
