"""How much each caller uses the API, and how fast callers may call (classes ``Caller`` and ``Rate_limit``).

A caller is a pattern of user agent and address; each of the two matches anything if it is empty, and what begins so if it ends
with ``*``. A call counts for every caller that it matches. The limit of the most specific caller that has one holds: a bucket
of tokens that fills at a steady rate. A call that finds too few waits for its turn; calls of one bucket go in the order in
which they came. Nothing is refused, and the Unix socket is never limited, so nobody can lock himself out.

While there are no callers, none of this costs a call anything but a look at :attr:`Callers.active`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from xapid.database import Database, Row
from xapid.database.database import Change
from xapid.datamodel.types import NULL_REF

ANY: Final = "*"
SEEN_AFTER: Final = 10.0
"""Seconds for which ``last_access`` may be out of date; so most calls write nothing."""
KNOWN: Final = 4096
"""Pairs of user agent and address for which is remembered which callers they match."""
REGISTERED: Final = 500
"""Callers that the server makes by itself at most."""


@attrs.define(eq=False)
class Usage:
    """What a caller used since the start."""

    ref: str
    calls: int = 0
    tokens: float = 0.0
    seen: float = -SEEN_AFTER


class Bucket:
    """Tokens, and those who wait for some. It may be overdrawn by calls that cost more than it can hold."""

    def __init__(self, clock: IReactorTime, size: float, rate: float) -> None:
        self._clock = clock
        self.size = size
        self.rate = rate
        self._tokens = size
        self._as_of = clock.seconds()
        self._waiting: deque[tuple[float, defer.Deferred[None]]] = deque()
        self._timer: IDelayedCall | None = None

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    def adjust(self, size: float, rate: float) -> None:
        """It holds and gains other amounts from now on."""
        self._fill()
        self.size, self.rate = size, rate
        self._tokens = min(self._tokens, size)
        self._serve()

    def take(self, cost: float) -> defer.Deferred[None] | None:
        """Take tokens. None: they are there. Else what fires when they are, unless it is cancelled before."""
        self._fill()
        if not self._waiting and self._suffices(cost):
            self._tokens -= cost
            return None
        turn: defer.Deferred[None] = defer.Deferred(lambda turn: self._give_up(turn))
        self._waiting.append((cost, turn))
        self._serve()
        return turn

    def close(self) -> None:
        """Let everybody go who waits."""
        self._stop_timer()
        waiting, self._waiting = self._waiting, deque()
        for _, turn in waiting:
            turn.callback(None)

    def _fill(self) -> None:
        now = self._clock.seconds()
        self._tokens = min(self.size, self._tokens + (now - self._as_of) * self.rate)
        self._as_of = now

    def _suffices(self, cost: float) -> bool:
        return self._tokens >= min(cost, self.size) - 1e-9

    def _serve(self) -> None:
        self._stop_timer()
        self._fill()
        while self._waiting and self._suffices(self._waiting[0][0]):
            cost, turn = self._waiting.popleft()
            self._tokens -= cost
            turn.callback(None)
        if self._waiting:
            missing = min(self._waiting[0][0], self.size) - self._tokens
            self._timer = self._clock.callLater(max(missing / self.rate, 0.001), self._serve)

    def _give_up(self, turn: defer.Deferred[None]) -> None:
        self._waiting = deque(each for each in self._waiting if each[1] is not turn)
        self._serve()

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


class Callers:
    """Counts calls and gives them their turns. With ``register``, clients that no caller stands for get one."""

    def __init__(self, db: Database, clock: IReactorTime, *, register: bool = False) -> None:
        self._db = db
        self._clock = clock
        self._register = register
        self._usage: dict[str, Usage] = {}
        self._buckets: dict[str, Bucket] = {}
        self._matches: dict[tuple[str, str], tuple[tuple[Usage, ...], Bucket | None]] = {}
        self.active = False
        """Whether calls have to be counted at all."""
        db.observers.append(self._committed)
        self._read()

    def turn(self, user_agent: str, address: str, cost: float) -> defer.Deferred[None] | None:
        """Count a call of ``cost`` tokens. None: it may go ahead. Else what fires when its turn has come."""
        known = self._matches.get((user_agent, address))
        if known is None:
            known = self._find(user_agent, address)
        matching, bucket = known
        now = self._clock.seconds()
        for usage in matching:
            usage.calls += 1
            usage.tokens += cost
            if now - usage.seen >= SEEN_AFTER:
                self._note(usage, now)
        return None if bucket is None else bucket.take(cost)

    def usage(self, ref: str) -> Usage:
        """What the caller used."""
        return self._usage.get(ref) or Usage(ref)

    def stop(self) -> None:
        """Let go who waits."""
        for bucket in self._buckets.values():
            bucket.close()

    # Which callers a client matches ---------------------------------------------------------------------------------------

    def _find(self, user_agent: str, address: str) -> tuple[tuple[Usage, ...], Bucket | None]:
        if self._register and user_agent and address and not any(_is_exact(row) for row in self._of(user_agent, address)):
            self._make(user_agent, address)
        rows = sorted(self._of(user_agent, address), key=_generality)
        limits = (self._buckets.get(row.rate_limit) for row in rows)
        found = tuple(self._usage[row.ref] for row in rows), next((limit for limit in limits if limit is not None), None)
        if len(self._matches) >= KNOWN:
            self._matches.clear()
        self._matches[user_agent, address] = found
        return found

    def _of(self, user_agent: str, address: str) -> Iterator[Row]:
        for row in self._db.table("Caller").rows():
            if _fits(row.user_agent, user_agent) and _fits(row.client_ip, address):
                yield row

    def _make(self, user_agent: str, address: str) -> None:
        """A caller for a client that is new. The one of them that was not seen for longest makes room."""
        made = [row for row in self._db.table("Caller").rows() if row.auto_registered and row.rate_limit == NULL_REF]
        with self._db.transaction() as tx:
            if len(made) >= REGISTERED:
                tx.destroy(min(made, key=lambda row: row.last_access))
            tx.create("Caller", user_agent=user_agent, client_ip=address, auto_registered=True)

    def _note(self, usage: Usage, now: float) -> None:
        usage.seen = now
        if usage.ref in self._db.table("Caller"):
            with self._db.transaction() as tx:
                tx.update(usage.ref, last_access=datetime.fromtimestamp(int(now), UTC))

    # What the database says -----------------------------------------------------------------------------------------------

    def _committed(self, generation: int, changes: list[Change]) -> None:
        for change in changes:
            if change.table.cls.name == "Rate_limit" or (change.table.cls.name == "Caller" and _matters(change)):
                self._read()
                return

    def _read(self) -> None:
        callers, limits = self._db.table("Caller"), self._db.table("Rate_limit")
        self._matches.clear()
        self._usage = {ref: self._usage.get(ref) or Usage(ref) for ref in callers.refs()}
        for ref in [ref for ref in self._buckets if ref not in limits]:
            self._buckets.pop(ref).close()
        for row in limits.rows():
            bucket = self._buckets.get(row.ref)
            if bucket is None:
                self._buckets[row.ref] = Bucket(self._clock, row.burst_size, row.fill_rate)
            elif (bucket.size, bucket.rate) != (row.burst_size, row.fill_rate):
                bucket.adjust(row.burst_size, row.fill_rate)
        self.active = self._register or len(callers) > 0


def _matters(change: Change) -> bool:
    before, after = change.before, change.after
    return before is None or after is None or before.rate_limit != after.rate_limit


def _fits(pattern: str, text: str) -> bool:
    if not pattern:
        return True
    return text.startswith(pattern[:-1]) if pattern.endswith(ANY) else text == pattern


def _is_exact(row: Row) -> bool:
    return all(pattern and not pattern.endswith(ANY) for pattern in (row.user_agent, row.client_ip))


def _generality(row: Row) -> tuple[int, int]:
    """Few patterns before many, long ones before short ones."""
    patterns = (row.user_agent, row.client_ip)
    return sum(not pattern or pattern.endswith(ANY) for pattern in patterns), -sum(map(len, patterns))
