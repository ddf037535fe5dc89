"""Waiting for something that stops when the task of the call is cancelled."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from twisted.internet.defer import CancelledError, ensureDeferred

from xapid.operations.context import Context

T = TypeVar("T")


async def interruptible(context: Context, work: Awaitable[T]) -> T:
    """Wait for what an agent does, which is told to stop when the task is cancelled. If that came too late, and it was done all
    the same, it counts as done. Errors: TASK_CANCELLED.
    """
    waiting = ensureDeferred(_awaited(work))
    with context.task.cancellable(waiting.cancel):
        try:
            return await waiting
        except CancelledError:
            context.task.check_cancelled()
            raise


async def _awaited(work: Awaitable[T]) -> T:
    return await work
