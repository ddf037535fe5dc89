"""The queue behind ``event.next``: every event since somebody registered, each with a sequence number and a time.

Clients of the older calls expect all changes, not just the last, and records of what was deleted. So what happens is kept
here, up to a limit; who falls behind further is told that events were lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final

import attrs

from xapid.database.event_log import Event, EventLog, Subscription
from xapid.datamodel.errors import XenAPIError

KEPT: Final = 10_000


@attrs.frozen
class Queued:
    """An event with its place in the queue and the time in seconds since 1970."""

    number: int
    time: float
    event: Event


@attrs.define
class Listener:
    """What one session is subscribed to, and how far it has read."""

    words: list[str] = attrs.Factory(list)
    subscription: Subscription = attrs.Factory(lambda: Subscription.parse(()))
    read: int = 0


class EventQueue:
    """Events in order, and the sessions that listen to them."""

    def __init__(self, log: EventLog, now: Callable[[], float]) -> None:
        self._log = log
        self._now = now
        self._numbers = count(1)
        self._last = 0
        self._dropped = 0
        self._queue: deque[Queued] = deque()
        self._listeners: dict[str, Listener] = {}

    @property
    def last(self) -> int:
        """The number of the latest event."""
        return self._last

    def register(self, session: str, words: tuple[str, ...]) -> None:
        """Add to what a session is subscribed to. Events from now on count."""
        listener = self._listener(session)
        listener.words += words
        listener.subscription = Subscription.parse(listener.words)

    def unregister(self, session: str, words: tuple[str, ...]) -> None:
        """Take subscriptions back, spelled as they were made."""
        listener = self._listener(session)
        listener.words = [word for word in listener.words if word not in words]
        listener.subscription = Subscription.parse(listener.words)

    def subscription(self, session: str) -> Subscription:
        """What a session listens to. Errors: SESSION_NOT_REGISTERED."""
        return self._known(session).subscription

    def take(self, session: str) -> list[Queued]:
        """The events that a session has not read, and none twice. Errors: SESSION_NOT_REGISTERED, EVENTS_LOST."""
        listener = self._known(session)
        if listener.read < self._dropped:
            listener.read = self._last
            raise XenAPIError("EVENTS_LOST")
        unread = [item for item in self._queue if item.number > listener.read]
        listener.read = self._last
        return [item for item in unread if listener.subscription.wants(item.event.cls, item.event.ref)]

    def forget(self, session: str) -> None:
        """A session is over."""
        self._listeners.pop(session, None)
        if not self._listeners and self._record in self._log.listeners:
            self._log.listeners.remove(self._record)
            self._queue.clear()

    def __contains__(self, session: str) -> bool:
        return session in self._listeners

    def _known(self, session: str) -> Listener:
        if session not in self._listeners:
            raise XenAPIError("SESSION_NOT_REGISTERED", session)
        return self._listeners[session]

    def _listener(self, session: str) -> Listener:
        if not self._listeners:
            self._log.listeners.append(self._record)
        return self._listeners.setdefault(session, Listener(read=self._last))

    def _record(self, events: list[Event]) -> None:
        time = self._now()
        for event in events:
            self._last = next(self._numbers)
            self._queue.append(Queued(self._last, time, event))
        while len(self._queue) > KEPT:
            self._dropped = self._queue.popleft().number
