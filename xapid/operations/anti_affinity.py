"""Watches over VM groups whose members are to run apart: an alert stands as long as all that run are on one host."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from xapid.database import Database, Row
from xapid.datamodel.types import NULL_REF
from xapid.operations.alerts import raise_alert

ALERT: Final = "ALL_RUNNING_VMS_IN_ANTI_AFFINITY_GRP_ON_SINGLE_HOST"


def watch_groups(db: Database, now: datetime, groups: Iterable[str]) -> None:
    """Raise the alert about those groups that it holds for now, once for each, and withdraw it from the others."""
    for group in (db.table("VM_group").find(ref) for ref in groups):
        if group is None:
            continue
        standing = [m for m in db.table("message").rows() if m.name == ALERT and group.uuid in m.body]
        if not _together(db, group):
            with db.transaction() as tx:
                for message in standing:
                    tx.destroy(message)
        elif not standing:
            text = "All running VMs of a group that are to be apart are on one host"
            text = f"<body><message>{text}</message><VM_group>{group.uuid}</VM_group></body>"
            for pool in db.table("pool"):
                raise_alert(db, now, ALERT, pool, text)


def _together(db: Database, group: Row) -> bool:
    """Whether at least two VMs of a group run, and all on the same host."""
    if group.placement != "anti_affinity":
        return False
    places = [db.get("VM", ref).resident_on for ref in group.VMs]
    running = [place for place in places if place != NULL_REF]
    return len(running) > 1 and len(set(running)) == 1
