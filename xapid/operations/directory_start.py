"""Whether the directory of the pool can be asked after a start: if not within two minutes, an alert tells it.

Serves EXTAUTH_INIT_IN_HOST_FAILED, about the coordinator, which is the host that asks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import orjson
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from xapid.auth.directories import ACCOUNT
from xapid.auth.directory import DirectoryProblem
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.alerts import raise_alert
from xapid.operations.services import Services

log = Logger()

PATIENCE: Final = 120.0
AGAIN: Final = 10.0


class DirectoryStart:
    """Asks the directory that ``db`` names once it is started, until it answers or patience is at its end."""

    def __init__(self, db: Database, clock: IReactorTime, services: Services) -> None:
        self._db = db
        self._clock = clock
        self._services = services
        self._problem = "timeout"
        self._end: IDelayedCall | None = None
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Ask now, if there is a directory. A member asks none."""
        if self._asking() is not None:
            self._end = self._clock.callLater(PATIENCE, self._tell)
            self._ask()

    def stop(self) -> None:
        """Ask no more."""
        for call in (self._next, self._end):
            if call is not None and call.active():
                call.cancel()
        self._next = self._end = None

    def _asking(self) -> Row | None:
        """The host that asks a directory, if there is one to be asked and this daemon leads the pool."""
        pool = self._db.table("pool").first()
        host = None if pool is None else self._db.table("host").find(pool.master)
        leads = self._services.role.leader is None
        return host if host is not None and host.external_auth_type and leads else None

    def _ask(self) -> None:
        ensureDeferred(self._probe()).addErrback(lambda failure: log.failure("The directory was not asked", failure))

    async def _probe(self) -> None:
        host = self._asking()
        if host is None:
            self.stop()
            return
        try:
            account = orjson.loads(self._db.meta.get(ACCOUNT, "{}"))
            found = self._services.directories.bare(host.external_auth_type, host.external_auth_service_name, account)
            await found.probe()
        except (DirectoryProblem, XenAPIError) as problem:
            self._problem = problem.text if isinstance(problem, DirectoryProblem) else ", ".join(problem.description)
            if self._end is not None:
                self._next = self._clock.callLater(AGAIN, self._ask)
        else:
            self.stop()

    def _tell(self) -> None:
        host = self._asking()
        self._end = None
        self.stop()
        if host is not None:
            text = (
                f"host_external_auth_type={host.external_auth_type}, "
                f"host_external_auth_service_name={host.external_auth_service_name}, error={self._problem}"
            )
            now = datetime.fromtimestamp(int(self._clock.seconds()), UTC)
            raise_alert(self._db, now, "EXTAUTH_INIT_IN_HOST_FAILED", host, text)
