"""Whether a host that has started takes VMs by itself, or waits for an administrator."""

from __future__ import annotations

from xapid.database import Database, Row, Transaction
from xapid.operations import allowed
from xapid.operations.local_facts import AUTO_ENABLE, UNTIL_REBOOT, fact


def consider_enabling(tx: Transaction, db: Database, host: Row) -> bool:
    """Enable a host that has started, unless something speaks against it; returns whether it is enabled."""
    stays_off = fact(db, host, AUTO_ENABLE) == "false" or fact(db, host, UNTIL_REBOOT) == "true" or host.pending_guidances
    tx.update(host.ref, enabled=not stays_off)
    allowed.refresh(tx, db, db.get("host", host.ref))
    return not stays_off
