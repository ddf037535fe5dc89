"""Marks objects as busy while an operation works on them, and refuses operations that their state does not allow.

An operation that only another one keeps from its object waits for that one, within limits, as clients of the reference
server are used to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime

from xapid.database import Database
from xapid.database.event_log import EventLog, Subscription
from xapid.datamodel.errors import XenAPIError
from xapid.dispatch.places import Mark
from xapid.operations import allowed

BUSY: Final = "OTHER_OPERATION_IN_PROGRESS"
IMPATIENT: Final = frozenset({"call_plugin", "sysprep"})
"""Operations that never wait."""


@attrs.frozen
class Locks:
    """Takes and releases marks. ``patience`` is how many seconds an operation waits for others at most."""

    db: Database
    events: EventLog
    clock: IReactorTime
    patience: float

    @asynccontextmanager
    async def hold(self, find: Callable[[], Sequence[Mark]], task: str, args: Mapping[str, Any]) -> AsyncIterator[None]:
        """Hold what ``find`` finds for the block: entries in ``current_operations`` under ``task``.

        Errors: what the tables of :mod:`xapid.operations.allowed` say, with nothing marked.
        """
        marks = await self._take(find, task, args)
        try:
            yield
        finally:
            self._release(marks, task)

    async def _take(self, find: Callable[[], Sequence[Mark]], task: str, args: Mapping[str, Any]) -> Sequence[Mark]:
        until = self.clock.seconds() + self.patience
        while True:
            marks = find()
            try:
                self._mark(marks, task, args)
            except XenAPIError as refusal:
                left = until - self.clock.seconds()
                patient = not any(mark.operation in IMPATIENT for mark in marks)
                if refusal.code != BUSY or left <= 0 or not patient:
                    raise
                await self._change(Subscription.parse(mark.row.kind for mark in marks), left)
            else:
                return marks

    def _mark(self, marks: Sequence[Mark], task: str, args: Mapping[str, Any]) -> None:
        if not marks:
            return
        with self.db.transaction() as tx:
            for mark in marks:
                allowed.check(self.db, mark.row, mark.operation, args=args)
                allowed.begin(tx, self.db, mark.row, mark.operation, task)
            allowed.refresh(tx, self.db, *(mark.row for mark in marks))

    def _release(self, marks: Sequence[Mark], task: str) -> None:
        if not marks:
            return
        with self.db.transaction() as tx:
            for mark in marks:
                allowed.end(tx, self.db, mark.row, task)
            allowed.refresh(tx, self.db, *(mark.row for mark in marks))

    async def _change(self, subscription: Subscription, seconds: float) -> None:
        """Wait for an event of one of the objects' classes."""
        waiting = self.events.wait(subscription)
        timer = self.clock.callLater(seconds, waiting.cancel)
        try:
            await waiting
        except defer.CancelledError:
            return
        finally:
            if timer.active():
                timer.cancel()
