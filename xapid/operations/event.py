"""Class ``event``: how clients follow what happens in the pool."""

from __future__ import annotations

import math
from typing import Any, Final

from twisted.internet import defer

from xapid.database.event_log import EventLog, Subscription, Token
from xapid.datamodel.errors import XenAPIError
from xapid.operations.context import Context
from xapid.wire.events import Event, EventBatch

FOREVER: Final = 24 * 3600.0
"""Seconds that a call waits when its timeout means nothing."""
LEGACY_BATCHING: Final = 0.2
"""Seconds for which ``event.next`` gathers events before it answers."""


async def from_(context: Context, classes: tuple[str, ...], token: str, timeout: float) -> EventBatch:
    """Events after ``token`` that match ``classes``; waits up to ``timeout`` seconds for one.

    An object gets one event however often it changed, with its record as it is now. Without events the answer has the same
    token. Errors: EVENT_FROM_TOKEN_PARSE_FAILURE; SESSION_INVALID when the session ends meanwhile.
    """
    subscription, since = Subscription.parse(classes), Token.parse(token)
    left = timeout if 0 <= timeout < FOREVER and not math.isnan(timeout) else FOREVER
    until = context.clock.seconds() + left
    log = context.services.events
    key = subscription, since.generation, since.messages
    if left and not _only_tasks(classes):
        await _pause(context, None, min(left, context.config.event_batching / 1000))
    while True:
        _check_session(context)
        batch = log.shared(key, lambda: _batch(log, subscription, since))
        remaining = until - context.clock.seconds()
        if batch.events or remaining <= 0:
            return batch
        await _pause(context, subscription, remaining)


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


def _batch(log: EventLog, subscription: Subscription, since: Token) -> EventBatch:
    events, latest = log.since(subscription, since)
    return EventBatch(events, log.counts(), str(latest))


def _legacy(item: Any) -> Event:
    event = item.event
    return Event(item.number, event.cls, event.operation, event.ref, event.snapshot, f"{item.time:.6f}".rstrip("0"))


def _only_tasks(classes: tuple[str, ...]) -> bool:
    return bool(classes) and all(word.lower() == "task" or word.lower().startswith("task/") for word in classes)


def _check_session(context: Context) -> None:
    if context.session.ended:
        raise XenAPIError("SESSION_INVALID", context.session.ref)


async def _pause(context: Context, subscription: Subscription | None, seconds: float) -> None:
    """Wait for an event that matches, for so long at most, or until nobody waits for the answer any more."""
    if seconds <= 0:
        return
    over: defer.Deferred[None] = defer.Deferred()

    def stop() -> None:
        if not over.called:
            over.callback(None)

    timer = context.clock.callLater(seconds, stop)
    unwatch_session, unwatch_peer = context.session.watch(stop), context.origin.hangup.watch(stop)
    unwatch_events = None if subscription is None else context.services.events.watch(subscription, stop)
    try:
        await over
    finally:
        if timer.active():
            timer.cancel()
        unwatch_session()
        unwatch_peer()
        if unwatch_events is not None:
            unwatch_events()
    if context.origin.hangup.happened:
        raise XenAPIError("SESSION_INVALID", context.session.ref)
