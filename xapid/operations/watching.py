"""What the coordinator keeps an eye on all the time, as one thing that is started and stopped.

Each part raises the alerts that it names; proxies of provisioning services are started and stopped as well.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from xapid.database import Database
from xapid.operations.directory_start import DirectoryStart
from xapid.operations.path_alerts import PathAlerts
from xapid.operations.pvs_running import RunningProxies
from xapid.operations.services import Services
from xapid.operations.threshold_alarms import ThresholdAlarms


class Watching:
    """Figures, paths, proxies and the directory. All rest while ``idle`` says so: then another daemon leads the pool."""

    def __init__(self, db: Database, clock: IReactorTime, services: Services, idle: Callable[[], bool]) -> None:
        self._parts = (
            ThresholdAlarms(db, clock, services.stats, idle),
            PathAlerts(db, clock, idle),
            RunningProxies(db, clock, idle),
            DirectoryStart(db, clock, services),
        )

    def start(self) -> None:
        """Look from now on."""
        for part in self._parts:
            part.start()

    def stop(self) -> None:
        """Look no more."""
        for part in self._parts:
            part.stop()
