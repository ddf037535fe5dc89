"""Keeps what was measured over the end of the process: read at the start, written every hour and when the daemon stops.

Serves the statistics of ``/rrd_updates`` and its like. What a power cut takes is the history since it was last written.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from twisted.internet import defer
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from xapid.auth.passwords import Run
from xapid.stats import Store, kept

log = Logger()

EVERY: Final = 3600.0
"""Seconds."""
AT_ONCE: Final = 20
"""Objects whose archives are put together in one turn of the reactor, and written in one go of the thread."""


class Keeping:
    """Keeps ``store`` in ``folder``, from :meth:`start` to :meth:`stop`. ``in_thread`` is where files are written."""

    def __init__(self, store: Store, folder: kept.Folder, clock: IReactorTime, in_thread: Run) -> None:
        self._store = store
        self._folder = folder
        self._clock = clock
        self._in_thread = in_thread
        self._next: IDelayedCall | None = None
        self._saving = defer.DeferredLock()

    def start(self) -> None:
        """Take up what was kept, and begin to keep."""
        for series in self._folder.load():
            self._store.put(series)
        self._next = self._clock.callLater(EVERY, self._tick)

    async def stop(self) -> None:
        """Write all there is, and write no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
            await self.save()

    async def save(self) -> None:
        """Write the archives of everything. A disk that takes no more is no reason to stop measuring: the log says so."""
        await self._saving.acquire()
        try:
            objects = iter(self._store.all())
            while files := [(kept.name_of(series), kept.packed(series)) for series in islice(objects, AT_ONCE)]:
                await self._in_thread(lambda files=files: self._folder.save(files))  # type: ignore[misc]
            names = [kept.name_of(series) for series in self._store.all()]
            await self._in_thread(lambda: self._folder.clear(names))
        except OSError as problem:
            log.error("statistics could not be kept: {problem}", problem=problem)
        finally:
            self._saving.release()

    def _tick(self) -> None:
        self._next = self._clock.callLater(EVERY, self._tick)
        defer.ensureDeferred(self.save())
