"""Cables of simulated hosts that are pulled out, and put in again, by who tests what becomes of that.

``other_config:simulator.carrier=false`` of a physical PIF pulls its cable; anything else, or nothing, is a cable that is in.
What follows is what follows from a report of the host's: ``PIF_metrics.carrier``, ``Bond.links_up``, BOND_STATUS_CHANGED.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime

from xapid.agent.interface import IAgentObserver
from xapid.database import Database, Row
from xapid.database.database import Change

KEY: Final = "simulator.carrier"


def is_pulled(pif: Row) -> bool:
    """Whether the cable of an interface is out."""
    return bool(pif.other_config.get(KEY) == "false")


class Cables:
    """Tells ``observer`` of cables that somebody pulls or puts in."""

    def __init__(self, db: Database, clock: IReactorTime, observer: IAgentObserver) -> None:
        self._db = db
        self._clock = clock
        self._observer = observer
        db.observers.append(self._committed)

    def _committed(self, generation: int, changes: list[Change]) -> None:
        for change in changes:
            before, after = change.before, change.after
            if change.table.cls.name != "PIF" or before is None or after is None or not after.physical:
                continue
            if is_pulled(before) != is_pulled(after):
                self._clock.callLater(0, self._tell, after.ref)

    def _tell(self, ref: str) -> None:
        pif = self._db.table("PIF").find(ref)
        host = None if pif is None else self._db.table("host").find(pif.host)
        if pif is not None and host is not None:
            self._observer.carrier_changed(host.uuid, pif.device, not is_pulled(pif))
