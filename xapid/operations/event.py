"""Class ``event``: how clients follow what happens in the pool."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from twisted.internet import defer

from xapid.database.event_log import Subscription, Token
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context
from xapid.wire.events import Event, EventBatch

FOREVER: Final = 24 * 3600.0
"""Seconds that a call waits when its timeout means nothing."""
LEGACY_BATCHING: Final = 0.2
"""Seconds for which ``event.next`` gathers events before it answers."""


def from_(context: Context, classes: tuple[str, ...], token: str, timeout: float) -> EventBatch | defer.Deferred[EventBatch]:
    """Events after ``token`` that match ``classes``; waits up to ``timeout`` seconds for one.

    An object gets one event however often it changed, with its record as it is now. Without events the answer has the same
    token. Errors: EVENT_FROM_TOKEN_PARSE_FAILURE; SESSION_INVALID when the session ends meanwhile.
    """
    subscription, since = Subscription.parse(classes), Token.parse(token)
    left = timeout if 0 <= timeout < FOREVER and not math.isnan(timeout) else FOREVER
    question = _Question(context, subscription, since, context.clock.seconds() + left)
    batching = 0.0 if _only_tasks(classes) else min(left, context.config.event_batching / 1000)
    if batching <= 0:
        found = question.batch()
        if found is not None:
            return found
        question.wait()
    else:
        question.pause(batching)
    return question.answer


def register(context: Context, classes: tuple[str, ...]) -> None:
    """Subscribe the session to events for :func:`next`."""
    session = context.session.ref
    queue = context.services.event_queue
    if session not in queue:
        context.session.watch(lambda: queue.forget(session))
    queue.register(session, classes)


def unregister(context: Context, classes: tuple[str, ...]) -> None:
    """Take subscriptions back."""
    session = context.session.ref
    queue = context.services.event_queue
    if session not in queue:
        context.session.watch(lambda: queue.forget(session))
    queue.unregister(session, classes)


async def next(context: Context) -> tuple[Event, ...]:
    """The events since the last call, or the next ones; waits without limit.

    Errors: SESSION_NOT_REGISTERED, EVENTS_LOST; SESSION_INVALID when the session ends meanwhile.
    """
    session, queue = context.session.ref, context.services.event_queue
    while True:
        taken = queue.take(session)
        if taken:
            await _pause(context, None, LEGACY_BATCHING)
            taken += queue.take(session)
            return tuple(_legacy(item) for item in taken)
        await _pause(context, queue.subscription(session), FOREVER)
        _check_session(context)


def get_current_id(context: Context) -> int:
    """The number of the latest event for :func:`next`."""
    return context.services.event_queue.last


def inject(context: Context, class_: str, ref: str) -> str:
    """Make an event of an object that did not change; a call of :func:`from_` that returns it is up to date.

    Errors: HANDLE_INVALID.
    """
    return str(context.services.events.inject(class_, ref))


def _legacy(item: Any) -> Event:
    event = item.event
    return Event(item.number, event.cls, event.operation, event.ref, event.snapshot, f"{item.time:.6f}".rstrip("0"))


def _only_tasks(classes: tuple[str, ...]) -> bool:
    return bool(classes) and all(word.lower() == "task" or word.lower().startswith("task/") for word in classes)


def _check_session(context: Context) -> None:
    if context.session.ended:
        raise XenAPIError("SESSION_INVALID", context.session.ref)


class _Question:
    """A call of :func:`from_` that waits. There are as many as there are clients, and one change wakes all: they are small."""

    __slots__ = ("_asked", "_context", "_until", "answer")

    def __init__(self, context: Context, subscription: Subscription, since: Token, until: float) -> None:
        self._context = context
        self._asked = subscription, since.generation, since.messages
        self._until = until
        self.answer: defer.Deferred[EventBatch] = defer.Deferred()

    def batch(self) -> EventBatch | None:
        """What there is to answer, if there is anything or the time is over. Errors: SESSION_INVALID."""
        _check_session(self._context)
        found = self._context.services.events.shared(self._asked, self._make)
        return found if found.events or self._context.clock.seconds() >= self._until else None

    def _make(self) -> EventBatch:
        log, (subscription, generation, messages) = self._context.services.events, self._asked
        events, latest = log.since(subscription, Token(generation, messages))
        return EventBatch(events, log.counts(), str(latest))

    def wait(self) -> None:
        """For an event, or until the time is over."""
        _Pause(self._context, self._asked[0], self._until - self._context.clock.seconds(), self._look)

    def pause(self, seconds: float) -> None:
        """Let more happen before looking."""
        _Pause(self._context, None, seconds, self._look)

    def _look(self) -> None:
        try:
            _check_client(self._context)
            found = self.batch()
        except Exception:
            self.answer.errback()
            return
        if found is None:
            self.wait()
        else:
            self.answer.callback(found)


class _Pause:
    """Calls ``over``, once: at an event that matches, when the time is over, or when nobody waits for the answer any more."""

    __slots__ = ("_context", "_over", "_subscription", "_timer")

    def __init__(self, context: Context, subscription: Subscription | None, seconds: float, over: Callable[[], None]) -> None:
        self._context = context
        self._subscription = subscription
        self._over: Callable[[], None] | None = over
        end = self._ended
        self._timer = context.clock.callLater(seconds, end)
        if subscription is not None:
            context.services.events.watch(subscription, end)
        context.session.watch(end)
        if self._over is not None:  # else the session had ended before
            context.origin.hangup.watch(end)

    def _ended(self) -> None:
        over, self._over = self._over, None
        if over is None:
            return
        if self._timer.active():
            self._timer.cancel()
        context, end = self._context, self._ended
        if self._subscription is not None:
            context.services.events.unwatch(self._subscription, end)
        context.session.unwatch(end)
        context.origin.hangup.unwatch(end)
        over()


async def _pause(context: Context, subscription: Subscription | None, seconds: float) -> None:
    """Wait for an event that matches, for so long at most, or until nobody waits for the answer any more."""
    over: defer.Deferred[None] = defer.Deferred()
    _Pause(context, subscription, seconds, lambda: over.callback(None))
    await over
    _check_client(context)


def _check_client(context: Context) -> None:
    if context.origin.hangup.happened:
        raise XenAPIError("SESSION_INVALID", context.session.ref)
