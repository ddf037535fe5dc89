"""What takes effect when a host starts: displays and drivers that were chosen, updates that wait for it (class ``host``)."""

from __future__ import annotations

from typing import Final

from xapid.database import Database, Row, Transaction
from xapid.operations.updating import done

_DISPLAYS: Final = {"enable_on_reboot": "enabled", "disable_on_reboot": "disabled"}


def started(tx: Transaction, db: Database, host: Row, *, rebooted: bool) -> None:
    """A host has started, ``rebooted`` or its agent alone."""
    if not rebooted:
        done(tx, host, "restart_toolstack")
        return
    done(tx, host)
    tx.update(host.ref, display=_DISPLAYS.get(host.display, host.display))
    for pgpu in (db.get("PGPU", ref) for ref in host.PGPUs):
        tx.update(pgpu, dom0_access=_DISPLAYS.get(pgpu.dom0_access, pgpu.dom0_access))
    for driver in db.table("Host_driver").rows():
        if driver.host == host.ref and driver.selected_variant in driver.variants:
            tx.update(driver, active_variant=driver.selected_variant)
