"""The coordinator's side of copies of the database: every member holds a recent one, so that one of them can take over.

Copies go out every five minutes when something has changed, when the pool has got or lost a host, and when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import orjson
from twisted.internet import defer
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from xapid.agent.remote import read_answer
from xapid.agent.values import AgentFailure
from xapid.pool.common import Common
from xapid.pool.copies import Arriving, Copy, CopyStore, make, pieces
from xapid.pool.membership import Place

log = Logger()

EVERY: Final = 300.0
COPY: Final = "/pool/copy/"


class Copying:
    """Sends copies, and takes them in."""

    def __init__(self, common: Common, store: CopyStore) -> None:
        self._common = common
        self._store = store
        self._arriving = Arriving()
        self._sent: dict[str, int] = {}
        self._turn = defer.DeferredLock()
        self._loop = LoopingCall(self._everyone)
        self._loop.clock = common.clock

    # Out ----------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Send copies from now on."""
        self._sent.clear()
        if not self._loop.running:
            self._loop.start(EVERY, now=False).addErrback(lambda failure: log.failure("Copying", failure))

    def stop(self) -> None:
        """Send no more by itself."""
        if self._loop.running:
            self._loop.stop()

    def soon(self) -> None:
        """Send a copy to everyone in this turn of the reactor or a later one."""
        self._common.clock.callLater(0, self._everyone)

    def _everyone(self) -> defer.Deferred[list[Place]]:
        return defer.ensureDeferred(self.send_to(self._common.others()))

    def sent_to(self, place: Place) -> int | None:
        """The generation of the copy that a daemon was given last, as far as this life of ours knows."""
        return self._sent.get(place.who)

    async def send_to(self, places: Iterable[Place], force: bool = False) -> list[Place]:
        """Give the daemons at these places a copy of the database as it is now; returns those that could not be reached."""
        await self._turn.acquire()
        try:
            return await self._send_to(list(places), force)
        finally:
            self._turn.release()

    async def _send_to(self, places: list[Place], force: bool) -> list[Place]:
        common = self._common
        generation = common.db.generation
        wanting = [place for place in places if force or self._sent.get(place.who) != generation]
        if not wanting or common.membership.leader is not None:
            return []
        copy = await make(common.db, common.clock, common.membership.epoch)
        failed = []
        for place in wanting:
            try:
                await self._give(place, copy)
            except AgentFailure as failure:
                log.warn("{host} did not get its copy of the database: {failure}", host=place.host, failure=failure)
                failed.append(place)
        return failed

    async def give(self, place: Place, copy: Copy) -> None:
        """Give one daemon this copy, when those that are under way have arrived: it is the newest. Raises AgentFailure."""
        await self._turn.acquire()
        try:
            await self._give(place, copy)
        finally:
            self._turn.release()

    async def _give(self, place: Place, copy: Copy) -> None:
        tell = self._common.tell
        head = {"generation": copy.generation, "epoch": copy.epoch, "size": len(copy.body)}
        read_answer(await tell(place, f"{COPY}begin", orjson.dumps(head)))
        for number, data in enumerate(pieces(copy)):
            read_answer(await tell(place, f"{COPY}piece/{number}", data))
        read_answer(await tell(place, f"{COPY}end", b""))
        self._sent[place.who] = copy.generation

    # In -----------------------------------------------------------------------------------------------------------------

    async def take(self, daemon: str, path: str, body: bytes) -> bytes:
        """What the coordinator ``daemon`` sends."""
        step, _, number = path.removeprefix(COPY).partition("/")
        match step:
            case "begin":
                self._arriving.begin(daemon, orjson.loads(body))
            case "piece":
                self._arriving.piece(daemon, int(number), body)
            case _:
                copy = self._arriving.end(daemon)
                if copy is None:
                    return orjson.dumps({"failure": ["failed", "a part of the copy is missing"]})
                self._store.keep(copy)
        return orjson.dumps({"value": None})
